# SPDX-License-Identifier: Apache-2.0
"""A process is killed while it commits; what it acknowledged must be there, and nothing by halves.

The process is this file too, with `tests` on its path: `python test_kill.py FILE SEED [--careless]`
commits one batch after the other and prints the number of each that the store acknowledged.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path

import pytest

from rollcall.backends.records.sqlite import SqliteStore
from rollcall.kernel.clock import Clock, SystemClock
from rollcall.kernel.errors import StoreInUse
from rollcall.kernel.ids import IdSource, RandomIds
from rollcall.registry.models import Grant, Kind, Lease, LeasePolicy, Record, Table
from rollcall.registry.status import Status
from rollcall.registry.store import Change, Conflict, Snapshot, Write
from rollcall.testing.store_contract.case import contents
from rollcall.testing.store_contract.model import StoreModel, replay
from support.killing import acknowledged_until_killed

GRANT = Grant(LeasePolicy(60))


class CarelessStore(SqliteStore):
    """Acknowledges what it has not committed: it is always eight batches behind."""

    def __init__(self, path: Path, clock: Clock, ids: IdSource, keep_changes: int) -> None:
        super().__init__(path, clock, ids, keep_changes)
        self._behind: deque[Sequence[Write]] = deque()

    async def commit(self, writes: Sequence[Write]) -> list[Change | Conflict]:
        self._behind.append(writes)
        if len(self._behind) > 8:
            await super().commit(self._behind.popleft())
        return [Conflict(write.op, 0) for write in writes]


def random_write(rng: random.Random, op: str) -> Write:
    """A write to one of a few documents, often one that conflicts or removes others."""
    key, lease = f"{rng.randrange(20)}", f"{rng.randrange(5)}"
    expect = rng.choice([None, None, None, 0])
    match rng.choices(["put", "remove", "grant", "expire"], [12, 4, 2, 1])[0]:
        case "put":
            doc = Record(
                *("default", key, Kind.AGENT, op, Status.ACTIVE, 1.0, 2.0),
                lease=rng.choice([None, GRANT, lease]),
                version="x" * rng.randrange(2000),
            )
            return Write(op, "test", Table.RECORD, "default", key, doc, expect)
        case "remove":
            return Write(op, "test", Table.RECORD, "default", key, None)
        case "grant":
            doc = Lease("default", lease, GRANT)
            return Write(op, "test", Table.LEASE, "default", lease, doc, expect)
        case _:
            return Write(op, "test", Table.LEASE, "default", lease, None)


def batches(seed: int) -> Iterator[list[Write]]:
    """The batches that the process commits; of the same seed always the same."""
    rng = random.Random(seed)
    for number in count(1):
        yield [random_write(rng, f"{number}-{i}") for i in range(rng.randint(1, 30))]


async def commit_until_killed(path: Path, seed: int, careless: bool) -> None:
    make = CarelessStore if careless else SqliteStore
    store = make(path, SystemClock(), RandomIds(), keep_changes=1_000_000)
    await store.open()
    # An end, in case that nobody is there any more to kill it.
    for number, batch in enumerate(islice(batches(seed), 20_000), 1):
        await store.commit(batch)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


def essence(changes: Sequence[Change]) -> list[tuple[object, ...]]:
    """Changes without the time at which they were made."""
    return [(c.revision, c.op, c.table, c.namespace, c.id, c.doc) for c in changes]


def faults(seed: int, told: int, snapshot: Snapshot, feed: Sequence[Change]) -> list[str]:
    """What a store did wrong that acknowledged the first `told` batches of `seed`.

    It must hold those, and may hold the one after them, which was under way; of each batch all.
    """
    found: list[str] = []
    model, coming = StoreModel(), batches(seed)
    for batch in islice(coming, told):
        model.commit(batch, 0.0)
    allowed = [essence(model.log)]
    model.commit(next(coming), 0.0)
    allowed.append(essence(model.log))
    if essence(feed) not in allowed:
        found.append(f"{len(feed)} changes, where {' or '.join(str(len(log)) for log in allowed)}")
    if [change.revision for change in feed] != list(range(1, snapshot.revision + 1)):
        found.append("revisions are not contiguous")
    held = {key: (one.doc, one.revision) for key, one in contents(snapshot.docs).items()}
    if held != replay(feed):
        found.append("the documents are not what the changes say")
    return found


async def faults_after_a_kill(path: Path, seed: int, *options: str) -> list[str]:
    async def others_are_kept_out() -> None:
        with pytest.raises(StoreInUse):
            await SqliteStore(path, SystemClock(), RandomIds()).open()

    told = await acknowledged_until_killed(
        *(__file__, str(path), str(seed), *options),
        moment=random.Random(seed).randint(1, 60),
        meanwhile=others_are_kept_out,
    )
    store = SqliteStore(path, SystemClock(), RandomIds())
    snapshot = await store.open()
    feed = await store.changes(0, snapshot.revision + 1)
    await store.close()
    return faults(seed, told, snapshot, feed)


@pytest.mark.parametrize("seed", range(3))
async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, seed: int) -> None:
    assert await faults_after_a_kill(tmp_path / "records.db", seed) == []


@pytest.mark.kill
@pytest.mark.parametrize("seed", range(3, 103))
async def test_what_was_acknowledged_survives_a_kill_again_and_again(
    tmp_path: Path, seed: int
) -> None:
    assert await faults_after_a_kill(tmp_path / "records.db", seed) == []


async def test_a_store_that_acknowledges_before_it_commits_is_found_out(tmp_path: Path) -> None:
    found = await faults_after_a_kill(tmp_path / "records.db", 1, "--careless")
    assert any("changes, where" in fault for fault in found)


async def test_half_a_batch_is_found_out(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "records.db", SystemClock(), RandomIds())
    await store.open()
    whole, torn = islice(batches(4), 2)
    await store.commit(whole)
    assert faults(4, 1, await store.open(), await store.changes(0)) == []
    await store.commit(torn[: len(torn) // 2])
    assert faults(4, 1, await store.open(), await store.changes(0)) != []
    await store.commit(torn[len(torn) // 2 :])
    assert faults(4, 1, await store.open(), await store.changes(0)) == []
    await store.close()


if __name__ == "__main__":
    asyncio.run(commit_until_killed(Path(sys.argv[1]), int(sys.argv[2]), "--careless" in sys.argv))
