# SPDX-License-Identifier: Apache-2.0
"""The widget that pages embed: JavaScript of our own, without a dependency and without a build.

Its parts lie here as they are read; what is served is all of them in one function, so that
nothing but `window.RollcallWidget` is seen from outside.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Final

PARTS: Final = ("texts", "colors", "style", "markdown", "talk", "view", "chat", "start")
"""In the order in which they need each other."""

_BEGIN: Final = (
    '/* Rollcall widget. SPDX-License-Identifier: Apache-2.0 */\n(() => {\n"use strict";\n'
)
_END: Final = "})();\n"


@cache
def script() -> bytes:
    """The script, UTF-8, the same at every call: its hash may stand in addresses and pages."""
    folder = files(__name__)
    sources = (folder.joinpath(f"{part}.js").read_text(encoding="utf-8") for part in PARTS)
    return "".join((_BEGIN, *map(_bare, sources), _END)).encode()


def _bare(source: str) -> str:
    """Without the lines that are there for people alone: comments, blanks, indentation."""
    return "".join(f"{line}\n" for line in _lines(source) if not line.startswith("//"))


def _lines(source: str) -> Iterable[str]:
    return filter(None, map(str.strip, source.splitlines()))
