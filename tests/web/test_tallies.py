# SPDX-License-Identifier: Apache-2.0
"""What is exposed is what `prometheus_client` itself would expose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

from rollcall.web.tallies import Counts, Tallies

BOUNDS = (0.001, 0.01, 0.1, 1.0)
LABELS = st.tuples(st.sampled_from("ab"), st.sampled_from("xy"))
SECONDS = st.sampled_from(BOUNDS) | st.floats(0, 10)


def samples(registry: CollectorRegistry) -> set[str]:
    """Without when each figure began, which nobody asks for here."""
    lines = generate_latest(registry).decode().splitlines()
    return {line for line in lines if "_created" not in line}


@given(st.lists(st.tuples(LABELS, SECONDS)))
def test_tallies_read_like_the_librarys_histogram(
    seen: list[tuple[tuple[str, str], float]],
) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tallies = Tallies("t_seconds", "Text", ["one", "two"], BOUNDS)
    ours.register(tallies)
    histogram = Histogram("t_seconds", "Text", ["one", "two"], registry=theirs, buckets=BOUNDS)
    for labels, seconds in seen:
        tallies.labels(*labels).observe(seconds)
        histogram.labels(*labels).observe(seconds)
    assert samples(ours) == samples(theirs)


@given(st.lists(LABELS))
def test_counts_read_like_the_librarys_counter(seen: list[tuple[str, str]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    counts = Counts("c", "Text", ["one", "two"])
    ours.register(counts)
    counter = Counter("c", "Text", ["one", "two"], registry=theirs)
    for labels in seen:
        counts.labels(*labels).inc()
        counter.labels(*labels).inc()
    assert samples(ours) == samples(theirs)


def test_a_second_family_of_the_same_name_is_refused() -> None:
    registry = CollectorRegistry()
    registry.register(Counts("c", "Text", []))
    with pytest.raises(ValueError, match="c_total"):
        registry.register(Counts("c", "Text", []))
