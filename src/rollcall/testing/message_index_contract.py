# SPDX-License-Identifier: Apache-2.0
"""The contract suite of message indexes: every corner case that the port's text states.

    class TestMyIndex(MessageIndexContract):
        async def make_index(self):
            return MyIndex(...)

Needs pytest and pytest-asyncio in auto mode.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import msgspec
import pytest
import pytest_asyncio

from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.word_query import matches, parse, relaxed
from rollcall.kernel.words import words
from rollcall.tools.messages.models import Filters, Message, Source
from rollcall.tools.messages.ports import MessageIndex

Index = MessageIndex[Any]

NOON: Final = datetime(2026, 1, 31, 12, 0, 0, 250_001, UTC)
EVERYTHING: Final = Filters()

HOSTILE: Final = (
    '"',
    '""" OR "',
    "'; DROP TABLE messages; --",
    "a' & !b:*A | (c <-> d)",
    "words:a NEAR(a b, 2) ^a {words}: a",
    "a:* & b <2> c !!",
    "(a AND b) NOT c ) (",
    "a* OR OR OR - -- -a*",
    "\\ \\' \" % _ * ? \0 \x1b",
    "$1 :match ? @x %s {0}",
    "-a -b",
    "\ufeff\u202e a \ud7ff \U0010ffff",
    "\u0301\u0301 a\u0301 \u0345",
    "a" * 1000,
    "a " * 500,
    '-"a b" a' * 50,
    "a OR " * 200 + "a",
    "\u65e5" * 1000,
)
"""What somebody might type who means harm, or has no idea."""

_PIECES: Final = (
    "a b ab abc abd A B Abc e-mail x_y 10.5 10 5 don't C++ \u00c4b a\u0308b \u00e9t\u00e9 ete"
    " \u0130x \u0131x stra\u00dfe STRASSE \ufb01n fin \u65e5\u672c\u8a9e \u672c \u30ab\u30bf"
    " \uff76\uff80 \u0915\u093f \u0915 \ud55c\uad6d \u05e9\u05c1 \u00b2 \u00bd \u2460 \U0001f600"
    " \u1e9b\u0323 \u0f0b \u200d \u00a0 \u2028 \u0640 \u0660"
).split(" ")


def message(text: str, **fields: Any) -> Message:
    """A message of the namespace `default`, whose id is its text."""
    made = Message(id=text, namespace="default", text=text, sent_at=NOON, source=Source.IMPORT)
    return msgspec.structs.replace(made, **fields)


async def add(index: Index, *messages: Message) -> int:
    """Add messages in a unit of work of their own."""
    async with index.begin() as work:
        return await index.add(work, messages)


async def find(
    index: Index, query: str, filters: Filters = EVERYTHING, *, namespace: str = "default"
) -> list[str]:
    """The texts of what answers a query, the best first."""
    hits = await index.search(namespace, parse(query), filters, limit=1000)
    return [hit.message.text for hit in hits]


def _some(random: Random, most: int, between: Sequence[str]) -> str:
    count = random.randint(1, most)
    return "".join(random.choice(_PIECES) + random.choice(between) for _ in range(count))


def _question(random: Random) -> str:
    parts: list[str] = []
    for _ in range(random.randint(1, 4)):
        kind = random.random()
        if kind < 0.2:
            parts.append(f'"{_some(random, 3, (" ", "-"))}"')
        elif kind < 0.35:
            parts.append("OR")
        else:
            parts.append(random.choice(_PIECES))
        if random.random() < 0.2:
            parts[-1] += "*"
        if random.random() < 0.2:
            parts[-1] = "-" + parts[-1]
    return " ".join(parts)


class MessageIndexContract(ABC):
    """Derive a test class for your index from it; see the module's text."""

    @abstractmethod
    async def make_index(self) -> Index:
        """A new and empty index, ready for use. Called once in a test."""

    @pytest_asyncio.fixture
    async def index(self) -> AsyncIterator[Index]:
        yield await self.make_index()

    async def test_a_message_is_found_as_it_was_added(self, index: Index) -> None:
        whole = message(
            "The caf\u00e9 \N{ROCKET}\ninvoice",
            id="m 1",
            conversation_id="c/1",
            sender_id="anna",
            source=Source.CONVERSATION,
            metadata={"a": [1, None, "\u00e4\0"]},
        )
        assert await add(index, whole) == 1
        (hit,) = await index.search("default", parse("cafe"), EVERYTHING, limit=10)
        assert hit.message == whole

    async def test_what_was_rolled_back_is_not_found(self, index: Index) -> None:
        async def break_off() -> None:
            async with index.begin() as work:
                await index.add(work, [message("invoice")])
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await break_off()
        assert await find(index, "invoice") == []
        assert await add(index, message("invoice")) == 1
        assert await find(index, "invoice") == ["invoice"]

    async def test_a_known_id_is_passed_over(self, index: Index) -> None:
        first = message("invoice", id="1")
        assert await add(index, first, first) == 1
        assert await add(index, message("reminder", id="1"), message("bill", id="2")) == 1
        assert await find(index, "reminder OR bill OR invoice") != []
        assert await find(index, "reminder") == []
        assert await index.known("default", ["1", "2", "3"]) == {"1", "2"}

    async def test_nothing_to_add_is_no_trouble(self, index: Index) -> None:
        assert await add(index) == 0
        assert await index.known("default", []) == frozenset()

    async def test_a_message_without_words_is_kept(self, index: Index) -> None:
        assert await add(index, message("\N{ROCKET}!")) == 1
        assert await index.known("default", ["\N{ROCKET}!"]) == {"\N{ROCKET}!"}

    async def test_namespaces_know_nothing_of_each_other(self, index: Index) -> None:
        ours = message("our invoice", id="1", conversation_id="c", source=Source.CONVERSATION)
        theirs = msgspec.structs.replace(ours, text="their invoice", namespace="globex")
        assert await add(index, ours, theirs) == 2
        assert await find(index, "invoice") == ["our invoice"]
        assert await find(index, "invoice", namespace="globex") == ["their invoice"]
        assert await index.known("nobody", ["1"]) == frozenset()
        async with index.begin() as work:
            assert await index.forget(work, "globex", "c") == 1
        assert await find(index, "invoice") == ["our invoice"]
        assert await find(index, "invoice", namespace="globex") == []

    async def test_a_forgotten_conversation_is_gone_and_may_begin_anew(self, index: Index) -> None:
        said = message("invoice", conversation_id="c", source=Source.CONVERSATION)
        other = message("invoice too", conversation_id="d", source=Source.CONVERSATION)
        mine = message("imported invoice", conversation_id="c")
        await add(index, said, other, mine)
        async with index.begin() as work:
            assert await index.forget(work, "default", "c") == 1
            assert await index.forget(work, "default", "nothing") == 0
        assert set(await find(index, "invoice")) == {"invoice too", "imported invoice"}
        assert await add(index, said) == 1
        assert "invoice" in await find(index, "invoice")

    async def test_filters_narrow_the_answer(self, index: Index) -> None:
        hour = timedelta(hours=1)
        await add(
            index,
            message("invoice one", conversation_id="c", sender_id="anna"),
            message("invoice two", conversation_id="c", sender_id="ben", sent_at=NOON + hour),
            message("invoice three", sender_id="anna", source=Source.CONVERSATION),
        )
        for filters, expected in (
            (Filters(conversation_id="c"), {"one", "two"}),
            (Filters(sender_id="anna"), {"one", "three"}),
            (Filters(conversation_id="c", sender_id="anna"), {"one"}),
            (Filters(source=Source.CONVERSATION), {"three"}),
            (Filters(since=NOON + hour), {"two"}),
            (Filters(until=NOON + hour), {"one", "three"}),
            (Filters(since=NOON, until=NOON), set[str]()),
            (Filters(conversation_id="C"), set[str]()),
        ):
            texts = await find(index, "invoice", filters)
            assert {text.removeprefix("invoice ") for text in texts} == expected, filters

    async def test_equals_are_told_newest_first_and_by_the_page(self, index: Index) -> None:
        count = 7
        texts = [f"invoice {chr(97 + n) * 3}" for n in range(count)]
        await add(
            index,
            *(message(text, sent_at=NOON + timedelta(days=n)) for n, text in enumerate(texts)),
        )
        query = parse("invoice")
        pages = [
            await index.search("default", query, EVERYTHING, limit=3, offset=at) for at in (0, 3, 6)
        ]
        assert [hit.message.text for page in pages for hit in page] == texts[::-1]
        assert {hit.score for page in pages for hit in page} == {pages[0][0].score}

    async def test_the_best_comes_first(self, index: Index) -> None:
        await add(
            index,
            message("the weather is fine in Berlin", sent_at=NOON + timedelta(days=1)),
            message("invoice", sent_at=NOON - timedelta(days=1)),
            message("somewhere in " + "a long text " * 50 + "there is an invoice as well"),
        )
        hits = await index.search("default", parse("invoice"), EVERYTHING, limit=10)
        assert [hit.message.text[:9] for hit in hits] == ["invoice", "somewhere"]
        assert hits[0].score > hits[1].score

    async def test_of_a_relaxed_query_who_has_more_of_the_words_comes_first(
        self, index: Index
    ) -> None:
        await add(
            index,
            message("hotel hotel hotel"),
            message("the hotel in Berlin costs nothing", sent_at=NOON - timedelta(days=9)),
            message("a trip to Rome"),
        )
        loose = relaxed(parse("what did we say about hotels for our Berlin journey"))
        assert loose is not None
        hits = await index.search("default", loose, EVERYTHING, limit=10)
        assert [hit.message.text[:9] for hit in hits] == ["the hotel", "hotel hot"]

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    async def test_whatever_is_typed_is_data(self, index: Index, text: str) -> None:
        kept = text.replace("\0", " ")
        await add(index, message("a b c", id="1"), message(kept, id="2"))
        try:
            query = parse(text)
        except InvalidInput:
            return
        for one in (query, relaxed(query) or query):
            hits = await index.search("default", one, EVERYTHING, limit=10)
            found = {hit.message.text for hit in hits}
            assert found == {part for part in ("a b c", kept) if _answers(part, one)}

    async def test_what_is_found_is_what_the_pure_rule_says(self, index: Index) -> None:
        random = Random(11)
        texts = sorted({_some(random, 7, (" ", ", ", "-", "")) for _ in range(150)})
        await add(index, *(message(text) for text in texts))
        found = 0
        for _ in range(300):
            question = _question(random)
            try:
                query = parse(question)
            except InvalidInput:
                continue
            for one in (query, relaxed(query) or query):
                hits = await index.search("default", one, EVERYTHING, limit=1000)
                expected = {text for text in texts if _answers(text, one)}
                assert {hit.message.text for hit in hits} == expected, question
                found += len(expected)
        assert found > 1000, "most questions must have answers, or they ask nothing"

    async def test_a_phrase_is_found_wherever_it_stands_in_a_long_message(
        self, index: Index
    ) -> None:
        # More words, and more often the same, than engines keep the places of.
        long = "so " * 20_000 + "late " * 300 + "the end of it"
        await add(index, message(long, id="1"), message("end the", id="2"))
        assert await find(index, '"late the end"') == [long]
        assert await find(index, '"the end"') == [long]
        assert await find(index, 'end -"the end"') == ["end the"]

    async def test_words_are_as_long_as_they_like(self, index: Index) -> None:
        long = "x" * 5000
        await add(index, message(long), message("\u00e9" * 5000), message("\U0001d7d8" * 5000))
        assert await find(index, long[:1000]) == [long]
        assert await find(index, "\u00e9" * 900) == ["\u00e9" * 5000]


def _answers(text: str, query: Any) -> bool:
    return matches([word.folded for word in words(text)], query)
