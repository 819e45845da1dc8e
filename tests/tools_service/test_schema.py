"""Generated requests against the description of tools: what it allows is answered, and no more."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import assume
from pydantic import BaseModel, Field
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from rollcall.tools import ToolService
from support.generated import CHECKS, asked_of_all, valid
from support.hosting import hosted

EXACT = (*CHECKS, positive_data_acceptance, negative_data_rejection)
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


def ask(case: schemathesis.Case, url: str) -> None:
    # It is refused in any text, which no description says: models would read it with each tool.
    assume("\\u0000" not in json.dumps([case.query, case.body], default=str))
    valid(case, url, checks=EXACT)


@pytest.mark.timeout(300)
def test_no_generated_request_finds_a_fault(url: str, subtests: pytest.Subtests) -> None:
    asked = asked_of_all(url, subtests, ask, examples=30)
    assert {"POST /tools/simple", "GET /tools/simple", "POST /tools/nested"} <= set(asked)
