"""Generated requests against what the fronts say of themselves: no 500, nothing undescribed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.types import ASGIApp

from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from support.conversations import InMemoryConversations, InMemoryToolbox, ScriptedLoop
from support.fronts import front_of
from support.generated import generated
from support.hosting import hosted

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


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
    schema = schemathesis.openapi.from_url(f"{server}/openapi.json")
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @generated(operation)
        def ask(case: schemathesis.Case) -> None:
            answer = case.call(base_url=server)
            assert answer.status_code < 500, answer.text
            case.validate_response(answer, checks=CHECKS, excluded_checks=[not_a_server_error])

        with subtests.test(operation=operation.label):
            ask()
        asked += 1
    assert asked >= 14
