# SPDX-License-Identifier: Apache-2.0
"""How memories plug into an application, and what of their events can be redacted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rollcall.kernel.clock import Clock
from rollcall.memory.api import router
from rollcall.memory.errors import MemoryChanged, MemoryExists, MemoryNotFound, StillTalking
from rollcall.memory.graph_api import GraphParts
from rollcall.memory.telling import CREATED, UPDATED
from rollcall.memory.upkeep import Upkeep
from rollcall.web.background import BackgroundTask
from rollcall.web.module import Module
from rollcall.web.problems import Kind

PROBLEMS: Final[Mapping[type[Exception], Kind]] = {
    MemoryNotFound: Kind(404, "memory-not-found", "There is no such memory", ("memory_id",)),
    MemoryExists: Kind(
        409, "memory-exists", "Another memory of the scope says that already", ("memory_id",)
    ),
    StillTalking: Kind(
        409, "still-talking", "A message is being answered in what is to be erased", ("session_id",)
    ),
    MemoryChanged: Kind(
        412,
        "memory-changed",
        "The memory has changed meanwhile",
        ("memory_id", "expected", "current"),
    ),
}

BLANKS: Final[Mapping[str, Mapping[str, Any]]] = {
    CREATED: {"content_preview": "", "filters": {}, "metadata": {}},
    UPDATED: {"content_preview": ""},
    "memory.entity.extracted": {"entities": []},
}
"""What events about a memory tell of it, and what stands there once it is deleted."""


def module(upkeep: Upkeep[Any], clock: Clock, graph: GraphParts) -> Module:
    """Memories and what comes from them: their routes, over `memory_service` and
    `knowledge_graph`, and what looks after them.

    Args:
        upkeep: What goes on beside the requests (`MemoryService.upkeep`).
        clock: Time.
        graph: The knowledge graph.
    """
    return Module(
        name="memory",
        routers=(router(clock), *graph.routers),
        subscriptions=graph.subscriptions,
        tasks=(
            BackgroundTask("memories", upkeep.look_after),
            BackgroundTask("memories-meaning", upkeep.encode_the_rest),
        ),
        problems={**PROBLEMS, **graph.problems},
    )
