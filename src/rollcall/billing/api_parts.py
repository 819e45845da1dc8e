# SPDX-License-Identifier: Apache-2.0
"""What the routes of billing share."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Response
from pydantic import BaseModel, ValidationError

from rollcall.billing.problems import PROBLEMS
from rollcall.billing.service import BillingService
from rollcall.kernel.cursors import Place, cursor_of
from rollcall.kernel.errors import InvalidInput
from rollcall.web import paging
from rollcall.web.lines import check_id, check_line
from rollcall.web.problems import STANDARD, TYPE_PREFIX, field_error
from rollcall.web.services import service

MAX_KEY: Final = 500

Billing = Annotated[BillingService, Depends(service("billing_service"))]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=MAX_KEY,
        description="The same key and content give the first answer; other content a 409.",
    ),
]


async def _agent_id(agent_id: str) -> str:
    return check_id("agent_id", agent_id)


async def _id(id: str) -> str:
    return check_line("id", id, MAX_KEY)


AgentId = Annotated[str, Depends(_agent_id)]
Id = Annotated[str, Depends(_id)]


def key_of(header: str | None, field: str | None) -> str | None:
    """The idempotency key of a request, which may have it in two places.

    Raises:
        InvalidInput: They say different things, or it is no printable line.
    """
    if header is not None and field is not None and header != field:
        raise InvalidInput("idempotency_key", "is another one than the header Idempotency-Key")
    key = header if field is None else field
    return None if key is None else check_line("idempotency_key", key, MAX_KEY)


def answer(
    body: BaseModel,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer in JSON."""
    return Response(body.model_dump_json(), status, headers, "application/json")


def place_of(word: str | None) -> Place | None:
    """Where the page before ended.

    Raises:
        InvalidInput: It is none of our words.
    """
    return paging.place_of(word, partial(check_line, longest=MAX_KEY))


def word_of(id_: str | None) -> str | None:
    """The word for where a page that is ordered by ids ended."""
    return None if id_ is None else cursor_of(Place(0.0, id_))


def id_of(word: str | None) -> str | None:
    """The id behind which a page begins."""
    place = place_of(word)
    return None if place is None else place.id


def problem_of(error: Exception) -> dict[str, Any]:
    """An error as a problem (RFC 9457) within an answer."""
    if isinstance(error, ValidationError):
        fields = [field_error({**one, "loc": ("", *one["loc"])}) for one in error.errors()]
        detail = "; ".join(f"{one['field']}: {one['problem']}" for one in fields)
        return {**_kind(InvalidInput), "detail": detail[:1000], "errors": fields[:100]}
    problem = {**_kind(type(error)), "detail": str(error)[:1000]}
    if isinstance(error, InvalidInput):
        problem["errors"] = [{"field": error.field, "problem": error.problem}]
    return problem


def _kind(error: type[Exception]) -> dict[str, Any]:
    table = {**STANDARD, **PROBLEMS}
    kind = next(table[one] for one in error.__mro__ if one in table)
    return {"type": TYPE_PREFIX + kind.name, "title": kind.title, "status": kind.status}
