"""Who can do it? By words, by meaning, by status."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rollcall.kernel.errors import InvalidInput, MissingExtra
from rollcall.orchestration import AgentMetadata, AgentRegistry, AgentRegistryConfig, AgentStatus
from rollcall.registry.meaning import Vectors
from rollcall.registry.query import Reason
from support.registries import OpenAgentRegistry


class ToyEncoder:
    """Knows a few synonyms; every other word means itself alone."""

    name = "toy"
    dimension = 64

    def __init__(self) -> None:
        self._places = {"automobile": 0, "car": 0, "mend": 1, "repair": 1}

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                place = self._places.setdefault(word, 2 + len(self._places))
                vectors[row, place % self.dimension] = 1.0
            vectors[row] /= max(1.0, float(np.linalg.norm(vectors[row])))
        return vectors


async def register(registry: AgentRegistry, **capabilities: Any) -> None:
    for key, said in capabilities.items():
        mine = SimpleNamespace(capabilities=said if isinstance(said, list) else [said])
        await registry.register_agent(mine, f"runtime of {key}", agent_id=key)


def ids(found: Sequence[AgentMetadata]) -> list[str]:
    return [one.agent_id for one in found]


async def find(registry: AgentRegistry, words: str, **others: Any) -> list[str]:
    return ids(await registry.find_agents_by_capability(words, **others))


async def test_the_best_match_comes_first(registry: AgentRegistry) -> None:
    await register(
        registry,
        inside="encode generations",
        words="generation of clean code",
        phrase="python code generation",
        exact="Code Generation",
        other="data analysis",
    )
    assert await find(registry, "code generation") == ["exact", "phrase", "words", "inside"]
    assert set(await find(registry, "code gen")) == {"exact", "phrase", "inside"}
    assert await find(registry, "ENCODE") == ["inside"]


async def test_description_and_tags_are_searched_too(registry: AgentRegistry) -> None:
    await register(
        registry,
        described=[{"name": "planning", "description": "Finds the quickest way by train"}],
        tagged=[{"name": "booking", "tags": ["train", "hotel"]}],
    )
    assert set(await find(registry, "train")) == {"described", "tagged"}
    assert await find(registry, "quickest way") == ["described"]


async def test_an_agent_with_several_matches_is_found_once(registry: AgentRegistry) -> None:
    await register(registry, a=["code review", "code generation", "code"])
    assert await find(registry, "code") == ["a"]


async def test_equal_matches_come_in_the_order_of_registration(registry: AgentRegistry) -> None:
    await register(registry, c="code", a="code", b="code")
    assert await find(registry, "code") == ["c", "a", "b"]


async def test_the_order_of_registration_survives_that_others_leave(
    registry: AgentRegistry,
) -> None:
    await register(registry, a="code", b="code", c="code")
    await registry.deregister_agent("a", "runtime of a")
    await register(registry, d="code")
    assert await find(registry, "code") == ["b", "c", "d"]
    assert ids(registry.list_agents()) == ["b", "c", "d"]


async def test_only_active_agents_are_found_unless_another_status_is_asked_for(
    registry: AgentRegistry,
) -> None:
    for status in AgentStatus:
        await register(registry, **{status.value: "code"})
        await registry.update_agent_status(status.value, status)
    assert await find(registry, "code") == ["active"]
    for status in AgentStatus:
        assert await find(registry, "code", status_filter=status) == [status.value]
        assert ids(registry.find_agents_by_status(status)) == [status.value]
    assert set(await find(registry, "code", status_filter=None)) == set(AgentStatus)


@pytest.mark.parametrize("words", ["", "   ", "\t"])
async def test_blank_words_are_refused(registry: AgentRegistry, words: str) -> None:
    with pytest.raises(InvalidInput, match="must not be blank"):
        await registry.find_agents_by_capability(words)


async def test_an_unknown_way_to_match_is_refused(registry: AgentRegistry) -> None:
    with pytest.raises(InvalidInput, match="'fuzzy' is none of lexical, semantic, auto"):
        await registry.find_agents_by_capability("code", match="fuzzy")  # type: ignore[arg-type]


async def test_an_unknown_status_is_refused(registry: AgentRegistry) -> None:
    for call in (registry.list_agents, registry.find_agents_by_status):
        with pytest.raises(ValueError, match="sleepy"):
            call(**{"status_filter" if call == registry.list_agents else "status": "sleepy"})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="sleepy"):
        await registry.find_agents_by_capability("code", status_filter="sleepy")  # type: ignore[arg-type]


async def test_listing_filters_by_runtime_and_status(registry: AgentRegistry) -> None:
    for key, runtime in (("a", "r1"), ("b", "r1"), ("c", "r2")):
        await registry.register_agent(SimpleNamespace(), runtime, agent_id=key)
    await registry.update_agent_status("b", AgentStatus.BUSY)
    assert ids(registry.list_agents()) == ["a", "b", "c"]
    assert (
        ids(registry.list_agents("r1")) == ids(registry.find_agents_by_runtime("r1")) == ["a", "b"]
    )
    assert ids(registry.list_agents(status_filter=AgentStatus.BUSY)) == ["b"]
    assert ids(registry.list_agents("r2", AgentStatus.BUSY)) == []
    assert ids(registry.list_agents("nowhere")) == []


async def test_listing_works_with_and_without_await(registry: AgentRegistry) -> None:
    await register(registry, a="code")
    assert await registry.list_agents() == registry.list_agents()
    assert ids(await registry.find_agents_by_runtime("runtime of a")) == ["a"]
    assert ids(await registry.find_agents_by_status(AgentStatus.ACTIVE)) == ["a"]


async def test_a_search_by_meaning_finds_other_words(open_registry: OpenAgentRegistry) -> None:
    registry = await open_registry(encoder=ToyEncoder)
    await register(registry, garage="repair automobile", bakery="bake bread")
    assert await find(registry, "mend car") == []
    assert await find(registry, "mend car", match="semantic") == ["garage"]
    assert await find(registry, "mend car", match="auto") == ["garage"]


async def test_each_hit_says_how_well_it_matches_and_why(
    open_registry: OpenAgentRegistry,
) -> None:
    registry = await open_registry(encoder=ToyEncoder)
    await register(registry, garage=["wash car", "repair automobile"], tuner="car wash and more")
    by_words = await registry.find_agents_by_capability("wash car")
    told = [(one.match.capability.name, one.match.reason) for one in by_words if one.match]
    assert told == [("wash car", Reason.EXACT), ("car wash and more", Reason.WORDS)]
    (by_meaning,) = await registry.find_agents_by_capability("mend automobile", match="semantic")
    assert by_meaning.match is not None
    assert by_meaning.match.capability.name == "repair automobile"
    assert by_meaning.match.reason is Reason.SEMANTIC
    assert 0.0 < by_meaning.match.score <= 1.0
    assert "repair automobile" in by_meaning.match.detail
    assert registry.agents["garage"].match is None


async def test_auto_asks_for_meaning_only_where_the_words_find_nothing(
    open_registry: OpenAgentRegistry,
) -> None:
    def none() -> ToyEncoder:
        raise AssertionError("meaning was asked for")

    registry = await open_registry(encoder=none)
    await register(registry, a="code review")
    assert await find(registry, "code", match="auto") == ["a"]


async def test_meaning_keeps_to_the_status_asked_for(open_registry: OpenAgentRegistry) -> None:
    registry = await open_registry(encoder=ToyEncoder)
    await register(registry, well="repair automobile", ill="repair automobile")
    await registry.update_agent_status("ill", AgentStatus.UNHEALTHY)
    by_meaning = {"match": "semantic"}
    assert await find(registry, "mend car", **by_meaning) == ["well"]
    unhealthy = AgentStatus.UNHEALTHY
    assert await find(registry, "mend car", status_filter=unhealthy, **by_meaning) == ["ill"]


async def test_meaning_follows_who_comes_and_goes(open_registry: OpenAgentRegistry) -> None:
    registry = await open_registry(encoder=ToyEncoder)
    await register(registry, a="bake bread")
    assert await find(registry, "mend car", match="semantic") == []
    await register(registry, b="repair automobile")
    assert await find(registry, "mend car", match="semantic") == ["b"]
    await registry.deregister_agent("b", "runtime of b")
    assert await find(registry, "mend car", match="semantic") == []


async def test_without_the_extra_the_error_names_it(open_registry: OpenAgentRegistry) -> None:
    def missing() -> ToyEncoder:
        raise MissingExtra("semantic search", "semantic")

    registry = await open_registry(encoder=missing)
    await register(registry, a="code")
    for match in ("semantic", "auto"):
        with pytest.raises(MissingExtra, match=r"pip install 'rollcall-ai\[semantic\]'"):
            await find(registry, "something else", match=match)
    assert await find(registry, "code") == ["a"]


@pytest.mark.slow
async def test_the_real_model_finds_what_is_meant(open_registry: OpenAgentRegistry) -> None:
    pytest.importorskip("wordllama")
    registry = await open_registry()
    await register(registry, coder="code generation", analyst="data analysis", cook="cooking")
    assert (await find(registry, "write python code", match="semantic"))[0] == "coder"
    assert await find(registry, "tune a violin", match="auto") == []


async def test_without_the_index_the_same_is_found(open_registry: OpenAgentRegistry) -> None:
    indexed = await open_registry()
    scanning = await open_registry(AgentRegistryConfig(enable_capability_indexing=False))
    said = {
        "exact": "code",
        "phrase": ["docs", "clean code"],
        "inside": "encoder",
        "tagged": [{"name": "t", "description": "Writes code well", "tags": ["code"]}],
        "other": "data",
    }
    for registry in (indexed, scanning):
        await register(registry, **said)
        await registry.update_agent_status("phrase", AgentStatus.BUSY)
    for words in ("code", "CODE", "clean code", "code clean", "enc", "well", "nothing"):
        for status in (*AgentStatus, None):
            assert await find(scanning, words, status_filter=status) == await find(
                indexed, words, status_filter=status
            )
    before = scanning.service.state.index.steps
    await find(scanning, "code")
    assert scanning.service.state.index.steps == before
