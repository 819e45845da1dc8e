# SPDX-License-Identifier: Apache-2.0
"""Neighbourhoods in the knowledge graph: what is one step and two steps around an entity."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from bench import servers
from bench.figures import percentile
from bench.graph.fill import VIEW, fill, id_of
from bench.report import below, duration, markdown
from bench.service.wrk import NotMeasured

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from rollcall.memory.graph import KnowledgeGraph

DEPTHS: Final = (1, 2)
LIMIT: Final = 100
"""Neighbours that are asked for, as the API does by default."""
AIM: Final = 10.0
"""Milliseconds, at depth 1."""


class Found(NamedTuple):
    """What was measured at one depth.

    Args:
        seconds: What each took.
        reached: How many neighbours there were, on average.
    """

    seconds: Sequence[float]
    reached: float


Measured = Mapping[str, Mapping[int, Found] | str]
"""By database, then by depth; text says why there is no figure."""


class NoMemories:
    """Where memories are; nothing is asked for here."""

    async def get(self, namespace: str, memory_id: str) -> None:
        """None."""


def measured(entities: int, asked: int) -> Measured:
    """What was found in each database.

    Args:
        entities: How many there are in the graph.
        asked: How many neighbourhoods, at each depth.
    """
    found: dict[str, Mapping[int, Found] | str] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-bench-"))
        places: dict[str, Callable[[], str]] = {
            "SQLite": lambda: f"sqlite:///{Path(folder)}/graph.db",
            "PostgreSQL": lambda: stack.enter_context(servers.postgres()).create("graph"),
        }
        for name, place in places.items():
            print(f"bench: graph, {name}, {entities:,} entities ...", file=sys.stderr)
            try:
                found[name] = asyncio.run(walked(place(), entities, asked))
            except NotMeasured as error:
                print(f"bench: NOT MEASURED, {name}: {error}", file=sys.stderr)
                found[name] = str(error)
    return found


async def walked(url: str, entities: int, asked: int) -> dict[int, Found]:
    """What neighbourhoods of entities at random took in a database that was empty, by depth."""
    database = Database(dialect_of(url))
    await database.open()
    try:
        await fill(database, entities, analyze=url.startswith("postgresql"))
        graph = KnowledgeGraph(database, NoMemories(), SystemClock(), RandomIds())
        return {depth: await _at(depth, graph, entities, asked) for depth in DEPTHS}
    finally:
        await database.close()


async def _at(depth: int, graph: KnowledgeGraph, entities: int, asked: int) -> Found:
    random, reached = Random(depth), 0
    seconds: list[float] = []
    for _ in range(asked):
        start = id_of(random.randrange(entities))
        begun = time.perf_counter()
        answer = await graph.neighbours(VIEW, start, depth=depth, limit=LIMIT)
        seconds.append(time.perf_counter() - begun)
        reached += len(answer.neighbours)
    return Found(seconds, reached / asked)


def page(found: Measured, entities: int) -> str:
    """The table and what the aim says to it, as Markdown."""
    rows: list[list[str]] = []
    verdicts: list[str] = []
    for name, by_depth in found.items():
        aim = f"a neighbourhood of depth 1 among {entities:,} entities in {name} within {AIM:g} ms"
        if isinstance(by_depth, str):
            rows.append([f"{name}: not measured: {by_depth}", *[""] * 4])
            verdicts.append(str(below(aim, None, AIM, "")))
            continue
        for depth, one in by_depth.items():
            times = [percentile(one.seconds, share) for share in (0.5, 0.99)]
            shown = [duration(time_ * 1e9) for time_ in times]
            rows.append([name, str(depth), f"{one.reached:.1f}", *shown])
        middle = percentile(by_depth[1].seconds, 0.5) * 1e3
        verdicts.append(str(below(aim, middle, AIM, f"p50 {duration(middle * 1e6)}")))
    table = markdown(["", "depth", "neighbours", "p50", "p99"], rows)
    return f"{table}\n\n" + "\n".join(f"- {one}" for one in verdicts) + "\n"
