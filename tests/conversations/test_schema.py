"""Generated requests against what the fronts say of themselves: no 500, nothing undescribed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import ASGIApp

from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from support.conversations import InMemoryConversations, InMemoryToolbox, ScriptedLoop
from support.fronts import front_of
from support.generated import asked_of_all
from support.hosting import hosted


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[ASGIApp]:
        clock, loop = FrozenClock(), ScriptedLoop("scripted:small")
        conversations = InMemoryConversations(loop, clock, RandomIds())
        yield front_of(conversations, InMemoryToolbox(), loop, clock)
        await conversations.close()

    with hosted(opened) as url:
        yield url


@pytest.mark.timeout(300)
def test_no_generated_request_finds_a_fault(server: str, subtests: pytest.Subtests) -> None:
    asked = asked_of_all(server, subtests)
    assert len(asked) >= 14
