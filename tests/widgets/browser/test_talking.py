# SPDX-License-Identifier: Apache-2.0
"""A visitor asks in a real browser, on a page of another origin, and is answered."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from support.browser import Visit
from support.chatting import ask, field, hear, log, open_chat, status
from support.widgetserver import Refusal, said

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="module")]


async def test_an_answer_is_seen_piece_by_piece(visit: Visit) -> None:
    more = asyncio.Event()
    visit.service.answers.append([("text", "It is "), ("wait", more), *said("It is ", "four.")[1:]])
    page = await visit.page()
    await open_chat(page)
    await ask(page, "Two and two?")
    await expect(log(page).get_by_text("It is", exact=True)).to_be_visible()
    await expect(log(page)).to_have_attribute("aria-busy", "true")
    more.set()
    await hear(page, "It is four.")


async def test_until_the_answer_begins_one_sees_that_somebody_writes(visit: Visit) -> None:
    begin = asyncio.Event()
    visit.service.answers.append([("wait", begin), *said("Yes.")])
    page = await visit.page()
    await open_chat(page)
    await ask(page, "Really?")
    await expect(page.get_by_text("Ada is typing")).to_be_attached()
    begin.set()
    await hear(page, "Yes.")
    await expect(page.get_by_text("Ada is typing")).not_to_be_attached()


async def test_who_does_not_want_the_indicator_has_none(visit: Visit) -> None:
    visit.service.config["settings"]["typing_indicator"] = False
    begin = asyncio.Event()
    visit.service.answers.append([("wait", begin), *said("Yes.")])
    page = await visit.page()
    await open_chat(page)
    await ask(page, "Really?")
    await expect(page.locator(".mine")).to_have_count(1)
    await expect(page.get_by_text("Ada is typing")).not_to_be_attached()
    begin.set()
    await hear(page, "Yes.")


async def test_what_was_said_before_a_reset_is_gone(visit: Visit) -> None:
    visit.service.answers.append([("text", "Wrong."), ("reset", None), *said("Right.")])
    page = await visit.page()
    await open_chat(page)
    await ask(page, "Which?")
    await hear(page, "Right.")
    assert "Wrong" not in await log(page).inner_text()


async def test_nothing_is_asked_about_a_visitor_who_does_nothing(visit: Visit) -> None:
    page = await visit.page()
    await expect(page.get_by_role("button", name="Chat with Ada")).to_be_visible()
    assert visit.service.asked == [("config", None)]
    assert await page.evaluate("sessionStorage.length + localStorage.length") == 0
    assert await visit.context.cookies() == []


async def test_a_view_and_an_interaction_are_told_once(visit: Visit) -> None:
    page = await visit.page()
    async with page.expect_response("**/track"):
        await open_chat(page)
    await page.keyboard.press("Escape")
    await open_chat(page)
    async with page.expect_response("**/track"):
        await ask(page, "One")
    await hear(page, "One")
    await ask(page, "Two")
    await hear(page, "Two")
    told = [body["event_type"] for endpoint, body in visit.service.asked if endpoint == "track"]
    assert told == ["view", "interaction"]
    assert visit.service.count("visitors") == 1


async def test_the_oldest_messages_leave_where_there_are_too_many(visit: Visit) -> None:
    visit.service.config["settings"]["max_messages"] = 4
    page = await visit.page()
    await open_chat(page)
    for text in ("One", "Two", "Three"):
        await ask(page, text)
        await hear(page, text)
    await expect(page.locator(".message")).to_have_count(4)
    await expect(page.locator(".mine").first).to_contain_text("Two")


async def test_a_page_that_is_loaded_anew_goes_on_with_the_conversation(visit: Visit) -> None:
    rest = asyncio.Event()
    visit.service.answers.append(said("The **first**."))
    visit.service.answers.append([("text", "The "), ("wait", rest), *said("The ", "second.")[1:]])
    page = await visit.page()
    await open_chat(page)
    await ask(page, "One")
    await hear(page, "The first.")
    await ask(page, "Two")
    # After the greeting and the first answer.
    await expect(page.locator(".theirs").nth(2)).to_contain_text("The")
    await page.reload()
    await expect(page.locator(".mine")).to_have_text(["You: One", "You: Two"])
    await visit.service.heard("stream", 1)
    rest.set()
    await hear(page, "The second.")
    assert visit.service.count("messages") == 2
    assert visit.service.count("stream") == 1
    assert visit.service.count("visitors") == 1


async def test_what_is_written_before_the_past_is_back_comes_after_it(visit: Visit) -> None:
    page = await visit.page()
    await open_chat(page)
    await ask(page, "One")
    await hear(page, "One")
    past = visit.service.holds["history"] = asyncio.Event()
    await page.reload()
    await ask(page, "Two")
    await ask(page, "Three")
    past.set()
    await hear(page, "Two")
    await expect(page.locator(".mine")).to_have_text(["You: One", "You: Two"])
    await expect(field(page)).to_have_value("Three")


async def test_a_question_that_was_on_its_way_at_a_reload_is_asked_once(visit: Visit) -> None:
    visit.service.always["messages"] = Refusal(503)
    page = await visit.page()
    await open_chat(page)
    await ask(page, "Anybody?")
    await expect(status(page)).to_contain_text("Trying again")
    del visit.service.always["messages"]
    await page.reload()
    await hear(page, "Anybody?")
    asked = {body["client_id"] for endpoint, body in visit.service.asked if endpoint == "messages"}
    assert len(asked) == 1
    await expect(page.locator(".mine")).to_have_count(1)


async def test_two_tabs_are_two_visitors_with_a_conversation_each(visit: Visit) -> None:
    pages = [await visit.page(), await visit.page(path="/other")]
    for number, page in enumerate(pages):
        await open_chat(page)
        await ask(page, f"From {number}")
    for number, page in enumerate(pages):
        await hear(page, f"From {number}")
        await expect(page.locator(".mine")).to_have_count(1)
    assert len({turn.visitor for turn in visit.service.turns.values()}) == 2


async def test_an_answer_that_comes_while_the_chat_is_closed_is_counted(visit: Visit) -> None:
    begin = asyncio.Event()
    visit.service.answers.append([("wait", begin), *said("Later.")])
    page = await visit.page()
    await open_chat(page)
    await ask(page, "When?")
    await page.keyboard.press("Escape")
    begin.set()
    unread = page.get_by_role("button", name="Chat with Ada, new messages: 1")
    await unread.click()
    await hear(page, "Later.")
    await expect(page.get_by_role("button", name="Chat with Ada", exact=True)).to_be_visible()


async def test_the_page_may_open_it_and_hear_of_it(visit: Visit) -> None:
    page = await visit.page()
    await expect(page.get_by_role("button", name="Chat with Ada")).to_be_visible()
    await page.evaluate("""() => {
        window.heard = [];
        for (const type of ["open", "question", "answer", "close"])
            RollcallWidget.on(type, (event) => window.heard.push(event.type));
        RollcallWidget.open();
    }""")
    await ask(page, "Hello")
    await hear(page, "Hello")
    await page.evaluate("RollcallWidget.close()")
    await page.wait_for_function("window.heard.length === 4")
    assert await page.evaluate("window.heard") == ["open", "question", "answer", "close"]
    assert await field(page).is_hidden()
