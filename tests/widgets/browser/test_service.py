# SPDX-License-Identifier: Apache-2.0
"""The widget in a real browser, with the service that it is made for: by script, frame, preview."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.clock import SystemClock
from rollcall.widgets.browser import script
from rollcall.widgets.script import Script
from support.browser import Site, Stage, Visit, serving
from support.chatting import ask, hear, log, open_chat
from support.databases import sqlite_at
from support.widgets import WIDGET, House
from support.widgetserver import WidgetServer

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="module")]
GREETING = "Hello! How can I help?"
HOSTILE = "</title><script>document.title='taken'</script><b>Ada"


@dataclass
class Setting:
    """A service, a site of another origin, and a visitor's browser."""

    client: httpx.AsyncClient
    visit: Visit
    base: str

    async def widget(self, **more: Any) -> dict[str, Any]:
        """A widget for the site's pages."""
        own = {"allowed_origins": [self.visit.origin], "welcome_message": GREETING}
        body = {**WIDGET, **own, **more}
        answer = await self.client.post("/api/widgets", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def embedded(self, widget: dict[str, Any], kind: str) -> Page:
        """A page of the site with what the service says to put there, under the policy that it says
        is enough."""
        found = await self.client.get(f"/api/widgets/{widget['id']}/embed", params={"kind": kind})
        allowed = "; ".join(f"{name} {value}" for name, value in found.json()["csp"].items())
        return await self.visit.page(
            f"<h1>Shop</h1>{found.json()['code']}", policy=f"default-src 'none'; {allowed}"
        )


@pytest_asyncio.fixture(loop_scope="module")
async def setting(stage: Stage, tmp_path: Path) -> AsyncIterator[Setting]:
    async with AsyncExitStack() as stack:
        database = Database(dialect_of(sqlite_at(tmp_path / "x.db")))
        await database.open()
        stack.push_async_callback(database.close)
        house = House(database, SystemClock(), script=Script(script()))
        await house.hire()
        stack.push_async_callback(house.conversations.stop)
        port = await stack.enter_async_context(serving(house.app))
        base = f"http://127.0.0.1:{port}"
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=base))
        site = Site()
        shown = await stack.enter_async_context(serving(site.app()))
        context = await stage.browser.new_context()
        origin = f"http://localhost:{shown}"
        visit = Visit(WidgetServer(origin), base, site, origin, context)
        stack.push_async_callback(visit.end)
        yield Setting(client, visit, base)


async def test_a_page_of_another_origin_embeds_it_by_script_under_a_strict_policy(
    setting: Setting,
) -> None:
    widget = await setting.widget()
    page = await setting.embedded(widget, "script")
    await open_chat(page)
    await ask(page, "Green tea?")
    await hear(page, "you said Green tea?")
    # What was open is open again, with what was said.
    await page.reload()
    await expect(log(page).get_by_text("you said Green tea?")).to_be_visible()
    at = f"/api/widgets/{widget['id']}"
    stats = (await setting.client.get(f"{at}/stats")).json()
    assert (stats["messages"], stats["conversations"]) == (1, 1)
    await setting.client.post(f"{at}/pause")
    await ask(page, "Black tea?")
    await expect(page.get_by_role("textbox")).not_to_be_visible()


async def test_a_page_of_another_origin_embeds_it_in_a_frame(setting: Setting) -> None:
    widget = await setting.widget(name="Ada <b>&amp;</b>", language="de")
    page = await setting.embedded(widget, "iframe")
    frame = page.frame_locator("iframe")
    await frame.get_by_role("textbox").fill("Tee?")
    await frame.get_by_role("textbox").press("Enter")
    await expect(frame.get_by_text("you said Tee?")).to_be_visible()


async def test_a_page_that_is_not_listed_shows_neither(setting: Setting) -> None:
    widget = await setting.widget(allowed_origins=["https://elsewhere.example"])
    found = (await setting.client.get(f"/api/widgets/{widget['id']}/embed?kind=iframe")).json()
    plain = await setting.client.get(f"/api/widgets/{widget['id']}/embed")
    page = await setting.visit.page(f"<h1>Shop</h1>{plain.json()['code']}")
    async with page.expect_console_message(
        lambda one: one.text.startswith("Rollcall widget"), timeout=30_000
    ):
        pass
    await expect(page.get_by_role("button")).to_have_count(0)
    framed = await setting.visit.context.new_page()
    await framed.goto(setting.visit.origin)
    await framed.set_content(found["code"])
    await expect(framed.frame_locator("iframe").get_by_role("textbox")).to_have_count(0)


async def test_a_preview_answers_though_no_page_may_embed_it_and_runs_nothing_that_was_written(
    setting: Setting,
) -> None:
    widget = await setting.widget(
        allowed_origins=[],
        name=HOSTILE,
        welcome_message="<img src=x onerror=\"document.title='x'\">",
    )
    page = await setting.visit.context.new_page()
    await page.goto(f"{setting.base}/api/widgets/{widget['id']}/preview")
    await page.get_by_role("button", name="Chat with").click()
    await expect(page.get_by_text("<img src=x onerror")).to_be_visible()
    await ask(page, "Tea?")
    await hear(page, "you said Tea?")
    assert await page.title() == f"Preview of {HOSTILE}"
