# SPDX-License-Identifier: Apache-2.0
"""Facts in BigQuery: the official client against an emulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery as google

from rollcall.analytics.models import Kind, key_of
from rollcall.analytics.questions import ById, Listing, Sums
from rollcall.backends.facts import fact_store
from rollcall.backends.facts.bigquery import BigqueryFactStore
from rollcall.backends.facts.bigquery_client import VERSION, BigquerySettings
from rollcall.backends.facts.bigquery_sql import FACTS, tables
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.errors import Closed, IncompatibleStore, StoreUnavailable
from rollcall.testing.clock import FrozenClock
from rollcall.testing.fact_store_contract import FactStoreContract, Store
from rollcall.testing.fact_store_contract.case import NOON, SPAN, talk, usage
from support.servers.bigquery import PROJECT, Bigquery

pytestmark = pytest.mark.server

COUNT = Sums(source="conversations", namespace="n", span=SPAN)
# The emulator takes half a second for what others do in a few milliseconds.
ONE = pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))]
)


def settings_of(bigquery: Bigquery, dataset: str, **given: Any) -> BigquerySettings:
    """Those of a dataset of the emulator."""
    common: dict[str, Any] = {"flush_seconds": 0, "timeout": 60, **given}
    return BigquerySettings(project=PROJECT, dataset=dataset, emulator=bigquery.url, **common)


class TestBigqueryFactStore(FactStoreContract):
    @pytest.fixture(autouse=True)
    def dataset(self, bigquery: Bigquery, fresh_dataset: Callable[[], str]) -> None:
        # The suite's revisions are up to ten days apart.
        self.settings = settings_of(bigquery, fresh_dataset(), revisions_apart=timedelta(days=10))

    async def make_store(self) -> Store:
        return BigqueryFactStore(self.settings, FrozenClock(NOON.timestamp()))

    @ONE
    async def test_in_any_order_it_holds_the_latest_of_each(self, seed: int) -> None:
        await super().test_in_any_order_it_holds_the_latest_of_each(seed)

    @ONE
    async def test_what_was_taken_back_is_as_if_it_had_never_been(self, seed: int) -> None:
        await super().test_what_was_taken_back_is_as_if_it_had_never_been(seed)

    @ONE
    async def test_answers_are_those_found_the_plain_way(self, seed: int) -> None:
        await super().test_answers_are_those_found_the_plain_way(seed)


@pytest.fixture
def settings(bigquery: Bigquery, fresh_dataset: Callable[[], str]) -> BigquerySettings:
    """Those of a dataset that is not there yet."""
    return settings_of(bigquery, fresh_dataset())


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON.timestamp())


@asynccontextmanager
async def opened(
    settings: BigquerySettings, clock: FrozenClock | None = None
) -> AsyncIterator[BigqueryFactStore]:
    store = BigqueryFactStore(settings, clock or FrozenClock(NOON.timestamp()))
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def count(store: BigqueryFactStore) -> int:
    """How many conversations there are."""
    return (await store.select(COUNT))[0]["conversations"]


class Outside:
    """Whoever else looks into the emulator."""

    def __init__(self, settings: BigquerySettings) -> None:
        self.dataset = f"{PROJECT}.{settings.dataset}"
        self.client = google.Client(
            project=PROJECT,
            credentials=AnonymousCredentials(),
            client_options=ClientOptions(api_endpoint=settings.emulator),
        )

    def do(self, sql: str) -> list[Any]:
        config = google.QueryJobConfig(default_dataset=self.dataset)
        return list(self.client.query(sql, job_config=config, timeout=60).result(timeout=60))

    def merges(self) -> int:
        """How many merges of facts it has been told of, in this dataset or another."""
        return sum(
            "@rows" in job.query
            for job in self.client.list_jobs(timeout=60)
            if job.query.startswith("MERGE")
        )


@pytest.fixture
def outside(settings: BigquerySettings) -> Outside:
    return Outside(settings)


async def test_several_that_open_a_new_dataset_at_once_all_find_it_ready(
    settings: BigquerySettings, outside: Outside
) -> None:
    stores = [BigqueryFactStore(settings) for _ in range(4)]
    await asyncio.gather(*(store.open() for store in stores))
    await asyncio.gather(*(store.put([talk("c"), talk(f"c{n}")]) for n, store in enumerate(stores)))
    assert {await count(store) for store in stores} == {5}
    for store in stores:
        await store.close()
    table = outside.client.get_table(f"{outside.dataset}.{FACTS}")
    assert table.labels == {"rollcall-version": str(VERSION)}


async def test_what_was_put_is_there_for_who_opens_it_later(settings: BigquerySettings) -> None:
    async with opened(settings) as store:
        await store.put([talk("c")])
    async with opened(settings) as store:
        assert await count(store) == 1


async def test_columns_that_came_later_are_added_and_asked_for(
    settings: BigquerySettings, outside: Outside
) -> None:
    outside.client.create_dataset(outside.dataset)
    earlier = tables().replace(" `provider` STRING,", "")
    assert earlier != tables()
    outside.do(earlier)
    outside.do(
        f"INSERT INTO {FACTS} (kind, namespace, id, key, revision, time_us, quarter)"  # noqa: S608
        f" VALUES ('usages', 'n', 'old', {key_of('n', 'old')}, 1, 0, {SPAN.since})"
    )
    async with opened(settings) as store:
        await store.put([usage("new", provider="p")])
        asked = ById(kind=Kind.USAGE, namespace="n", ids=("old", "new"))
        found = {row["id"]: row["provider"] for row in await store.select(asked)}
    assert found == {"old": None, "new": "p"}


async def test_a_newer_versions_table_is_left_alone(
    settings: BigquerySettings, outside: Outside
) -> None:
    async with opened(settings):
        pass
    table = google.Table(f"{outside.dataset}.{FACTS}")
    table.labels = {"rollcall-version": str(VERSION + 1)}
    outside.client.update_table(table, ["labels"])
    with pytest.raises(IncompatibleStore, match="newer"):
        await BigqueryFactStore(settings).open()


async def test_a_table_that_is_not_ours_is_left_alone(
    settings: BigquerySettings, outside: Outside
) -> None:
    outside.client.create_dataset(outside.dataset)
    outside.do(f"CREATE TABLE {FACTS} (kind STRING, mine STRING)")
    with pytest.raises(IncompatibleStore, match="none of Rollcall's"):
        await BigqueryFactStore(settings).open()


async def test_what_is_told_within_a_while_is_merged_at_once(
    settings: BigquerySettings, outside: Outside, clock: FrozenClock
) -> None:
    async with opened(replace(settings, flush_seconds=5), clock) as store:
        before = outside.merges()
        waiting = [asyncio.create_task(store.put([talk(f"c{n}"), talk("c")])) for n in range(3)]
        await clock.advance(4.9)
        assert not any(one.done() for one in waiting)
        assert outside.merges() == before
        await clock.advance(0.2)
        await asyncio.gather(*waiting)
        assert outside.merges() == before + 1
        assert await count(store) == 4


async def test_enough_facts_wait_no_longer(settings: BigquerySettings, clock: FrozenClock) -> None:
    settings = replace(settings, flush_seconds=5, flush_facts=3)
    async with opened(settings, clock) as store:
        await asyncio.gather(store.put([talk("a"), talk("b")]), store.put([talk("c")]))
        assert await count(store) == 3


async def test_what_waits_is_written_when_the_store_is_closed(
    settings: BigquerySettings, clock: FrozenClock
) -> None:
    store = BigqueryFactStore(replace(settings, flush_seconds=5), clock)
    await store.open()
    waiting = asyncio.create_task(store.put([talk("c")]))
    await clock.settle()
    await store.close()
    await waiting
    async with opened(settings) as store:
        assert await count(store) == 1


async def test_whoever_gives_up_waiting_leaves_it_to_be_written(
    settings: BigquerySettings, clock: FrozenClock
) -> None:
    async with opened(replace(settings, flush_seconds=5), clock) as store:
        given_up = asyncio.create_task(store.put([talk("a")]))
        await clock.settle()
        given_up.cancel()
        other = asyncio.create_task(store.put([talk("b")]))
        await clock.advance(5)
        await other
        assert await count(store) == 2


async def test_an_outage_is_named_and_putting_again_counts_once(
    settings: BigquerySettings, bigquery: Bigquery
) -> None:
    async with opened(settings):
        pass
    async with opened(replace(settings, timeout=1)) as store:
        bigquery.freeze(on=True)
        try:
            for refused in (store.put([talk("c")]), store.ping(), store.select(COUNT)):
                with pytest.raises(StoreUnavailable):
                    await refused
        finally:
            bigquery.freeze(on=False)
    async with opened(settings) as store:
        await store.put([talk("c")])
        assert await count(store) == 1


async def test_a_statement_that_is_refused_is_named_without_what_it_said(
    settings: BigquerySettings, outside: Outside
) -> None:
    async with opened(settings) as store:
        outside.do("DROP VIEW analytics_conversations")
        with pytest.raises(StoreUnavailable, match="analytics_conversations") as refused:
            await store.select(COUNT)
    assert "SELECT" not in str(refused.value)


async def test_a_store_that_is_not_open_says_so(settings: BigquerySettings) -> None:
    with pytest.raises(Closed):
        await BigqueryFactStore(settings).put([talk("c")])


async def test_what_is_long_ago_is_found_too(settings: BigquerySettings) -> None:
    day = 24 * 60
    ages = {"new": 0, "last month": 40 * day, "last year": 400 * day, "to come": -40 * day}
    async with opened(settings) as store:
        await store.put([talk(id_, minutes=-age) for id_, age in ages.items()])
        found = await store.select(Listing(namespace="n", limit=10))
        assert [row["id"] for row in found] == ["to come", "new", "last month", "last year"]
        found = await store.select(Listing(namespace="n", limit=2))
        assert [row["id"] for row in found] == ["to come", "new"]
        before = (found[1]["time_us"], "new")
        found = await store.select(Listing(namespace="n", limit=1, before=before))
        assert [row["id"] for row in found] == ["last month"]
        asked = ById(kind=Kind.CONVERSATION, namespace="n", ids=tuple(ages))
        assert {row["id"] for row in await store.select(asked)} == set(ages)


async def test_a_revision_that_moves_over_midnight_replaces_the_earlier_one(
    settings: BigquerySettings,
) -> None:
    # From 23:50 to 00:10 and back.
    async with opened(settings) as store:
        await store.put([talk("c", minutes=11 * 60 + 50)])
        await store.put([talk("c", minutes=12 * 60 + 10, revision=2)])
        await store.put([talk("c", minutes=11 * 60 + 50)])
        assert await count(store) == 1


def test_it_is_the_fact_store_wherever_it_is_asked_for(settings: BigquerySettings) -> None:
    url = "sqlite:///:memory:"
    made = fact_store(Database(dialect_of(url)), url, None, bigquery=settings)
    assert isinstance(made, BigqueryFactStore)
