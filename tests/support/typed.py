"""The command `rollcall`, as somebody types it, without a process of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from typer.testing import CliRunner

from rollcall.cli.commands import app

_UNSET = (
    "BILLING_SERVICE_URL",
    "CONVERSATIONS_URL",
    "LOG_LEVEL",
    "ROLLCALL_API_KEY",
    "ROLLCALL_GATEWAY_URL",
    "ROLLCALL_REGISTRY_URL",
    "SERVICE_REGISTRY_URL",
)


class Said:
    """What a command said.

    Args:
        code: Its exit code.
        out: Its standard output.
        err: Its standard error.
    """

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def lines(self) -> list[list[str]]:
        """The rows of a table."""
        return [line.split("\t") for line in self.out.splitlines()]


class Shell:
    """Somebody at a terminal that is none: what is said goes into a file.

    Args:
        variables: The variables of the environment.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables: dict[str, str | None] = {**dict.fromkeys(_UNSET), **variables}

    def __call__(self, *words: str, typed: str = "", **variables: str) -> Said:
        """Type `rollcall WORDS`, and then what is `typed`."""
        done = CliRunner().invoke(
            app,
            list(words),
            input=typed,
            env={**self._variables, **variables},
            prog_name="rollcall",
        )
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Said(done.exit_code, done.stdout, done.stderr)

    def json(self, *words: str, **variables: str) -> Any:
        """What a command that succeeds prints with `--json`."""
        done = self(*words, "--json", **variables)
        assert done.code == 0, done.err
        return json.loads(done.out)
