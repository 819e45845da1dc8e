# SPDX-License-Identifier: Apache-2.0
"""A process is killed while it writes changes and handles their events; then all must fit together.

The process is this file too: `python test_kill.py FILE SEED RUN [VARIANT]` writes and handles, and
prints the number of each unit of work that was acknowledged.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events.envelope import Event
from support.changes import APART, OUTSIDE, TOGETHER, Worker, faults, make_tables
from support.killing import acknowledged_until_killed

RUNS = 2


async def work_until_killed(path: str, seed: str, run: str, variant: str = "") -> None:
    database = Database(dialect_of(f"sqlite:///{path}"))
    await database.open()
    await make_tables(database)
    await Worker(database, SqlEventLog(database), seed, run, variant).work()


async def faults_after_kills(path: Path, seed: int, *variant: str) -> list[str]:
    acknowledged: set[str] = set()
    for run in range(RUNS):
        moment = random.Random(f"{seed} {run}").randint(5, 40)
        told = await acknowledged_until_killed(
            *(__file__, str(path), str(seed), str(run), *variant), moment=moment
        )
        acknowledged |= {f"{run}-{number}-0" for number in range(1, told + 1)}
    database = Database(dialect_of(f"sqlite:///{path}"))
    await database.open()
    log = SqlEventLog(database)

    async def read() -> Sequence[Event]:
        return [entry.event for entry in await log.read(0, 100_000)]

    try:
        return await faults(database, log, read, acknowledged)
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("seed", "variant"), [(0, ""), (1, ""), (2, ""), (0, TOGETHER), (1, TOGETHER)]
)
async def test_changes_events_and_effects_fit_together_after_kills(
    tmp_path: Path, seed: int, variant: str
) -> None:
    assert await faults_after_kills(tmp_path / "rollcall.db", seed, variant) == []


@pytest.mark.kill
@pytest.mark.parametrize("variant", ["", TOGETHER])
@pytest.mark.parametrize("seed", range(3, 53))
async def test_changes_events_and_effects_fit_together_after_kills_again_and_again(
    tmp_path: Path, seed: int, variant: str
) -> None:
    assert await faults_after_kills(tmp_path / "rollcall.db", seed, variant) == []


async def test_publishing_outside_the_outbox_is_found_out(tmp_path: Path) -> None:
    found = await faults_after_kills(tmp_path / "rollcall.db", 1, OUTSIDE)
    assert any("changes without an event" in fault for fault in found)


async def test_effects_outside_the_handlers_unit_of_work_are_found_out(tmp_path: Path) -> None:
    found = await faults_after_kills(tmp_path / "rollcall.db", 1, APART)
    assert any("the effect of" in fault for fault in found)


if __name__ == "__main__":
    asyncio.run(work_until_killed(*sys.argv[1:]))
