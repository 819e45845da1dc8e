"""Searches by meaning over HTTP: asked for, and marked in each row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import httpx
import numpy as np
import pytest_asyncio
from fastapi import FastAPI

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.ids import RandomIds
from rollcall.protocols.agent_registry.module import module
from rollcall.registry.meaning import Vectors
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock

SAME = {"programming": "code", "boardgames": "chess"}
WORDS = ["code", "chess"]


class Thesaurus:
    """Each word that it knows is a direction of its own."""

    name = "thesaurus"
    dimension = len(WORDS)

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            for word in text.split():
                meaning = SAME.get(word, word)
                if meaning in WORDS:
                    vectors[row, WORDS.index(meaning)] = 1.0
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.divide(vectors, lengths, out=vectors, where=lengths > 0)


@pytest_asyncio.fixture
async def fleet(
    clock: FrozenClock,
    make_app: Callable[..., FastAPI],
    clients: Callable[[FastAPI], httpx.AsyncClient],
) -> AsyncIterator[httpx.AsyncClient]:
    registry = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock, encoder=Thesaurus)
    await registry.start()
    agents = clients(make_app(module(registry)))
    for key in WORDS:
        agent = {"agent_id": key, "agent_name": key, "base_url": "http://a:1"}
        await agents.post("/register", json={**agent, "capabilities": [{"name": key}]})
    yield agents
    await registry.stop()


async def test_meaning_is_never_mixed_in_where_it_was_not_asked_for(
    fleet: httpx.AsyncClient,
) -> None:
    assert (await fleet.get("/capabilities/search?q=programming")).json() == []


async def test_a_hit_by_meaning_says_so_and_can_be_explained(fleet: httpx.AsyncClient) -> None:
    for match in ("semantic", "auto"):
        params = {"q": "programming", "match": match, "limit": 1, "explain": True}
        (row,) = (await fleet.get("/capabilities/search", params=params)).json()
        assert (row["agent_id"], row["reason"]) == ("code", "semantic")
        rule = row["explanation"]["rules"][0]
        assert (rule["name"], rule["passed"]) == ("q", True)
        assert rule["detail"].startswith("capability 'code': ")
    params = {"q": "programming", "match": "auto"}
    why = (await fleet.get("/agents/code/explain", params=params)).json()
    assert (why["found"], why["rank"]) == (True, 1)


async def test_words_that_match_come_as_words_though_meaning_was_allowed(
    fleet: httpx.AsyncClient,
) -> None:
    (row,) = (await fleet.get("/capabilities/search?q=chess&match=auto")).json()
    assert (row["agent_id"], row["reason"]) == ("chess", "exact")
