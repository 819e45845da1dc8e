# SPDX-License-Identifier: Apache-2.0
"""A visitor asks in a real browser, on a page of another origin, and is answered."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Locator, Page, expect

from support.browser import Visit
from support.widgetserver import said

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="module")]


async def opened(page: Page) -> Locator:
    """The field to write in, of a chat that was opened."""
    await page.get_by_role("button", name="Chat with Ada").click()
    return page.get_by_role("textbox", name="Write a message")


async def ask(page: Page, text: str) -> None:
    field = page.get_by_role("textbox", name="Write a message")
    await field.fill(text)
    await field.press("Enter")


async def test_an_answer_is_seen_piece_by_piece(visit: Visit) -> None:
    more = asyncio.Event()
    visit.service.answers.append([("text", "It is "), ("wait", more), *said("It is ", "four.")[1:]])
    page = await visit.page()
    await opened(page)
    await ask(page, "Two and two?")
    log = page.get_by_role("log")
    await expect(log.get_by_text("It is", exact=True)).to_be_visible()
    await expect(log).to_have_attribute("aria-busy", "true")
    more.set()
    await expect(log.get_by_text("It is four.")).to_be_visible()
    await expect(log).to_have_attribute("aria-busy", "false")
    assert [asked for asked, _ in visit.service.asked].count("messages") == 1
