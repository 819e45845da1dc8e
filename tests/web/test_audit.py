from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fastapi import APIRouter, Request

from rollcall.kernel.caller import REGISTER
from rollcall.kernel.ids import RandomIds
from rollcall.kernel.record_errors import RecordNotFound
from rollcall.testing.clock import FrozenClock
from rollcall.web.audit import AuditEntry, InMemoryAuditLog, audit_subject
from rollcall.web.auth import BearerAccess
from rollcall.web.keys import InMemoryKeyStore, draw_key
from rollcall.web.module import Kit, Module, create_app


class Shop:
    """Things that can be changed."""

    def __init__(self) -> None:
        self.things: set[str] = set()

    def module(self) -> Module:
        router = APIRouter()

        @router.get("/things")
        async def look() -> list[str]:
            return sorted(self.things)

        @router.post("/things")
        async def add(body: dict[str, str], request: Request) -> str:
            self.things.add(body["name"])
            audit_subject(request.scope, f"thing {body['name']}")
            return "added"

        @router.delete("/things/{name}")
        async def remove(name: str) -> str:
            if name not in self.things:
                raise RecordNotFound("default", name)
            self.things.remove(name)
            return "removed"

        @router.post("/things/{name}/heartbeat")
        async def beat(name: str) -> str:
            return "ok"

        @router.post("/break")
        async def fail() -> str:
            raise ZeroDivisionError

        return Module("shop", routers=[router], unaudited=["/things/{name}/heartbeat"])


async def test_a_change_is_noted_with_who_what_when_and_how_it_went(
    kit: Kit, connect, audit: InMemoryAuditLog, clock: FrozenClock
) -> None:
    async with connect(create_app([Shop().module()], kit)) as client:
        headers = {"X-Request-ID": "order-17"}
        await client.post("/things", json={"name": "a"}, headers=headers)
        await client.delete("/things/b")

    removed, added = await audit.entries("default")
    assert added == AuditEntry(
        clock.now(), "local", "default", "POST /things", "thing a", 200, "order-17"
    )
    assert (removed.action, removed.subject) == ("DELETE /things/{name}", "/things/b")
    assert (added.outcome, removed.outcome) == ("done", "refused")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/things"), ("POST", "/things/a/heartbeat"), ("POST", "/nowhere")],
)
async def test_what_changes_nothing_is_not_noted(
    kit: Kit, connect, audit: InMemoryAuditLog, method: str, path: str
) -> None:
    async with connect(create_app([Shop().module()], kit)) as client:
        await client.request(method, path)

    assert await audit.entries("default") == []


async def test_what_failed_may_have_been_done_and_is_noted(
    kit: Kit, connect, audit: InMemoryAuditLog
) -> None:
    async with connect(create_app([Shop().module()], kit)) as client:
        await client.post("/break")

    [entry] = await audit.entries("default")
    assert (entry.status, entry.outcome) == (500, "failed")


async def test_callers_are_noted_by_their_keys_and_strangers_not_at_all(
    kit: Kit, connect, audit: InMemoryAuditLog, clock: FrozenClock
) -> None:
    keys = InMemoryKeyStore()
    scopes = frozenset({REGISTER})
    key, text = draw_key(RandomIds(), clock, name="ci", namespace="acme", scopes=scopes)
    await keys.add(key)
    app = create_app([Shop().module()], replace(kit, access=BearerAccess(keys, clock)))
    async with connect(app) as client:
        await client.post("/things", json={"name": "stranger's"})
        headers = {"Authorization": f"Bearer {text}"}
        await client.post("/things", json={"name": "a"}, headers=headers)

    assert [entry.caller for entry in await audit.entries("acme")] == [f"key:{key.id}"]
    assert await audit.entries("default") == []


class BrokenLog(InMemoryAuditLog):
    async def append(self, entry: AuditEntry) -> None:
        raise ConnectionError("the disk is full")


async def test_nothing_is_acknowledged_that_could_not_be_noted(kit: Kit, connect) -> None:
    async with connect(create_app([Shop().module()], replace(kit, audit=BrokenLog()))) as client:
        changed = await client.post("/things", json={"name": "a"})
        looked = await client.get("/things")
        figures = (await client.get("/metrics")).text

    assert changed.status_code == 503
    assert changed.json()["type"] == "urn:rollcall:problem:unavailable"
    assert changed.headers["retry-after"] == "1"
    assert looked.json() == ["a"]
    assert "rollcall_audit_failures_total 1.0" in figures


async def test_the_entry_is_there_before_the_answer_is(kit: Kit, audit: InMemoryAuditLog) -> None:
    app = create_app([Shop().module()], kit)
    noted_at_start: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            noted_at_start.append(len(await audit.entries("default")))

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/break",
        "raw_path": b"/break",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost")],
    }
    await app(scope, receive, send)

    assert noted_at_start == [1]


async def test_a_log_in_memory_keeps_the_last_ones() -> None:
    log = InMemoryAuditLog(keep=3)
    for number in range(5):
        await log.append(AuditEntry(number, "local", "default", "POST /", "/", 200, ""))

    assert [entry.at for entry in await log.entries("default")] == [4, 3, 2]
    assert [entry.at for entry in await log.entries("default", limit=1)] == [4]
