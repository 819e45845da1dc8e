# SPDX-License-Identifier: Apache-2.0
"""The integration events of widgets: pure. Their ids are derived from widget and revision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from rollcall.events.envelope import Event
from rollcall.kernel.ids import derived
from rollcall.widgets.models import By, Widget

SOURCE: Final = "/widgets"


def created(widget: Widget, by: By) -> Event:
    """What tells that a widget is there."""
    data = {"agent_id": widget.content.agent_id, "name": widget.content.name}
    return _event("widget.created", widget, widget.revision, widget.created_at, by, data)


def updated(widget: Widget, changes: Sequence[str], by: By) -> Event:
    """What tells that a widget has changed.

    Args:
        widget: As it is now.
        changes: The names of the fields that did.
        by: Who did it.
    """
    data: dict[str, Any] = {
        "agent_id": widget.content.agent_id,
        "changes": list(changes),
        "paused": widget.paused,
    }
    return _event("widget.updated", widget, widget.revision, widget.updated_at, by, data)


def deleted(widget: Widget, at: datetime, by: By) -> Event:
    """What tells that a widget is gone."""
    data = {"agent_id": widget.content.agent_id}
    return _event("widget.deleted", widget, widget.revision + 1, at, by, data)


def _event(
    type_: str, widget: Widget, revision: int, at: datetime, by: By, data: dict[str, Any]
) -> Event:
    return Event(
        id=derived("widget", widget.id, str(revision)),
        type=type_,
        source=SOURCE,
        subject=widget.id,
        time=at,
        data={"widget_id": widget.id, **data},
        namespace=widget.namespace,
        correlation_id=by.correlation_id,
    )
