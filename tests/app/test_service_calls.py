# SPDX-License-Identifier: Apache-2.0
"""How services of this installation ask each other: where, as whom, and what is no answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated
from urllib.parse import urlsplit

import pytest
from fastapi import APIRouter, Depends, Request, Response
from starlette.types import ASGIApp

from rollcall.app.service_calls import NAMES, ServiceCalls
from rollcall.dashboard.models import Question
from rollcall.dashboard.ports import NotAnswered, NotHere
from rollcall.gateway.ports import Instance, Instances, NoInstances
from rollcall.kernel.caller import READ, Caller
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import Unavailable
from rollcall.kernel.ids import RandomIds
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import BearerAccess, require
from rollcall.web.drain import Drain
from rollcall.web.keys import InMemoryKeyStore
from rollcall.web.module import Kit, Module, create_app
from rollcall.web.paging import link
from rollcall.web.passes import PassAccess, Passes
from support.hosting import hosted

CLOCK = SystemClock()
PASSES = Passes(bytes(32), CLOCK)
ANNA = Caller("key:anna", "acme", frozenset({READ}))
ECHO = Question("analytics", "/api/echo/a b", (("status", "x y"), ("status", "z")))


def app(name: str) -> ASGIApp:
    """A service that says what it was asked, and by whom."""
    routes = APIRouter()

    @routes.get("/api/echo/{word}")
    async def echo(
        caller: Annotated[Caller, Depends(require(READ))],
        word: str,
        request: Request,
        response: Response,
    ) -> dict[str, object]:
        response.headers["Link"] = link(request.url, "page 2/é")
        status = request.query_params.getlist("status")
        return {
            "name": name,
            "word": word,
            "status": status,
            "by": [caller.subject, caller.namespace, *caller.scopes],
        }

    @routes.get("/page")
    async def page() -> Response:
        return Response("<html>", media_type="text/html")

    kit = Kit(
        name,
        "1",
        CLOCK,
        RandomIds(),
        PassAccess(BearerAccess(InMemoryKeyStore(), CLOCK), PASSES),
        InMemoryAuditLog(),
        Drain(),
    )
    return create_app([Module("echo", routers=(routes,))], kit)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[ASGIApp]:
        yield app("elsewhere")

    with hosted(opened) as url:
        yield url


class Registered:
    """A registry that knows these places."""

    def __init__(self, *places: Instance) -> None:
        self.places = places
        self.asked: list[str] = []

    async def find(self, service: str) -> Sequence[Instance]:
        self.asked.append(service)
        return self.places


class Away:
    """A registry that does not answer."""

    async def find(self, service: str) -> Sequence[Instance]:
        raise Unavailable("10.0.0.1 is down")


def calls(
    instances: Instances | None = None,
    local: Mapping[str, ASGIApp] | None = None,
    urls: Mapping[str, str] | None = None,
) -> ServiceCalls:
    return ServiceCalls(instances or NoInstances(), local or {}, urls or {}, PASSES, CLOCK)


def place(url: str) -> Instance:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return Instance(f"i-{parts.port}", parts.hostname, parts.port)


@pytest.mark.parametrize("how", ["here", "at a fixed address", "by the registry"])
async def test_a_service_is_asked_for_the_caller_wherever_it_is(how: str, elsewhere: str) -> None:
    one = {
        "here": lambda: calls(local={"analytics": app("here")}),
        "at a fixed address": lambda: calls(urls={"ANALYTICS_SERVICE_URL": elsewhere}),
        "by the registry": lambda: calls(Registered(place(elsewhere))),
    }[how]()
    said = await one.get(ANNA, ECHO)
    one.close()
    assert said.status == 200
    assert said.body == {
        "name": "here" if how == "here" else "elsewhere",
        "word": "a b",
        "status": ["x y", "z"],
        "by": ["key:anna", "acme", "read"],
    }
    assert said.cursor == "page 2/é"


async def test_a_fixed_address_goes_before_this_process(elsewhere: str) -> None:
    one = calls(local={"analytics": app("here")}, urls={"ANALYTICS_SERVICE_URL": elsewhere})
    assert (await one.get(ANNA, ECHO)).body["name"] == "elsewhere"
    one.close()


async def test_an_instance_that_is_gone_is_passed_over(elsewhere: str) -> None:
    gone = Instance("gone", "127.0.0.1", 1)
    one = calls(Registered(gone, place(elsewhere), gone))
    for _ in range(4):
        assert (await one.get(ANNA, ECHO)).status == 200
    one.close()


async def test_many_questions_at_once_pass_it_over_too(elsewhere: str) -> None:
    gone, there = Instance("gone", "127.0.0.1", 9), place(elsewhere)
    one = calls(Registered(gone, there))
    said = await asyncio.gather(*(one.get(ANNA, ECHO) for _ in range(21)))
    assert {answer.status for answer in said} == {200}
    one.close()


async def test_what_lives_in_the_gateway_is_asked_there() -> None:
    one = calls(local={"gateway": app("gateway")})
    for name in ("memory", "agents", "gateway"):
        said = await one.get(ANNA, Question(name, "/health"))
        assert said.body["service"] == "gateway"
    registry = Registered()
    with pytest.raises(NotHere):
        await calls(registry).get(ANNA, Question("memory", "/health"))
    assert registry.asked == ["api-gateway"]


async def test_a_refusal_is_an_answer_with_its_status() -> None:
    one = calls(local={"analytics": app("here")})
    said = await one.get(ANNA, Question("analytics", "/nowhere"))
    assert (said.status, said.body["status"]) == (404, 404)


@pytest.mark.parametrize(
    ("instances", "error", "problem"),
    [
        (NoInstances(), NotHere, "runs nowhere"),
        (Away(), NotAnswered, "the registry does not say where it is"),
        (Registered(Instance("gone", "127.0.0.1", 1)), NotAnswered, "does not answer"),
    ],
)
async def test_why_there_is_no_answer_is_told_without_addresses(
    instances: Instances, error: type[NotAnswered], problem: str
) -> None:
    with pytest.raises(error) as caught:
        await calls(instances).get(ANNA, ECHO)
    assert caught.value.problem == problem


async def test_what_is_no_json_is_no_answer() -> None:
    with pytest.raises(NotAnswered, match="not in JSON"):
        await calls(local={"analytics": app("here")}).get(ANNA, Question("analytics", "/page"))


def test_every_service_of_the_gateway_can_be_asked_and_the_gateway_itself() -> None:
    assert {"analytics", "billing", "dashboard", "agent", "wizard", "gateway"} <= set(NAMES)
