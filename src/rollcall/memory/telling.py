# SPDX-License-Identifier: Apache-2.0
"""The events that tell of memories. Their ids are derived from the act, so a retry is the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from rollcall.events.envelope import Event
from rollcall.kernel.ids import derived
from rollcall.memory.models import PREVIEW, Memory

SOURCE: Final = "/memory"
CREATED: Final = "memory.created"
UPDATED: Final = "memory.updated"
DELETED: Final = "memory.deleted"


def created(memory: Memory) -> Event:
    """A memory was added."""
    data: dict[str, Any] = {
        "memory_id": memory.id,
        "filters": memory.filters.as_dict(),
        "content_preview": memory.content[:PREVIEW],
    }
    if memory.metadata:
        data["metadata"] = memory.metadata
    return _event(CREATED, memory, data)


def updated(memory: Memory) -> Event:
    """A memory has a new version."""
    preview = memory.content[:PREVIEW]
    return _event(UPDATED, memory, {"memory_id": memory.id, "content_preview": preview})


def deleted(namespace: str, memory_id: str, at: datetime) -> Event:
    """A memory was deleted, or has expired."""
    return Event(
        id=derived(DELETED, namespace, memory_id),
        type=DELETED,
        source=SOURCE,
        subject=memory_id,
        time=at,
        data={"memory_id": memory_id},
        namespace=namespace,
    )


def _event(kind: str, memory: Memory, data: dict[str, Any]) -> Event:
    return Event(
        id=derived(kind, memory.namespace, memory.id, str(memory.version)),
        type=kind,
        source=SOURCE,
        subject=memory.id,
        time=memory.updated_at,
        data=data,
        namespace=memory.namespace,
    )
