# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from rollcall.memory.companion import Companion
from rollcall.memory.noticing import Kind, Notice
from rollcall.memory.service import MemoryService

Memories = MemoryService[Any]


async def test_what_a_user_says_comes_back_in_a_later_session(memories: Memories) -> None:
    companion = Companion(memories)
    (kept,) = await companion.remember("default", "anna", "s1", "Remember that I drink green tea.")
    assert kept.filters.as_dict() == {"user_id": "anna"}
    assert kept.metadata == {"source": "conversation", "session_id": "s1", "kind": "asked"}
    assert await companion.recall("default", "anna", "s2", "Which tea?") == ["I drink green tea"]
    assert await companion.recall("default", "bert", "s2", "Which tea?") == []
    assert await companion.recall("other", "anna", "s2", "Which tea?") == []


async def test_without_a_user_the_session_is_the_scope(memories: Memories) -> None:
    companion = Companion(memories)
    await companion.remember("default", None, "s1", "I live in Oslo.")
    assert await companion.recall("default", None, "s1", "hello") == ["I live in Oslo"]
    assert await companion.recall("default", None, "s2", "hello") == []


async def test_what_fits_comes_first_and_the_newest_behind(memories: Memories) -> None:
    companion = Companion(memories)
    for said in ("I like coffee.", "I like snow.", "My dog is Rex."):
        await companion.remember("default", "anna", "s", said)
    assert await companion.recall("default", "anna", "s", "coffee?", 2) == [
        "I like coffee",
        "My dog is Rex",
    ]
    assert await companion.recall("default", "anna", "s", "?!", 1) == ["My dog is Rex"]


async def test_where_nothing_is_remembered_nothing_is_searched(
    memories: Memories, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []

    async def search(query: str, *rest: object, **more: object) -> list[Any]:
        searched.append(query)
        return []

    companion = Companion(memories)
    monkeypatch.setattr(memories, "search_memories", search)
    assert await companion.recall("default", "anna", "s", "Which tea?") == []
    assert searched == []
    await companion.remember("default", "anna", "s", "I like tea.")
    assert await companion.recall("default", "anna", "s", "Which tea?") == ["I like tea"]
    assert searched == ["which tea"]


async def test_what_is_said_twice_is_remembered_once(memories: Memories) -> None:
    companion = Companion(memories)
    for session in ("s1", "s2"):
        await companion.remember("default", "anna", session, "My name is Anna.")
    assert len(await companion.recall("default", "anna", "s", "name")) == 1


async def test_a_message_in_the_language_of_queries_is_read_as_words(memories: Memories) -> None:
    companion = Companion(memories)
    await companion.remember("default", "anna", "s", "I like tea.")
    for said in ("tea -like", '"tea OR', "like*", "tea " * 2000):
        assert await companion.recall("default", "anna", "s", said) == ["I like tea"]


async def test_a_model_may_decide_instead(memories: Memories) -> None:
    class Everything:
        async def notices(self, text: str) -> Sequence[Notice]:
            return [Notice(text, Kind.STATED)]

    companion = Companion(memories, Everything())
    assert len(await companion.remember("default", "anna", "s", "It rains")) == 1
