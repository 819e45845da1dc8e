# SPDX-License-Identifier: Apache-2.0
"""Facts: how many are put a second, and how long stats and the dashboard's summary take over
millions of conversations, beside DuckDB asked directly for the same numbers over the facts.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
from bench.facts.fill import NAMESPACE, NOW, fill
from bench.figures import percentile
from bench.report import Verdict, below, duration, markdown, times

from rollcall.analytics.models import AnyFact, ConversationFact, UsageFact
from rollcall.analytics.periods import Period
from rollcall.analytics.reports import Reports
from rollcall.analytics.tables import CONVERSATIONS, USAGES
from rollcall.backends.facts.duckdb import DuckdbFactStore, DuckdbSettings
from rollcall.testing.clock import FrozenClock

BATCH: Final = 500
"""Facts that a subscription is given at a time."""
AIM: Final = 300.0
"""Milliseconds, for each question."""
GROWTH: Final = 5.0
"""How many times as long ten times as many conversations may take."""
STATS: Final = "usage stats, 30 days"
SUMMARY: Final = "dashboard summary"
DIRECT: Final = "the same stats, DuckDB asked directly"
AGENTS: Final = "performance of all agents"
PUT: Final = "facts put a second"

Measured = Mapping[int, Mapping[str, Sequence[float] | float]]
"""By number of conversations: seconds of each, or a rate."""


class Berlin:
    """An account in a zone whose clocks change within the thirty days."""

    async def zone(self, namespace: str) -> ZoneInfo:
        """The zone."""
        return ZoneInfo("Europe/Berlin")


def measured(sizes: Sequence[int], *, asked: int, batches: int) -> Measured:
    """What was found.

    Args:
        sizes: Numbers of conversations.
        asked: How often each question is asked.
        batches: How many batches are put.
    """
    found: dict[int, Mapping[str, Sequence[float] | float]] = {}
    for size in sizes:
        print(f"bench: facts, {size:,} conversations ...", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
            found[size] = asyncio.run(_one(Path(folder, "facts.duckdb"), size, asked, batches))
    return found


def page(found: Measured) -> str:
    """The table, and what the aims say to it, as Markdown."""
    sizes = list(found)
    rows: list[list[str]] = []
    for name in (STATS, DIRECT, SUMMARY, AGENTS, PUT):
        cells = [found[size][name] for size in sizes]
        rows.append(
            [name, *(f"{one:,.0f}" if isinstance(one, float) else _p50(one) for one in cells)]
        )
    table = markdown(["", *(f"{size:,} conversations" for size in sizes)], rows)
    lines = [str(one) for name in (STATS, SUMMARY) for one in _verdicts(found, name)]
    return f"{table}\n\n" + "\n".join(f"- {line}" for line in lines) + "\n"


def _verdicts(found: Measured, name: str) -> list[Verdict]:
    sizes = list(found)
    medians = [_median(found[size][name]) for size in sizes]
    aim = f"{name} over {sizes[-1]:,} conversations in less than {AIM:g} ms"
    figure = f"p50 {duration(medians[-1] * 1e9)}"
    verdicts = [below(aim, medians[-1] * 1000, AIM, figure)]
    if len(sizes) > 1:
        grown = medians[-1] / medians[0]
        aim = f"{name} takes less than {GROWTH:g} times as long as over {sizes[0]:,}"
        verdicts.append(below(aim, grown, GROWTH, times(grown)))
    return verdicts


async def _one(
    file: Path, size: int, asked: int, batches: int
) -> Mapping[str, Sequence[float] | float]:
    settings = DuckdbSettings()
    empty = DuckdbFactStore(file, settings)
    await empty.open()
    await empty.close()
    await asyncio.to_thread(fill, file, size)
    store = DuckdbFactStore(file, settings)
    await store.open()
    reports = Reports(store, Berlin(), FrozenClock(NOW.timestamp()))
    days = await reports.period(NAMESPACE)
    try:
        found: dict[str, Sequence[float] | float] = {
            STATS: await _times(lambda: reports.stats(NAMESPACE, days), asked),
            SUMMARY: await _times(lambda: reports.summary(NAMESPACE), asked),
            AGENTS: await _times(lambda: reports.agents(NAMESPACE, days), asked),
            PUT: await _rate(store, batches),
        }
    finally:
        await store.close()
    found[DIRECT] = await asyncio.to_thread(_direct, file, settings, days, asked)
    return found


async def _times(ask: Callable[[], Awaitable[object]], asked: int) -> list[float]:
    await ask()
    seconds: list[float] = []
    for _ in range(asked):
        begun = time.perf_counter()
        await ask()
        seconds.append(time.perf_counter() - begun)
    return seconds


async def _rate(store: DuckdbFactStore, batches: int) -> float:
    """As a subscription puts them: one batch after the other, each on the disk before the next."""
    told = [_facts(number) for number in range(batches)]
    begun = time.perf_counter()
    for facts in told:
        await store.put(facts)
    return batches * BATCH / (time.perf_counter() - begun)


def _facts(number: int) -> list[AnyFact]:
    facts: list[AnyFact] = []
    for place in range(BATCH // 2):
        common: dict[str, Any] = {
            "namespace": NAMESPACE,
            "id": f"new_{number}_{place}",
            "at": NOW - timedelta(seconds=(number * BATCH + place) / 100),
            "agent_id": f"agent_{place % 20}",
            "model": "model_1",
        }
        session = number * BATCH + place // 3
        facts.append(ConversationFact(session=session, response_us=10**6 + place, **common))
        facts.append(UsageFact(tokens=100, input_tokens=60, output_tokens=40, **common))
    return facts


def _direct(file: Path, settings: DuckdbSettings, days: Period, asked: int) -> list[float]:
    """The numbers of the stats as somebody would ask for them who has only the facts."""
    span = f"BETWEEN {days.span.since} AND {days.span.until - 1}"
    where = f"WHERE namespace = '{NAMESPACE}' AND quarter {span}"
    day = "(make_timestamptz(time_us) AT TIME ZONE 'Europe/Berlin')::DATE"
    counted = (
        "count(*), count(*) FILTER (status = 'failed'), avg(response_us), avg(satisfaction),"
        " count(DISTINCT session), quantile_disc(response_us, [0.5, 0.9, 0.95, 0.99])"
    )
    used = "sum(tokens), sum(cost)"
    statements = (
        f"SELECT {counted} FROM {CONVERSATIONS.name} {where}",  # noqa: S608
        f"SELECT {day}, count(*) FROM {CONVERSATIONS.name} {where} GROUP BY 1",  # noqa: S608
        f"SELECT {day}, {used} FROM {USAGES.name} {where} GROUP BY 1",  # noqa: S608
        f"SELECT model, count(*), {used} FROM {USAGES.name} {where} GROUP BY 1",  # noqa: S608
    )
    limits: Any = {"memory_limit": settings.memory, "threads": settings.threads}
    seconds: list[float] = []
    with duckdb.connect(str(file), read_only=True, config=limits) as connection:
        for _ in range(asked + 1):
            begun = time.perf_counter()
            for statement in statements:
                connection.execute(statement).fetchall()
            seconds.append(time.perf_counter() - begun)
    return seconds[1:]


def _median(found: Sequence[float] | float) -> float:
    return percentile([found] if isinstance(found, float) else found, 0.5)


def _p50(found: Sequence[float] | float) -> str:
    return duration(_median(found) * 1e9)


if __name__ == "__main__":
    print(page(measured((1_000_000, 10_000_000), asked=7, batches=40)))
