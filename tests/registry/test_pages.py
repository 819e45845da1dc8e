"""Pages by name, and the filter on what was reported."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.registry.matching import matches
from rollcall.registry.models import Kind, Record
from rollcall.registry.query import Query
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import record

RECORDS = st.lists(
    st.builds(
        msgspec.structs.replace,
        st.just(record()),
        id=st.sampled_from("abcdefgh"),
        name=st.sampled_from(["Alice", "Bob", "bob"]),
        kind=st.sampled_from([Kind.AGENT, Kind.TOOL]),
        reported=st.sampled_from([Status.ACTIVE, Status.OFFLINE, Status.STOPPING]),
    ),
    max_size=12,
)
QUERIES = st.builds(
    Query,
    statuses=st.sampled_from([None, frozenset({Status.OFFLINE})]),
    reported=st.sampled_from([None, frozenset({Status.STOPPING}), frozenset(Status)]),
    kinds=st.sampled_from([None, frozenset({Kind.AGENT})]),
)


@given(RECORDS, QUERIES, st.integers(1, 5))
def test_pages_together_are_all_that_matches_by_name_and_id(
    records: list[Record], query: Query, limit: int
) -> None:
    async def run() -> None:
        clock = FrozenClock()
        registry = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock)
        await registry.start()
        for doc in records:
            await registry.register(doc)
        there = {doc.id: doc for doc in records}.values()
        views = {doc.id: registry.get("default", doc.id) for doc in there}
        expected = sorted(
            (doc.name, doc.id) for doc in there if matches(doc, views[doc.id].status, query)
        )
        seen: list[tuple[str, str]] = []
        after, more = None, True
        while more:
            page, more = registry.page("default", query, limit, after)
            assert len(page) == limit or not more
            seen += [(view.record.name, view.record.id) for view in page]
            after = seen[-1] if seen else None
        assert seen == expected
        assert registry.state.index.count("default", query) == len(expected)
        await registry.stop()

    asyncio.run(run())


async def test_words_have_no_page_by_name(registry: RegistryService) -> None:
    with pytest.raises(InvalidInput) as caught:
        registry.page("default", Query(text="chess"), 10)
    assert caught.value.field == "text"


async def test_an_explanation_names_what_was_reported(registry: RegistryService) -> None:
    await registry.register(record())
    query = Query(reported=frozenset({Status.STOPPING}))
    (rule,) = (await registry.explain("default", "a", query)).rules
    assert (rule.name, rule.passed) == ("reported", False)
    assert rule.detail == "it reported active; asked for: stopping"
