"""Search by meaning through the registry, with an encoder that knows letters only."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Sequence

import msgspec
import numpy as np
import pytest
import pytest_asyncio

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.errors import InvalidInput
from rollcall.registry.meaning import Vectors
from rollcall.registry.models import Capability
from rollcall.registry.query import Match, Query, Reason
from rollcall.registry.semantic import SemanticSearch
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import record

SAME = {"programming": "code", "software": "code", "boardgames": "chess"}


class Thesaurus:
    """Words of one meaning point in one direction."""

    name = "thesaurus"
    dimension = 256

    def __init__(self) -> None:
        self.encoded: list[str] = []
        self.threads: set[int] = set()

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.encoded.extend(texts)
        self.threads.add(threading.get_ident())
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            for word in text.split():
                meaning = SAME.get(word, word)
                rng = np.random.default_rng(int.from_bytes(meaning.encode()) % 2**32)
                vectors[row] += rng.standard_normal(self.dimension).astype(np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.divide(vectors, lengths, out=vectors, where=lengths > 0)


class Fleet:
    def __init__(self, clock: FrozenClock, memory: InMemoryStore) -> None:
        self.encoder = Thesaurus()
        self.made = 0
        self.registry = RegistryService(memory, clock=clock, encoder=self.make)

    def make(self) -> Thesaurus:
        self.made += 1
        return self.encoder

    async def add(self, key: str, capability: str, namespace: str = "default") -> None:
        doc = record(key, namespace=namespace)
        await self.registry.register(
            msgspec.structs.replace(doc, capabilities=(Capability(capability),))
        )

    async def ask(self, text: str, match: Match = Match.SEMANTIC, **filters: object) -> list[str]:
        query = msgspec.structs.replace(Query(text=text, match=match), **filters)
        found = await self.registry.search("default", query)
        return [self.registry.view(one.slot).record.id for one in found]


@pytest_asyncio.fixture
async def fleet(clock: FrozenClock, memory: InMemoryStore) -> AsyncIterator[Fleet]:
    fleet = Fleet(clock, memory)
    await fleet.registry.start()
    await fleet.add("coder", "code")
    await fleet.add("player", "chess")
    yield fleet
    await fleet.registry.stop()


async def test_what_means_the_same_is_found_and_marked(fleet: Fleet) -> None:
    assert await fleet.ask("programming", Match.LEXICAL) == []
    (found,) = await fleet.registry.search(
        "default", Query(text="programming", match=Match.SEMANTIC)
    )
    assert fleet.registry.view(found.slot).record.id == "coder"
    assert found.hit is not None
    assert found.hit.reason is Reason.SEMANTIC
    assert "code" in found.hit.detail


async def test_meaning_is_asked_only_where_words_find_nothing(fleet: Fleet) -> None:
    assert await fleet.ask("chess", Match.AUTO) == ["player"]
    assert fleet.made == 0
    assert await fleet.ask("boardgames", Match.AUTO) == ["player"]
    assert fleet.made == 1


async def test_filters_hold_for_what_is_found_by_meaning_too(fleet: Fleet) -> None:
    await fleet.add("other", "software")
    await fleet.registry.report("default", "coder", Status.BUSY)
    assert set(await fleet.ask("programming")) == {"coder", "other"}
    assert await fleet.ask("programming", statuses=frozenset({Status.BUSY})) == ["coder"]


async def test_phrases_that_come_and_go_are_known_at_the_next_question(fleet: Fleet) -> None:
    assert await fleet.ask("software") == ["coder"]
    await fleet.registry.deregister("default", "coder")
    assert await fleet.ask("software") == []
    await fleet.add("new", "programming")
    assert await fleet.ask("software") == ["new"]


async def test_a_phrase_is_encoded_once_and_off_the_event_loop(fleet: Fleet) -> None:
    await fleet.ask("software")
    await fleet.add("third", "juggling")
    await fleet.ask("software")
    await fleet.add("fourth", "juggling")
    await fleet.ask("software")
    phrases = [text for text in fleet.encoder.encoded if text in ("code", "chess", "juggling")]
    # Each as a whole phrase, and as a word.
    assert sorted(phrases) == ["chess", "chess", "code", "code", "juggling", "juggling"]
    assert threading.get_ident() not in fleet.encoder.threads


async def test_namespaces_are_kept_apart_and_forgotten_with_their_last_record(
    fleet: Fleet, clock: FrozenClock
) -> None:
    await fleet.add("theirs", "software", namespace="other")
    semantic = SemanticSearch(fleet.registry.state.index, fleet.make)
    assert len(await semantic.ranked("other", "code", 10)) == 1
    assert len(await semantic.ranked("default", "code", 10)) == 1
    await fleet.registry.deregister("other", "theirs")
    await semantic.ranked("default", "code", 10)
    assert set(semantic._spaces) == {"default"}
    assert await semantic.ranked("other", "code", 10) == []


async def test_an_explanation_says_what_was_found_by_meaning(fleet: Fleet) -> None:
    query = Query(text="programming", match=Match.AUTO)
    inside = await fleet.registry.explain("default", "coder", query)
    assert inside.rank == 1
    assert all(rule.passed for rule in inside.rules)
    outside = await fleet.registry.explain("default", "player", query)
    assert outside.rank is None
    assert [rule.name for rule in outside.rules if not rule.passed] == ["text"]


@pytest.mark.parametrize("text", ["!!!", " "])
async def test_a_question_without_a_word_is_refused(text: str, fleet: Fleet) -> None:
    with pytest.raises(InvalidInput):
        await fleet.ask(text)


async def test_an_encoder_that_fails_leaves_the_next_question_to_work(
    clock: FrozenClock, memory: InMemoryStore
) -> None:
    fleet = Fleet(clock, memory)
    failing = [True]

    def make() -> Thesaurus:
        if failing:
            failing.pop()
            raise OSError("no such file")
        return fleet.encoder

    registry = RegistryService(memory, clock=clock, encoder=make)
    await registry.start()
    await registry.register(msgspec.structs.replace(record(), capabilities=(Capability("code"),)))
    query = Query(text="software", match=Match.SEMANTIC)
    with pytest.raises(OSError, match="no such file"):
        await registry.search("default", query)
    assert len(await registry.search("default", query)) == 1
    await registry.stop()
