"""Check what no linter checks: file lengths, file names, and the licence line of what ships.

Prints one line for each file that breaks a rule, and exits with 1 if there is any.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

MAX_LINES = 400
LICENCE_LINE = "# SPDX-License-Identifier: Apache-2.0"
FOLDERS = ("bench", "examples", "src", "tests", "tools")
SHIPPED = "src"


def problems(root: Path) -> Iterator[str]:
    """The broken rules in the checkout at `root`, each as `path: what is wrong`."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            name = path.relative_to(root)
            if any(part.startswith(".") for part in name.parts):
                continue
            lines = path.read_text(encoding="utf-8").splitlines()
            if len(lines) > MAX_LINES:
                yield f"{name}: {len(lines)} lines, at most {MAX_LINES} are allowed: split it"
            if path.name == "utils.py":
                yield f"{name}: name it after what it is about"
            if folder == SHIPPED and lines[:1] != [LICENCE_LINE]:
                yield f"{name}: the first line must be '{LICENCE_LINE}'"


def main(root: Path) -> int:
    found = list(problems(root))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
