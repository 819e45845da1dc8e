# SPDX-License-Identifier: Apache-2.0
"""Somebody puts a widget into a page by the code that Rollcall gives them, and a visitor talks to
the agent: a real browser, a page of another origin, and all else as `rollcall up` runs it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import expect

from support.browser import Site, Visit, chromium
from support.browser import serving as site_at
from support.chatting import ask, status
from support.houses import MODEL, modelled
from support.modelled import until
from support.serving import Serving, serving
from support.widgetserver import WidgetServer

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="module")]

AGENT = {
    "business_name": "Marble Dental",
    "business_description": "A dental practice with three dentists in the middle of Graz.",
    "business_domain": "https://marble-dental.example",
    "industry": "healthcare",
    "llm_model": MODEL,
    "interface_type": "webchat",
}
LONG = 30_000
"""Milliseconds that an answer may take on a busy machine."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("embedded")
    with modelled() as told, serving(folder, "up", ROLLCALL_STORE="memory", **told) as one:
        until(lambda: '"calculate"' in httpx.get(f"{one.talk}/api/v1/tools").text)
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def visit(up: Serving) -> AsyncIterator[Visit]:
    """A browser, on a site that asks the gateway."""
    site = Site()
    async with chromium() as browser, site_at(site.app()) as port:
        origin = f"http://localhost:{port}"
        context = await browser.new_context()
        one = Visit(WidgetServer(origin), up.gateway, site, origin, context)
        try:
            yield one
        finally:
            await one.end()


def _said(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


async def test_a_visitor_talks_to_the_agent_on_a_page_and_in_a_frame(
    up: Serving, visit: Visit
) -> None:
    async with httpx.AsyncClient(base_url=up.gateway, timeout=30) as client:
        agent = _said(await client.post("/api/agents", json=AGENT))
        calculator = {"id": "calculator", "name": "Calculator"}
        _said(await client.post("/api/capabilities", json=calculator))
        mine = f"/api/agents/{agent['id']}/capabilities/calculator"
        _said(await client.post(mine, json={}))
        moved = f"/api/agents/{agent['id']}/status"
        _said(await client.patch(moved, json={"status": "active"}))
        body = {
            "agent_id": agent["id"],
            "name": "Reception",
            "allowed_origins": [visit.origin],
            "welcome_message": "<img src=x onerror=alert(1)> Hello",
        }
        place = f"/api/widgets/{(_said(await client.post('/api/widgets', json=body)))['id']}"
        script = _said(await client.get(f"{place}/embed"))
        frame = _said(await client.get(f"{place}/embed", params={"kind": "iframe"}))

        allowed = "".join(f"; {name} {value}" for name, value in script["csp"].items())
        policy = f"default-src 'none'{allowed}; require-trusted-types-for 'script'"
        page = await visit.page(script["code"], policy=policy)
        await page.get_by_role("button", name="Chat with Reception").click()
        await ask(page, "Calculate 10 + 5")
        await expect(page.locator(".theirs").last).to_contain_text("15", timeout=LONG)
        await expect(page.locator(".theirs").first).to_contain_text("<img src=x onerror=alert(1)>")
        await page.reload()
        await expect(page.locator(".mine")).to_contain_text("Calculate 10 + 5")
        await expect(page.locator(".theirs").last).to_contain_text("15")

        policy = f"default-src 'none'; frame-src {frame['csp']['frame-src']}"
        framed = (await visit.page(frame["code"], path="/frame", policy=policy)).frame_locator(
            "iframe"
        )
        await framed.get_by_role("textbox").fill("Calculate 20 + 5")
        await framed.get_by_role("textbox").press("Enter")
        await expect(framed.locator(".theirs").last).to_contain_text("25", timeout=LONG)

        _said(await client.patch(moved, json={"status": "paused"}))
        await ask(page, "Calculate 1 + 1")
        await expect(status(page)).to_contain_text("taking a break", timeout=LONG)

        stats = _said(await client.get(f"{place}/stats"))
        counted = {name: stats[name] for name in ("views", "interactions", "messages", "failed")}
        assert counted == {"views": 2, "interactions": 2, "messages": 2, "failed": 0}
