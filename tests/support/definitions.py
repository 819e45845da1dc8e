"""Definitions of agents, over HTTP and in JSON."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from rollcall.agents import AgentService, CapabilityService
from rollcall.agents.differences import Operation
from rollcall.agents.module import module
from rollcall.agents.repository import SqlAgentStore
from rollcall.backends.sql import outbox
from rollcall.backends.sql.database import Database
from rollcall.events.envelope import Event
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import RandomIds
from rollcall.kernel.services import ServiceRegistry
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import Access, OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, create_app

BUSINESS: dict[str, Any] = {
    "business_name": "Green Leaf",
    "business_description": "A garden centre with advice",
    "business_domain": "https://leaf.example",
    "industry": "retail",
    "llm_model": "gpt-5-mini",
    "interface_type": "webchat",
}
"""What document 4 makes a definition of."""


def app_of(database: Database, clock: Clock, access: Access | None = None) -> FastAPI:
    """HTTP over definitions in a database."""
    store, ids = SqlAgentStore(database), RandomIds()
    services = ServiceRegistry()
    services.register("agent_service", AgentService(store, clock, ids))
    services.register("capability_service", CapabilityService(store, clock, ids))
    access = access or OpenAccess()
    kit = Kit("agents", "1", clock, ids, access, InMemoryAuditLog(), Drain(), services=services)
    return create_app([module()], kit)


async def told(database: Database) -> list[Event]:
    """The events that were published, in order."""
    async with database.reading() as connection:
        return [entry.event for entry in await outbox.read(connection, 0, 10_000)]


def patched(value: Any, operations: Sequence[Operation]) -> Any:
    """What RFC 6902 makes of a value, written down as it stands there."""
    value = copy.deepcopy(value)
    for one in operations:
        names = [name.replace("~1", "/").replace("~0", "~") for name in one.path.split("/")[1:]]
        if not names:
            assert one.op == "replace"
            value = one.value
            continue
        inside = value
        for name in names[:-1]:
            inside = inside[int(name)] if isinstance(inside, list) else inside[name]
        last: Any = int(names[-1]) if isinstance(inside, list) else names[-1]
        if one.op == "remove":
            assert inside.pop(last) == one.old
        elif one.op == "replace":
            assert inside[last] == one.old
            inside[last] = one.value
        elif isinstance(inside, list):
            inside.insert(last, one.value)
        else:
            assert last not in inside
            inside[last] = one.value
    return value
