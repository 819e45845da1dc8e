# SPDX-License-Identifier: Apache-2.0
"""What tests of analytics stand on: an account's zone, definitions, events, a client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from rollcall.analytics.feed import Feed
from rollcall.analytics.module import module
from rollcall.analytics.ports import Described, FactStore
from rollcall.analytics.repository import SqlTexts
from rollcall.analytics.service import AnalyticsService
from rollcall.backends.sql.database import Database
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.events.catalogue import CATALOGUE
from rollcall.events.envelope import Event
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Unavailable
from rollcall.kernel.ids import RandomIds, derived
from rollcall.kernel.services import ServiceRegistry
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import Access, OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, create_app

AT = datetime(2026, 3, 28, 12, tzinfo=UTC)


class Account:
    """Has a zone."""

    def __init__(self, name: str = "UTC") -> None:
        self.name = name

    async def zone(self, namespace: str) -> ZoneInfo:
        return ZoneInfo(self.name)


class Definitions:
    """Knows agents, unless it is down."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], Described] = {}
        self.down = False

    async def describe(self, namespace: str, agent_id: str) -> Described | None:
        if self.down:
            raise Unavailable("nobody is there")
        return self.known.get((namespace, agent_id))


class Analysis:
    """Analytics over a store.

    Args:
        store: Where facts are.
        database: Where texts are.
        clock: Time.
    """

    def __init__(self, store: FactStore, database: Database, clock: Clock) -> None:
        self.store, self.database, self.clock = store, database, clock
        self.account, self.definitions = Account(), Definitions()
        self.texts = SqlTexts(database)
        self.service: AnalyticsService[Any] = AnalyticsService(
            store, self.texts, self.account, clock, RandomIds()
        )
        self.feed: Feed[Any] = Feed(store, self.texts, self.definitions)

    async def tell(self, *events: Event) -> None:
        """Have events arrive."""
        for event in events:
            CATALOGUE.check(event)
        mine = [one for one in events if one.type in self.feed.subscriptions[0].types]
        if mine:
            async with self.database.begin() as work:
                await self.feed.hear(mine, work)
        await self.feed.count(events)

    @asynccontextmanager
    async def client(self, access: Access | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """A client of its application."""
        services = ServiceRegistry()
        services.register("analytics_service", self.service)
        kit = Kit(
            "analytics",
            "1.2.3",
            self.clock,
            RandomIds(),
            access or OpenAccess(),
            InMemoryAuditLog(),
            Drain(),
            services=services,
        )
        transport = httpx.ASGITransport(create_app([module(self.store, self.feed)], kit))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield http


def told(type_: str, subject: str, data: dict[str, Any], **fields: Any) -> Event:
    """An event about something."""
    given: dict[str, Any] = {"time": AT, "namespace": "default", "source": "/test", **fields}
    return Event(
        id=derived(type_, subject, repr(data)), type=type_, subject=subject, data=data, **given
    )


def turn(number: int, **fields: Any) -> dict[str, Any]:
    """What `conversation.completed` says of a turn."""
    return {
        "conversation_id": f"turn_{number}",
        "session_id": f"session {number // 2}",
        "agent_id": "agent_1",
        "user_message": f"question {number}",
        "agent_response": f"answer {number}",
        "response_time_ms": 100.5,
        "tools": [],
        "user_id": "anna",
        "model_used": "m1",
        "tokens_used": 30,
        "cost": "0.003",
        **fields,
    }


def used(number: int, **fields: Any) -> dict[str, Any]:
    """What `usage.recorded` says of a turn."""
    return {
        "conversation_id": f"turn_{number}",
        "agent_id": "agent_1",
        "session_id": f"session {number // 2}",
        "model_used": "m1",
        "provider": "p1",
        "tokens_used": 30,
        "input_tokens": 20,
        "output_tokens": 10,
        "cached_tokens": 5,
        "requests": 1,
        "estimated": False,
        "cost": "0.003",
        "currency": "USD",
        "priced_by": "a list",
        **fields,
    }


def both(number: int, at: datetime = AT, **fields: Any) -> tuple[Event, Event]:
    """What a turn tells."""
    subject = f"session {number // 2}"
    return (
        told("conversation.completed", subject, turn(number, **fields), time=at),
        told("usage.recorded", subject, used(number), time=at),
    )


Work = SqlUnitOfWork
