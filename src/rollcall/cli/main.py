# SPDX-License-Identifier: Apache-2.0
"""Where the command begins. Nothing is imported here that the shortest answers have no need of."""

from __future__ import annotations

import sys

from rollcall import __version__


def main() -> None:
    """Run the command line of this process, and exit."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        print(f"rollcall {__version__}")
        return
    try:
        from rollcall.cli.commands import app
    except ModuleNotFoundError as error:
        if error.name not in ("rich", "typer"):
            raise
        from rollcall.kernel.errors import MissingExtra

        sys.exit(f"rollcall: {MissingExtra('the command line', 'cli')}")

    app(prog_name="rollcall")
