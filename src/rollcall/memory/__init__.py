# SPDX-License-Identifier: Apache-2.0
"""Memories of users, agents and sessions: kept, searched by words and by meaning, and erased.

What is exported here is loaded when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rollcall.memory.extract_feed import EntityExtractor
    from rollcall.memory.graph import KnowledgeGraph
    from rollcall.memory.service import MemoryService

_HOMES: Final = {
    "EntityExtractor": "rollcall.memory.extract_feed",
    "KnowledgeGraph": "rollcall.memory.graph",
    "MemoryService": "rollcall.memory.service",
}

__all__ = ["EntityExtractor", "KnowledgeGraph", "MemoryService"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)
