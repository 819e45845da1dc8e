# SPDX-License-Identifier: Apache-2.0
"""What a docstring says of a function and its parameters (Google's style)."""

from __future__ import annotations

import inspect
import re
from typing import Final

_SECTION: Final = re.compile(
    r"(Args|Arguments|Parameters|Returns|Yields|Raises|Examples?|Notes?|Attributes|See Also):"
)
_PARAMETERS: Final = frozenset({"Args", "Arguments", "Parameters"})
_PARAMETER: Final = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")


def described(docstring: str | None) -> tuple[str, dict[str, str]]:
    """The text before the first section, and what is said of each parameter.

    Lines that were broken to fit the page are joined; paragraphs stay apart.
    """
    text: list[str] = []
    parameters: dict[str, list[str]] = {}
    section: str | None = None
    current: list[str] | None = None
    depth: int | None = None
    for line in inspect.cleandoc(docstring or "").splitlines():
        heading = _SECTION.fullmatch(line.rstrip())
        if heading is not None:
            section, current, depth = heading[1], None, None
        elif section is None:
            text.append(line)
        elif section in _PARAMETERS and line.strip():
            indent = len(line) - len(line.lstrip())
            depth = indent if depth is None else depth
            named = _PARAMETER.fullmatch(line.strip()) if indent <= depth else None
            if named is not None:
                current = parameters.setdefault(named[1], [])
                current.append(named[2])
            elif current is not None:
                current.append(line.strip())
    return _flowing(text), {name: _flowing(lines) for name, lines in parameters.items()}


def _flowing(lines: list[str]) -> str:
    paragraphs = "\n".join(lines).strip().split("\n\n")
    return "\n\n".join(" ".join(one.split()) for one in paragraphs if one.strip())
