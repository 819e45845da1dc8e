"""Visitors talk to the agent of a widget: the public endpoint, over a real agent service."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import msgspec
import pytest
from starlette.types import Message, Receive, Scope, Send

from rollcall.backends.sql.database import Database
from rollcall.conversations.errors import BudgetExhausted, LimitReached, ModelUnavailable
from rollcall.kernel.caller import READ, Caller
from rollcall.testing.clock import FrozenClock
from rollcall.web.inside import Asked, stream_inside
from rollcall.web.sse_reading import read_events
from rollcall.widgets.limits import WidgetLimits
from support.conversing import eventually
from support.widgets import PAGE, House, Page, problem, told


async def test_a_visitor_is_answered_by_the_agent_and_hears_nothing_of_the_inside(
    page: Page,
) -> None:
    events = told(await page.say("Hello"))
    turn_id = events[0][1]["turn_id"]
    assert events == [
        ("accepted", {"turn_id": turn_id}),
        ("text", {"text": "you said "}),
        ("text", {"text": "Hello"}),
        ("done", {"turn_id": turn_id, "response": "you said Hello"}),
    ]


async def test_the_conversation_is_the_visitors_and_asked_for_in_the_name_of_the_widget(
    page: Page, house: House
) -> None:
    await page.say("Hello")
    ((session), _) = await house.conversations.sessions("default", limit=10)
    (found,) = session
    assert found.user_id == f"visitor:{page.visitor_id}"
    assert found.agent_id == "clerk"
    (turn,) = await house.conversations.turns("default", found.session_id, limit=10)
    assert turn.owner.startswith("widget:wdg_")


async def test_the_same_client_id_again_is_the_same_turn(page: Page, house: House) -> None:
    first = told(await page.say("Hello"))
    again = told(await page.say("Hello"))
    # A turn that is over is told by its end.
    assert [again[0], again[-1]] == [first[0], first[-1]]
    assert len(house.clerk.tasks) == 1
    other = await page.say("Something else")
    assert problem(other) == (422, "invalid-input")
    assert other.json()["errors"][0]["field"] == "client_id"


async def test_two_visitors_may_use_the_same_client_id(page: Page, house: House) -> None:
    other = Page(page.client, page.key)
    await other.meet()
    await page.say("mine")
    assert told(await other.say("theirs"))[-1][1]["response"] == "you said theirs"
    assert len(house.clerk.tasks) == 2


async def test_a_visitor_sees_the_own_conversation_again_and_no_other(page: Page) -> None:
    assert (await page.get("messages")).json() == []
    turns = [told(await page.say(f"m{n}", f"c{n}"))[0][1]["turn_id"] for n in range(3)]
    found = (await page.get("messages")).json()
    assert [one["turn_id"] for one in found] == turns
    assert found[0] == {
        "turn_id": turns[0],
        "message": "m0",
        "response": "you said m0",
        "status": "answered",
        "created_at": found[0]["created_at"],
    }
    assert [one["message"] for one in (await page.get("messages", limit=2)).json()] == ["m1", "m2"]
    other = Page(page.client, page.key)
    await other.meet()
    assert (await other.get("messages")).json() == []
    refused = await other.get(f"messages/{turns[0]}/stream")
    assert problem(refused) == (404, "turn-not-found")
    assert told(await page.get(f"messages/{turns[0]}/stream"))[-1][0] == "done"


async def test_a_visitor_who_leaves_does_not_stop_the_answer_and_can_come_back_for_it(
    page: Page, house: House
) -> None:
    gate = house.clerk.gate("slow")
    headers = [(name.lower().encode(), value.encode()) for name, value in page.headers.items()]
    body = msgspec.json.encode({"message": "slow", "client_id": "c"})
    fields = [*headers, (b"content-type", b"application/json")]
    path = f"/widget/v1/{page.key}/messages"
    async with (
        stream_inside(house.app, Asked(path, b"", fields, "POST", body)) as answer,
        aclosing(read_events(answer.pieces())) as events,
    ):
        turn_id = msgspec.json.decode((await anext(events)).data)["turn_id"]
        # Piece by piece: the rest is not there yet.
        assert (await anext(events)).data == b'{"text":"you said "}'
    assert house.clerk.running == 1
    gate.set()
    await eventually(lambda: not house.clerk.running)
    again = told(await page.get(f"messages/{turn_id}/stream"))
    assert again[-1] == ("done", {"turn_id": turn_id, "response": "you said slow"})


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (ModelUnavailable("openai is down"), "answer-unavailable", 503),
        (BudgetExhausted("clerk has spent 10 USD"), "answer-unavailable", 503),
        (LimitReached("tokens", "100000 tokens"), "answer-refused", 422),
        (RuntimeError("a secret of the inside"), "answer-failed", 500),
    ],
)
async def test_why_there_is_no_answer_is_told_politely_and_without_the_inside(
    error: Exception, kind: str, status: int, page: Page, house: House
) -> None:
    house.clerk.errors["go"] = error
    answer = await page.say("go")
    name, data = told(answer)[-1]
    assert (name, data["problem"]["status"]) == ("failed", status)
    assert data["problem"]["type"] == f"urn:rollcall:problem:{kind}"
    assert set(data["problem"]) == {"type", "title", "detail", "status"}
    assert str(error) not in answer.text
    (found,) = (await page.get("messages")).json()
    assert (found["status"], found["response"]) == ("failed", None)


async def test_a_stream_that_breaks_off_is_taken_up_again_from_the_beginning(
    page: Page, house: House, clock: FrozenClock
) -> None:
    broken = asyncio.Event()

    async def breaking(scope: Scope, receive: Receive, send: Send) -> None:
        """The agent service, whose first stream of a message breaks off in the middle."""

        async def cut(message: Message) -> None:
            if b"event: text" in message.get("body", b"") and not broken.is_set():
                broken.set()
                raise ConnectionError("gone")
            await send(message)

        await house.agent_app(scope, receive, cut)

    house.local["agent"] = breaking
    asking = asyncio.ensure_future(page.say("Hello"))
    await broken.wait()
    while not asking.done():
        await clock.advance(0.5)
    names = [name for name, _ in told(await asking)]
    assert names[:2] == ["accepted", "reset"]
    assert names[-1] == "done"
    assert len(house.clerk.tasks) == 1


async def test_a_process_that_is_about_to_end_leaves_a_broken_stream_to_whoever_listens(
    page: Page, house: House
) -> None:
    async def breaking(scope: Scope, receive: Receive, send: Send) -> None:
        async def cut(message: Message) -> None:
            if b"event: text" in message.get("body", b""):
                raise ConnectionError("gone")
            await send(message)

        await house.agent_app(scope, receive, cut)

    house.local["agent"] = breaking
    house.drain.begin()
    # Time stands still: nothing is waited for.
    assert [name for name, _ in told(await page.say("Hello"))] == ["accepted"]


async def test_an_agent_service_that_is_away_is_a_503_that_says_when_to_come_back(
    page: Page, house: House
) -> None:
    del house.local["agent"]
    answer = await page.say("Hello")
    assert problem(answer) == (503, "answer-unavailable")
    assert answer.headers["retry-after"] == "5"
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert problem(await page.get("messages")) == (503, "answer-unavailable")


@pytest.mark.parametrize("text", ["", "  \n", "a\x00b", "a\x1bb", "x" * 4001])
async def test_what_is_no_message_is_refused(text: str, page: Page, house: House) -> None:
    answer = await page.say(text)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].endswith("message")
    assert house.clerk.tasks == []


@pytest.mark.parametrize(
    "text", ["x" * 4000, "line\nbreak", "שלום\u200f", "👩\u200d💻", "<script>"]
)
async def test_what_people_write_is_taken_as_it_is(text: str, page: Page) -> None:
    assert told(await page.say(text))[-1][1]["response"] == f"you said {text}"


async def test_a_message_of_as_many_characters_as_may_be_fits_in_any_language(
    page: Page, database: Database, clock: FrozenClock
) -> None:
    house = House(database, clock, limits=WidgetLimits(message_chars=12_000))
    async with house.client() as client:
        one = Page(client, page.key)
        await one.meet()
        assert (await one.say("\U0001f375" * 12_000)).status_code == 200
        assert problem(await one.say("\U0001f375" * 12_001))[0] == 422
        assert problem(await one.say("x", "c" * (65 << 10)))[0] == 413
    await house.close()


async def test_a_body_beyond_16_kb_is_refused_before_it_is_read(page: Page) -> None:
    answer = await page.say("x", "c" * (17 << 10))
    assert problem(answer) == (413, "payload-too-large")
    assert answer.headers["access-control-allow-origin"] == PAGE


async def test_an_agent_that_a_widget_is_given_anew_begins_a_conversation_of_its_own(
    page: Page, house: House
) -> None:
    await page.say("Hello")
    await house.hire("butler")
    widgets = (await page.client.get("/api/widgets")).json()
    path = f"/api/widgets/{widgets[0]['id']}"
    assert (await page.client.patch(path, json={"agent_id": "butler"})).status_code == 200
    assert (await page.get("messages")).json() == []
    assert told(await page.say("Hello", "c2"))[-1][0] == "done"


async def test_whoever_may_only_read_here_cannot_have_an_agent_work(house: House) -> None:
    reader = Caller("widget:w", "default", frozenset({READ}))
    said = await house.calls.post(reader, "agent", "/api/v1/process", {})
    assert said.status == 403
