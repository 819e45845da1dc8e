# SPDX-License-Identifier: Apache-2.0
"""What tests of the dashboard stand on: services that answer as told, and all around them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rollcall.backends.sql.database import Database
from rollcall.dashboard.changes import Changes
from rollcall.dashboard.gathering import Gatherer
from rollcall.dashboard.models import Parked, Question, Said
from rollcall.dashboard.module import module
from rollcall.dashboard.ports import NotHere
from rollcall.dashboard.repository import SqlActivities
from rollcall.dashboard.service import DashboardService
from rollcall.events.envelope import Event
from rollcall.kernel.caller import READ, Caller
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import RandomIds
from rollcall.kernel.services import ServiceRegistry
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import Access, OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, create_app

CALLER = Caller("key:anna", "acme", frozenset({READ}))
WELL = {"status": "healthy", "failed": [], "checks": {}}
NUMBERS = {
    "total_conversations": 12,
    "conversations_today": 2,
    "active_agents": 1,
    "total_agents": 2,
    "total_tokens": 3400,
    "total_cost": "1.25",
    "currency": "USD",
    "average_response_time_ms": 230.5,
    "average_satisfaction": None,
    "success_rate": 0.75,
    "data": True,
    "as_of": "2025-06-15T15:06:40Z",
}
BILLING = {
    "account": {"currency": "USD"},
    "current_period": {"id": "per_2025-06", "status": "open", "total_amount": "1.50"},
    "month_to_date": "1.50",
    "outstanding": "0",
    "budgets": [],
}
STATS = {
    "period": {"from": "2025-06-09", "to": "2025-06-15", "days": 7, "time_zone": "UTC"},
    "total_conversations": 12,
    "failed_conversations": 3,
    "by_day": [{"day": "2025-06-15", "conversations": 2, "failed": 1, "tokens": 10, "cost": "0"}],
    "by_model": [],
    "previous": {"total_conversations": 0, "failed_conversations": 0},
    "change": {"conversations": None},
    "currency": "USD",
    "data": True,
}
AGENT = {"agent_id": "agent_1", "agent_name": "Support", "conversations": 12, "data": True}
SERVICES = ("service-registry", "agent-registry", "agent", "analytics", "billing", "dashboard")
ANSWERS: Mapping[tuple[str, str], Any] = {
    ("analytics", "/api/dashboard/summary"): NUMBERS,
    ("analytics", "/api/agents/performance"): [AGENT],
    ("analytics", "/api/usage/stats"): STATS,
    ("billing", "/api/billing"): BILLING,
    ("billing", "/api/invoices"): [],
    ("agent-registry", "/agents"): [],
    **{(name, "/health"): WELL for name in SERVICES},
}


class Told:
    """Services that answer what a test says. An exception is raised, an `asyncio.Event` awaited."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Any] = dict(ANSWERS)
        self.asked: Counter[tuple[str, str]] = Counter()
        self.questions: list[Question] = []
        self.callers: set[Caller] = set()

    async def get(self, caller: Caller, question: Question) -> Said:
        self.callers.add(caller)
        key = question.service, question.path
        self.asked[key] += 1
        self.questions.append(question)
        said = self.answers.get(key, NotHere())
        if isinstance(said, asyncio.Event):
            await said.wait()
            said = ANSWERS[key]
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Said) else Said(200, said)

    def fail(self, service: str, with_: Any) -> None:
        """Have every path of a service end like this."""
        for key in self.answers:
            if key[0] == service:
                self.answers[key] = with_


class Waiting:
    """Events that wait for an operator."""

    def __init__(self) -> None:
        self.found: Sequence[Parked] = ()
        self.error: Exception | None = None

    async def parked(self, namespace: str) -> Sequence[Parked]:
        if self.error is not None:
            raise self.error
        return self.found


class House:
    """A dashboard with all that it needs."""

    def __init__(self, database: Database, clock: Clock, streams: int = 3) -> None:
        self.database, self.clock = database, clock
        self.told, self.waiting, self.drain = Told(), Waiting(), Drain()
        self.activities = SqlActivities(database, kept=10)
        self.gatherer = Gatherer(self.told, clock)
        self.dashboard = DashboardService(
            self.gatherer, self.activities, self.waiting, SERVICES, clock
        )
        self.changes = Changes(self.dashboard, self.activities, clock, streams)

    async def happens(self, *events: Event) -> None:
        async with self.database.begin() as work:
            await self.activities.note(events, work)

    def app(self, access: Access | None = None) -> Any:
        services = ServiceRegistry()
        services.register("dashboard_service", self.dashboard)
        kit = Kit(
            "dashboard",
            "1",
            self.clock,
            RandomIds(),
            access or OpenAccess("acme"),
            InMemoryAuditLog(),
            self.drain,
            services=services,
        )
        part = module(self.changes, self.gatherer, self.activities, self.clock, self.drain)
        return create_app([part], kit)


def answered(number: int = 1, namespace: str = "acme") -> Event:
    """A conversation, with all that must not be shown."""
    return Event(
        id=f"turn-{number}",
        type="conversation.completed",
        source="/conversations",
        subject="anna@example.com",
        time=datetime(2025, 6, 15, 12, 0, number % 60, tzinfo=UTC),
        namespace=namespace,
        data={
            "conversation_id": f"conv_{number}",
            "session_id": "anna@example.com",
            "agent_id": "agent_1",
            "user_id": "user-zebra",
            "user_message": "zebra, please",
            "agent_response": "a zebra it is",
            "response_time_ms": 230,
            "tokens_used": 34,
            "cost": "0.0001",
            "tools": [{"name": "zebra"}],
        },
    )
