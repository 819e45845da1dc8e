"""Measure memories on SQLite: how many can be added, and what a search costs beside others.

    python bench/memories/measure.py

Fills a store with 1,000 memories and one with 100,000, of which 1,000 are Anna's each time, adds
memories to both and searches among Anna's. Prints one table; beside it what a plain FTS5 table
over all memories of the store takes for the same words. Times are milliseconds, the median of 200
searches, asked of both stores by turns so that what else the machine does hits both.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

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

SIZES = (1_000, 100_000)
MINE = 1_000
SEARCHES = 200
ADDED = 300
WRITERS = 30
ANNA = {"user_id": "anna"}
PLAIN = "SELECT rowid FROM plain WHERE plain MATCH ? ORDER BY rank LIMIT 10"
VERBS = "likes hates buys sells wants needs books cancels plays repairs forgets misses".split()
NOUNS = [
    first + second
    for first in "tea coffee invoice garden music train ticket doctor school budget river".split()
    for second in ("", "s", " plan", " list", " room", "er")
]


class Side(NamedTuple):
    """A store to measure."""

    size: int
    path: Path
    memories: MemoryService[Any]
    by_words: MemoryService[Any]
    plain: sqlite3.Connection


def sentence(random: Random, number: int) -> str:
    first, second, third = random.choices(NOUNS, k=3)
    return f"{random.choice(VERBS)} the {first} with {second} and {third} on day {number}"


def fill(path: Path, size: int, encoder: WordLlamaEncoder) -> None:
    """Write memories as the service would, but many in a transaction."""
    random, now = Random(size), datetime.now(UTC)
    connection = sqlite3.connect(path)
    texts = [sentence(random, number) for number in range(size)]
    vectors = encoder.encode(texts)
    for number, (content, vector) in enumerate(zip(texts, vectors, strict=True), 1):
        mine = number % (size // MINE) == 0
        memory = Memory(
            id=f"mem_{number:024}",
            namespace="default",
            content=content,
            filters=Filters(user_id="anna" if mine else f"user {number % 97}"),
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


async def added_per_second(memories: MemoryService[Any], writers: int, word: str) -> float:
    random = Random(7)

    async def write(writer: int) -> None:
        for number in range(ADDED // writers):
            await memories.add_memory(f"{sentence(random, number)} {word} {writer}", ANNA)

    begun = time.perf_counter()
    await asyncio.gather(*(write(writer) for writer in range(writers)))
    return ADDED / (time.perf_counter() - begun)


async def milliseconds(side: Side, verb: str, noun: str) -> dict[str, float]:
    """What each way of searching takes for the same words."""
    began = time.perf_counter()
    await side.memories.search_memories(f"{verb} {noun}", ANNA)
    by_both = time.perf_counter()
    await side.by_words.search_memories(f"{verb} {noun}", ANNA)
    by_words = time.perf_counter()
    side.plain.execute(PLAIN, (f'"{verb}" OR "{noun}"',)).fetchall()
    by_fts5 = time.perf_counter()
    return {
        "hybrid": (by_both - began) * 1000,
        "words": (by_words - by_both) * 1000,
        "plain FTS5": (by_fts5 - by_words) * 1000,
    }


async def searched(sides: list[Side]) -> dict[tuple[int, str], float]:
    """The medians, by the size of the store and the way of searching."""
    random = Random(11)
    taken: dict[tuple[int, str], list[float]] = {}
    for _ in range(SEARCHES):
        verb, noun = random.choice(VERBS), random.choice(NOUNS)
        for side in sides:
            for name, time_ in (await milliseconds(side, verb, noun)).items():
                taken.setdefault((side.size, name), []).append(time_)
    return {key: statistics.median(times) for key, times in taken.items()}


async def main(folder: Path) -> None:
    encoder, sides, databases = WordLlamaEncoder(), list[Side](), list[Database]()
    for size in SIZES:
        path = folder / f"{size}.db"
        database = Database(dialect_of(f"sqlite:///{path}"))
        await database.open()
        await database.close()
        fill(path, size, encoder)
        await database.open()
        databases.append(database)
        store = memory_store(database, "sqlite:")
        whole = MemoryService(store, SystemClock(), RandomIds(), Meaning(encoder))
        words = MemoryService(store, SystemClock(), RandomIds())
        sides.append(Side(size, path, whole, words, plain(path)))
    found = await searched(sides)
    print(f"{'in the store':>14} {'add/s, one':>11} {'add/s, 30':>10}", end="")
    print("".join(f" {name + ', p50 ms':>18}" for name in ("hybrid", "words", "plain FTS5")))
    for side in sides:
        one = await added_per_second(side.memories, 1, "one")
        many = await added_per_second(side.memories, WRITERS, "many")
        print(f"{side.size:>14,} {one:>11.0f} {many:>10.0f}", end="")
        names = ("hybrid", "words", "plain FTS5")
        print("".join(f" {found[side.size, name]:>18.2f}" for name in names))
    small, large = SIZES
    for name in ("hybrid", "words"):
        print(f"{name}: {found[large, name] / found[small, name]:.2f} times as long")
    for database in databases:
        await database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(main(Path(name)))
