# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import httpx
import pytest
from fastapi import APIRouter, Request
from hypothesis import given
from hypothesis import strategies as st

from rollcall.testing.clock import FrozenClock
from rollcall.web.limits import RateLimiter
from rollcall.web.module import Kit, Module, create_app
from rollcall.web.proxies import sender, trusts

INSIDE = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
router = APIRouter()


@router.get("/whence")
async def whence(request: Request) -> str:
    return request.client.host if request.client else ""


def said(*hops: str) -> list[tuple[bytes, bytes]]:
    return [(b"x-forwarded-for", hop.encode()) for hop in hops]


@pytest.mark.parametrize(
    ("client", "hops", "found"),
    [
        ("192.0.2.1", ["1.2.3.4"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["9.9.9.9, 1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["9.9.9.9", "1.2.3.4, 10.0.0.2"], "1.2.3.4"),
        ("10.0.0.1", ["1.2.3.4:5678"], "1.2.3.4"),
        ("fd00::1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", ["1.2.3.4, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4, , 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["999.1.1.1"], "10.0.0.1"),
        ("socket", ["1.2.3.4"], "socket"),
        # As a socket for IPv6 and IPv4 alike tells it.
        ("::ffff:10.0.0.1", ["1.2.3.4, ::ffff:10.0.0.2"], "1.2.3.4"),
        ("10.0.0.1", ["::ffff:1.2.3.4"], "1.2.3.4"),
    ],
)
def test_the_sender_is_the_nearest_that_no_trusted_proxy_is(
    client: str, hops: list[str], found: str
) -> None:
    assert sender(client, said(*hops), INSIDE) == found


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_nothing_that_a_field_holds_makes_it_fail(one: bytes, other: bytes) -> None:
    fields = [(b"x-forwarded-for", one), (b"x-forwarded-for", other)]
    assert sender("10.0.0.1", fields, INSIDE)


@given(st.lists(st.ip_addresses().map(str), max_size=4))
def test_a_stranger_cannot_make_up_an_address(hops: list[str]) -> None:
    fields = said(*hops, "192.0.2.7")
    assert sender("10.0.0.1", fields, INSIDE) == "192.0.2.7"
    assert trusts("10.0.0.1", INSIDE)


async def test_strangers_behind_a_proxy_have_rates_of_their_own(
    kit: Kit, clock: FrozenClock
) -> None:
    limited = replace(kit, proxies=INSIDE, rate=RateLimiter(clock, per_second=1, burst=1))
    app = create_app([Module("whence", public_routers=[router])], limited)
    transport = httpx.ASGITransport(app, client=("10.0.0.1", 4711))
    statuses: list[int] = []
    async with httpx.AsyncClient(transport=transport, base_url="http://outside") as client:
        for hop in ("1.2.3.4", "1.2.3.5", "1.2.3.4"):
            answer = await client.get("/whence", headers={"X-Forwarded-For": hop})
            statuses.append(answer.status_code)
            if answer.status_code == 200:
                assert answer.json() == hop
    assert statuses == [200, 200, 429]
