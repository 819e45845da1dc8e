# SPDX-License-Identifier: Apache-2.0
"""Events a second, published and handled, and how long one takes, by the log that they go through.

Each publisher tells its next event when its last was handled: one publisher shows how long an
event takes, 64 of them how many there can be.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final

from bench import servers
from bench.events import ways
from bench.events.flow import Arrivals, flow
from bench.service.rows import Measured, table
from bench.service.wrk import Figures, NotMeasured, median_of

IN_FLIGHT: Final = (1, 64)
THEIRS: Final = "aiokafka alone"

Way = Callable[[Arrivals], AbstractAsyncContextManager[ways.Send]]


def measured(seconds: float, rounds: int) -> Measured:
    """All figures there are to be had: medians of rounds in which the ways take turns.

    Args:
        seconds: For each figure of a round.
        rounds: How many.
    """
    found: dict[str, list[Figures]] = {}
    missing: dict[str, str] = {}
    with _ways() as those:
        names = {name: [f"{name}, {number} under way" for number in IN_FLIGHT] for name in those}
        for name, way in [*those.items()] * rounds:
            print(f"bench: events, {name} ...", file=sys.stderr)
            try:
                for row, one in zip(names[name], asyncio.run(through(way, seconds)), strict=True):
                    found.setdefault(row, []).append(one)
            except NotMeasured as error:
                print(f"bench: NOT MEASURED, {name}: {error}", file=sys.stderr)
                missing |= dict.fromkeys(names[name], str(error))
    rows = [row for some in names.values() for row in some]
    return {row: missing[row] if row in missing else median_of(found[row]) for row in rows}


async def through(way: Way, seconds: float) -> list[Figures]:
    """The figures of one way, for each of `IN_FLIGHT`.

    Raises:
        NotMeasured: What it needs is not there, or an event did not arrive.
    """
    arrivals = Arrivals()
    async with way(arrivals) as send:
        return [
            await flow(send, arrivals, seconds=seconds, in_flight=number) for number in IN_FLIGHT
        ]


def page(found: Measured) -> str:
    """The table and what each of ours is beside the driver alone, as Markdown."""
    names = dict.fromkeys(name.rpartition(", ")[0] for name in found)
    shares = [_share(found, name, number) for name in names for number in IN_FLIGHT]
    lines = [f"- {share}" for share in shares if share]
    return f"{table(found)}\n\n" + "\n".join(lines) + "\n"


def _share(found: Measured, name: str, number: int) -> str:
    """What part of the driver's rate a way on Kafka reaches; nothing to say: empty."""
    ours = found[f"{name}, {number} under way"]
    theirs = found.get(f"{THEIRS}, {number} under way", "")
    on_kafka = name.startswith("Kafka")
    if not on_kafka or isinstance(ours, str) or isinstance(theirs, str):
        return ""
    share = ours.rate / theirs.rate
    return f"{name}, {number} under way: {share:.2f} times the rate of {THEIRS}"


@contextmanager
def _ways() -> Iterator[Mapping[str, Way]]:
    """All ways by name; a server is started when the first of its ways is gone."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-bench-"))

        def sqlite(name: str) -> str:
            return f"sqlite:///{Path(folder)}/{name}.db"

        server = functools.cache(lambda: stack.enter_context(servers.postgres()))

        @functools.cache
        def postgres(name: str) -> str:
            return server().create(name)

        kafka = functools.cache(lambda: stack.enter_context(servers.kafka()).place)
        yield {
            "SQLite": lambda told: ways.database(told, sqlite("alone")),
            "PostgreSQL": lambda told: ways.database(told, postgres("alone")),
            "Kafka, outbox in SQLite": lambda told: ways.outbox(told, sqlite("kafka"), kafka()),
            "Kafka, outbox in PostgreSQL": lambda told: ways.outbox(
                told, postgres("kafka"), kafka()
            ),
            "Kafka, publisher and consumer": lambda told: ways.direct(told, kafka()),
            THEIRS: lambda told: ways.alone(told, kafka()),
        }
