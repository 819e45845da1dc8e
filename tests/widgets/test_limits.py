"""How often visitors may ask."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network

import httpx
import msgspec
import pytest

from rollcall.backends.sql.database import Database
from rollcall.kernel.caller import RateLimited
from rollcall.testing.clock import FrozenClock
from rollcall.web.inside import Asked, stream_inside
from rollcall.web.sse_reading import read_events
from rollcall.widgets.limits import STREAMS, Gates, WidgetLimits
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
    await house.close()


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


@asynccontextmanager
async def hearing(house: House, page: Page, path: str, body: object = None) -> AsyncGenerator[str]:
    """A stream that was begun, and is left before its end; the turn that it is about."""
    fields = [(name.lower().encode(), value.encode()) for name, value in page.headers.items()]
    asked = Asked(f"/widget/v1/{page.key}/{path}", fields=fields)
    if body is not None:
        fields.append((b"content-type", b"application/json"))
        asked = replace(asked, method="POST", body=msgspec.json.encode(body))
    async with (
        stream_inside(house.app, asked) as answer,
        aclosing(read_events(answer.pieces())) as events,
    ):
        yield msgspec.json.decode((await anext(events)).data)["turn_id"]


async def test_preflights_and_scripts_that_are_looked_for_are_counted_too(
    page: Page, database: Database, clock: FrozenClock
) -> None:
    house = House(database, clock, limits=WidgetLimits(address_requests=2))
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    async with house.client() as client:
        paths = [f"/widget/v1/{page.key}/messages"] * 3
        refused = [await client.options(path, headers=asked) for path in paths]
        assert [one.status_code for one in refused] == [204, 204, 429]
        assert int(refused[-1].headers["retry-after"]) >= 1
    async with house.client("192.0.2.8") as client:
        paths = [f"/widget/v1/widget-{number:016x}.js" for number in range(3)]
        assert [(await client.get(path)).status_code for path in paths] == [404, 404, 429]
        # What needs no looking for is there for everybody.
        assert (await client.get("/widget/v1/widget.js")).status_code == 200


async def test_whoever_leaves_makes_room_only_when_the_answer_has_ended(
    page: Page, database: Database, clock: FrozenClock
) -> None:
    house = House(database, clock, limits=WidgetLimits(widget_answers=1))
    gate = house.clerk.gate("slow")
    async with house.client() as client:
        one, other = Page(client, page.key), Page(client, page.key)
        await one.meet()
        await other.meet()
        async with hearing(house, one, "messages", {"message": "slow", "client_id": "c"}):
            assert problem(await other.say("Hello")) == (429, "rate-limited")
        assert house.clerk.running == 1
        assert problem(await other.say("Hello")) == (429, "rate-limited")
        gate.set()
        await eventually(lambda: not house.parts.attendance.under_way)
        assert (await other.say("Hello")).status_code == 200
    await house.close()


async def test_a_visitor_takes_one_place_however_often_they_listen(
    page: Page, database: Database, clock: FrozenClock
) -> None:
    house = House(database, clock, limits=WidgetLimits(widget_answers=2))
    gate = house.clerk.gate("slow")
    async with house.client() as client, AsyncExitStack() as stack:
        one, other = Page(client, page.key), Page(client, page.key)
        await one.meet()
        await other.meet()
        asking = hearing(house, one, "messages", {"message": "slow", "client_id": "c"})
        turn_id = await stack.enter_async_context(asking)
        path = f"messages/{turn_id}/stream"
        for _ in range(STREAMS - 1):
            await stack.enter_async_context(hearing(house, one, path))
        assert problem(await one.get(path)) == (429, "rate-limited")
        assert (await other.say("Hello")).status_code == 200
        gate.set()
    await house.close()


async def test_what_is_waited_for_is_let_go_of_at_the_end(
    page: Page, house: House, clock: FrozenClock
) -> None:
    house.clerk.gate("slow")
    async with hearing(house, page, "messages", {"message": "slow", "client_id": "c"}):
        assert house.parts.attendance.under_way == 0
    assert house.parts.attendance.under_way == 1
    await house.parts.attendance.close()
    assert house.parts.attendance.under_way == 0


def test_a_place_is_free_again_whatever_became_of_the_answer() -> None:
    gates = Gates(WidgetLimits(widget_answers=1), FrozenClock())
    for _ in range(3):
        with pytest.raises(LookupError), gates.answer("w", "v"):
            raise LookupError
    with (
        gates.answer("w", "v"),
        gates.answer("w", "v"),
        gates.answer("other", "v"),
        pytest.raises(RateLimited),
        gates.answer("w", "x"),
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
