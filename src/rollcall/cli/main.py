# SPDX-License-Identifier: Apache-2.0
"""Where the command begins. Nothing is imported here that the shortest answers have no need of."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from rollcall import __version__

INTERRUPTED: Final = 130
WRONG_USAGE: Final = 2


def main() -> None:
    """Run the command line of this process, and exit."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        print(f"rollcall {__version__}")
        return
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Names may hold what this terminal has no letters for.
            stream.reconfigure(errors="replace")
    for word in sys.argv[1:]:
        if not _is_text(word):
            print(f"rollcall: {word!a} is no text in UTF-8", file=sys.stderr)
            sys.exit(WRONG_USAGE)
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if os.environ.get("LOG_LEVEL", "").upper() == "DEBUG":
            raise
        sys.exit(
            f"rollcall: {type(error).__name__}: {ascii(str(error))[1:-1]}\n"
            "This is a fault of Rollcall, or what answered is none; LOG_LEVEL=DEBUG says where."
        )


def _run() -> None:
    try:
        from rollcall.cli.commands import app
    except ModuleNotFoundError as error:
        if error.name not in ("rich", "typer"):
            raise
        from rollcall.kernel.errors import MissingExtra

        sys.exit(f"rollcall: {MissingExtra('the command line', 'cli')}")

    from rollcall.cli.dotenv_file import FILE, take
    from rollcall.kernel.errors import RollcallError

    try:
        take(Path(FILE), os.environ)
    except RollcallError as error:
        print(f"rollcall: {error}", file=sys.stderr)
        sys.exit(WRONG_USAGE)
    app(prog_name="rollcall")


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
