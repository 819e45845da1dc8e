# SPDX-License-Identifier: Apache-2.0
"""Tools that agents use: how one is written, and those that Rollcall brings along.

What is exported here is loaded when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rollcall.tools.declaration import tool
    from rollcall.tools.errors import ToolError
    from rollcall.tools.models import Tool, ToolContext
    from rollcall.tools.serving import ToolService

_HOMES: Final = {
    "Tool": "rollcall.tools.models",
    "ToolContext": "rollcall.tools.models",
    "ToolError": "rollcall.tools.errors",
    "ToolService": "rollcall.tools.serving",
    "tool": "rollcall.tools.declaration",
}

__all__ = ["Tool", "ToolContext", "ToolError", "ToolService", "tool"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)
