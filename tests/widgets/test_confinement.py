"""Whom visitors reach: an agent that somebody has made for them, and nothing behind it."""

from __future__ import annotations

from typing import Any

import httpx
from msgspec.structs import replace

from support.widgets import WIDGET, House, Page, problem


async def test_visitors_do_not_reach_the_agent_services_own_agent_who_has_every_tool(
    client: httpx.AsyncClient, house: House
) -> None:
    # Anybody may make a definition of that id; it is not what the agent service runs by it.
    await house.hire("assistant")
    answer = await client.post("/api/widgets", json=WIDGET | {"agent_id": "assistant"})
    assert problem(answer) == (422, "invalid-input")
    assert answer.json()["errors"][0]["field"] == "agent_id"


async def test_a_widget_that_was_given_that_agent_before_is_paused(
    page: Page, widget: dict[str, Any], house: House
) -> None:
    await house.hire("assistant")
    async with house.store.begin() as work:
        old = await work.widget("default", widget["id"])
        assert old is not None
        await work.put(replace(old, content=replace(old.content, agent_id="assistant")))
    assert problem(await page.say("Hello")) == (409, "widget-paused")
    assert not house.clerk.tasks


async def test_a_visitors_agent_is_confined_whatever_it_was_made_for(
    page: Page, house: House
) -> None:
    await page.say("Hello")
    (task,) = house.clerk.tasks
    assert task.brief.agent is not None
    assert task.brief.agent.confined
