# SPDX-License-Identifier: Apache-2.0
"""Memories on SQLite: how many can be added, and what a search costs beside a plain FTS5 table.

Of a small store and a large one 1,000 memories are Anna's; she searches among hers in both, and
adds some. A plain FTS5 table over all memories of the store is asked for the same words. Both
stores are asked by turns, so that what else the machine does hits both.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from bench.figures import percentile
from bench.report import below, duration, markdown

from rollcall.backends.encoders.wordllama import WordLlamaEncoder
from rollcall.backends.memories import memory_store
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from rollcall.memory.meaning import Meaning
from rollcall.memory.models import Filters, Memory
from rollcall.memory.service import MemoryService
from rollcall.memory.tables import row_of
from rollcall.memory.terms import content_hash, indexed, keys

MINE: Final = 1_000
WRITERS: Final = (1, 30)
AIM: Final = 3.0
"""How many times as long a search may take in the large store."""
HYBRID, WORDS, FTS5 = "hybrid", "words alone", "plain FTS5"
ANNA: Final = {"user_id": "anna"}
PLAIN: Final = "SELECT rowid FROM plain WHERE plain MATCH ? ORDER BY rank LIMIT 10"
VERBS: Final = (
    "likes hates buys sells wants needs books cancels plays repairs forgets misses".split()
)
NOUNS: Final = [
    first + second
    for first in "tea coffee invoice garden music train ticket doctor school budget river".split()
    for second in ("", "s", " plan", " list", " room", "er")
]


class Store(NamedTuple):
    """A store to measure."""

    memories: MemoryService[Any]
    by_words: MemoryService[Any]
    plain: sqlite3.Connection


class Found(NamedTuple):
    """What was measured in one store.

    Args:
        added: Memories a second, by the number of writers.
        searches: Seconds that each search took, by how it searches.
    """

    added: Mapping[int, float]
    searches: Mapping[str, Sequence[float]]


def measured(sizes: Sequence[int], *, mine: int, searches: int, added: int) -> dict[int, Found]:
    """What was found, by the size of the store.

    Args:
        sizes: How many memories there are; multiples of `mine`.
        mine: How many of them are in the scope that is searched.
        searches: How many there are in each store.
        added: How many memories are added by each number of writers.
    """
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
        return asyncio.run(_measured(Path(folder), sizes, mine, searches, added))


def page(found: Mapping[int, Found], mine: int) -> str:
    """The table and what the aim says to it, as Markdown."""
    writers = [f"added a second, {number} at a time" for number in WRITERS]
    ways = [f"{way}, {what}" for way in (HYBRID, WORDS, FTS5) for what in ("p50", "p99")]
    rows: list[list[str]] = []
    for size, one in found.items():
        rows.append([f"{size:,}", *(f"{one.added[number]:,.0f}" for number in WRITERS)])
        for way in (HYBRID, WORDS, FTS5):
            rows[-1] += [_ms(percentile(one.searches[way], share)) for share in (0.5, 0.99)]
    small, large = min(found), max(found)
    growth = _p50(found[large]) / _p50(found[small])
    aim = (
        f"a hybrid search among {mine:,} memories takes at most {AIM:g} times as long"
        f" in a store of {large:,} as in one of {small:,} (p50)"
    )
    verdict = below(aim, growth, AIM, f"{growth:.2f} times")
    return f"{markdown(['in the store', *writers, *ways], rows)}\n\n- {verdict}\n"


def _p50(found: Found) -> float:
    return percentile(found.searches[HYBRID], 0.5)


def _ms(seconds: float) -> str:
    return duration(seconds * 1e9)


def sentence(random: Random, number: int) -> str:
    first, second, third = random.choices(NOUNS, k=3)
    return f"{random.choice(VERBS)} the {first} with {second} and {third} on day {number}"


def fill(path: Path, size: int, mine: int, encoder: WordLlamaEncoder) -> None:
    """Write memories as the service would, but many in a transaction; `mine` of them are Anna's."""
    random, now = Random(size), datetime.now(UTC)
    connection = sqlite3.connect(path)
    texts = [sentence(random, number) for number in range(size)]
    vectors = encoder.encode(texts)
    for number, (content, vector) in enumerate(zip(texts, vectors, strict=True), 1):
        hers = number % (size // mine) == 0
        memory = Memory(
            id=f"mem_{number:024}",
            namespace="default",
            content=content,
            filters=Filters(user_id="anna" if hers else f"user {number % 97}"),
            metadata={},
            content_hash=content_hash(content),
            created_at=now,
            updated_at=now,
        )
        row = {"number": number, **row_of(memory)}
        names, places = ", ".join(row), ", ".join(f":{name}" for name in row)
        connection.execute(f"INSERT INTO memories ({names}) VALUES ({places})", row)  # noqa: S608
        connection.execute(
            "INSERT INTO memory_vectors VALUES (?, ?, ?, ?)",
            (number, "default", encoder.name, vector.tobytes()),
        )
        scopes, words = keys("default", memory.filters), indexed(content)
        terms = " ".join(scope + word for scope in scopes for word in words)
        connection.execute("INSERT INTO memory_words (rowid, terms) VALUES (?, ?)", (number, terms))
    connection.commit()
    connection.close()


def plain(texts: Path) -> sqlite3.Connection:
    """All contents of a store in a table of words as one would make it at first."""
    connection = sqlite3.connect(":memory:")
    connection.execute("ATTACH ? AS store", (str(texts),))
    connection.execute("CREATE VIRTUAL TABLE plain USING fts5 (content)")
    connection.execute(
        "INSERT INTO plain (rowid, content) SELECT number, content FROM store.memories"
    )
    connection.commit()
    connection.execute("DETACH store")
    return connection


async def added_per_second(
    memories: MemoryService[Any], writers: int, count: int, word: str
) -> float:
    random = Random(7)

    async def write(writer: int) -> None:
        for number in range(writer, count, writers):
            await memories.add_memory(f"{sentence(random, number)} {word} {writer}", ANNA)

    begun = time.perf_counter()
    await asyncio.gather(*(write(writer) for writer in range(writers)))
    return count / (time.perf_counter() - begun)


async def seconds(store: Store, verb: str, noun: str) -> dict[str, float]:
    """What each way of searching takes for the same words."""
    began = time.perf_counter()
    await store.memories.search_memories(f"{verb} {noun}", ANNA)
    by_both = time.perf_counter()
    await store.by_words.search_memories(f"{verb} {noun}", ANNA)
    by_words = time.perf_counter()
    store.plain.execute(PLAIN, (f'"{verb}" OR "{noun}"',)).fetchall()
    by_fts5 = time.perf_counter()
    return {HYBRID: by_both - began, WORDS: by_words - by_both, FTS5: by_fts5 - by_words}


async def searched(stores: Sequence[Store], searches: int) -> list[dict[str, list[float]]]:
    """What each search took, by the way of searching, for each store."""
    random = Random(11)
    taken: list[dict[str, list[float]]] = [{} for _ in stores]
    for _ in range(searches):
        verb, noun = random.choice(VERBS), random.choice(NOUNS)
        for store, all_taken in zip(stores, taken, strict=True):
            for way, took in (await seconds(store, verb, noun)).items():
                all_taken.setdefault(way, []).append(took)
    return taken


@asynccontextmanager
async def opened(
    path: Path, size: int, mine: int, encoder: WordLlamaEncoder
) -> AsyncGenerator[Store]:
    """A store with `size` memories, of which `mine` are Anna's."""
    database = Database(dialect_of(f"sqlite:///{path}"))
    await database.open()
    await database.close()
    fill(path, size, mine, encoder)
    await database.open()
    try:
        store, clock, ids = memory_store(database, "sqlite:"), SystemClock(), RandomIds()
        with closing(plain(path)) as beside:
            yield Store(
                MemoryService(store, clock, ids, Meaning(encoder)),
                MemoryService(store, clock, ids),
                beside,
            )
    finally:
        await database.close()


async def _measured(
    folder: Path, sizes: Sequence[int], mine: int, searches: int, added: int
) -> dict[int, Found]:
    encoder = WordLlamaEncoder()
    async with AsyncExitStack() as stack:
        stores: list[Store] = []
        for size in sizes:
            print(f"bench: memories, {size:,} in the store ...", file=sys.stderr)
            path = folder / f"{size}.db"
            stores.append(await stack.enter_async_context(opened(path, size, mine, encoder)))
        taken = await searched(stores, searches)
        found: dict[int, Found] = {}
        for size, store, searches_of in zip(sizes, stores, taken, strict=True):
            rates = {
                writers: await added_per_second(store.memories, writers, added, f"of {writers}")
                for writers in WRITERS
            }
            found[size] = Found(rates, searches_of)
        return found
