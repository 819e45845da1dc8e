from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from rollcall.kernel.ids import RandomIds
from rollcall.web import correlation
from rollcall.web.correlation import CorrelationMiddleware, correlate, parse_traceparent

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


async def told(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(correlation.request_id())(scope, receive, send)


async def test_a_request_keeps_the_id_it_came_with(connect) -> None:
    async with connect(CorrelationMiddleware(told, RandomIds())) as client:
        answer = await client.get("/", headers={"X-Request-ID": "order-17"})

    assert answer.text == answer.headers["x-request-id"] == "order-17"
    assert correlation.current() is None
    assert correlation.request_id() == ""


async def test_a_request_without_an_id_is_given_a_new_one_each_time(connect) -> None:
    async with connect(CorrelationMiddleware(told, RandomIds())) as client:
        answers = [await client.get("/") for _ in range(3)]

    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 3
    assert ids == {answer.text for answer in answers}


@pytest.mark.parametrize("hostile", ["", "a b", "x" * 129, "<script>", "a\u00e9"])
def test_an_ill_formed_id_is_not_taken_over(hostile: str) -> None:
    named = correlate(hostile, None, RandomIds())

    assert named.request_id == named.trace_id


def test_a_trace_goes_on_with_a_span_of_our_own() -> None:
    named = correlate(None, f"00-{TRACE}-{PARENT}-01", RandomIds())

    assert (named.request_id, named.trace_id, named.flags) == (TRACE, TRACE, "01")
    assert named.span_id != PARENT
    assert named.traceparent == f"00-{TRACE}-{named.span_id}-01"


@pytest.mark.parametrize(
    "ill_formed",
    [
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}",
        "nonsense",
    ],
)
def test_an_ill_formed_traceparent_begins_a_new_trace(ill_formed: str) -> None:
    assert correlate("id", ill_formed, RandomIds()).trace_id != TRACE


def test_a_later_version_of_traceparent_may_say_more() -> None:
    assert correlate(None, f"cc-{TRACE}-{PARENT}-01-more", RandomIds()).trace_id == TRACE


@given(st.text(), st.text())
def test_whatever_comes_the_answer_headers_are_well_formed(header: str, traceparent: str) -> None:
    named = correlate(header, traceparent, RandomIds())

    assert re.fullmatch(r"[!-~]{1,128}", named.request_id)
    assert parse_traceparent(named.traceparent) == (named.trace_id, named.flags)
