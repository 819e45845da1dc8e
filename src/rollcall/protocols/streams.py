# SPDX-License-Identifier: Apache-2.0
"""What happens, as server-sent events: everything in a namespace, or the moves in an answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Collection
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import Header
from pydantic import Field

from rollcall.kernel.clock import utc
from rollcall.registry.events import Event, EventType
from rollcall.registry.feed import Lagged, Position, Subscription
from rollcall.registry.models import Record
from rollcall.registry.query import Query as Question
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.web.lines import check_line
from rollcall.web.sse import ServerEvent, event_id, lagged, parse_event_id
from rollcall.web.strict import Wire

KEPT: Final = 4096
"""Encoded events that are kept for subscribers which have not read them yet."""

LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        max_length=200,
        description="Go on behind this event; 410 if what follows it is no longer kept.",
    ),
]

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Server-sent events without end. Each has a `data` line with JSON: of the"
        " namespace `event_id, type, namespace, record_id, name, kind, runtime, old, new, cause,"
        " detail, at, revision`; of a question (`watch=true`) `record_id, name, kind, status,"
        " cause, detail, at, revision` as `present`, `entered` or `exited`. `lagged` says how many"
        " events a slow reader missed.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    410: {"description": "What follows the given event is no longer kept."},
}


class Following(Wire):
    """How to follow. Which records and which events are left out is said by the rest."""

    watch: bool = Field(
        default=False,
        description="Follow the answer to the question that the other parameters ask.",
    )
    follow: bool = Field(default=True, description="False: end when nothing more is kept.")
    last_event_id: str | None = Field(default=None, max_length=200)
    type: list[EventType] = Field(default=[], description="Only events of these types.")
    record_id: str | None = Field(default=None, max_length=512, description="Only of this record.")


class Told(msgspec.Struct, frozen=True):
    """An event of the registry on the wire."""

    event_id: str
    type: EventType
    namespace: str
    record_id: str
    name: str | None
    kind: str | None
    runtime: str
    old: Status | None
    new: Status | None
    cause: str
    detail: str
    at: datetime
    revision: int


class Moved(msgspec.Struct, frozen=True):
    """A record of an answer on the wire."""

    record_id: str
    name: str
    kind: str
    status: Status | None
    cause: str
    detail: str
    at: datetime
    revision: int


class EventLines:
    """Encodes each event once, however many read it."""

    def __init__(self, keep: int = KEPT) -> None:
        self._keep = keep
        self._lines: OrderedDict[str, bytes] = OrderedDict()
        self.encodings = 0

    def __call__(self, event: Event) -> bytes:
        name = event.event_id
        line = self._lines.get(name)
        if line is None:
            if len(self._lines) >= self._keep:
                self._lines.popitem(last=False)
            self.encodings += 1
            line = self._lines[name] = msgspec.json.encode(told(event))
        return line


def told(event: Event) -> Told:
    """An event as it goes over the wire."""
    record = event.record
    return Told(
        event.event_id,
        event.type,
        event.namespace,
        event.id,
        record.name if record else None,
        record.kind.value if record else None,
        event.runtime,
        event.old,
        event.new,
        event.cause,
        event.detail,
        utc(event.at),
        event.revision,
    )


def subscribed(
    service: RegistryService,
    lines: EventLines,
    namespace: str,
    asked: Following,
    header: str | None,
    kinds: Collection[str] = (),
) -> AsyncIterator[ServerEvent]:
    """The events of a namespace, from now or from behind the last one that was received.

    Raises:
        Compacted: What follows that one is no longer kept.
        InvalidInput: It is no id of ours.
    """
    if asked.record_id is not None:
        check_line("record_id", asked.record_id)
    last = header or asked.last_event_id
    after = None if last is None else parse_event_id(last)
    subscription = service.events(after=after, namespace=namespace)
    return _events(service, lines, subscription, asked, frozenset(kinds))


async def _events(
    service: RegistryService,
    lines: EventLines,
    subscription: Subscription,
    asked: Following,
    kinds: frozenset[str],
) -> AsyncIterator[ServerEvent]:
    types = frozenset(asked.type)
    while True:
        event = await _next(subscription, follow=asked.follow)
        if event is None:
            return
        if isinstance(event, Lagged):
            yield lagged(event.missed)
        elif (
            (not types or event.type in types)
            and (asked.record_id is None or event.id == asked.record_id)
            and (not kinds or (event.record is not None and event.record.kind.value in kinds))
        ):
            place = Position(service.feed.epoch, event.revision, event.ordinal)
            yield ServerEvent(lines(event), event.type.value, event_id(place))


async def _next(subscription: Subscription, *, follow: bool) -> Event | Lagged | None:
    if not follow:
        return subscription.poll()
    try:
        return await anext(subscription)
    except StopAsyncIteration:
        return None


async def watched(
    service: RegistryService, namespace: str, question: Question, *, follow: bool
) -> AsyncIterator[ServerEvent]:
    """The answer to a question now, record by record, and then who enters and leaves it."""
    watch = service.watch(namespace, question)
    revision, now = service.state.revision, service.clock.now()
    for record, status in watch.present:
        yield _moved("present", record, status, "", now, revision)
    if not follow:
        return
    async for move in watch:
        yield _moved(
            move.turn.value,
            move.record,
            move.status,
            move.cause,
            service.clock.now(),
            move.revision,
        )


def _moved(
    name: str, record: Record, status: Status | None, cause: str, at: float, revision: int
) -> ServerEvent:
    moved = Moved(record.id, record.name, record.kind.value, status, cause, "", utc(at), revision)
    return ServerEvent(msgspec.json.encode(moved), name)
