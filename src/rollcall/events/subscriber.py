# SPDX-License-Identifier: Apache-2.0
"""Handling events by topic, as document 3 does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from rollcall.events.delivery import DeliveringLog
from rollcall.events.dispatcher import Dispatcher
from rollcall.events.envelope import Event
from rollcall.events.publisher import named
from rollcall.events.subscriptions import DeliverySettings, Sink
from rollcall.kernel.clock import Clock, SystemClock
from rollcall.kernel.errors import InvalidInput

TopicHandler = Callable[[dict[str, Any]], Awaitable[object]]

KAFKA: Final = "rollcall.backends.eventlog.kafka_direct:KafkaReceiver"


class Receiver(Protocol):
    """Gives events to somebody, between `start` and `stop`."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


def told(event: Event) -> dict[str, Any]:
    """An event as handlers of document 3 read it: its data, and what it is beside that."""
    return {
        **event.data,
        "event_id": event.id,
        "event_type": event.type,
        "timestamp": event.time.isoformat(),
    }


class EventConsumer:
    """Calls handlers with the events of topics, at least once and in order per key (document 3).

    An event is done when all handlers of its topic have returned. If one raises, all are called
    again after a while, so they tell events by `event_id`; what fails too often is put aside:
    that is on a log the group's list of parked events, behind which its key waits, and on Kafka the
    topic `<group_id>.dead`, and its key goes on. There the order is that of a key in one topic, and
    what is personal in events that come from a database is blank.

    Args:
        bootstrap_servers: Brokers of Kafka, as `host:port,host:port`; or the log to read.
        group_id: Members of one group share its events; each group is given all of them.
        topics: Types of events.
        clock: Times retries.
        settings: How often and how patiently is tried again.

    Raises:
        MissingExtra: Brokers are given, and the extra `kafka` is not installed.
    """

    def __init__(
        self,
        bootstrap_servers: str | DeliveringLog[Any],
        group_id: str,
        topics: Sequence[str],
        *,
        clock: Clock | None = None,
        settings: DeliverySettings | None = None,
    ) -> None:
        clock, settings = clock or SystemClock(), settings or DeliverySettings()
        sink = Sink(group_id, frozenset(topics), self._give)
        self._handlers: dict[str, list[TopicHandler]] = {topic: [] for topic in topics}
        self._receiver: Receiver = (
            named(KAFKA)(bootstrap_servers, sink, clock, settings)
            if isinstance(bootstrap_servers, str)
            else Dispatcher(bootstrap_servers, clock, [sink], settings)
        )

    def register_handler(self, topic: str, handler_func: TopicHandler) -> None:
        """Have `handler_func` called with each event of `topic`, after those registered before.

        Raises:
            InvalidInput: The topic is none of those that are consumed.
        """
        if topic not in self._handlers:
            known = ", ".join(sorted(self._handlers))
            raise InvalidInput("topic", f"{topic!r} is none of those consumed: {known}")
        self._handlers[topic].append(handler_func)

    async def start(self) -> None:
        """Begin to consume.

        Raises:
            Unavailable: Kafka does not answer.
        """
        await self._receiver.start()

    async def stop(self) -> None:
        """End after the events in hand."""
        await self._receiver.stop()

    async def _give(self, event: Event) -> None:
        for handler in self._handlers.get(event.type, ()):
            await handler(told(event))
