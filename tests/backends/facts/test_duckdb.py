# SPDX-License-Identifier: Apache-2.0
"""Facts in DuckDB: its file, and what a killed process leaves in it.

The process that is killed is this file too: `python test_duckdb.py FILE` puts batches and prints
the number of each that was acknowledged.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import duckdb
import pytest

from rollcall.analytics.models import AnyFact, Kind
from rollcall.analytics.questions import ById, Export, Sessions, Sums
from rollcall.backends.facts.duckdb import DuckdbFactStore, DuckdbSettings
from rollcall.kernel.errors import Closed, IncompatibleStore, StoreInUse, StoreUnavailable
from rollcall.testing.fact_store_contract import FactStoreContract, Store
from rollcall.testing.fact_store_contract.case import SPAN, talk, usage
from support.killing import acknowledged_until_killed

BATCH = 20
CONVERSATIONS = Sums(source="conversations", namespace="n", span=SPAN)


class TestDuckdbInMemory(FactStoreContract):
    async def make_store(self) -> Store:
        return DuckdbFactStore(None)


def batch(number: int) -> list[AnyFact]:
    """Some conversations, with their usage."""
    ids = [f"{number}-{place}" for place in range(BATCH)]
    return [
        *(talk(id_, minutes=number % 100, session=number) for id_ in ids),
        *(usage(id_, minutes=number % 100, tokens=1) for id_ in ids),
    ]


async def put_until_killed(path: str) -> None:
    store = DuckdbFactStore(Path(path))
    await store.open()
    for number in range(1, 100_000):
        await store.put(batch(number))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[DuckdbFactStore]:
    store = DuckdbFactStore(path)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def test_what_was_put_is_there_after_a_kill_and_sums_fit(tmp_path: Path) -> None:
    path = tmp_path / "facts.duckdb"
    told = await acknowledged_until_killed(__file__, str(path), moment=12)
    async with opened(path) as store:
        (sums,) = await store.select(CONVERSATIONS)
        (used,) = await store.select(Sums(source="usages", namespace="n", span=SPAN))
        (sessions,) = await store.select(Sessions(namespace="n", span=SPAN))
        whole = sums["conversations"] // BATCH
        # What was on its way when the process died is there as a whole, or not at all.
        assert whole in {told, told + 1}
        assert sums["conversations"] == used["tokens"] == whole * BATCH
        assert sessions["sessions"] == whole
        # Told again, as it is by whoever had no answer.
        for number in range(1, whole + 1):
            await store.put(batch(number))
        assert await store.select(CONVERSATIONS) == [sums]


async def test_a_file_belongs_to_one_process(tmp_path: Path) -> None:
    path = tmp_path / "facts.duckdb"
    script = (
        "import asyncio, sys; from pathlib import Path;"
        " from rollcall.backends.facts.duckdb import DuckdbFactStore;"
        " asyncio.run(DuckdbFactStore(Path(sys.argv[1])).open())"
    )
    async with opened(path):
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", script, str(path)],
            env={"PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=False,
            text=True,
        )
    assert StoreInUse.__name__ in done.stderr
    assert str(path) in done.stderr.splitlines()[-1]


async def test_facts_stay_when_it_is_closed_and_opened(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "facts.duckdb"
    async with opened(path) as store:
        await store.put(batch(1))
    async with opened(path) as store:
        (sums,) = await store.select(CONVERSATIONS)
        assert sums["conversations"] == BATCH
    with pytest.raises(Closed):
        await store.put(batch(2))


async def test_a_copy_holds_what_was_there_and_others_go_on(tmp_path: Path) -> None:
    path, copy = tmp_path / "facts.duckdb", tmp_path / "it's a copy.duckdb"
    async with opened(path) as store:
        await store.put(batch(1))
        await store.copy(copy)
        await store.put(batch(2))
        (sums,) = await store.select(CONVERSATIONS)
        assert sums["conversations"] == 2 * BATCH
        async with opened(copy) as other:
            (sums,) = await other.select(CONVERSATIONS)
            assert sums["conversations"] == BATCH
            await other.put(batch(3))


async def test_a_column_that_came_later_is_added(tmp_path: Path) -> None:
    path = tmp_path / "facts.duckdb"
    async with opened(path) as store:
        await store.put([usage("u", tokens=3)])
    with duckdb.connect(str(path)) as connection:
        connection.execute("ALTER TABLE analytics_usages DROP COLUMN provider")
    async with opened(path) as store:
        found = await store.select(ById(kind=Kind.USAGE, namespace="n", ids=("u",)))
        assert [(row["tokens"], row["provider"]) for row in found] == [(3, None)]
        await store.put([usage("u", provider="p", revision=2)])
        found = await store.select(ById(kind=Kind.USAGE, namespace="n", ids=("u",)))
        assert found[0]["provider"] == "p"


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE other (id TEXT)",
        "CREATE TABLE analytics_format AS SELECT 'rollcall facts 99' AS format",
    ],
)
async def test_a_file_of_something_else_is_refused(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "facts.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(statement)
    with pytest.raises(IncompatibleStore, match=r"facts\.duckdb"):
        await DuckdbFactStore(path).open()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "facts.duckdb"
    path.write_text("something else " * 1000)
    with pytest.raises(IncompatibleStore, match=r"facts\.duckdb"):
        await DuckdbFactStore(path).open()


async def test_a_put_that_fails_leaves_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    async with opened(tmp_path / "facts.duckdb") as store:
        wrong = usage("u", tokens=2**70)
        with pytest.raises(RuntimeError):
            await store.put([talk("c"), wrong])
        assert (await store.select(CONVERSATIONS))[0]["conversations"] == 0
        await store.put([talk("c")])
        assert (await store.select(CONVERSATIONS))[0]["conversations"] == 1


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """As on a disk that is full: no file gets longer than that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_an_outage_that_ends(tmp_path: Path) -> None:
    async with opened(tmp_path / "facts.duckdb") as store:
        with no_file_beyond(0), pytest.raises(StoreUnavailable, match="too large"):
            await store.put(batch(1))
        await store.put(batch(2))
        assert (await store.select(CONVERSATIONS))[0]["conversations"] == BATCH


async def test_a_database_that_takes_nothing_any_more_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "facts.duckdb"
    async with opened(path) as store:
        await store.put(batch(1))
        config = {"memory_limit": "512MB", "threads": 2} | dict.fromkeys(
            ("autoinstall_known_extensions", "autoload_known_extensions"), False
        )
        with duckdb.connect(str(path), config=config) as other:
            # Not by a put of its own: what is to be kept next finds it so.
            other.execute("CREATE TABLE more AS SELECT 1 AS one")
            with no_file_beyond(0), pytest.raises(duckdb.FatalException):
                other.execute("CHECKPOINT")
        with pytest.raises(StoreUnavailable):
            await store.put(batch(2))
        await store.put(batch(2))
        assert (await store.select(CONVERSATIONS))[0]["conversations"] == 2 * BATCH


@pytest.mark.parametrize("shape", ["stream", "parquet"])
async def test_whoever_leaves_an_export_breaks_it_off(tmp_path: Path, shape: str) -> None:
    async with opened(tmp_path / "facts.duckdb") as store:
        await store.put([talk(f"c{number}") for number in range(20_000)])
        asked = Export(kind=Kind.CONVERSATION, namespace="n", span=SPAN)

        async def exported() -> None:
            pages = store.stream(asked) if shape == "stream" else store.parquet(asked)
            async for _ in pages:
                pass

        leaving = asyncio.create_task(exported())
        # It has begun, and DuckDB is at work.
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert (await store.select(CONVERSATIONS))[0]["conversations"] == 20_000


async def test_it_stays_within_its_memory(tmp_path: Path) -> None:
    path = tmp_path / "facts.duckdb"
    store = DuckdbFactStore(path, DuckdbSettings(memory="64MB", threads=1))
    await store.open()
    facts = [talk(f"c{number}", minutes=number % 5000, session=number) for number in range(20_000)]
    await store.put(facts)
    (sums,) = await store.select(CONVERSATIONS)
    assert sums["conversations"] == 20_000
    await store.close()


if __name__ == "__main__":
    asyncio.run(put_until_killed(sys.argv[1]))
