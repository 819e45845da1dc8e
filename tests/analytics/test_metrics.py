"""What Prometheus is told of facts, and how much a store is asked for one answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from rollcall.analytics.metrics import CountedFacts, FactMetrics
from rollcall.analytics.models import AnyFact
from rollcall.backends.facts.duckdb import DuckdbFactStore
from rollcall.backends.sql.database import Database
from rollcall.kernel.errors import StoreUnavailable
from rollcall.testing.clock import FrozenClock
from support.analysed import Analysis, told, turn, used


class Broken(DuckdbFactStore):
    """A store that keeps nothing any more."""

    async def put(self, facts: Sequence[AnyFact]) -> None:
        raise StoreUnavailable("it is full")


def figures(metrics: FactMetrics) -> dict[str, float]:
    registry = CollectorRegistry()
    metrics.register(registry)
    found = re.findall(r"^(rollcall_\S+) (\S+)$", generate_latest(registry).decode(), re.MULTILINE)
    return {name: float(value) for name, value in found}


async def test_facts_are_counted_by_kind_and_questions_are_timed(
    database: Database, clock: FrozenClock
) -> None:
    metrics = FactMetrics(clock)
    store = CountedFacts(DuckdbFactStore(None), metrics)
    await store.open()
    analysis = Analysis(store, database, clock)
    for number in range(3):
        await analysis.tell(
            told("conversation.completed", "s", turn(number)),
            told("usage.recorded", "s", used(number)),
        )
    async with analysis.client() as http:
        assert (await http.get("/api/usage/stats")).json()["total_conversations"] == 3
    found = figures(metrics)
    assert found['rollcall_facts_put_total{kind="conversations"}'] == 3
    assert found['rollcall_facts_put_total{kind="usages"}'] >= 3
    assert found['rollcall_fact_store_duration_seconds_count{ask="put"}'] == 3
    assert found['rollcall_fact_store_duration_seconds_count{ask="sums"}'] >= 1
    assert found['rollcall_fact_store_failures_total{ask="put"}'] == 0
    await store.close()


async def test_what_a_store_does_not_do_is_counted(clock: FrozenClock) -> None:
    metrics = FactMetrics(clock)
    store = CountedFacts(Broken(None), metrics)
    with pytest.raises(StoreUnavailable):
        await store.put([])
    found = figures(metrics)
    assert found['rollcall_fact_store_failures_total{ask="put"}'] == 1
    assert 'rollcall_fact_store_duration_seconds_count{ask="put"}' not in found


async def asked_for(agents: int, database: Database, clock: FrozenClock) -> float:
    """How often a store is asked for the performance of so many agents, in all."""
    metrics = FactMetrics(clock)
    store = CountedFacts(DuckdbFactStore(None), metrics)
    await store.open()
    analysis = Analysis(store, database, clock)
    for number in range(agents):
        data = turn(number, agent_id=f"agent_{number}", conversation_id=f"{agents}-{number}")
        await analysis.tell(told("conversation.completed", "s", data))
    before = questions(metrics)
    async with analysis.client() as http:
        assert len((await http.get("/api/agents/performance")).json()) == agents
    await store.close()
    return questions(metrics) - before


def questions(metrics: FactMetrics) -> float:
    name = "rollcall_fact_store_duration_seconds_count"
    return sum(value for key, value in figures(metrics).items() if key.startswith(name))


async def test_a_list_of_agents_costs_as_many_questions_however_many_there_are(
    database: Database, clock: FrozenClock
) -> None:
    few = await asked_for(2, database, clock)
    assert 0 < few == await asked_for(20, database, clock)
