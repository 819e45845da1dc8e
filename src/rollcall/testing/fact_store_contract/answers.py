# SPDX-License-Identifier: Apache-2.0
"""The part of the suite that is about what a store answers, compared with the plain way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from rollcall.analytics.models import AnyFact, Kind, quarter_of
from rollcall.analytics.questions import (
    Export,
    Listing,
    Percentiles,
    Sessions,
    Shift,
    Span,
    Sums,
)
from rollcall.testing.fact_store_contract import oracle
from rollcall.testing.fact_store_contract.case import (
    NOON,
    SPAN,
    Case,
    drawn,
    latest,
    ordered,
    talk,
    usage,
)

_BY: Any = {
    "conversations": ("day", "agent_id", "agent_version", "status"),
    "usages": ("day", "agent_id", "agent_version", "model", "provider"),
    "charges": ("day", "agent_id", "period"),
}
_AMOUNTS = ("usages", "charges")


class AnswersContract(Case):
    """Sums, percentiles, sessions, lists and exports."""

    async def test_of_nothing_sums_are_zero_and_percentiles_are_not_there(self) -> None:
        for source in ("conversations", "usages", "charges"):
            (row,) = await self.store.select(Sums(source=source, namespace="n", span=SPAN))
            assert set(row.values()) <= {0, None}
            asked = Sums(source=source, namespace="n", span=SPAN, by=("agent_id",))
            assert await self.store.select(asked) == []
        assert await self.store.select(Percentiles(namespace="n", span=SPAN)) == []
        assert await self.store.select(Sessions(namespace="n", span=SPAN)) == [{"sessions": 0}]
        assert await self.store.select(Listing(namespace="n")) == []

    @pytest.mark.parametrize("count", [1, 2, 3, 99, 100, 101, 1000])
    async def test_percentiles_are_values_that_were_told(self, count: int) -> None:
        values = [Random(n).randrange(1, 10**9) for n in range(count)]
        facts = [talk(f"c{n}", response_us=value) for n, value in enumerate(values)]
        await self.store.put(facts)
        asked = Percentiles(namespace="n", span=SPAN, permilles=(1, 500, 950, 990, 1000))
        assert ordered(await self.store.select(asked)) == ordered(
            oracle.percentiles(latest(facts), asked)
        )

    async def test_a_session_counts_wherever_it_has_said_something(self) -> None:
        hour, at = timedelta(hours=1), quarter_of(NOON)
        await self.store.put(
            [
                talk("before", minutes=-60, session=1),
                talk("after", minutes=120, session=1),
                talk("within", minutes=15, session=2),
                talk("at the end", minutes=59, session=3),
                talk("behind the end", minutes=60, session=4),
                talk("of another agent", minutes=15, session=2, agent_id="b"),
                talk("of none", minutes=15),
            ]
        )
        assert quarter_of(NOON + hour) == at + 4
        asked = Sessions(namespace="n", span=Span(at, at + 4))
        # The first one was silent then.
        assert await self.store.select(asked) == [{"sessions": 3}]
        wider = Sessions(namespace="n", span=Span(at - 4, at + 4), agent_id="a")
        assert await self.store.select(wider) == [{"sessions": 3}]

    async def test_days_of_a_zone_follow_its_clocks(self) -> None:
        # Berlin: from one hour ahead to two, at 01:00 UTC on 29 March.
        change = quarter_of(NOON) + 52
        shifts = (Shift(0, 4), Shift(change, 8))
        await self.store.put(
            [
                usage("28th, 23:59", minutes=10 * 60 + 59, tokens=1),
                usage("29th, 00:00", minutes=11 * 60, tokens=10),
                usage("29th, 23:59", minutes=33 * 60 + 59, tokens=100),
                usage("30th, 00:00", minutes=34 * 60, tokens=1000),
            ]
        )
        asked = Sums(source="usages", namespace="n", span=SPAN, by=("day",), shifts=shifts)
        rows = await self.store.select(asked)
        days = {row["day"]: row["tokens"] for row in rows}
        noon = quarter_of(NOON) // 96 * 96
        assert days == {noon: 1, noon + 96: 110, noon + 192: 1000}

    @pytest.mark.parametrize("seed", range(6))
    async def test_answers_are_those_found_the_plain_way(self, seed: int) -> None:
        random = Random(seed)
        told: list[AnyFact] = [drawn(random, 200) for _ in range(600)]
        await self.store.put(told)
        facts = latest(told)
        shifts = (Shift(0, -20), Shift(quarter_of(NOON) - 7, -16), Shift(quarter_of(NOON) + 99, 22))
        for _ in range(25):
            since = random.randrange(SPAN.since, SPAN.until)
            common: Any = {
                "namespace": random.choice("nm"),
                "span": Span(since, random.randrange(since, SPAN.until + 1)),
                "agent_id": random.choice((None, None, "a", "c'\"; --")),
            }
            some: Any = random.choice((None, None, ("b",), ("a", "c'\"; --", "nobody")))
            source = random.choice(tuple(_BY))
            by = tuple(random.sample(_BY[source], random.randrange(len(_BY[source]))))
            by += ("currency",) if source in _AMOUNTS else ()
            sums = Sums(source=source, by=by, shifts=shifts, agent_ids=some, **common)
            found: Sequence[Any] = await self.store.select(sums)
            assert ordered(found) == ordered(oracle.sums(facts, sums))
            ranks = Percentiles(by_agent=random.random() < 0.5, agent_ids=some, **common)
            found = await self.store.select(ranks)
            assert ordered(found) == ordered(oracle.percentiles(facts, ranks))
            sessions = Sessions(by_agent=random.random() < 0.5, agent_ids=some, **common)
            found = await self.store.select(sessions)
            assert ordered(found) == ordered(oracle.sessions(facts, sessions))
            listing = Listing(
                session=random.choice((None, None, 1)),
                offset=random.choice((0, 0, 3)),
                limit=random.choice((1, 5, 1000)),
                **common,
            )
            found = await self.store.select(listing)
            assert [row["id"] for row in found] == oracle.listed(facts, listing)

    async def test_a_list_is_read_page_by_page_without_losing_or_repeating(self) -> None:
        # Several at one moment; ids tell them apart.
        facts = [talk(f"c{n:02}", minutes=n // 4) for n in range(30)]
        await self.store.put([*facts, talk("hidden", hidden=True)])
        seen: list[str] = []
        before: tuple[int, str] | None = None
        while found := await self.store.select(Listing(namespace="n", limit=7, before=before)):
            seen += [row["id"] for row in found]
            before = (found[-1]["time_us"], found[-1]["id"])
        assert seen == oracle.listed(latest(facts), Listing(namespace="n", limit=100))

    async def test_an_export_has_every_fact_of_its_time_in_order(self) -> None:
        facts = [usage(f"u{n:04}", minutes=n % 50) for n in range(2500)]
        late = usage("late", minutes=60 * 24 * 30)
        await self.store.put([*facts, late, talk("c")])
        asked = Export(kind=Kind.USAGE, namespace="n", span=SPAN)
        rows = [row async for page in self.store.stream(asked) for row in page]
        assert [row["id"] for row in rows] == [
            fact.id for fact in sorted(facts, key=lambda fact: (fact.at, fact.id))
        ]
        assert "key" not in rows[0]

    async def test_an_export_leaves_out_what_is_hidden(self) -> None:
        await self.store.put([talk("c"), talk("d", hidden=True), talk("e", agent_id="b")])
        asked = Export(kind=Kind.CONVERSATION, namespace="n", span=SPAN, agent_id="a")
        rows = [row async for page in self.store.stream(asked) for row in page]
        assert [row["id"] for row in rows] == ["c"]

    async def test_an_export_may_be_broken_off(self) -> None:
        await self.store.put([usage(f"u{n}") for n in range(2500)])
        asked = Export(kind=Kind.USAGE, namespace="n", span=SPAN)
        pages = self.store.stream(asked)
        assert len(await anext(pages)) < 2500
        await pages.aclose()
        await self.store.ping()

    @pytest.mark.parametrize("kind", list(Kind))
    async def test_a_parquet_file_holds_what_the_stream_does(
        self, kind: Kind, tmp_path: Path
    ) -> None:
        import duckdb  # noqa: PLC0415

        random = Random(7)
        await self.store.put([drawn(random, 300) for _ in range(900)])
        asked = Export(kind=kind, namespace="n", span=SPAN)
        file = tmp_path / "facts.parquet"
        file.write_bytes(b"".join([piece async for piece in self.store.parquet(asked)]))
        rows = [row async for page in self.store.stream(asked) for row in page]
        assert rows
        with duckdb.connect() as connection:
            read = connection.execute(
                "SELECT id, epoch_us(time) AS time_us, * EXCLUDE (id, time) FROM read_parquet($1)",
                [str(file)],
            )
            names = [column[0] for column in read.description or ()]
            found = [dict(zip(names, row, strict=True)) for row in read.fetchall()]
        assert [sorted(row.items()) for row in found] == [sorted(row.items()) for row in rows]

    async def test_it_answers_a_ping(self) -> None:
        await self.store.ping()
