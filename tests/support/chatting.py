"""What a visitor does in a chat, as their hands do it."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect


def field(page: Page) -> Locator:
    """Where one writes."""
    return page.get_by_role("textbox", name="Write a message")


def log(page: Page) -> Locator:
    """What was said."""
    return page.get_by_role("log")


def status(page: Page) -> Locator:
    """What the widget says of itself."""
    return page.locator(".notice")


async def open_chat(page: Page) -> None:
    """Open it with the mouse."""
    await page.get_by_role("button", name="Chat with Ada").click()
    await expect(log(page).get_by_text("Hello! How can I help?")).to_be_visible()


async def ask(page: Page, text: str) -> None:
    """Write, and send it with the keyboard."""
    await field(page).fill(text)
    await field(page).press("Enter")


async def hear(page: Page, text: str) -> None:
    """Wait for the end of an answer that says this and nothing else."""
    await expect(page.locator(".theirs").last.locator("> :not(.aside)")).to_have_text(text)
    await expect(log(page)).to_have_attribute("aria-busy", "false")
