# SPDX-License-Identifier: Apache-2.0
"""What the parts of the contract suite share: the log under test, and events to publish."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec
import pytest_asyncio

from rollcall.events.delivery import DeliveringLog, NumberedLog
from rollcall.events.envelope import Event
from rollcall.kernel.clock import utc

Log = NumberedLog[Any]
Delivering = DeliveringLog[Any]
LogT = TypeVar("LogT", bound=Delivering)

CREATED = "agent.created"
DELETED = "agent.deleted"


def created(id: str = "1", subject: str = "a", namespace: str = "default") -> Event:
    """An event that the catalogue has."""
    return Event(
        id=id,
        type=CREATED,
        source="/agents",
        subject=subject,
        time=datetime(2026, 1, 31, 12, 30, 0, 250_001, UTC),
        data={"agent_id": subject, "name": "Añna\0 \N{ROCKET}"},
        namespace=namespace,
    )


def at(event: Event, seconds: float) -> Event:
    """The same, `seconds` after the epoch."""
    return msgspec.structs.replace(event, time=utc(seconds))


def deleted_after(event: Event) -> Event:
    """The event of an act that `event` led to."""
    data = {"agent_id": event.subject}
    return event.follow(DELETED, source="/next", subject=event.subject, time=event.time, data=data)


async def publish(log: Delivering, *events: Event) -> None:
    """Append events in a unit of work of their own."""
    async with log.begin() as work:
        work.publish(*events)


class DeliveryCase(ABC, Generic[LogT]):
    """What every part of the contract suite needs: a log."""

    @abstractmethod
    async def make_log(self) -> LogT:
        """A new and empty log, ready for use. Called once in a test."""

    async def another(self, log: LogT) -> LogT:
        """The same data through a new object; `log` is not used any more.

        A log that lives as long as its object gives itself.
        """
        return log

    @pytest_asyncio.fixture
    async def log(self) -> AsyncIterator[LogT]:
        yield await self.make_log()


class LogCase(DeliveryCase[Log]):
    """The same for the parts about logs whose events stand in one order with numbers."""
