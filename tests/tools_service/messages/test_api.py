# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from rollcall.backends.messages.sqlite import SqliteMessageIndex
from rollcall.kernel.caller import READ, REGISTER
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from rollcall.tools.messages.module import module
from rollcall.tools.messages.service import MessageSearch
from rollcall.tools.messages.wire import SearchRequest
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import Access, BearerAccess, OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.keys import InMemoryKeyStore, draw_key
from rollcall.web.module import Kit, create_app

Client = Callable[[Access], httpx.AsyncClient]
LINE = json.dumps({"text": "late invoice", "sent_at": "2026-01-31T12:00:00Z"}).encode() + b"\n"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest_asyncio.fixture
async def client(
    messages: MessageSearch, index: SqliteMessageIndex, clock: FrozenClock
) -> AsyncIterator[Client]:
    opened: list[httpx.AsyncClient] = []

    def make(access: Access) -> httpx.AsyncClient:
        kit = Kit("tools", "1.2.3", clock, RandomIds(), access, InMemoryAuditLog(), Drain())
        transport = httpx.ASGITransport(create_app([module(messages, index)], kit))
        opened.append(httpx.AsyncClient(transport=transport, base_url="http://localhost"))
        return opened[-1]

    yield make
    for one in opened:
        await one.aclose()


async def test_lines_of_any_length_are_taken_piece_by_piece(
    client: Client, messages: MessageSearch
) -> None:
    async def content() -> AsyncIterator[bytes]:
        # Longer together than any other body may be.
        for number in range(30):
            said: dict[str, Any] = {
                "text": f"invoice {number} " + "x" * 50_000,
                "sent_at": "2026-01-31T12:00:00Z",
            }
            yield json.dumps(said).encode() + b"\n"
        yield b"nonsense\n"

    answer = await client(OpenAccess()).post("/messages/import", content=content())
    assert answer.status_code == 200
    said = answer.json()
    assert (said["imported"], said["known"], said["refused_total"]) == (30, 0, 1)
    assert said["refused"][0]["line"] == 31
    assert (await messages.search("default", SearchRequest(query="invoice 29"))).count == 1


async def test_a_dry_run_writes_nothing(client: Client, messages: MessageSearch) -> None:
    answer = await client(OpenAccess()).post("/messages/import?dry_run=true", content=LINE)
    assert answer.json()["imported"] == 1
    assert answer.json()["dry_run"]
    assert (await messages.search("default", SearchRequest(query="invoice"))).count == 0


async def test_an_import_needs_the_scope_and_stays_in_the_callers_namespace(
    client: Client, messages: MessageSearch, clock: FrozenClock
) -> None:
    keys = InMemoryKeyStore()
    asked = client(BearerAccess(keys, clock))
    assert (await asked.post("/messages/import", content=LINE)).status_code == 401
    for scope, status in ((READ, 403), (REGISTER, 200)):
        key, secret = draw_key(
            RandomIds(), clock, name=scope, namespace="acme", scopes=frozenset({scope})
        )
        await keys.add(key)
        headers = {"authorization": f"Bearer {secret}"}
        answer = await asked.post("/messages/import", content=LINE, headers=headers)
        assert answer.status_code == status
    assert (await messages.search("acme", SearchRequest(query="invoice"))).count == 1
    assert (await messages.search("default", SearchRequest(query="invoice"))).count == 0
