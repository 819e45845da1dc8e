"""The public endpoint: who may ask what from which page."""

from __future__ import annotations

import gzip
from typing import Any

import httpx
import pytest

from rollcall.agents.models import By, Status
from rollcall.backends.sql.database import Database
from rollcall.testing.clock import FrozenClock
from rollcall.widgets.script import Script
from rollcall.widgets.tokens import LIFETIME
from support.widgets import PAGE, SCRIPT, WIDGET, House, Page, problem

OTHER = "https://evil.example"


async def test_the_browser_is_told_how_the_widget_looks(page: Page) -> None:
    answer = await page.get("config")
    found = answer.json()
    assert set(found) == {
        "name",
        "welcome_message",
        "placeholder",
        "theme",
        "position",
        "settings",
        "language",
        "limits",
    }
    assert found["settings"]["avatar_url"] is None
    assert found["limits"] == {"message_chars": 4000}
    assert answer.headers["cache-control"] == "no-store"


async def test_a_welcome_message_is_data_and_never_html(
    client: httpx.AsyncClient, house: House
) -> None:
    text = "<img src=x onerror=alert(1)>\"'&"
    made = await client.post("/api/widgets", json={**WIDGET, "name": text, "welcome_message": text})
    key = made.json()["public_key"]
    config = await Page(client, key).get("config")
    assert config.headers["content-type"] == "application/json"
    assert config.json()["welcome_message"] == text
    for path in (f"/widget/v1/{key}/frame", f"/api/widgets/{made.json()['id']}/preview"):
        shown = await client.get(path)
        assert "<img" not in shown.text
        assert "&lt;img src=x onerror=alert(1)&gt;&quot;&#x27;&amp;" in shown.text
        assert "'unsafe-inline'" not in shown.headers["content-security-policy"]
    code = (await client.get(f"/api/widgets/{made.json()['id']}/embed?kind=iframe")).json()
    assert "<img" not in code["code"]


async def test_an_unknown_key_is_a_404(client: httpx.AsyncClient, page: Page) -> None:
    for key in ("wpk_" + "0" * 24, "wpk_short", "x", "wpk_%00", "wdg_1"):
        other = Page(client, key)
        assert problem(await other.get("config")) == (404, "widget-not-found")
        assert problem(await other.get("frame")) == (404, "widget-not-found")
        assert (await other.post("visitors", {})).status_code == 404


@pytest.mark.parametrize("origin", [OTHER, "null", "http://shop.example", f"{PAGE}:8443"])
async def test_pages_that_are_not_listed_are_refused_and_their_browsers_told_nothing(
    origin: str, page: Page
) -> None:
    token = page.headers["Authorization"]
    page.headers = {"Origin": origin}
    assert problem(await page.meet()) == (403, "origin-not-allowed")
    config = await page.get("config")
    assert problem(config) == (403, "origin-not-allowed")
    assert "access-control-allow-origin" not in config.headers
    assert "Origin" in config.headers["vary"]
    page.headers["Authorization"] = token
    assert problem(await page.say("Hello")) == (403, "origin-not-allowed")


async def test_listed_pages_may_read_answers_and_refusals_alike(page: Page) -> None:
    token = page.headers.pop("Authorization")
    refused = await page.say("Hello")
    page.headers["Authorization"] = token
    for answer in (await page.get("config"), refused, await page.get("messages/turn_x/stream")):
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert answer.headers["access-control-expose-headers"] == "Retry-After, X-Request-ID"
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "method", "headers", "allowed"),
    [
        (PAGE, "POST", "authorization,content-type", True),
        (PAGE, "GET", "Authorization", True),
        (PAGE, "POST", "", True),
        (PAGE, "DELETE", "", False),
        (PAGE, "POST", "x-odd", False),
        (OTHER, "POST", "content-type", False),
        ("null", "POST", "content-type", False),
    ],
)
async def test_preflights_are_answered_for_listed_pages(
    origin: str, method: str, headers: str, allowed: bool, page: Page, client: httpx.AsyncClient
) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    answer = await client.options(f"/widget/v1/{page.key}/messages", headers=asked)
    assert answer.status_code == 204
    assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)
    assert ("access-control-allow-methods" in answer.headers) == allowed


async def test_with_a_star_every_page_may_and_null_only_where_it_is_listed(
    client: httpx.AsyncClient,
) -> None:
    for origins, null in ((["*"], 403), (["*", "null"], 200), (["null"], 200)):
        made = await client.post("/api/widgets", json={**WIDGET, "allowed_origins": origins})
        key = made.json()["public_key"]
        anywhere = await Page(client, key, OTHER).get("config")
        assert anywhere.status_code == (200 if "*" in origins else 403)
        answer = await Page(client, key, "null").get("config")
        assert answer.status_code == null
        named = "null" if null == 200 else None
        assert answer.headers.get("access-control-allow-origin") == named


async def test_the_frame_is_the_services_own_page_and_its_requests_are_taken(page: Page) -> None:
    framed = Page(page.client, page.key, "http://localhost")
    assert (await framed.meet()).status_code == 201
    # Browsers send no origin with a GET of their own.
    del framed.headers["Origin"]
    assert (await framed.get("config")).status_code == 200
    assert (await framed.get("messages")).json() == []
    framed.headers["Origin"] = PAGE
    assert problem(await framed.get("messages")) == (401, "visitor-token")


async def test_a_widget_that_nobody_may_embed_answers_on_its_preview_alone(
    client: httpx.AsyncClient,
) -> None:
    made = (await client.post("/api/widgets", json={**WIDGET, "allowed_origins": []})).json()
    key = made["public_key"]
    for origin in (PAGE, "null", "http://localhost", None):
        assert problem(await Page(client, key, origin).meet()) == (403, "origin-not-allowed")
    frame = await client.get(f"/widget/v1/{key}/frame")
    assert "frame-ancestors 'none'" in frame.headers["content-security-policy"]
    preview = (await client.get(f"/api/widgets/{made['id']}/preview")).text
    token = preview.partition('data-token="')[2].partition('"')[0]
    own = Page(client, key, "http://localhost")
    own.headers["Authorization"] = f"Bearer {token}"
    assert (await own.say("Hello")).status_code == 200
    elsewhere = Page(client, key, PAGE)
    elsewhere.headers["Authorization"] = f"Bearer {token}"
    assert problem(await elsewhere.say("Hello")) == (403, "origin-not-allowed")


async def test_a_pause_counts_from_the_next_request_on_in_every_process(
    page: Page, widget: dict[str, Any], house: House
) -> None:
    other = House(house.database, house.clock)
    at = f"/api/widgets/{widget['id']}"
    assert (await page.client.post(f"{at}/pause")).json()["paused"] is True
    async with other.client() as client:
        elsewhere = Page(client, page.key)
        for one in (page, elsewhere):
            for answer in (await one.get("config"), await one.post("visitors", {})):
                assert problem(answer) == (409, "widget-paused")
        assert problem(await page.say("Hello")) == (409, "widget-paused")
        assert problem(await page.post("track", {"event_type": "view"})) == (409, "widget-paused")
        assert house.clerk.tasks == []
        await page.client.post(f"{at}/resume")
        assert (await elsewhere.get("config")).status_code == 200
    assert (await page.say("Hello")).status_code == 200


async def test_a_widget_stops_with_its_agent(page: Page, house: House) -> None:
    who = By(namespace="default", author="local")
    await house.agents.move("clerk", Status.PAUSED, who)
    assert problem(await page.say("Hello")) == (409, "widget-paused")
    await house.agents.move("clerk", Status.ACTIVE, who)
    assert (await page.get("config")).status_code == 200
    await house.agents.delete("clerk", who)
    for answer in (await page.get("config"), await page.say("Hello")):
        assert problem(answer) == (409, "widget-paused")


async def test_a_new_key_is_good_at_once_and_the_old_one_with_its_tokens_is_not(
    page: Page, widget: dict[str, Any]
) -> None:
    done = await page.client.post(f"/api/widgets/{widget['id']}/rotate-key")
    new = done.json()["public_key"]
    assert new != page.key
    assert problem(await page.say("Hello")) == (404, "widget-not-found")
    page.key = new
    assert problem(await page.say("Hello")) == (401, "visitor-token")
    await page.meet()
    assert (await page.say("Hello")).status_code == 200


async def test_without_a_good_token_nothing_is_said(
    page: Page, clock: FrozenClock, client: httpx.AsyncClient, house: House
) -> None:
    good = page.headers["Authorization"]
    made = (await client.post("/api/widgets", json=WIDGET)).json()
    other = Page(client, made["public_key"])
    await other.meet()
    for shown in (None, "Bearer", "Basic x", "Bearer x", other.headers["Authorization"]):
        page.headers.pop("Authorization", None)
        if shown is not None:
            page.headers["Authorization"] = shown
        for answer in (
            await page.say("Hello"),
            await page.get("messages"),
            await page.get("messages/turn_1/stream"),
            await page.post("track", {"event_type": "view"}),
        ):
            assert problem(answer) == (401, "visitor-token")
    page.headers["Authorization"] = good
    clock.jump(LIFETIME)
    assert problem(await page.say("Hello")) == (401, "visitor-token")
    assert house.clerk.tasks == []


async def test_pages_get_the_script_that_they_name_whichever_version_runs_now(
    house: House, database: Database, clock: FrozenClock
) -> None:
    other = Script(b"// Another version's widget.\n")
    later = House(database, clock, script=other)
    async with (
        house.app.router.lifespan_context(house.app),
        later.app.router.lifespan_context(later.app),
    ):
        for one in (house, later):
            async with one.client() as client:
                for script in (SCRIPT, other):
                    answer = await client.get(f"/widget/v1/{script.name}")
                    assert answer.content == script.body
                    assert "immutable" in answer.headers["cache-control"]
                for name in ("widget-0123456789abcdef.js", "widget-%2e%2e.js"):
                    assert (await client.get(f"/widget/v1/{name}")).status_code == 404


@pytest.mark.parametrize("name", ["widget.js", SCRIPT.name])
async def test_the_script_is_for_every_page(name: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/widget/v1/{name}", headers={"Accept-Encoding": "br, gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == SCRIPT.body
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for_ever = "immutable" in answer.headers["cache-control"]
    assert for_ever == (name != "widget.js")
    for encoding in ("identity", "gzip;q=0", ""):
        plain = await client.get(f"/widget/v1/{name}", headers={"Accept-Encoding": encoding})
        assert "content-encoding" not in plain.headers
        assert plain.text == SCRIPT.body.decode()
    known = {"If-None-Match": answer.headers["etag"]}
    assert (await client.get(f"/widget/v1/{name}", headers=known)).status_code == 304


async def test_a_script_that_never_was_is_a_404(client: httpx.AsyncClient) -> None:
    assert problem(await client.get("/widget/v1/widget-0123456789abcdef.js"))[0] == 404
    assert gzip.decompress(SCRIPT.zipped) == SCRIPT.body


async def test_what_the_browser_says_odd_is_a_4xx(page: Page) -> None:
    odd: list[Any] = [{"event_type": "odd"}, {}, [], {"event_type": "view", "odd": 1}, None]
    for body in odd:
        assert (await page.post("track", body)).status_code == 422
    for body in ({"message": "x"}, {"message": 1, "client_id": "c"}, {"client_id": "c"}, "x"):
        assert (await page.post("messages", body)).status_code == 422
    assert (await page.say("x", "a\nb")).status_code == 422
    for limit in (0, 101, "x", 2**80):
        assert (await page.get("messages", limit=limit)).status_code == 422
    assert (await page.get("messages/a%2Fb/stream")).status_code in (404, 422)
    assert (await page.post("visitors", {"odd": 1})).status_code == 422
