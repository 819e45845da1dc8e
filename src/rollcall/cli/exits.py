# SPDX-License-Identifier: Apache-2.0
"""How a command ends: its exit code, and what it says when something went wrong."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

import typer

from rollcall.cli.told import note
from rollcall.client.errors import RegistryUnavailable, UnexpectedAnswer
from rollcall.kernel.caller import NotAuthenticated, NotPermitted
from rollcall.kernel.errors import InvalidInput, RollcallError, Unavailable


class Exit(IntEnum):
    """What the exit code of a command means."""

    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNREACHABLE = 4
    NOT_PERMITTED = 5
    INTERRUPTED = 130


EXITS: Final = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 the registry cannot be reached,"
    " 5 not permitted, 130 ended by Ctrl-C."
)


@contextmanager
def errors_told() -> Generator[None]:
    """Turns the errors of ours into a line on standard error and an exit code."""
    try:
        yield
    except RollcallError as error:
        said = [_said(error), *getattr(error, "__notes__", ())]
        advice = _advice(error)
        note(f"rollcall: {'; '.join(said)}{f'. {advice}' if advice else ''}")
        raise typer.Exit(code_of(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None


def code_of(error: RollcallError) -> int:
    """The exit code that an error stands for."""
    if isinstance(error, UnexpectedAnswer):
        return Exit.NOT_FOUND if error.status == 404 else Exit.FAILED
    # Whatever is looked for and not there: a record, a key, a group of handlers.
    if isinstance(error, LookupError):
        return Exit.NOT_FOUND
    if isinstance(error, Unavailable):
        return Exit.UNREACHABLE
    if isinstance(error, NotAuthenticated | NotPermitted):
        return Exit.NOT_PERMITTED
    return Exit.USAGE if isinstance(error, InvalidInput) else Exit.FAILED


def _said(error: RollcallError) -> str:
    # What a service has a word for needs no address beside it.
    return error.problem if isinstance(error, UnexpectedAnswer) and error.ours else str(error)


def _advice(error: RollcallError) -> str:
    if isinstance(error, RegistryUnavailable):
        return "Is it running? Start it with `rollcall up`, or say --url"
    if isinstance(error, NotAuthenticated):
        return "Give a key with --api-key or ROLLCALL_API_KEY"
    if isinstance(error, NotPermitted) and error.scope is not None:
        return f"A key with the scope {error.scope} may: `rollcall keys create --scope ...`"
    if isinstance(error, UnexpectedAnswer) and not error.ours and error.status != 409:
        return "Is that where a Rollcall registry is? Say --url"
    return ""
