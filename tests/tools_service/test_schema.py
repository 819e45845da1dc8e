"""Generated requests against the description of tools: what it allows is answered, and no more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

import pytest
import schemathesis
from fastapi import FastAPI
from pydantic import BaseModel, Field
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
)

from rollcall.tools import ToolService
from support.generated import generated
from support.hosting import hosted

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    positive_data_acceptance,
    negative_data_rejection,
]
service = ToolService("every-sort")


class Size(StrEnum):
    """How large."""

    SMALL = "small"
    LARGE = "large"


class Item(BaseModel, extra="forbid"):
    """Something in a list."""

    name: Annotated[str, Field(max_length=20)]
    count: Annotated[int, Field(ge=0, le=1000)] = 1


@service.tool(get=True)
def simple(
    text: str,
    number: Annotated[float, Field(ge=-1e9, le=1e9)] = 1,
    whole: Annotated[int | None, Field(ge=-9, le=9)] = None,
    sure: bool = False,
    size: Size = Size.SMALL,
    word: Literal["one", "two"] = "one",
    numbers: list[Annotated[int, Field(ge=0, le=9)]] | None = None,
) -> dict[str, str]:
    """Say what came."""
    return {"said": f"{text}{number}{whole}{sure}{size}{word}{numbers}"}


@service.tool
def nested(items: list[Item], day: date | None = None) -> list[Item]:
    """Give back what came."""
    return items if day is None else items[:1]


@service.tool
async def nothing() -> None:
    """Take nothing, and say nothing."""


@asynccontextmanager
async def opened() -> AsyncIterator[FastAPI]:
    async with service.app.router.lifespan_context(service.app):
        yield service.app


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, hosted(opened) as one:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield one


@pytest.mark.timeout(300)
def test_no_generated_request_finds_a_fault(url: str, subtests: pytest.Subtests) -> None:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    asked: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()

        @generated(operation, 30)
        def ask(case: schemathesis.Case) -> None:
            answer = case.call(base_url=url)
            assert answer.status_code < 500, answer.text
            case.validate_response(answer, checks=CHECKS, excluded_checks=[not_a_server_error])

        with subtests.test(operation=operation.label):
            ask()
        asked.append(operation.label)
    assert {"POST /tools/simple", "GET /tools/simple", "POST /tools/nested"} <= set(asked)
