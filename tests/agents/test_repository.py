"""What the tables of definitions tell beside what the services ask."""

from __future__ import annotations

from rollcall.agents import AgentService
from rollcall.agents.changes import change_of
from rollcall.agents.models import By, Status
from rollcall.agents.repository import SqlAgentStore
from rollcall.backends.sql.database import Database


async def test_active_definitions_of_all_namespaces_come_by_the_page(
    database: Database, agents: AgentService
) -> None:
    store = SqlAgentStore(database)
    for namespace in ("acme", "default"):
        by = By(namespace=namespace)
        for name in ("a", "b", "c"):
            await agents.create(change_of({"name": name}), by, agent_id=name)
        await agents.create(change_of({"name": "d"}), by, agent_id="d", status=Status.DRAFT)
    await agents.move("b", Status.PAUSED)
    await agents.delete("c", By(namespace="acme"))

    found: list[tuple[str, str]] = []
    while page := await store.active(limit=2, after=found[-1] if found else None):
        assert len(page) <= 2
        found += [(one.namespace, one.id) for one in page]

    assert found == [("acme", "a"), ("acme", "b"), ("default", "a"), ("default", "c")]
