from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import httpx
import pytest

from rollcall.client import Choice, Discovery, NoInstance, RegistryUnavailable
from rollcall.kernel.errors import Closed, InvalidInput
from rollcall.testing.clock import FrozenClock

REFUSED = httpx.ConnectError("refused")


@pytest.fixture
async def discovery(wire: Any, clock: FrozenClock) -> AsyncIterator[Discovery]:
    async with Discovery("http://registry:3003", clock=clock, rng=Random(1), transport=wire) as one:
        yield one


def add(wire: Any, *ids: str, **fields: Any) -> None:
    for service_id in ids:
        wire.services[service_id] = wire.service(service_id, **fields)


async def chosen(discovery: Discovery, times: int, **how: Any) -> Counter[str]:
    return Counter([(await discovery.choose("calculator", **how)).service_id for _ in range(times)])


async def test_an_answer_is_kept_for_60_seconds(
    discovery: Discovery, wire: Any, clock: FrozenClock
) -> None:
    add(wire, "a")
    await discovery.find("calculator")
    await clock.advance(59)
    add(wire, "b")

    kept = await discovery.find("calculator")
    assert [one.service_id for one in kept.services] == ["a"]
    assert (kept.age_seconds, kept.stale) == (59, False)
    assert len(wire.requests) == 1

    await clock.advance(1)
    new = await discovery.find("calculator")
    assert [one.service_id for one in new.services] == ["a", "b"]
    assert new.age_seconds == 0


async def test_that_there_is_nothing_is_not_kept(discovery: Discovery, wire: Any) -> None:
    assert (await discovery.find("calculator")).services == ()
    add(wire, "a")
    assert len((await discovery.find("calculator")).services) == 1


async def test_a_service_that_is_gone_is_not_answered_from_an_old_copy(
    discovery: Discovery, wire: Any, clock: FrozenClock
) -> None:
    add(wire, "a")
    await discovery.find("calculator")
    wire.services.clear()
    await clock.advance(60)
    assert (await discovery.find("calculator")).services == ()

    wire.faults.extend([REFUSED] * 4)
    asking = asyncio.ensure_future(discovery.find("calculator"))
    await clock.advance(60)
    with pytest.raises(RegistryUnavailable):
        await asking


async def test_the_question_is_asked_as_the_contract_says(discovery: Discovery, wire: Any) -> None:
    await discovery.find("calculator", service_type="tool", capability="sums", tags=["b", "a"])

    query = wire.requests[0].url.params
    assert wire.requests[0].url.path == "/api/v1/discover"
    assert (query["name"], query["service_type"]) == ("calculator", "tool")
    assert query.get_list("capabilities") == ["sums"]
    assert query.get_list("tags") == ["a", "b"]


async def test_a_name_is_the_whole_name(discovery: Discovery, wire: Any) -> None:
    add(wire, "a", name="calculator-of-another")
    add(wire, "b")
    assert [one.service_id for one in (await discovery.find("calculator")).services] == ["b"]


async def test_while_the_registry_is_down_the_last_good_copy_serves_and_says_its_age(
    discovery: Discovery, wire: Any, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    add(wire, "a")
    await discovery.find("calculator")
    wire.down = REFUSED
    await clock.advance(3600)

    for _ in range(50):
        kept = await discovery.find("calculator")
    assert (kept.age_seconds, kept.stale) == (3600, True)
    assert (await discovery.choose("calculator")).service_id == "a"
    # It is down: not every caller has to find that out.
    assert len(wire.requests) == 2
    assert "3600 s ago" in caplog.text


async def test_a_registry_that_is_back_is_noticed_within_seconds(
    discovery: Discovery, wire: Any, clock: FrozenClock
) -> None:
    add(wire, "a")
    await discovery.find("calculator")
    wire.faults.append(REFUSED)
    await clock.advance(60)
    assert (await discovery.find("calculator")).stale

    await clock.advance(5)
    await discovery.find("calculator")
    await clock.settle()
    kept = await discovery.find("calculator")
    assert (kept.age_seconds, kept.stale) == (0, False)


async def test_while_the_registry_hangs_only_the_first_caller_waits_for_it(
    discovery: Discovery, wire: Any, clock: FrozenClock, finished: Any
) -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    add(wire, "a")
    await discovery.find("calculator")
    wire.faults.extend([never] * 100)
    await clock.advance(60)
    assert (await finished(discovery.find("calculator"))).stale

    for _ in range(40):
        before = clock.monotonic()
        assert (await discovery.find("calculator")).stale
        assert clock.monotonic() == before
        await clock.advance(1)
    assert len(wire.requests) > 4


async def test_without_a_copy_a_registry_that_is_down_is_an_error(
    discovery: Discovery, wire: Any, finished: Any
) -> None:
    wire.down = REFUSED
    with pytest.raises(RegistryUnavailable):
        await finished(discovery.find("calculator"))


async def test_those_who_ask_the_same_at_once_cause_one_request(
    discovery: Discovery, wire: Any, clock: FrozenClock
) -> None:
    add(wire, "a")
    release = asyncio.Event()

    async def held(_: httpx.Request) -> httpx.Response:
        await release.wait()
        return httpx.Response(200, json={"services": list(wire.services.values())})

    wire.faults.append(held)
    asking = [asyncio.ensure_future(discovery.find("calculator")) for _ in range(20)]
    await clock.settle()
    release.set()

    assert {len(one.services) for one in await asyncio.gather(*asking)} == {1}
    assert len(wire.requests) == 1


async def test_those_who_ask_at_once_share_the_failure(
    discovery: Discovery, wire: Any, clock: FrozenClock
) -> None:
    wire.down = REFUSED
    asking = [asyncio.ensure_future(discovery.find("calculator")) for _ in range(20)]
    await clock.advance(60)

    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(one) for one in answers} == {RegistryUnavailable}
    assert len(wire.requests) == 4


async def test_who_gives_up_takes_the_answer_from_nobody(
    discovery: Discovery, wire: Any, clock: FrozenClock
) -> None:
    add(wire, "a")
    release = asyncio.Event()

    async def held(_: httpx.Request) -> httpx.Response:
        await release.wait()
        return httpx.Response(200, json={"services": list(wire.services.values())})

    wire.faults.append(held)
    first, second = (asyncio.ensure_future(discovery.find("calculator")) for _ in range(2))
    await clock.settle()
    first.cancel()
    await clock.settle()
    release.set()

    assert len((await second).services) == 1
    assert first.cancelled()


async def test_an_instance_that_is_well_again_is_chosen_within_a_second(
    discovery: Discovery, wire: Any, clock: FrozenClock
) -> None:
    add(wire, "a", status="starting")
    for _ in range(3):
        with pytest.raises(NoInstance, match="a: starting"):
            await discovery.choose("calculator")
    assert len(wire.requests) == 1

    add(wire, "a")
    await clock.advance(1)
    assert (await discovery.choose("calculator")).service_id == "a"


async def test_closing_breaks_off_what_is_under_way(
    discovery: Discovery, wire: Any, clock: FrozenClock
) -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    wire.faults.append(never)
    asking = asyncio.ensure_future(discovery.find("calculator"))
    await clock.settle()

    await discovery.close()
    with pytest.raises(Closed):
        await asking


async def test_only_so_many_answers_are_kept(discovery: Discovery, wire: Any) -> None:
    for number in range(300):
        add(wire, f"{number}", name=f"service-{number:03}")
        await discovery.find(f"service-{number:03}")
    wire.requests.clear()

    await discovery.find("service-299")
    assert wire.requests == []
    await discovery.find("service-000")
    assert len(wire.requests) == 1


async def test_healthy_instances_come_first_and_are_chosen_alone(
    discovery: Discovery, wire: Any
) -> None:
    add(wire, "a", status="unhealthy")
    add(wire, "b", status="unknown")
    add(wire, "c", status="healthy")

    found = await discovery.find("calculator")
    assert [one.service_id for one in found.services] == ["c", "b", "a"]
    assert await chosen(discovery, 20) == {"c": 20}
    assert await chosen(discovery, 20, without=["c"]) == {"b": 20}
    with pytest.raises(NoInstance, match="a: unhealthy"):
        await discovery.choose("calculator", without=["b", "c"])


async def test_an_instance_without_an_address_is_not_chosen(
    discovery: Discovery, wire: Any
) -> None:
    add(wire, "a", host=None, port=None)
    with pytest.raises(NoInstance):
        await discovery.choose("calculator")


async def test_at_random_everybody_is_chosen_about_as_often(
    discovery: Discovery, wire: Any
) -> None:
    add(wire, "a", "b", "c", "d")
    counts = await chosen(discovery, 400)
    assert set(counts) == {"a", "b", "c", "d"}
    assert min(counts.values()) > 60


async def test_round_robin_takes_turns_also_over_a_refresh(
    discovery: Discovery, wire: Any, clock: FrozenClock
) -> None:
    add(wire, "a", "b", "c")
    order: list[str] = []
    for _ in range(7):
        one = await discovery.choose("calculator", by=Choice.ROUND_ROBIN)
        order.append(one.service_id)
        await clock.advance(31)
    assert order == ["a", "b", "c", "a", "b", "c", "a"]


async def test_the_least_busy_is_the_one_with_the_fewest_calls_under_way(
    discovery: Discovery, wire: Any
) -> None:
    add(wire, "a", "b")

    async def fail(busy: str) -> None:
        async with discovery.calling("calculator") as one:
            assert one.service_id != busy
            raise ZeroDivisionError

    async with discovery.calling("calculator") as first:
        async with discovery.calling("calculator") as second:
            assert {first.service_id, second.service_id} == {"a", "b"}
        with pytest.raises(ZeroDivisionError):
            await fail(first.service_id)
        assert await chosen(discovery, 20, by=Choice.LEAST_BUSY) == {second.service_id: 20}
    assert len(await chosen(discovery, 60, by=Choice.LEAST_BUSY)) == 2


async def test_by_weight_the_heavier_one_is_chosen_more_often(
    discovery: Discovery, wire: Any
) -> None:
    add(wire, "light")
    add(wire, "heavy", metadata={"extra": {"weight": 9}})
    add(wire, "never", metadata={"extra": {"weight": 0}})
    add(wire, "odd", metadata={"extra": {"weight": "heavy"}})

    counts = await chosen(discovery, 1100, by=Choice.WEIGHTED)

    assert counts["never"] == 0
    assert 820 < counts["heavy"] < 980
    assert min(counts["light"], counts["odd"]) > 50


async def test_sticky_keys_stay_and_only_those_of_who_leaves_move(
    discovery: Discovery, wire: Any, clock: FrozenClock
) -> None:
    async def places() -> dict[str, str]:
        return {
            key: (await discovery.choose("calculator", by=Choice.STICKY, key=key)).service_id
            for key in map(str, range(50))
        }

    add(wire, "a", "b", "c")
    before = await places()
    assert set(before.values()) == {"a", "b", "c"}

    del wire.services["b"]
    await clock.advance(60)
    after = await places()
    assert all(after[key] == place for key, place in before.items() if place != "b")
    assert set(after.values()) == {"a", "c"}


async def test_questions_that_make_no_sense_are_refused(discovery: Discovery) -> None:
    with pytest.raises(InvalidInput, match="name"):
        await discovery.find()
    with pytest.raises(InvalidInput, match="key"):
        await discovery.choose("calculator", by=Choice.STICKY)
    with pytest.raises(InvalidInput, match="key"):
        await discovery.choose("calculator", key="a")
    with pytest.raises(InvalidInput, match="cache_seconds"):
        Discovery("http://r", -1)


async def test_an_address_is_one_that_goes_into_a_url(discovery: Discovery, wire: Any) -> None:
    add(wire, "a", host="::1", port=8080)
    assert (await discovery.choose("calculator")).address == "[::1]:8080"
