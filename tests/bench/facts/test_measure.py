# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import duckdb
import pytest
from bench.facts.fill import NAMESPACE, NOW, fill
from bench.facts.measure import AGENTS, DIRECT, PUT, STATS, SUMMARY, Berlin, measured, page

from rollcall.analytics.models import bucket_of
from rollcall.analytics.reports import Reports
from rollcall.backends.facts.duckdb import DuckdbFactStore
from rollcall.testing.clock import FrozenClock


async def test_what_was_filled_in_is_what_the_store_would_hold_itself(tmp_path: Path) -> None:
    file = tmp_path / "facts.duckdb"
    store = DuckdbFactStore(file)
    await store.open()
    await store.close()
    fill(file, 3_000)
    with duckdb.connect(str(file)) as connection:
        rows = connection.execute(
            "SELECT response_us, bucket FROM analytics_conversations"
        ).fetchall()
        direct = connection.execute(
            "SELECT count(*), count(DISTINCT session), sum(tokens) FROM analytics_conversations"
            " JOIN analytics_usages USING (namespace, id)"
        ).fetchone()
    assert [bucket_of(response_us) for response_us, _ in rows] == [bucket for _, bucket in rows]
    await store.open()
    reports = Reports(store, Berlin(), FrozenClock(NOW.timestamp()))
    stats = await reports.stats(NAMESPACE, await reports.period(NAMESPACE, 40))
    assert (stats.total_conversations, stats.total_sessions, stats.total_tokens) == direct
    await store.close()


def test_every_figure_is_measured_at_every_size() -> None:
    found = measured((500, 1_000), asked=2, batches=1)
    assert [set(one) for one in found.values()] == [{STATS, DIRECT, SUMMARY, AGENTS, PUT}] * 2
    text = page(found)
    assert f"| {PUT}" in text
    assert text.count("- met") + text.count("- MISSED") == 4


@pytest.mark.parametrize(
    ("small", "large", "words"),
    [(0.1, 0.2, ["met", "met"]), (0.01, 0.2, ["met", "MISSED"]), (0.2, 0.4, ["MISSED", "met"])],
)
def test_the_aims_are_on_the_median_and_on_its_growth(
    small: float, large: float, words: list[str]
) -> None:
    def figures(seconds: float) -> dict[str, list[float] | float]:
        return {**dict.fromkeys((STATS, DIRECT, SUMMARY, AGENTS), [seconds] * 3), PUT: 1000.0}

    text = page({1_000_000: figures(small), 10_000_000: figures(large)})
    lines = [line for line in text.splitlines() if line.startswith("-") and STATS in line]
    assert [line.split(":")[0].removeprefix("- ") for line in lines] == words
