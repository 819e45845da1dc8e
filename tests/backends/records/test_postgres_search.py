# SPDX-License-Identifier: Apache-2.0
"""The search by PostgreSQL's own index finds what the registry's index finds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollcall.backends.records.postgres import PostgresStore
from rollcall.kernel.ids import RandomIds
from rollcall.registry.models import Capability, Kind, Record, Table
from rollcall.registry.query import Query
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.registry.store import Write
from rollcall.testing.clock import FrozenClock

pytestmark = pytest.mark.server

_word = st.sampled_from(
    ["code", "Code", "c++", "C#", "review", "straße", "STRASSE", "50%", "a_b", "a\\b", "été", "の"]
)
# No query may hold a NUL.
_any = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4)
_text = st.lists(_word | _any, min_size=1, max_size=4).map(" ".join)
_capability = st.builds(
    Capability,
    name=_text.filter(lambda text: bool(text.strip())),
    description=_text | st.just(""),
    tags=st.lists(_text, max_size=2).map(tuple),
)
_fleet = st.lists(st.lists(_capability, max_size=3), max_size=5)


_numbers = count(1)


@pytest.fixture
def url(fresh_database: Callable[[], str]) -> str:
    return fresh_database()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fleet=_fleet, text=_text.filter(lambda text: bool(text.strip())))
def test_both_paths_find_the_same_records(
    fleet: list[list[Capability]], text: str, url: str
) -> None:
    # Of each fleet one namespace: a database of its own takes a hundred times as long.
    namespace = f"n{next(_numbers)}"

    async def compare() -> None:
        clock, store = FrozenClock(), PostgresStore(url, FrozenClock(), RandomIds())
        await store.open()
        for number, capabilities in enumerate(fleet):
            record = Record(
                *(namespace, f"a{number}", Kind.AGENT, "A", Status.ACTIVE, 1.0, 1.0),
                capabilities=tuple(capabilities),
            )
            key = (Table.RECORD, namespace, record.id)
            await store.commit([Write(f"op-{namespace}-{number}", "test", *key, record)])
        registry = RegistryService(store, clock=clock)
        await registry.start()
        found = await registry.search(namespace, Query(text=text))
        expected = {registry.view(one.slot).record.id for one in found}
        assert {one.id for one in await store.search(namespace, text)} == expected
        await registry.stop()

    asyncio.run(compare())


def test_the_search_is_answered_by_the_index(fresh_database: Callable[[], str]) -> None:
    async def plan() -> str:
        import asyncpg

        url = fresh_database()
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("SET enable_seqscan = off")
            rows = await connection.fetch(
                "EXPLAIN SELECT doc FROM agent_registry WHERE words LIKE '%translation%'"
            )
        finally:
            await connection.close()
        return "\n".join(row[0] for row in rows)

    assert "ix_agent_registry_words" in asyncio.run(plan())
