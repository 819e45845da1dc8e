from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from rollcall.gateway.errors import NoInstanceWorks
from rollcall.gateway.ports import Instance
from rollcall.gateway.settings import GatewaySettings
from rollcall.gateway.upstreams import Attempt, Outcome, Upstreams
from rollcall.testing.clock import FrozenClock

ONE, TWO, THREE = (Instance(name, "127.0.0.1", port) for port, name in enumerate("abc", 1))
ALL = (ONE, TWO, THREE)


class Shop:
    """Instances, and a clock that stands still."""

    def __init__(self) -> None:
        self.clock = FrozenClock()
        settings = GatewaySettings(broken_after=3, broken_seconds=10, away_seconds=2)
        self.known = Upstreams(settings, self.clock, Random(1))

    def enter(self, *instances: Instance, tried: tuple[str, ...] = ()) -> Attempt:
        found = self.known.enter("shop", instances, tried)
        assert found is not None
        return found

    def attempt(self, outcome: Outcome, *instances: Instance) -> str:
        found = self.enter(*instances)
        found.left(self.clock.monotonic(), outcome)
        return found.instance.id

    def fail(self, instance: Instance, times: int = 3) -> None:
        for _ in range(times):
            self.attempt(Outcome.LOST, instance)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_the_least_busy_is_asked(shop: Shop) -> None:
    under_way = [shop.enter(*ALL) for _ in range(9)]
    assert Counter(one.instance.id for one in under_way) == {"a": 3, "b": 3, "c": 3}
    done = under_way[4]
    done.left(shop.clock.monotonic(), Outcome.ANSWERED)
    assert shop.enter(*ALL).instance == done.instance


def test_what_was_tried_is_not_tried_again(shop: Shop) -> None:
    assert shop.enter(ONE, TWO, tried=("a",)).instance is TWO
    assert shop.known.enter("shop", (ONE, TWO), ("a", "b")) is None


async def test_what_took_no_connection_is_the_last_choice_for_a_while(shop: Shop) -> None:
    shop.attempt(Outcome.UNREACHED, ONE)
    assert {shop.attempt(Outcome.ANSWERED, ONE, TWO) for _ in range(20)} == {"b"}
    assert shop.attempt(Outcome.LEFT, ONE) == "a"
    await shop.clock.advance(2)
    assert {shop.attempt(Outcome.ANSWERED, ONE, TWO) for _ in range(20)} == {"a", "b"}


async def test_what_failed_again_and_again_is_not_asked_until_a_trial_works(shop: Shop) -> None:
    shop.fail(ONE)
    with pytest.raises(NoInstanceWorks) as refused:
        shop.enter(ONE)
    assert refused.value.retry_after == 10
    assert {shop.attempt(Outcome.ANSWERED, ONE, TWO) for _ in range(20)} == {"b"}
    await shop.clock.advance(10)
    trial = shop.enter(ONE)
    assert shop.enter(ONE, TWO).instance is TWO
    trial.left(shop.clock.monotonic(), Outcome.ANSWERED)
    assert shop.attempt(Outcome.ANSWERED, ONE) == "a"


def test_callers_that_leave_say_nothing_about_an_instance(shop: Shop) -> None:
    for outcome in (Outcome.LEFT, Outcome.BUSY, Outcome.ANSWERED):
        for _ in range(10):
            assert shop.attempt(outcome, ONE) == "a"


def test_what_is_remembered_has_a_bound(shop: Shop) -> None:
    busy = shop.enter(ONE)
    for number in range(5000):
        shop.attempt(Outcome.ANSWERED, Instance(f"other-{number}", "127.0.0.1", 1))
    assert len(shop.known) <= 1024
    assert shop.enter(ONE, TWO).instance is TWO
    busy.left(shop.clock.monotonic(), Outcome.ANSWERED)
