# SPDX-License-Identifier: Apache-2.0
"""The integration events of definitions: pure. Their ids are derived from definition and revision.

A definition that is brought back after it was deleted goes on with its revisions, so that no two
acts ever have one id.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rollcall.agents.models import By, Definition
from rollcall.events.envelope import Event
from rollcall.kernel.ids import derived

SOURCE: Final = "/agents"


def created(definition: Definition, by: By) -> Event:
    """What tells that a definition is there."""
    data = {**_named(definition), "version": str(definition.version)}
    return _event("agent.created", definition, by, data)


def updated(definition: Definition, changes: Sequence[str], by: By) -> Event:
    """What tells that a definition says something else, or has another status.

    Args:
        definition: As it is now.
        changes: The names of the fields that changed.
        by: Who did it.
    """
    data: dict[str, Any] = {
        **_named(definition),
        "changes": list(changes),
        "version": str(definition.version),
        "status": definition.status.value,
    }
    return _event("agent.updated", definition, by, data)


def deleted(definition: Definition, by: By) -> Event:
    """What tells that a definition is gone."""
    return _event("agent.deleted", definition, by, {})


def _named(definition: Definition) -> dict[str, str]:
    content = definition.content
    business = {} if content.business_name is None else {"business_name": content.business_name}
    return {"name": content.name, **business}


def _event(type_: str, definition: Definition, by: By, data: dict[str, Any]) -> Event:
    return Event(
        id=derived("agent", definition.id, str(definition.revision)),
        type=type_,
        source=SOURCE,
        subject=definition.id,
        time=definition.updated_at,
        data={"agent_id": definition.id, **data},
        namespace=definition.namespace,
        correlation_id=by.correlation_id,
    )
