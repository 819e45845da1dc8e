# SPDX-License-Identifier: Apache-2.0
"""Watching a question: who enters its answer, who leaves it, and why."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Self

import msgspec

from rollcall.registry.events import Event, EventType
from rollcall.registry.feed import Feed, Lagged
from rollcall.registry.matching import matches
from rollcall.registry.models import Record
from rollcall.registry.query import Query
from rollcall.registry.state import RegistryState
from rollcall.registry.status import Status


class Turn(StrEnum):
    """What a record did."""

    ENTERED = "entered"
    EXITED = "exited"


class Move(msgspec.Struct, frozen=True):
    """A record entered or left the answer.

    Args:
        turn: Which of the two.
        record: The record as it is now, or was last.
        status: Its effective status now; None: it is gone.
        cause: Why.
        revision: The revision at which it did.
    """

    turn: Turn
    record: Record
    status: Status | None
    cause: str
    revision: int


class Watch(AsyncIterator[Move]):
    """An async iterator of moves, from the moment it was made; ends with the registry.

    A watcher that was too slow loses no move, only the way there: the answer is taken anew, and the
    difference comes as moves with the cause "missed events".

    Attributes:
        present: The answer at the beginning, as records with their statuses.
    """

    def __init__(self, state: RegistryState, feed: Feed, namespace: str, query: Query) -> None:
        self._state = state
        self._namespace = namespace
        self._query = query
        self._events = feed.subscribe(namespace=namespace)
        self._inside = self._answer()
        self._moves: deque[Move] = deque()
        self.present = [(record, self._status(record)) for record in self._inside.values()]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Move:
        while not self._moves:
            event = await self._events.__anext__()
            if isinstance(event, Lagged):
                self._take_anew()
            else:
                self._follow(event)
        return self._moves.popleft()

    def _follow(self, event: Event) -> None:
        record = event.record
        if record is None:
            return
        status = None if event.type is EventType.DEREGISTERED else event.new
        belongs = status is not None and matches(record, status, self._query)
        self._turn(record, status, belongs, event.detail or event.cause, event.revision)

    def _take_anew(self) -> None:
        answer = self._answer()
        revision = self._state.revision
        for record in [one for key, one in self._inside.items() if key not in answer]:
            slot = self._state.slot(self._namespace, record.id)
            status = None if slot is None else self._state.status(slot)
            self._turn(record, status, False, "missed events", revision)
        for record in answer.values():
            self._turn(record, self._status(record), True, "missed events", revision)

    def _turn(
        self, record: Record, status: Status | None, belongs: bool, cause: str, revision: int
    ) -> None:
        was = record.id in self._inside
        if belongs:
            self._inside[record.id] = record
        else:
            self._inside.pop(record.id, None)
        if belongs != was:
            turn = Turn.ENTERED if belongs else Turn.EXITED
            self._moves.append(Move(turn, record, status, cause, revision))

    def _answer(self) -> dict[str, Record]:
        found = self._state.index.search(self._namespace, self._query)
        records = [self._state.slots.record(one.slot) for one in found]
        return {record.id: record for record in records}

    def _status(self, record: Record) -> Status:
        slot = self._state.slot(self._namespace, record.id)
        assert slot is not None, "what the index finds is there"
        return self._state.status(slot)
