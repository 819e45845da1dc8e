# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL itself is killed under writes: what the store acknowledged is there, no more is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from rollcall.backends.records.postgres import PostgresStore
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import OutcomeUnknown, StoreUnavailable
from rollcall.kernel.ids import RandomIds
from rollcall.registry.store import Change
from rollcall.testing.store_contract.case import put, record
from support.servers.postgres import Postgres

pytestmark = pytest.mark.server


@pytest.fixture
def durable() -> Iterator[Postgres]:
    server = Postgres(durable=True)
    try:
        server.start()
        yield server
    finally:
        server.remove()


async def test_what_was_acknowledged_survives_a_kill_of_the_server(durable: Postgres) -> None:
    store = PostgresStore(durable.url(), SystemClock(), RandomIds())
    await store.open()
    acknowledged: dict[str, int] = {}
    unsure: set[str] = set()

    async def write() -> None:
        for number in range(100_000):
            batch = [f"{number}-{place}" for place in range(4)]
            try:
                outcomes = await store.commit([put(record(one), f"op-{one}") for one in batch])
            except OutcomeUnknown:
                unsure.update(batch)
                return
            except StoreUnavailable:
                return
            for one, outcome in zip(batch, outcomes, strict=True):
                assert isinstance(outcome, Change)
                acknowledged[one] = outcome.revision

    writing = asyncio.create_task(write())
    while len(acknowledged) < 160 and not writing.done():
        await asyncio.wait({writing}, timeout=0.01)
    await asyncio.to_thread(durable.kill)
    await writing
    await asyncio.to_thread(durable.start)
    landed = await store.settle([f"op-{one}" for one in unsure])
    acknowledged |= {change.id: change.revision for change in landed.values()}
    unsure.clear()

    snapshot = await store.open()
    there = {stored.doc.id: stored.revision for stored in snapshot.docs}
    assert there == acknowledged
    assert snapshot.revision == len(acknowledged)
    await store.close()
