# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from rollcall.dashboard.gathering import Gatherer
from rollcall.dashboard.models import Heard, Missing, Question, Said
from rollcall.dashboard.ports import NotAnswered
from rollcall.kernel.errors import Unavailable
from rollcall.testing.clock import FrozenClock
from support.dashboards import CALLER, NUMBERS, Told

SUMMARY = Question("analytics", "/api/dashboard/summary")
BILLING = Question("billing", "/api/billing")
KEY = (SUMMARY.service, SUMMARY.path)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest_asyncio.fixture
async def gatherer(told: Told, clock: FrozenClock) -> AsyncIterator[Gatherer]:
    one = Gatherer(told, clock)
    yield one
    await one.close()


async def test_questions_that_come_together_are_asked_once(gatherer: Gatherer, told: Told) -> None:
    answers = await asyncio.gather(*(gatherer.ask(CALLER, [SUMMARY]) for _ in range(20)))
    assert told.asked[KEY] == 1
    assert {one[0].said.body["total_tokens"] for one in answers if isinstance(one[0], Heard)} == {
        NUMBERS["total_tokens"]
    }


async def test_an_answer_is_given_again_for_a_second_and_says_how_old_it_is(
    gatherer: Gatherer, told: Told, clock: FrozenClock
) -> None:
    (first,) = await gatherer.ask(CALLER, [SUMMARY])
    clock.jump(0.9)
    (again,) = await gatherer.ask(CALLER, [SUMMARY])
    assert again == first
    assert (first.at, told.asked[KEY]) == (clock.now() - 0.9, 1)
    clock.jump(0.1)
    (anew,) = await gatherer.ask(CALLER, [SUMMARY])
    assert (anew.at, told.asked[KEY]) == (clock.now(), 2)


async def test_what_is_forgotten_is_asked_anew_and_for_its_namespace_alone(
    gatherer: Gatherer, told: Told
) -> None:
    others = replace(CALLER, namespace="zoo")
    for caller in (CALLER, others):
        await gatherer.ask(caller, [SUMMARY, BILLING])
    assert gatherer.forget("acme", [SUMMARY]) == 1
    for caller in (CALLER, others):
        await gatherer.ask(caller, [SUMMARY, BILLING])
    assert told.asked == {KEY: 3, ("billing", "/api/billing"): 2}


async def test_what_was_on_its_way_when_it_was_forgotten_is_not_given_to_who_comes_later(
    gatherer: Gatherer, told: Told, clock: FrozenClock
) -> None:
    told.answers[KEY] = held = asyncio.Event()
    early = asyncio.create_task(gatherer.ask(CALLER, [SUMMARY]))
    await clock.settle()
    assert told.asked[KEY] == 1
    gatherer.forget(CALLER.namespace)
    told.answers[KEY] = {**NUMBERS, "total_tokens": 99}
    (late,) = await gatherer.ask(CALLER, [SUMMARY])
    assert isinstance(late, Heard)
    assert late.said.body["total_tokens"] == 99
    held.set()
    (first,) = await early
    assert isinstance(first, Heard)
    (after,) = await gatherer.ask(CALLER, [SUMMARY])
    assert after == late


async def test_who_leaves_takes_the_answer_from_nobody(
    gatherer: Gatherer, told: Told, clock: FrozenClock
) -> None:
    told.answers[KEY] = held = asyncio.Event()
    leaving = asyncio.create_task(gatherer.ask(CALLER, [SUMMARY]))
    staying = asyncio.create_task(gatherer.ask(CALLER, [SUMMARY]))
    await clock.settle()
    assert told.asked[KEY] == 1
    leaving.cancel()
    held.set()
    (found,) = await staying
    assert isinstance(found, Heard)
    assert told.asked[KEY] == 1


async def test_a_slow_service_is_given_up_and_delays_no_other(
    gatherer: Gatherer, told: Told, clock: FrozenClock
) -> None:
    told.answers[KEY] = asyncio.Event()
    asking = asyncio.create_task(gatherer.ask(CALLER, [SUMMARY, BILLING]))
    begun = clock.now()
    await clock.advance(2.0)
    slow, quick = await asking
    assert slow == Missing("analytics", "no answer within 2 s", begun, begun)
    assert isinstance(quick, Heard)
    assert quick.latency == 0


async def test_what_fails_again_and_again_rests_and_is_tried_later(
    gatherer: Gatherer, told: Told, clock: FrozenClock
) -> None:
    told.answers[KEY] = Said(500, None)
    begun = clock.now()
    for _ in range(5):
        (found,) = await gatherer.ask(CALLER, [SUMMARY])
        assert isinstance(found, Missing)
        assert (found.problem, found.since) == ("answered 500", begun)
        clock.jump(1.0)
    assert told.asked[KEY] == 3
    del told.answers[KEY]
    told.answers[KEY] = NUMBERS
    clock.jump(5.0)
    (found,) = await gatherer.ask(CALLER, [SUMMARY])
    assert isinstance(found, Heard)


@pytest.mark.parametrize("status", [401, 403, 404, 422])
async def test_a_refusal_is_no_failure_of_the_service(
    status: int, gatherer: Gatherer, told: Told, clock: FrozenClock
) -> None:
    told.answers[KEY] = Said(status, None)
    for _ in range(6):
        (found,) = await gatherer.ask(CALLER, [SUMMARY])
        assert isinstance(found, Missing)
        assert (found.problem, found.status) == (f"answered {status}", status)
        clock.jump(1.0)
    assert told.asked[KEY] == 6


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotAnswered("does not answer"), "does not answer"),
        (Unavailable("postgresql://anna:secret@db is down"), "could not be asked"),
        (RuntimeError("secret"), "could not be asked"),
    ],
)
async def test_errors_are_named_without_what_nobody_should_see(
    error: Exception, said: str, gatherer: Gatherer, told: Told
) -> None:
    told.answers[KEY] = error
    (found,) = await gatherer.ask(CALLER, [SUMMARY])
    assert isinstance(found, Missing)
    assert found.problem == said


async def test_since_when_a_service_fails_is_told_until_it_answers(
    gatherer: Gatherer, told: Told, clock: FrozenClock
) -> None:
    told.answers[KEY] = NotAnswered("does not answer")
    begun = clock.now()
    await gatherer.ask(CALLER, [SUMMARY])
    clock.jump(60.0)
    (found,) = await gatherer.ask(CALLER, [SUMMARY])
    assert isinstance(found, Missing)
    assert (found.since, found.at) == (begun, begun + 60)
    told.answers[KEY] = NUMBERS
    clock.jump(1.0)
    await gatherer.ask(CALLER, [SUMMARY])
    told.answers[KEY] = NotAnswered("does not answer")
    clock.jump(1.0)
    (found,) = await gatherer.ask(CALLER, [SUMMARY])
    assert isinstance(found, Missing)
    assert found.since == clock.now()
