# SPDX-License-Identifier: Apache-2.0
"""The part of the suite that is about what a store keeps."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from random import Random

import pytest
from msgspec import structs

from rollcall.analytics.models import AnyFact, Kind, UsageFact, quarter_of
from rollcall.analytics.questions import Agents, ById, Percentiles, Sessions, Span, Sums
from rollcall.analytics.rows import fact_of
from rollcall.testing.fact_store_contract import oracle
from rollcall.testing.fact_store_contract.case import (
    HUGE,
    SPAN,
    TINY,
    Case,
    drawn,
    latest,
    ordered,
    talk,
    usage,
)
from rollcall.testing.fact_store_contract.oracle import Facts


class MergingContract(Case):
    """Facts that are told again, anew, late, or taken back."""

    async def count(self, namespace: str = "n") -> int:
        """How many conversations there are."""
        rows = await self.store.select(Sums(source="conversations", namespace=namespace, span=SPAN))
        return rows[0]["conversations"]

    async def check(self, facts: Facts) -> None:
        """See that the store holds just these facts, and sums of just these."""
        for kind in Kind:
            asked = ById(kind=kind, namespace="n", ids=tuple(f"id-{n}" for n in range(40)))
            found = await self.store.select(asked)
            assert {row["id"]: fact_of(kind, row) for row in found} == oracle.known(facts, asked)
        agents = Agents(namespace="n")
        found = await self.store.select(agents)
        assert {row["id"] for row in found} == set(oracle.known(facts, agents))
        for namespace in "nm":
            sessions = Sessions(namespace=namespace, span=SPAN, by_agent=True)
            asked_sums = (
                Sums(source="conversations", namespace=namespace, span=SPAN, by=("status",)),
                Sums(source="usages", namespace=namespace, span=SPAN, by=("model", "currency")),
                Sums(source="charges", namespace=namespace, span=SPAN, by=("currency",)),
            )
            assert ordered(await self.store.select(sessions)) == ordered(
                oracle.sessions(facts, sessions)
            )
            for asked in asked_sums:
                found = await self.store.select(asked)
                assert ordered(found) == ordered(oracle.sums(facts, asked))

    async def test_a_fact_told_again_counts_once(self) -> None:
        await self.store.put([talk("c", session=1), talk("c", session=1)])
        await self.store.put([talk("c", session=1)])
        assert await self.count() == 1

    async def test_a_later_revision_replaces_an_earlier_one(self) -> None:
        await self.store.put([talk("c", response_us=5)])
        await self.store.put([talk("c", minutes=100, response_us=7, revision=2)])
        asked = Percentiles(namespace="n", span=SPAN, permilles=(500,))
        assert await self.store.select(asked) == [{"permille": 500, "response_us": 7}]
        assert await self.count() == 1

    async def test_an_earlier_revision_that_comes_late_is_passed_over(self) -> None:
        await self.store.put([talk("c", response_us=7, revision=2)])
        await self.store.put([talk("c", response_us=5)])
        asked = Percentiles(namespace="n", span=SPAN, permilles=(500,))
        assert await self.store.select(asked) == [{"permille": 500, "response_us": 7}]

    async def test_namespaces_do_not_see_each_other(self) -> None:
        other = talk("c", namespace="m")
        await self.store.put([talk("c"), other, talk("d", namespace="m")])
        assert (await self.count(), await self.count("m")) == (1, 2)
        await self.store.remove(Kind.CONVERSATION, "n", ["c", "d"])
        assert (await self.count(), await self.count("m")) == (0, 2)

    async def test_what_was_removed_counts_no_more_and_can_come_again(self) -> None:
        await self.store.put([talk("c", session=1), talk("d", minutes=300, session=1)])
        await self.store.remove(Kind.CONVERSATION, "n", ["d", "never there"])
        after = Span(quarter_of(talk("d", minutes=300).at), SPAN.until)
        asked = Sessions(namespace="n", span=after)
        assert await self.store.select(asked) == [{"sessions": 0}]
        assert await self.count() == 1
        await self.store.put([talk("d", minutes=300, session=1)])
        assert await self.store.select(asked) == [{"sessions": 1}]

    async def test_nothing_is_put_or_removed(self) -> None:
        await self.store.put([])
        await self.store.remove(Kind.USAGE, "n", [])
        assert await self.count() == 0

    async def test_the_largest_and_the_smallest_amounts_stay_exact(self) -> None:
        told = [usage(f"u{n}", cost=HUGE, currency="USD") for n in range(100)]
        await self.store.put([*told, usage("t", cost=TINY, currency="USD")])
        asked = Sums(source="usages", namespace="n", span=SPAN, by=("currency",))
        total = oracle.exactly([HUGE] * 100 + [TINY])
        assert (await self.store.select(asked))[0]["cost"] == total

    async def test_times_are_kept_to_the_microsecond_over_centuries(self) -> None:
        moments = [
            datetime(2000, 1, 1, tzinfo=UTC),
            datetime(2199, 12, 31, 23, 59, 59, 999999, UTC),
        ]
        told = [usage(f"u{n}", at=at) for n, at in enumerate(moments)]
        await self.store.put(told)
        found = await self.store.select(ById(kind=Kind.USAGE, namespace="n", ids=("u0", "u1")))
        assert {fact_of(Kind.USAGE, row).at for row in found} == set(moments)

    async def test_whoever_puts_at_the_same_time_loses_nothing(self) -> None:
        batches = [
            [talk(f"{n}-{m}", minutes=m, session=m % 3) for m in range(5)] + [talk("shared")]
            for n in range(8)
        ]
        await asyncio.gather(*(self.store.put(batch) for batch in batches))
        assert await self.count() == 41

    async def test_many_facts_are_put_at_once(self) -> None:
        told: list[AnyFact] = [talk(f"c{n}", minutes=n % 300, session=n // 3) for n in range(5000)]
        await self.store.put(told)
        await self.store.put(told[::-1])
        assert await self.count() == 5000
        assert await self.store.select(Sessions(namespace="n", span=SPAN)) == [{"sessions": 1667}]

    @pytest.mark.parametrize("seed", range(6))
    async def test_in_any_order_it_holds_the_latest_of_each(self, seed: int) -> None:
        random = Random(seed)
        told: list[AnyFact] = []
        for _ in range(12):
            batch = [drawn(random) for _ in range(random.randrange(40))]
            await self.store.put(batch)
            told += batch
        await self.check(latest(told))

    @pytest.mark.parametrize("seed", range(3))
    async def test_what_was_taken_back_is_as_if_it_had_never_been(self, seed: int) -> None:
        random = Random(seed)
        told = [drawn(random) for _ in range(150)]
        await self.store.put(told)
        gone = {(random.choice(tuple(Kind)), "n", f"id-{random.randrange(40)}") for _ in range(40)}
        for kind, namespace, id_ in gone:
            await self.store.remove(kind, namespace, [id_])
        await self.check({name: fact for name, fact in latest(told).items() if name not in gone})

    async def test_an_answer_from_it_can_be_changed_by_others_without_harm(self) -> None:
        told = usage("u", tokens=5)
        await self.store.put([told])
        asked = ById(kind=Kind.USAGE, namespace="n", ids=("u",))
        fact = fact_of(Kind.USAGE, (await self.store.select(asked))[0])
        assert isinstance(fact, UsageFact)
        await self.store.put([structs.replace(fact, tokens=6, revision=2)])
        assert (await self.store.select(asked))[0]["tokens"] == 6
