"""Widgets over HTTP: made, found, changed, deleted."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from rollcall.backends.sql.database import Database
from rollcall.testing.clock import FrozenClock
from rollcall.web.auth import OpenAccess
from support.definitions import told
from support.widgets import BOTH, PAGE, WIDGET, House, problem

pytestmark = BOTH
AT = "/api/widgets"


async def test_a_widget_is_made_with_the_defaults_of_the_documents(
    widget: dict[str, Any], house: House
) -> None:
    assert widget == {
        "id": widget["id"],
        "agent_id": "clerk",
        "name": "Ada",
        "theme": {
            "primary_color": "#007bff",
            "secondary_color": "#6c757d",
            "background_color": "#ffffff",
            "text_color": "#333333",
            "border_radius": 8,
            "font_family": "Arial",
            "dark": None,
        },
        "position": {"corner": "bottom-right", "x": 20, "y": 20},
        "settings": {
            "auto_open": False,
            "auto_open_delay_ms": 3000,
            "show_avatar": True,
            "sound": False,
            "typing_indicator": True,
            "max_messages": 50,
        },
        "welcome_message": "Hello! How can I help you?",
        "placeholder": "Type your message…",
        "language": None,
        "avatar_url": None,
        "allowed_origins": [PAGE],
        "paused": False,
        "public_key": widget["public_key"],
        "revision": 1,
        "created_at": "2025-06-15T15:06:40Z",
        "updated_at": "2025-06-15T15:06:40Z",
        "warnings": [],
    }
    assert widget["id"].startswith("wdg_")
    assert len(widget["public_key"]) == len("wpk_") + 24
    events = [one for one in await told(house.database) if one.type.startswith("widget")]
    assert [(one.type, one.subject) for one in events] == [("widget.created", widget["id"])]
    assert events[0].data["name"] == "Ada"


async def test_the_same_request_with_the_same_key_is_answered_with_the_same_widget(
    client: httpx.AsyncClient, house: House
) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await client.post(AT, json=WIDGET, headers=headers)
    again = await client.post(AT, json=WIDGET, headers=headers)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.headers["location"] == f"{AT}/{first.json()['id']}"
    other = await client.post(AT, json={**WIDGET, "name": "Bob"}, headers=headers)
    assert problem(other) == (409, "key-reused")
    assert len((await client.get(AT)).json()) == 1
    assert [one.type for one in await told(house.database)].count("widget.created") == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"agent_id": "nobody"}, "agent_id"),
        ({"agent_id": "a\x00"}, "agent_id"),
        ({"agent_id": None}, "agent_id"),
        ({"name": ""}, "name"),
        ({"odd": 1}, "odd"),
        ({"theme": {"primary_color": "red"}}, "theme.primary_color"),
        ({"theme": {"dark": {"odd": 1}}}, "theme.dark.odd"),
        ({"position": {"x": 2**70}}, "position.x"),
        ({"position": {"corner": "middle"}}, "position.corner"),
        ({"settings": {"max_messages": 0}}, "settings.max_messages"),
        ({"allowed_origins": ["https://a.example/x"]}, "allowed_origins.0"),
        ({"avatar_url": "data:text/html,x"}, "avatar_url"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_field(
    changes: dict[str, Any], field: str, client: httpx.AsyncClient
) -> None:
    answer = await client.post(AT, json={**WIDGET, **changes})
    assert problem(answer) == (422, "invalid-input")
    assert answer.json()["errors"][0]["field"] == field
    assert (await client.get(AT)).json() == []


async def test_widgets_are_listed_the_newest_first_page_by_page_and_by_agent(
    client: httpx.AsyncClient, house: House, clock: FrozenClock
) -> None:
    await house.hire("butler")
    ids: list[str] = []
    for number in range(5):
        clock.jump(1)
        agent = "butler" if number == 2 else "clerk"
        made = await client.post(AT, json={**WIDGET, "agent_id": agent, "name": f"W{number}"})
        ids.insert(0, made.json()["id"])
    found: list[str] = []
    url = f"{AT}?limit=2"
    while url:
        page = await client.get(url)
        found += [one["id"] for one in page.json()]
        url = page.links.get("next", {}).get("url", "")
    assert found == ids
    only = await client.get(AT, params={"agent_id": "butler"})
    assert [one["name"] for one in only.json()] == ["W2"]
    for bad in ({"cursor": "x"}, {"limit": 0}, {"limit": 201}, {"agent_id": "a\nb"}):
        assert (await client.get(AT, params=bad)).status_code == 422


async def test_a_change_needs_the_revision_that_was_read_and_tells_what_changed(
    client: httpx.AsyncClient, widget: dict[str, Any], house: House
) -> None:
    at = f"{AT}/{widget['id']}"
    read = await client.get(at)
    assert read.headers["etag"] == '"1"'
    changes = {"name": "Bob", "theme": {"text_color": "#000"}}
    done = await client.patch(at, json=changes, headers={"If-Match": '"1"'})
    assert (done.json()["name"], done.json()["revision"]) == ("Bob", 2)
    assert done.json()["theme"]["primary_color"] == "#007bff"
    late = await client.patch(at, json={"name": "Eve"}, headers={"If-Match": '"1"'})
    assert problem(late) == (412, "revision-mismatch")
    assert (await client.patch(at, json=changes)).json()["revision"] == 2
    last = (await told(house.database))[-1]
    assert (last.type, last.data["changes"]) == ("widget.updated", ["name", "theme"])
    gone = await client.patch(at, json={"agent_id": "nobody"})
    assert gone.json()["errors"][0]["field"] == "agent_id"


async def test_a_widget_that_is_deleted_is_gone(
    client: httpx.AsyncClient, widget: dict[str, Any], house: House
) -> None:
    at = f"{AT}/{widget['id']}"
    assert problem(await client.delete(at, headers={"If-Match": '"7"'}))[0] == 412
    assert (await client.delete(at)).status_code == 204
    for answer in (
        await client.get(at),
        await client.delete(at),
        await client.patch(at, json={}),
        await client.post(f"{at}/pause"),
        await client.post(f"{at}/rotate-key"),
        await client.get(f"{at}/embed"),
        await client.get(f"{at}/preview"),
        await client.get(f"{at}/stats"),
        await client.post(f"{at}/track", params={"event_type": "view"}),
    ):
        assert problem(answer) == (404, "widget-not-found")
    assert (await told(house.database))[-1].type == "widget.deleted"


async def test_templates_are_those_of_the_documents(client: httpx.AsyncClient) -> None:
    found = (await client.get("/api/templates")).json()
    look = {
        one["template"]: (one["theme"]["primary_color"], one["theme"]["border_radius"])
        for one in found
    }
    assert look == {
        "modern": ("#007bff", 12),
        "professional": ("#2c3e50", 4),
        "friendly": ("#28a745", 20),
        "minimal": ("#6c757d", 0),
    }


async def test_a_widget_begins_as_a_template_and_what_is_said_goes_before_it(
    client: httpx.AsyncClient,
) -> None:
    at = f"{AT}/from-template"
    plain = await client.post(at, json={"template": "friendly", "agent_id": "clerk"})
    assert plain.status_code == 201
    assert plain.json()["name"] == "Friendly"
    assert plain.json()["theme"]["primary_color"] == "#28a745"
    body = {
        "template": "friendly",
        "agent_id": "clerk",
        "name": "Ada",
        "theme": {"border_radius": 3},
    }
    own = (await client.post(at, json=body)).json()
    assert (own["name"], own["theme"]["border_radius"]) == ("Ada", 3)
    assert own["theme"]["primary_color"] == "#28a745"
    odd = await client.post(at, json={**body, "template": "odd"})
    assert odd.json()["errors"][0]["field"] == "template"


async def test_one_namespace_sees_nothing_of_another(
    widget: dict[str, Any], house: House, database: Database, clock: FrozenClock
) -> None:
    other = House(database, clock, access=OpenAccess("other"))
    async with other.client() as stranger:
        assert (await stranger.get(AT)).json() == []
        at = f"{AT}/{widget['id']}"
        for answer in (await stranger.get(at), await stranger.patch(at, json={"name": "x"})):
            assert problem(answer) == (404, "widget-not-found")
        made = await stranger.post(AT, json=WIDGET)
        assert made.json()["errors"][0]["field"] == "agent_id"


@pytest.mark.parametrize("path", ["/embed", "/stats", "/preview"])
async def test_fixed_names_win_over_ids(path: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{AT}/from-template{path}")
    assert problem(answer) == (404, "widget-not-found")


async def test_the_access_of_visitors_leaves_no_entry_in_the_audit_log(
    client: httpx.AsyncClient, widget: dict[str, Any], house: House
) -> None:
    before = len(await house.audit.entries("default"))
    answer = await client.post(f"/widget/v1/{widget['public_key']}/visitors", json={})
    assert answer.status_code == 201
    assert len(await house.audit.entries("default")) == before
    assert (await house.audit.entries("default"))[0].subject == widget["id"]


async def test_of_the_same_request_at_the_same_time_one_makes_the_widget(
    client: httpx.AsyncClient, house: House
) -> None:
    headers = {"Idempotency-Key": "k1"}
    answers = await asyncio.gather(
        *(client.post(AT, json=WIDGET, headers=headers) for _ in range(5))
    )
    assert sorted(one.status_code for one in answers) == [200, 200, 200, 200, 201]
    assert len({one.json()["id"] for one in answers}) == 1
    assert [one.type for one in await told(house.database)].count("widget.created") == 1
