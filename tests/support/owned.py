# SPDX-License-Identifier: Apache-2.0
"""My agents, over HTTP and in JSON, with other services that say what a test says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI

from rollcall.agents import AgentService
from rollcall.agents.changes import change_of
from rollcall.agents.mine.errors import NotAnswering
from rollcall.agents.mine.models import JsonObject, Lack, Performance
from rollcall.agents.mine.module import module
from rollcall.agents.mine.repository import SqlListings
from rollcall.agents.mine.service import MyAgentsService
from rollcall.agents.models import By, Status
from rollcall.agents.repository import SqlAgentStore
from rollcall.backends.sql.database import Database
from rollcall.kernel.caller import READ, Caller
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import RandomIds
from rollcall.kernel.services import ServiceRegistry
from rollcall.web.audit import AuditLog, InMemoryAuditLog
from rollcall.web.auth import Access, OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, create_app

ANNA = Caller("local", "default", frozenset({READ}))
NUMBERS = Performance(
    data=True,
    conversations=3,
    tokens=90,
    cost="0.009",
    currency="USD",
    success_rate=1.0,
)
DETAIL: JsonObject = {
    "agent_id": "a",
    "conversations": 3,
    "data": True,
    "period": {"from": "2025-06-09", "to": "2025-06-15", "days": 7, "time_zone": "UTC"},
}
USAGE: JsonObject = {"count": 3, "total_tokens": 90, "total_amount": "0.01", "currency": "USD"}
OVERVIEW: JsonObject = {
    "data": True,
    "total_conversations": 3,
    "failed_conversations": 0,
    "success_rate": 1.0,
    "total_tokens": 90,
    "total_cost": "0.009",
    "currency": "USD",
    "average_response_time_ms": None,
    "average_satisfaction": None,
    "top_agents": [{"agent_id": "a", "conversations": 3}],
}


class Told:
    """`Figures` that a test tells; services that are down do not answer."""

    def __init__(self) -> None:
        self.known: dict[str, Performance] = {}
        self.details: dict[str, JsonObject] = {}
        self.summed = OVERVIEW
        self.down: set[str] = set()
        self.asked = Counter[str]()
        self.days: list[tuple[str, str]] = []
        self.callers: list[Caller] = []

    async def performance(
        self, caller: Caller, ids: Sequence[str], days: int
    ) -> Mapping[str, Performance]:
        self._ask("analytics", caller)
        return {one: self.known[one] for one in ids if one in self.known}

    async def detail(self, caller: Caller, agent_id: str, days: int) -> JsonObject | None:
        self._ask("analytics", caller)
        return self.details.get(agent_id)

    async def usage(
        self, caller: Caller, agent_id: str, first: str, last: str
    ) -> JsonObject | None:
        self._ask("billing", caller)
        self.days.append((first, last))
        return USAGE

    async def overview(self, caller: Caller, days: int) -> JsonObject:
        self._ask("analytics", caller)
        return self.summed

    def _ask(self, service: str, caller: Caller) -> None:
        self.asked[service] += 1
        self.callers.append(caller)
        if service in self.down:
            raise NotAnswering(Lack(service, "runs nowhere"))


def mine_of(database: Database, clock: Clock, figures: Told | None = None) -> MyAgentsService:
    """My agents over a database."""
    store = SqlAgentStore(database)
    agents = AgentService(store, clock, RandomIds())
    return MyAgentsService(agents, store, SqlListings(database), figures or Told(), clock)


def app_of(
    mine: MyAgentsService,
    clock: Clock,
    access: Access | None = None,
    audit: AuditLog | None = None,
) -> FastAPI:
    """HTTP over them."""
    services = ServiceRegistry()
    services.register("my_agents_service", mine)
    access, ids, audit = access or OpenAccess(), RandomIds(), audit or InMemoryAuditLog()
    kit = Kit("mine", "1", clock, ids, access, audit, Drain(), services=services)
    return create_app([module()], kit)


async def make(mine: MyAgentsService, *ids: str, **fields: Any) -> None:
    """Agents of these ids."""
    status = fields.pop("status", Status.ACTIVE)
    by = fields.pop("by", By())
    for one in ids:
        content = change_of({"name": f"agent {one}", **fields})
        await mine.agents.create(content, by, agent_id=one, status=status)
