# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told of facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry

from rollcall.analytics.models import AnyFact, Kind
from rollcall.analytics.ports import FactStore, Row
from rollcall.analytics.questions import Export, Question
from rollcall.kernel.clock import Clock
from rollcall.web.tallies import Counts, Tallies

_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
PUT: Final = "put"
"""What keeping facts is called among what a store is asked for."""


class FactMetrics:
    """What the store of facts is asked for, and how long that takes.

    `rollcall_facts_put_total{kind}` (told again, a fact counts again),
    `rollcall_fact_store_duration_seconds{ask}` and `rollcall_fact_store_failures_total{ask}`, where
    `ask` is `put`, or the question. How far behind events it is, `rollcall_event_lag` says of the
    groups `analytics-facts` and `analytics-texts`.

    Args:
        clock: Times it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._facts = Counts("rollcall_facts_put", "Facts that were kept, by kind.", ("kind",))
        self._duration = Tallies(
            "rollcall_fact_store_duration_seconds",
            "How long the store of facts took, by what it was asked for.",
            ("ask",),
            _BUCKETS,
        )
        self._failures = Counts(
            "rollcall_fact_store_failures", "What the store of facts did not do.", ("ask",)
        )
        self._failures.labels(PUT)

    def register(self, registry: CollectorRegistry) -> None:
        """Add the figures."""
        for one in (self._facts, self._duration, self._failures):
            registry.register(one)

    def put(self, facts: Sequence[AnyFact]) -> None:
        """Count facts that were kept."""
        for kind, count in Counter(one.kind for one in facts).items():
            self._facts.labels(kind.value).value += count

    @contextmanager
    def timed(self, ask: str) -> Generator[None]:
        """Time what is done, or count that it failed."""
        begun = self._clock.monotonic()
        try:
            yield
        except Exception:
            self._failures.labels(ask).inc()
            raise
        self._duration.labels(ask).observe(self._clock.monotonic() - begun)


class CountedFacts(FactStore):
    """A store of facts that is watched.

    Args:
        store: It.
        metrics: Who watches.
    """

    def __init__(self, store: FactStore, metrics: FactMetrics) -> None:
        self._store = store
        self._metrics = metrics

    async def open(self) -> None:
        await self._store.open()

    async def close(self) -> None:
        await self._store.close()

    async def ping(self) -> None:
        await self._store.ping()

    async def put(self, facts: Sequence[AnyFact]) -> None:
        with self._metrics.timed(PUT):
            await self._store.put(facts)
        self._metrics.put(facts)

    async def remove(self, kind: Kind, namespace: str, ids: Sequence[str]) -> None:
        await self._store.remove(kind, namespace, ids)

    async def select(self, question: Question) -> list[Row]:
        with self._metrics.timed(type(question).__name__.lower()):
            return await self._store.select(question)

    def stream(self, question: Export) -> AsyncGenerator[Sequence[Row]]:
        return self._store.stream(question)

    def parquet(self, question: Export) -> AsyncIterator[bytes]:
        return self._store.parquet(question)
