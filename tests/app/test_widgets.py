"""Widgets as they are composed, with an agent that a real model loop runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from rollcall.agents.changes import change_of
from rollcall.agents.models import By, Status
from rollcall.app.compose import Platform
from rollcall.app.places import places
from rollcall.app.services import Service, service
from rollcall.app.settings import Settings
from rollcall.app.widgets import WIDGETS, widget_limits, widgets_service
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from rollcall.registry.catalogue import open_store
from rollcall.testing.scripted_model import Fails, Says, ScriptedModel
from rollcall.widgets.limits import WidgetLimits
from support.widgets import WIDGET, Page, told

HOSTED = Service(
    "widgets",
    "widgets",
    lambda settings: settings.widget_port,
    "WIDGET_PORT",
    widgets_service,
    registration=WIDGETS,
)


@asynccontextmanager
async def opened(tmp_path: Path, model: ScriptedModel) -> AsyncGenerator[tuple[Platform, Page]]:
    """A process with the agent service and widgets, and a visitor on a page."""
    settings = Settings.load(
        {
            "ROLLCALL_DATA_DIR": str(tmp_path),
            "ROLLCALL_MODEL": "openai:scripted",
            "ROLLCALL_MODEL_URL": model.url,
            "ROLLCALL_MODEL_KEY": "any",
        }
    )
    clock, ids, where = SystemClock(), RandomIds(), places(settings)
    store = open_store(where.records, clock, ids)
    platform = Platform(settings, [service("agent"), HOSTED], where, clock, ids, store)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(platform)
        content = change_of({"name": "Clerk", "configuration": {"instructions": "Sell tea."}})
        by = By(namespace="default", author="local")
        await platform.shared.agents.create(content, by, agent_id="clerk", status=Status.ACTIVE)
        transport = httpx.ASGITransport(platform.apps["widgets"])
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        await stack.enter_async_context(client)
        made = await client.post("/api/widgets", json=WIDGET)
        page = Page(client, made.json()["public_key"])
        assert (await page.meet()).status_code == 201
        yield platform, page


async def stats(page: Page) -> dict[str, Any]:
    (widget,) = (await page.client.get("/api/widgets")).json()
    return (await page.client.get(f"/api/widgets/{widget['id']}/stats")).json()


async def test_a_visitor_talks_to_a_model_and_it_is_counted_and_erased(tmp_path: Path) -> None:
    async with (
        ScriptedModel(Says("Green ", "or black?"), Says("It is ", "fresh.")) as model,
        opened(tmp_path, model) as (platform, page),
    ):
        first = told(await page.say("Tea, please.", "c1"))
        assert "".join(data["text"] for name, data in first if name == "text") == "Green or black?"
        assert first[-1][1]["response"] == "Green or black?"
        await page.say("Green", "c2")
        asked = model.last.messages
        assert [one["role"] for one in asked] == ["system", "user", "assistant", "user"]
        assert "Sell tea." in asked[0]["content"]
        found = await stats(page)
        assert (found["messages"], found["conversations"], found["failed"]) == (2, 1, 0)
        whose = {"user_id": f"visitor:{page.visitor_id}"}
        erased = (await platform.shared.memories.erase(whose)).removed
        assert (erased["widget_visitors"], erased["conversations"]) == (1, 1)
        assert (await page.get("messages")).json() == []


async def test_a_model_that_fails_is_told_politely_and_counted(tmp_path: Path) -> None:
    async with (
        ScriptedModel(Fails(400, "a secret of the provider")) as model,
        opened(tmp_path, model) as (platform, page),
    ):
        answer = await page.say("Tea", "c1")
        problem = told(answer)[-1][1]["problem"]
        assert problem["type"].startswith("urn:rollcall:problem:answer-")
        assert "secret" not in answer.text
        await platform.dispatcher.drained()
        found = await stats(page)
        assert (found["messages"], found["failed"], found["failure_rate"]) == (1, 1, 1.0)


def test_the_settings_say_how_much_visitors_may_ask() -> None:
    assert widget_limits(Settings.load({})) == WidgetLimits()
    some = Settings.load({"ROLLCALL_WIDGET_DAILY_MESSAGES": "5", "ROLLCALL_WIDGET_ANSWERS": "2"})
    assert widget_limits(some) == WidgetLimits(daily_messages=5, widget_answers=2)
