# SPDX-License-Identifier: Apache-2.0
"""The events of one change, as the state finds them while it takes the change in."""

from __future__ import annotations

from rollcall.registry.events import Event, EventType
from rollcall.registry.models import Grant, Record
from rollcall.registry.status import EFFECTIVE, Status
from rollcall.registry.store import Change


class Story:
    """The events of one change, numbered as they are told."""

    __slots__ = ("change", "events", "told")

    def __init__(self, change: Change, told: int = 0) -> None:
        self.change = change
        self.events: list[Event] = []
        self.told = told

    def tell(
        self,
        type_: EventType,
        subject: str,
        runtime: str,
        old: Status | None = None,
        new: Status | None = None,
        record: Record | None = None,
        detail: str = "",
    ) -> None:
        change = self.change
        self.events.append(
            Event(
                type_,
                change.namespace,
                subject,
                runtime,
                change.at,
                change.revision,
                self.told,
                change.op,
                change.cause,
                old,
                new,
                record,
                detail,
            )
        )
        self.told += 1

    def turned(self, record: Record, before: int, after: int, grant: Grant | None) -> None:
        """The record's effective status went from `before` to `after`, if they differ.

        `grant` is the lease that covers it, which says why where its expiry is held.
        """
        if before == after:
            return
        self.tell(
            EventType.STATUS_CHANGED,
            record.id,
            record.runtime,
            EFFECTIVE[before],
            EFFECTIVE[after],
            record,
            grant.reason if grant is not None else "",
        )

    def so_far(self) -> list[Event]:
        """What was told since the last time this was asked."""
        events, self.events = self.events, []
        return events
