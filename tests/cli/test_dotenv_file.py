# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from rollcall.cli.commands import app
from rollcall.cli.dotenv_file import TAKEN, take
from rollcall.kernel.errors import InvalidInput
from support.serving import Serving, environment

SOURCES = Path(__file__).parents[2] / "src" / "rollcall"


def variables_of(command: Any) -> Iterator[str]:
    """The variables that stand for options of a command and of those below it."""
    for one in command.params:
        if one.envvar is not None:
            yield one.envvar
    for below in getattr(command, "commands", {}).values():
        yield from variables_of(below)


def test_every_variable_that_stands_for_an_option_is_taken() -> None:
    found = {*variables_of(typer.main.get_command(app))}
    assert "ROLLCALL_GATEWAY_URL" in found
    assert found <= {*TAKEN}


def test_every_variable_that_is_read_past_the_settings_is_taken() -> None:
    read = {
        name
        for path in SOURCES.rglob("*.py")
        for name in re.findall(
            r"""environ\.get\(['"]([A-Z_]+)|^[A-Z_]+_VARIABLE(?:: Final)? = "([A-Z_]+)\"""",
            path.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
        for name in name
        if name
    }
    assert "ROLLCALL_API_KEY" in read
    # Programs of one's own read these, or what `rollcall tools new` writes for them does.
    assert read - {*TAKEN} == {"ENVIRONMENT", "HOST", "LOG_LEVEL", "PORT"}


def test_what_is_set_counts_more_and_nothing_else_is_taken(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "ROLLCALL_API_KEY='of the file'\nROLLCALL_TOOL_KEY=file\nSERVICE_REGISTRY_URL=http://file\n"
        "ROLLCALL_REGISTRY_URL=\nPYTHONPATH=/elsewhere\n",
        encoding="utf-8",
    )
    there = {"ROLLCALL_TOOL_KEY": "set", "SERVICE_REGISTRY_URL": ""}
    take(file, there)
    assert there == {
        "ROLLCALL_API_KEY": "of the file",
        "ROLLCALL_TOOL_KEY": "set",
        "SERVICE_REGISTRY_URL": "http://file",
    }


def test_without_a_file_nothing_is_taken(tmp_path: Path) -> None:
    there: dict[str, str] = {}
    take(tmp_path / ".env", there)
    assert not there


@pytest.mark.parametrize("content", [b"\xff\xfe=1", b"ROLLCALL_API_KEY=a\0b"])
def test_a_file_that_cannot_be_used_is_an_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"\.env"):
        take(tmp_path / ".env", {})


def test_commands_ask_where_the_file_says(server: Serving, tmp_path: Path) -> None:
    def stats() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "rollcall", "stats"],
            cwd=tmp_path,
            env=environment({}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    file = tmp_path / ".env"
    file.write_text(f"ROLLCALL_REGISTRY_URL={server.agents}\n", encoding="utf-8")
    done = stats()
    assert done.returncode == 0, done.stderr
    file.write_bytes(b"\xff\xfe")
    done = stats()
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert ".env: cannot be read" in done.stderr
