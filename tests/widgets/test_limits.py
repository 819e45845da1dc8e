"""How often visitors may ask."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

import httpx
import pytest

from rollcall.backends.sql.database import Database
from rollcall.kernel.caller import RateLimited
from rollcall.testing.clock import FrozenClock
from rollcall.widgets.limits import Gates, WidgetLimits
from support.conversing import eventually
from support.widgets import PAGE, WIDGET, House, Page, problem

PROXY = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


async def refused_at(page: Page, most: int) -> int:
    """How many messages are taken before one is refused."""
    for number in range(most):
        answer = await page.say("x", f"c{number}")
        if answer.status_code != 200:
            assert problem(answer) == (429, "rate-limited")
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.headers["access-control-allow-origin"] == PAGE
            return number
    return most


async def test_a_visitor_may_say_ten_things_a_minute(page: Page, clock: FrozenClock) -> None:
    assert await refused_at(page, 12) == 10
    clock.jump(6.001)
    assert (await page.say("x", "later")).status_code == 200


@pytest.mark.parametrize(
    ("limits", "visitors", "taken"),
    [
        (WidgetLimits(address_messages=3), 2, 3),
        (WidgetLimits(widget_messages=4), 3, 4),
        (WidgetLimits(visitor_messages=1), 3, 3),
    ],
)
async def test_all_of_an_address_and_all_of_a_widget_are_counted_together(
    limits: WidgetLimits,
    visitors: int,
    taken: int,
    page: Page,
    database: Database,
    clock: FrozenClock,
) -> None:
    house = House(database, clock, limits=limits)
    done = 0
    for number in range(visitors):
        # Of one network each, so that an address is one visitor's only where it is meant to be.
        place = "2001:db8::1" if limits.address_messages == 3 else f"192.0.2.{number}"
        async with house.client(place) as client:
            one = Page(client, page.key)
            await one.meet()
            done += await refused_at(one, 3)
    assert done == taken
    await house.conversations.stop()


async def test_new_visitors_are_counted_by_address_and_an_ipv6_network_is_one(
    page: Page, database: Database, clock: FrozenClock
) -> None:
    house = House(database, clock, limits=WidgetLimits(address_visitors=2))
    found: list[int] = []
    for address in ("2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"):
        async with house.client(address) as client:
            found.append((await Page(client, page.key).meet()).status_code)
    assert found == [201, 201, 429, 201]


async def test_requests_of_any_kind_are_counted_by_address(
    page: Page, database: Database, clock: FrozenClock
) -> None:
    house = House(database, clock, limits=WidgetLimits(address_requests=2))
    async with house.client() as client:
        codes = [(await Page(client, page.key).get("config")).status_code for _ in range(3)]
    assert codes == [200, 200, 429]


async def test_so_many_answers_are_under_way_at_once_and_leaving_makes_room(
    page: Page, database: Database, clock: FrozenClock
) -> None:
    house = House(database, clock, limits=WidgetLimits(widget_answers=1))
    gate = house.clerk.gate("slow")
    async with house.client() as client:
        one, other = Page(client, page.key), Page(client, page.key)
        await one.meet()
        await other.meet()
        asking = asyncio.ensure_future(one.say("slow"))
        await eventually(lambda: house.clerk.running == 1)
        refused = await other.say("Hello")
        assert problem(refused) == (429, "rate-limited")
        gate.set()
        await asking
        assert (await other.say("Hello")).status_code == 200
    await house.conversations.stop()


def test_a_place_is_free_again_whatever_became_of_the_answer() -> None:
    gates = Gates(WidgetLimits(widget_answers=1), FrozenClock())
    for _ in range(3):
        with pytest.raises(LookupError), gates.answer("w"):
            raise LookupError
    with (
        gates.answer("w"),
        gates.answer("other"),
        pytest.raises(RateLimited),
        gates.answer("w"),
    ):
        raise AssertionError("there was no place")


async def test_whoever_asks_through_a_trusted_proxy_is_counted_for_themselves(
    database: Database, clock: FrozenClock
) -> None:
    house = House(database, clock, limits=WidgetLimits(address_visitors=1), trusted=PROXY)
    await house.hire()
    async with house.client() as owner, house.client("10.0.0.1") as proxy:
        key = (await owner.post("/api/widgets", json=WIDGET)).json()["public_key"]

        async def meet(client: httpx.AsyncClient, sender: str) -> int:
            headers = {"Origin": PAGE, "X-Forwarded-For": sender}
            answer = await client.post(f"/widget/v1/{key}/visitors", json={}, headers=headers)
            return answer.status_code

        assert await meet(proxy, "198.51.100.9") == 201
        assert await meet(proxy, "198.51.100.9") == 429
        assert await meet(proxy, "2001:db8::1") == 201
        # Of IPv6, whoever has one address has them all.
        assert await meet(proxy, "2001:db8::2") == 429
        # Anybody may say so; the proxy is believed.
        assert await meet(owner, "198.51.100.10") == 201
        assert await meet(owner, "198.51.100.11") == 429
