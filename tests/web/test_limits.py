from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi import APIRouter

from rollcall.kernel.caller import RateLimited
from rollcall.kernel.errors import InvalidInput
from rollcall.testing.clock import FrozenClock
from rollcall.web.limits import Limits, RateLimiter, network, rate_key
from rollcall.web.module import Kit, Module, create_app


@pytest.mark.parametrize(
    "field", ["body_bytes", "json_depth", "url_bytes", "headers", "body_seconds"]
)
def test_a_limit_of_nothing_is_refused(field: str) -> None:
    with pytest.raises(InvalidInput, match=field):
        Limits(**{field: 0})


@pytest.fixture
def limited(kit: Kit, clock: FrozenClock) -> Kit:
    return replace(
        kit,
        limits=Limits(url_bytes=50, headers=20, header_bytes=1000),
        rate=RateLimiter(clock, per_second=1, burst=3),
    )


def hello() -> Module:
    router = APIRouter()
    router.add_api_route("/hello", lambda: "hello")
    return Module("hello", routers=[router])


@pytest.mark.parametrize(
    ("url", "headers", "status", "field"),
    [
        pytest.param("/hello", {}, 200, None, id="fits"),
        pytest.param("/" + "x" * 50, {}, 414, "url", id="path"),
        pytest.param("/hello?q=" + "x" * 50, {}, 414, "url", id="query"),
        pytest.param("/hello/%ff", {}, 422, "path", id="no-text"),
        pytest.param("/hello/%EF%BF%BD", {}, 404, None, id="text-after-all"),
        pytest.param("/hello", {f"X-{n}": "1" for n in range(30)}, 431, "headers", id="many"),
        pytest.param("/hello", {"X-Long": "x" * 1000}, 431, "headers", id="long"),
    ],
)
async def test_a_head_that_is_too_large_or_no_text_is_refused(
    limited: Kit, connect, url: str, headers: dict[str, str], status: int, field: str | None
) -> None:
    async with connect(create_app([hello()], limited)) as client:
        answer = await client.get(url, headers=headers)

    assert answer.status_code == status
    if field is not None:
        assert answer.json()["errors"][0]["field"] == field


async def test_who_asks_too_often_is_told_when_to_come_back(
    limited: Kit, connect, clock: FrozenClock
) -> None:
    async with connect(create_app([hello()], limited)) as client:
        statuses = [(await client.get("/hello")).status_code for _ in range(4)]
        refused = await client.get("/hello")
        clock.jump(float(refused.headers["retry-after"]))
        again = await client.get("/hello")

    assert statuses == [200, 200, 200, 429]
    assert refused.json()["type"] == "urn:rollcall:problem:rate-limited"
    assert again.status_code == 200


def test_callers_have_buckets_of_their_own(clock: FrozenClock) -> None:
    limiter = RateLimiter(clock, per_second=1, burst=1)
    limiter.take("a")
    limiter.take("b")

    with pytest.raises(RateLimited) as refused:
        limiter.take("a")

    assert refused.value.retry_after == pytest.approx(1.0)


def test_no_more_buckets_are_kept_than_allowed(clock: FrozenClock) -> None:
    limiter = RateLimiter(clock, per_second=1, burst=1, keys=2)
    for key in ("a", "b", "c"):
        limiter.take(key)

    limiter.take("a")
    with pytest.raises(RateLimited):
        limiter.take("c")


def test_the_bucket_that_goes_first_is_the_one_asked_for_longest_ago(clock: FrozenClock) -> None:
    limiter = RateLimiter(clock, per_second=1, burst=2, keys=2)
    for key in ("a", "b", "a", "c"):
        limiter.take(key)

    with pytest.raises(RateLimited):
        limiter.take("a")
    limiter.take("b")
    limiter.take("b")


def test_a_rate_that_is_none_is_refused_at_once(clock: FrozenClock) -> None:
    with pytest.raises(InvalidInput, match="rate_per_second"):
        RateLimiter(clock, per_second=0, burst=1)


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::1", True),
        ("socket", "other", False),
    ],
)
def test_an_ipv6_caller_is_known_by_its_network(one: str, other: str, together: bool) -> None:
    assert (network(one) == network(other)) is together


def test_ipv4_callers_of_a_socket_for_both_are_not_all_one() -> None:
    assert network("::ffff:192.0.2.1") == "192.0.2.1"
    assert network("::ffff:192.0.2.2") != network("::ffff:192.0.2.1")


def test_a_stranger_without_an_address_is_counted_too() -> None:
    assert rate_key({"type": "http", "client": None}) == "address/unknown"
