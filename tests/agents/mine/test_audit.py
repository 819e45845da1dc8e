"""What the audit log says of many agents at once."""

from __future__ import annotations

import httpx

from rollcall.agents.mine.service import MyAgentsService
from rollcall.testing.clock import FrozenClock
from rollcall.web.audit import AuditQuestion, InMemoryAuditLog
from support.owned import app_of, make


async def test_the_audit_log_names_each_of_many_and_what_was_done(
    small: MyAgentsService, clock: FrozenClock
) -> None:
    await make(small, "a", "b")
    audit = InMemoryAuditLog()
    transport = httpx.ASGITransport(app_of(small, clock, audit=audit))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        for more in ({"dry_run": True}, {}):
            wanted = {"agent_ids": ["a", "b"], "operation": "delete", **more}
            await http.post("/api/my-agents/bulk?confirm=true", json=wanted)
    entries = await audit.entries("default", AuditQuestion(subject="b"))
    assert [one.subject for one in entries] == ["delete: a, b", "delete (dry run): a, b"]
