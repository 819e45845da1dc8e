# SPDX-License-Identifier: Apache-2.0
"""Connections break, services say no: a visitor is told, and nothing is asked twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import expect

from support.browser import Visit
from support.chatting import ask, field, hear, log, open_chat, status
from support.widgetserver import Refusal, Step, said

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="module")]

_ADD = """([source, key]) => {
    const script = document.createElement("script");
    script.src = source;
    script.dataset.widget = key;
    document.body.append(script);
}"""


def sent(visit: Visit) -> list[Any]:
    """The ids of the questions, as often as they were sent."""
    return [body["client_id"] for endpoint, body in visit.service.asked if endpoint == "messages"]


@pytest.mark.parametrize("how", ["break", "end"])
async def test_an_answer_that_breaks_off_is_taken_up_again(visit: Visit, how: str) -> None:
    seen = asyncio.Event()
    steps: list[Step] = [("text", "Once "), ("wait", seen), (how, None)]
    visit.service.answers.append([*steps, *said("Once ", "only.")[1:]])
    page = await visit.page()
    await page.clock.install()
    await open_chat(page)
    await ask(page, "How often?")
    await expect(log(page)).to_contain_text("Once")
    seen.set()
    await expect(status(page)).to_contain_text("The connection was lost")
    await page.clock.fast_forward("01:00")
    await hear(page, "Once only.")
    await expect(status(page)).to_be_empty()
    assert [visit.service.count(one) for one in ("messages", "stream")] == [1, 1]


async def test_a_connection_that_is_silent_for_too_long_is_given_up(visit: Visit) -> None:
    never = asyncio.Event()
    visit.service.answers.append([("text", "So"), ("wait", never), *said("So", " it is.")[1:]])
    page = await visit.page()
    await page.clock.install()
    await open_chat(page)
    await ask(page, "Is it?")
    await expect(log(page)).to_contain_text("So")
    await page.clock.fast_forward("00:44")
    await expect(status(page)).to_be_empty()
    await page.clock.fast_forward("00:02")
    await expect(status(page)).to_contain_text("The connection was lost")
    never.set()
    await page.clock.fast_forward("00:30")
    await hear(page, "So it is.")
    assert visit.service.count("stream") == 1


async def test_a_question_that_did_not_get_through_is_sent_again_under_its_id(
    visit: Visit,
) -> None:
    visit.service.refusals["messages"] += [Refusal(503), Refusal(502)]
    page = await visit.page()
    await page.clock.install()
    await open_chat(page)
    await ask(page, "Hello?")
    for _ in range(2):
        await expect(status(page)).to_contain_text("Trying again")
        await page.clock.fast_forward("00:30")
    await hear(page, "Hello?")
    assert len(sent(visit)) == 3
    assert len(set(sent(visit))) == 1


async def test_who_is_offline_is_told_and_heard_later(visit: Visit) -> None:
    page = await visit.page()
    await open_chat(page)
    await visit.context.set_offline(True)
    await ask(page, "Anybody there?")
    await expect(status(page)).to_contain_text("You are offline")
    await visit.context.set_offline(False)
    await hear(page, "Anybody there?")


async def test_who_is_offline_for_long_is_heard_all_the_same(visit: Visit) -> None:
    page = await visit.page()
    await page.clock.install()
    await open_chat(page)
    await visit.service.heard("track", 1)
    await visit.context.set_offline(True)
    await ask(page, "Anybody there?")
    for _ in range(8):
        await expect(status(page)).to_contain_text("You are offline")
        async with page.expect_event("requestfailed"):
            await page.clock.fast_forward("00:31")
    await expect(status(page)).to_contain_text("You are offline")
    await visit.context.set_offline(False)
    await hear(page, "Anybody there?")
    assert len(sent(visit)) == 1


async def test_what_stays_broken_is_left_to_the_visitor(visit: Visit) -> None:
    visit.service.always["messages"] = Refusal(500, "internal")
    page = await visit.page()
    await page.clock.install()
    await open_chat(page)
    await ask(page, "Once more?")
    for times in range(2, 8):
        await expect(status(page)).to_contain_text("Trying again")
        async with page.expect_response(lambda answer: answer.request.method == "POST"):
            await page.clock.fast_forward("00:30")
        assert len(sent(visit)) == times
    await expect(status(page)).to_contain_text("Sorry, that did not work.")
    del visit.service.always["messages"]
    await page.get_by_role("button", name="Try again").click()
    await hear(page, "Once more?")
    assert len(set(sent(visit))) == 1


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        ("urn:rollcall:problem:answer-unavailable", "There is no answer right now."),
        ("urn:rollcall:problem:answer-refused", "Please put it another way"),
        ("urn:rollcall:problem:new-in-a-later-version", "Sorry, that did not work."),
    ],
)
async def test_an_agent_that_failed_may_be_asked_anew(
    visit: Visit, problem: str, told: str
) -> None:
    visit.service.answers.append([("text", "Hm"), ("failed", {"type": problem, "detail": "No."})])
    page = await visit.page()
    await open_chat(page)
    await ask(page, "Well?")
    await expect(status(page)).to_contain_text(told)
    await page.get_by_role("button", name="Try again").click()
    await hear(page, "Well?")
    assert len(set(sent(visit))) == 2
    await expect(page.locator(".mine")).to_have_count(1)


async def test_a_token_that_counts_no_more_is_exchanged_once(visit: Visit) -> None:
    page = await visit.page()
    await open_chat(page)
    await ask(page, "One")
    await hear(page, "One")
    visit.service.forget_visitors()
    await ask(page, "Two")
    await hear(page, "Two")
    assert visit.service.count("visitors") == 2
    visit.service.always["messages"] = Refusal(401, "visitor-token")
    await ask(page, "Three")
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()
    assert visit.service.count("visitors") == 3


async def test_an_answer_is_not_asked_for_twice_where_its_visitor_is_forgotten(
    visit: Visit,
) -> None:
    seen = asyncio.Event()
    visit.service.answers.append([("text", "So"), ("wait", seen), ("break", None), *said("So")])
    page = await visit.page()
    await page.clock.install()
    await open_chat(page)
    await ask(page, "Why?")
    await expect(log(page)).to_contain_text("So")
    seen.set()
    await expect(status(page)).to_contain_text("The connection was lost")
    visit.service.forget_visitors()
    await page.clock.fast_forward("00:30")
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()
    assert len(sent(visit)) == 1


async def test_an_answer_is_not_asked_for_twice_where_its_visitor_is_forgotten_at_a_reload(
    visit: Visit,
) -> None:
    visit.service.answers.append([("text", "So"), ("wait", asyncio.Event())])
    page = await visit.page()
    await open_chat(page)
    await ask(page, "Why?")
    await expect(log(page)).to_contain_text("So")
    visit.service.forget_visitors()
    await page.reload()
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()
    await expect(page.locator(".mine")).to_have_text(["You: Why?"])
    assert len(sent(visit)) == 1
    await page.get_by_role("button", name="Try again").click()
    await hear(page, "Why?")
    assert len(set(sent(visit))) == 2


async def test_what_was_said_comes_back_as_soon_as_the_service_does(visit: Visit) -> None:
    page = await visit.page()
    await open_chat(page)
    await ask(page, "One")
    await hear(page, "One")
    visit.service.refusals["history"] += [Refusal(503), Refusal(503)]
    await page.reload()
    await expect(page.locator(".mine")).to_have_text(["You: One"])
    await expect(status(page)).to_be_empty()
    assert visit.service.count("history") == 3


async def test_too_many_questions_wait_as_long_as_the_service_says(visit: Visit) -> None:
    visit.service.refusals["messages"].append(Refusal(429, "rate-limited", retry_after=30))
    page = await visit.page()
    await page.clock.install()
    await open_chat(page)
    await ask(page, "Now?")
    await expect(status(page)).to_contain_text("Going on in 30 seconds")
    await page.clock.fast_forward("00:25")
    assert len(sent(visit)) == 1
    await page.clock.fast_forward("00:06")
    await hear(page, "Now?")
    assert len(set(sent(visit))) == 1


async def test_a_wait_of_an_hour_is_left_to_the_visitor(visit: Visit) -> None:
    visit.service.refusals["visitors"].append(Refusal(429, "rate-limited", retry_after=3600))
    visit.service.refusals["visitors"].append(Refusal(429, "rate-limited", retry_after=3600))
    page = await visit.page()
    # That the chat is opened is told of by a visitor, too.
    async with page.expect_response("**/visitors"):
        await open_chat(page)
    await ask(page, "Now?")
    await expect(status(page)).to_contain_text("Please try again later.")
    await page.get_by_role("button", name="Try again").click()
    await hear(page, "Now?")


@pytest.mark.parametrize("code", [413, 422])
async def test_a_message_that_is_refused_is_given_back(visit: Visit, code: int) -> None:
    visit.service.refusals["messages"].append(
        Refusal(code, "invalid-input", detail="Field message: too long")
    )
    page = await visit.page()
    await open_chat(page)
    await ask(page, "A very long story")
    await expect(status(page)).to_contain_text("Please put it another way, or shorter.")
    await expect(field(page)).to_have_value("A very long story")


async def test_a_pause_is_said_politely_and_ends(visit: Visit) -> None:
    visit.service.always["messages"] = Refusal(409, "widget-paused")
    page = await visit.page()
    await open_chat(page)
    await ask(page, "Hello?")
    await expect(status(page)).to_contain_text("taking a break")
    await expect(field(page)).to_be_hidden()
    await expect(page.get_by_role("button", name="Try again")).to_be_hidden()

    visit.service.always["config"] = Refusal(409, "widget-paused")
    await page.keyboard.press("Escape")
    async with page.expect_response("**/config"):
        await page.get_by_role("button", name="Chat with Ada").click()
    await expect(field(page)).to_be_hidden()

    visit.service.always.clear()
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Chat with Ada").click()
    await expect(field(page)).to_have_value("Hello?")
    await field(page).press("Enter")
    await hear(page, "Hello?")


@pytest.mark.parametrize(
    "refusal",
    [Refusal(409, "widget-paused"), Refusal(403, "origin-not-allowed"), Refusal(404, "not-found")],
    ids=lambda refusal: refusal.problem,
)
async def test_a_widget_that_must_not_be_here_shows_nothing(visit: Visit, refusal: Refusal) -> None:
    visit.service.always["config"] = refusal
    page = await visit.page("<h1>The site</h1>")
    async with page.expect_console_message(lambda said: "Rollcall widget" in said.text) as told:
        await page.evaluate(_ADD, [f"{visit.base}/widget/v1/widget.js", "wpk_other"])
    assert "wpk_other" in (await told.value).text
    assert await page.get_by_role("button").count() == 0
    assert visit.service.count("config") == 1


async def test_a_page_that_must_not_use_it_is_told_why_nothing_is_seen(visit: Visit) -> None:
    visit.service.origin = "https://another.example"
    page = await visit.page("<h1>The site</h1>")
    await page.clock.install()
    async with page.expect_console_message(lambda said: "Rollcall widget" in said.text) as told:
        await page.evaluate(_ADD, [f"{visit.base}/widget/v1/widget.js", "wpk_other"])
        for times in range(1, 5):
            await visit.service.heard("config", times)
            await page.clock.fast_forward("00:30")
    assert "or not to this page" in (await told.value).text
