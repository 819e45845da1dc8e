# SPDX-License-Identifier: Apache-2.0
"""Publishing events by hand, as document 3 does it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Protocol, Self

from rollcall.events.catalogue import CATALOGUE, Catalogue
from rollcall.events.envelope import Event
from rollcall.events.log import Transactions, UnitOfWork
from rollcall.kernel.clock import Clock, SystemClock, utc
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import IdSource, RandomIds

# A name, not an import: nobody who has no Kafka loads its driver.
KAFKA: Final = "rollcall.backends.eventlog.kafka_direct:KafkaSender"


class Sender(Protocol):
    """Somewhere to send events to."""

    async def send(self, event: Event) -> None:
        """Return when it is kept there.

        Raises:
            Unavailable: It is not, or nobody knows.
        """
        ...

    async def close(self) -> None: ...


class EventPublisher:
    """Publishes events, each kept when `publish` returns (document 3).

    A service that changes something in SQL publishes in the unit of work of that change instead
    (`UnitOfWork.publish`): between a commit and a call of this a crash loses the event.

    Args:
        bootstrap_servers: Brokers of Kafka, as `host:port,host:port`; or the log to publish to.
        source: The service that tells the events.
        namespace: Whose they are.
        clock: Dates events that have no timestamp.
        ids: Draws the ids of events that have none.
        catalogue: What may be published.

    Raises:
        MissingExtra: Brokers are given, and the extra `kafka` is not installed.
    """

    def __init__(
        self,
        bootstrap_servers: str | Transactions[UnitOfWork],
        *,
        source: str = "/events",
        namespace: str = "default",
        clock: Clock | None = None,
        ids: IdSource | None = None,
        catalogue: Catalogue = CATALOGUE,
    ) -> None:
        self._sender: Sender = (
            named(KAFKA)(bootstrap_servers)
            if isinstance(bootstrap_servers, str)
            else _LogSender(bootstrap_servers)
        )
        self._source = source
        self._namespace = namespace
        self._clock = clock or SystemClock()
        self._ids = ids or RandomIds()
        self._catalogue = catalogue

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def publish(self, topic: str, event: Mapping[str, Any]) -> None:
        """Publish an event.

        Args:
            topic: Its type, a name of the catalogue.
            event: Its data. `event_id` names the act, so that told again it is the same event;
                without one it is drawn, once. `timestamp` is when it happened, in ISO 8601;
                without one it is now. Events with the same first id (`memory_id` of
                `memory.created`) are delivered in order.

        Raises:
            InvalidInput: The catalogue does not know the topic, or its fields are others.
            Unavailable: It may not have been kept: publish it again, with an `event_id`.
        """
        data = dict(event)
        event_id = data.pop("event_id", None)
        timestamp = data.pop("timestamp", None)
        event_id = self._ids.hex(32) if event_id is None else _text("event_id", event_id)
        subject = data.get(f"{topic.partition('.')[0]}_id", event_id)
        told = Event(
            id=event_id,
            type=topic,
            source=self._source,
            subject=str(subject),
            time=utc(self._clock.now()) if timestamp is None else _time(timestamp),
            data=data,
            namespace=self._namespace,
        )
        self._catalogue.check(told)
        await self._sender.send(told)

    async def close(self) -> None:
        """Let go of connections."""
        await self._sender.close()


class _LogSender:
    def __init__(self, log: Transactions[UnitOfWork]) -> None:
        self._log = log

    async def send(self, event: Event) -> None:
        async with self._log.begin() as work:
            work.publish(event)

    async def close(self) -> None:
        """The log is not ours."""


def named(place: str) -> Any:
    """What stands at `module:name`."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput(field, f"must be a string, not {value!r}")
    return value


def _time(value: object) -> datetime:
    try:
        return datetime.fromisoformat(_text("timestamp", value))
    except ValueError as error:
        raise InvalidInput("timestamp", f"is no time in ISO 8601: {error}") from None
