# SPDX-License-Identifier: Apache-2.0
"""The contract suite of memory stores: every corner case that the port's text states.

    class TestMyStore(MemoryStoreContract):
        async def make_store(self):
            return MyStore(...)

Needs pytest and pytest-asyncio in auto mode.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import msgspec
import pytest
import pytest_asyncio

from rollcall.kernel.word_query import matches, parse
from rollcall.memory.models import MAX_CONTENT, Filters, Memory, Selection
from rollcall.memory.ports import Encoded, MemoryStore
from rollcall.memory.terms import content_hash, indexed

Store = MemoryStore[Any]

NOON: Final = datetime(2026, 1, 31, 12, 0, 0, 250_000, UTC)
ANNA: Final = Filters(user_id="anna")
VECTOR: Final = Encoded("a", b"\0\0\x80\x3f")

HOSTILE: Final = (
    "'; DROP TABLE memories; --",
    '""" OR "',
    "a' & !b:*A | (c <-> d)",
    "terms:a NEAR(a b, 2) ^a {terms}: a",
    "(a AND b) NOT c ) (",
    "$1 :match ? @x %s {0}",
    "\ufeff\u202e a \ud7ff \U0010ffff",
    "a OR " * 150 + "a",
    "\u65e5" * 500,
)
"""What somebody might say or ask for who means harm, or has no idea."""

_PIECES: Final = (
    "a b ab abc abd A B e-mail 10.5 10 don't C++ \u00c4b a\u0308b \u00e9t\u00e9 ete stra\u00dfe"
    " STRASSE \u65e5\u672c\u8a9e \u672c \u30ab\u30bf \u0915\u093f \u00b2 \U0001f600 \u0660"
).split(" ")


def memory(content: str, **fields: Any) -> Memory:
    """A memory of Anna's in the namespace `default`."""
    made = Memory(
        id="mem_" + content_hash(repr((content, sorted(fields.items()))))[:24],
        namespace="default",
        content=content,
        filters=ANNA,
        metadata={},
        content_hash=content_hash(content),
        created_at=NOON,
        updated_at=NOON,
    )
    return msgspec.structs.replace(made, **fields)


async def add(store: Store, *memories: Memory, encoded: Encoded | None = None) -> None:
    """Keep memories, each in a unit of work of its own."""
    for one in memories:
        async with store.begin() as work:
            assert await store.add(work, one, encoded) is None


async def change(
    store: Store, one: Memory, encoded: Encoded | None = None, **fields: Any
) -> Memory:
    """Keep a new version of a memory."""
    changed = msgspec.structs.replace(one, **fields, version=one.version + 1)
    changed = msgspec.structs.replace(changed, content_hash=content_hash(changed.content))
    async with store.begin() as work:
        await store.locked(work, one.namespace, one.id)
        assert await store.replace(work, changed, encoded) is None
    return changed


async def find(
    store: Store, query: str, filters: Filters = ANNA, *, namespace: str = "default", **more: Any
) -> list[str]:
    """The contents of what answers a query, the best first."""
    chosen = Selection(filters=filters, **more)
    numbers = await store.by_words(namespace, parse(query), chosen, 1000)
    memories = await store.numbered(namespace, numbers)
    return [memories[number].content for number in numbers]


async def contents(store: Store, namespace: str = "default", **selection: Any) -> list[str]:
    """The contents of the memories of a selection, the newest first."""
    found = await store.select(namespace, Selection(**selection), limit=100)
    return [one.memory.content for one in found]


class MemoryStoreContract(ABC):
    """Derive a test class for your store from it; see the module's text."""

    @abstractmethod
    async def make_store(self) -> Store:
        """A new and empty store, ready for use. Called once in a test."""

    @pytest_asyncio.fixture
    async def store(self) -> AsyncIterator[Store]:
        yield await self.make_store()

    async def test_a_memory_is_kept_as_it_was_added(self, store: Store) -> None:
        whole = memory(
            "The caf\u00e9 \N{ROCKET}\nis closed",
            filters=Filters("anna", "agent 1", "s/1"),
            metadata={"a": [1, {"b": None}], "\u00e4": "\N{ROCKET}"},
            expires_at=NOON + timedelta(days=1),
        )
        await add(store, whole)
        assert await store.get("default", whole.id) == whole
        assert await store.get("other", whole.id) is None

    async def test_a_unit_of_work_that_fails_keeps_nothing(self, store: Store) -> None:
        async def broken() -> None:
            async with store.begin() as work:
                await store.add(work, memory("tea"), VECTOR)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await broken()
        assert await find(store, "tea") == []
        assert await store.vectors("default", Selection(filters=ANNA), "a", 10) == []

    async def test_content_is_kept_once_in_its_scope(self, store: Store) -> None:
        first = memory("tea")
        await add(store, first)
        async with store.begin() as work:
            assert await store.add(work, memory("tea", id="mem_2"), None) == first
        others = [
            memory("tea", id="mem_3", filters=Filters(user_id="anna", agent_id="a")),
            memory("tea", id="mem_4", filters=Filters(agent_id="anna")),
            memory("tea", id="mem_5", namespace="other"),
        ]
        await add(store, *others)
        assert len(await contents(store)) == 3

    async def test_content_that_many_add_at_once_is_kept_once(self, store: Store) -> None:
        async def one(number: int) -> str:
            mine = memory("tea", id=f"mem_{number}")
            async with store.begin() as work:
                there = await store.add(work, mine, None)
            return (there or mine).id

        ids = await asyncio.gather(*(one(number) for number in range(32)))
        assert len(set(ids)) == 1
        assert await contents(store) == ["tea"]

    async def test_a_change_keeps_what_was_there_before(self, store: Store) -> None:
        first = memory("tea", metadata={"n": 1})
        await add(store, first)
        later = NOON + timedelta(seconds=5)
        second = await change(store, first, content="coffee", updated_at=later)
        third = await change(store, second, metadata={"n": 2}, updated_at=later)
        assert await store.get("default", first.id) == third
        history = await store.history("default", first.id)
        assert [(one.version, one.content, one.metadata, one.at) for one in history] == [
            (1, "tea", {"n": 1}, NOON),
            (2, "coffee", {"n": 1}, later),
        ]
        assert await find(store, "tea") == []
        assert await find(store, "coffee") == ["coffee"]

    async def test_a_change_to_what_another_one_says_changes_nothing(self, store: Store) -> None:
        tea, coffee = memory("tea"), memory("coffee")
        await add(store, tea, coffee)
        same = msgspec.structs.replace(coffee, content="tea", content_hash=tea.content_hash)
        async with store.begin() as work:
            await store.locked(work, "default", coffee.id)
            assert await store.replace(work, same, None) == tea
        assert await store.get("default", coffee.id) == coffee
        assert await store.history("default", coffee.id) == []

    async def test_new_content_loses_the_old_vector(self, store: Store) -> None:
        tea = memory("tea")
        await add(store, tea, encoded=VECTOR)
        changed = await change(store, tea, metadata={"n": 1})
        assert len(await store.vectors("default", Selection(filters=ANNA), "a", 10)) == 1
        await change(store, changed, content="coffee")
        assert await store.vectors("default", Selection(filters=ANNA), "a", 10) == []

    async def test_namespaces_and_scopes_are_apart(self, store: Store) -> None:
        await add(
            store,
            memory("tea one"),
            memory("tea two", filters=Filters(user_id="bert")),
            memory("tea three", filters=Filters("anna", "helper")),
            memory("tea four", namespace="other"),
        )
        assert set(await find(store, "tea")) == {"tea one", "tea three"}
        assert await find(store, "tea", Filters("anna", "helper")) == ["tea three"]
        assert await find(store, "tea", Filters(agent_id="helper")) == ["tea three"]
        assert await find(store, "tea", Filters(session_id="anna")) == []
        assert len(await find(store, "tea", Filters())) == 3
        assert await find(store, "tea", namespace="other") == ["tea four"]
        assert await contents(store, "other") == ["tea four"]
        numbers = [one.number for one in await store.select("default", Selection(), limit=9)]
        assert await store.numbered("other", numbers) == {}

    async def test_what_has_expired_is_not_found(self, store: Store) -> None:
        await add(store, memory("tea", expires_at=NOON), memory("tea too"), encoded=VECTOR)
        before, at = NOON.timestamp() - 0.001, NOON.timestamp()
        assert len(await find(store, "tea", now=before)) == 2
        assert await find(store, "tea", now=at) == ["tea too"]
        assert await contents(store, filters=ANNA, now=at) == ["tea too"]
        vectors = await store.vectors("default", Selection(filters=ANNA, now=at), "a", 10)
        assert len(vectors) == 1
        async with store.begin() as work:
            assert await store.expired(work, before, 10) == []
            assert await store.expired(work, at, 10) == [
                ("default", memory("tea", expires_at=NOON).id)
            ]

    @pytest.mark.parametrize(
        ("condition", "found"),
        [
            ({"a": "x"}, ["text"]),
            ({"a": 1}, ["number"]),
            ({"a": 1.5}, ["fraction"]),
            ({"a": True}, ["true"]),
            ({"a": False}, []),
            ({"a": None}, ["null"]),
            ({"a": "1"}, []),
            ({"a": "x", "b": "x"}, []),
            ({"$.a' OR 1=1 --\"": "\N{ROCKET}"}, ["odd"]),
        ],
    )
    async def test_metadata_is_compared(
        self, store: Store, condition: Mapping[str, Any], found: list[str]
    ) -> None:
        for content, value in (
            ("text", "x"),
            ("number", 1),
            ("fraction", 1.5),
            ("true", True),
            ("null", None),
            ("list", ["x"]),
        ):
            await add(store, memory(content, metadata={"a": value}))
        await add(store, memory("odd", metadata={"$.a' OR 1=1 --\"": "\N{ROCKET}"}), memory("no"))
        assert await contents(store, metadata=condition) == found

    async def test_times_narrow_a_search_down(self, store: Store) -> None:
        for hours in range(4):
            await add(store, memory(f"tea {hours}", created_at=NOON + timedelta(hours=hours)))
        since = (NOON + timedelta(hours=1)).timestamp()
        until = (NOON + timedelta(hours=3)).timestamp()
        assert set(await find(store, "tea", since=since, until=until)) == {"tea 1", "tea 2"}

    async def test_pages_go_from_the_newest_to_the_oldest(self, store: Store) -> None:
        await add(store, *(memory(f"tea {number}") for number in range(5)))
        chosen = Selection(filters=ANNA)
        first = await store.select("default", chosen, limit=3)
        rest = await store.select("default", chosen, limit=3, before=first[-1].number)
        assert [one.memory.content[-1] for one in (*first, *rest)] == ["4", "3", "2", "1", "0"]

    async def test_the_better_match_comes_first(self, store: Store) -> None:
        await add(
            store,
            memory("green tea and many other words that nobody has asked for at all today"),
            memory("green tea, green tea"),
        )
        assert (await find(store, "green tea"))[0] == "green tea, green tea"

    async def test_words_find_what_the_oracle_says(self, store: Store) -> None:
        random = Random(20260131)
        said = {" ".join(random.choices(_PIECES, k=random.randint(1, 6))) for _ in range(60)}
        await add(store, *(memory(one) for one in said))
        await add(store, memory("a b ab", filters=Filters(user_id="bert")))
        for _ in range(80):
            words = random.choices(_PIECES, k=random.randint(1, 3))
            asked = random.choice(
                (" ".join(words), f'"{" ".join(words)}"', " OR ".join(words), words[0] + "*")
            )
            if random.random() < 0.3:
                asked += f" -{random.choice(_PIECES)}"
            try:
                query = parse(asked)
            except ValueError:
                continue
            assert set(await find(store, asked)) == {
                one for one in said if matches(indexed(one), query)
            }, asked

    @pytest.mark.parametrize("text", HOSTILE)
    async def test_hostile_text_is_text(self, store: Store, text: str) -> None:
        await add(store, memory(text), memory("tea"))
        assert await store.get("default", memory(text).id) == memory(text)
        assert text in await find(store, text)
        assert await find(store, "tea") == ["tea"]

    async def test_the_longest_contents_can_be_kept(self, store: Store) -> None:
        whole = Filters("anna", "a", "s")
        for number, content in enumerate(
            (
                "".join(chr(0x20000 + n % 40_000) for n in range(MAX_CONTENT)),
                "\ufdfa " * (MAX_CONTENT // 2),
                "a " * (MAX_CONTENT // 2),
                "x" * MAX_CONTENT,
            )
        ):
            await add(store, memory(content, id=f"mem_{number}", filters=whole))
        assert len(await contents(store, filters=whole)) == 4

    async def test_forgetting_leaves_nothing_and_counts_it(self, store: Store) -> None:
        tea, coffee = memory("tea"), memory("coffee")
        await add(store, tea, coffee, encoded=VECTOR)
        tea = await change(store, tea, metadata={"n": 1})
        expected = {"memories": 1, "history": 1, "embeddings": 1, "search_index": 1}
        async with store.reading() as connection:
            assert await store.count(connection, "default", [tea.id, "mem_none"]) == expected
            assert await store.count(connection, "other", [tea.id]) == dict.fromkeys(expected, 0)
        async with store.begin() as work:
            assert await store.forget(work, "default", [tea.id, "mem_none"]) == expected
            assert await store.forget(work, "default", []) == dict.fromkeys(expected, 0)
        assert await store.get("default", tea.id) is None
        assert await store.history("default", tea.id) == []
        assert await find(store, "tea") == []
        assert await find(store, "coffee") == ["coffee"]
        assert len(await store.vectors("default", Selection(), "a", 10)) == 1

    async def test_ids_are_those_of_the_whole_selection(self, store: Store) -> None:
        mine = [memory(f"tea {number}", expires_at=NOON) for number in range(3)]
        await add(store, *mine, memory("tea", filters=Filters(user_id="bert")))
        async with store.reading() as connection:
            ids = await store.ids(connection, "default", Selection(filters=ANNA))
        async with store.begin() as work:
            assert await store.ids(work, "default", Selection(filters=ANNA)) == ids
        assert ids == [one.id for one in mine]

    async def test_what_has_no_vector_of_an_encoder_gets_one(self, store: Store) -> None:
        tea, coffee = memory("tea"), memory("coffee")
        await add(store, tea)
        await add(store, coffee, encoded=VECTOR)
        waiting = await store.unencoded("b", 10)
        assert [one.memory for one in waiting] == [tea, coffee]
        tea = await change(store, tea, content="green tea")
        async with store.begin() as work:
            await store.encode(work, [(one, Encoded("b", b"1234")) for one in waiting])
        left = await store.unencoded("b", 10)
        assert [one.memory for one in left] == [tea]
        assert await store.vectors("default", Selection(filters=ANNA), "b", 10) == [
            (waiting[1].number, b"1234")
        ]
        assert await store.vectors("default", Selection(filters=ANNA), "a", 10) == []

    async def test_scrubbing_takes_nothing_that_is_there(self, store: Store) -> None:
        await add(store, memory("tea"), memory("coffee"))
        async with store.begin() as work:
            await store.forget(work, "default", [memory("tea").id])
        assert await store.scrub()
        await add(store, memory("green tea"))
        assert await find(store, "coffee") == ["coffee"]
        assert await find(store, "tea") == ["green tea"]
