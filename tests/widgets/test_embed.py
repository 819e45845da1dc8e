"""What people put into their pages, and the pages that show a widget."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser
from ipaddress import ip_network
from typing import Any

import httpx
import pytest

from rollcall.backends.sql.database import Database
from rollcall.kernel.errors import InvalidInput
from rollcall.testing.clock import FrozenClock
from rollcall.widgets.addresses import Addresses
from rollcall.widgets.browser import script
from rollcall.widgets.script import Script
from support.widgets import PAGE, SCRIPT, WIDGET, House

BASE = "https://agents.example/chat"


class Tags(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def one(self, tag: str) -> dict[str, str | None]:
        (attributes,) = [attributes for name, attributes in self.found if name == tag]
        return attributes


def policy(answer: httpx.Response) -> dict[str, str]:
    """The Content Security Policy of a page, by directive."""
    parts = answer.headers["content-security-policy"].split("; ")
    return {name: value for name, _, value in (one.partition(" ") for one in parts)}


def test_the_hashes_are_those_of_the_script_that_is_served() -> None:
    one = Script(script())
    assert one.hash == hashlib.sha256(script()).hexdigest()[:16]
    digest = base64.b64encode(hashlib.sha384(script()).digest()).decode()
    assert one.integrity == f"sha384-{digest}"
    assert b"RollcallWidget" in one.body


async def test_a_script_is_embedded_with_its_hash_and_the_page_is_told_what_to_allow(
    client: httpx.AsyncClient, widget: dict[str, Any]
) -> None:
    at = f"/api/widgets/{widget['id']}"
    found = (await client.get(f"{at}/embed")).json()
    tag = Tags(found["code"]).one("script")
    assert tag == {
        "src": f"http://localhost/widget/v1/{SCRIPT.name}",
        "integrity": SCRIPT.integrity,
        "crossorigin": "anonymous",
        "data-widget": widget["public_key"],
        "async": None,
    }
    assert (found["script_url"], found["integrity"]) == (tag["src"], SCRIPT.integrity)
    assert found["csp"] == {"script-src": "http://localhost", "connect-src": "http://localhost"}
    await client.patch(at, json={"avatar_url": "https://cdn.example/a.png"})
    assert (await client.get(f"{at}/embed")).json()["csp"]["img-src"] == "https://cdn.example"
    assert (await client.get(f"{at}/embed?kind=odd")).status_code == 422


async def test_what_is_embedded_points_to_where_it_is_set_up_to(
    widget: dict[str, Any], database: Database, clock: FrozenClock
) -> None:
    house = House(database, clock, base=f"{BASE}/")
    async with house.client() as client:
        found = (await client.get(f"/api/widgets/{widget['id']}/embed?kind=iframe")).json()
    frame = Tags(found["code"]).one("iframe")
    assert frame["src"] == f"{BASE}/widget/v1/{widget['public_key']}/frame"
    assert frame["title"] == "Ada"
    assert "style" not in frame
    assert found["csp"] == {"frame-src": "https://agents.example"}


async def test_a_frame_is_a_page_that_allows_itself_nothing_but_the_script(
    client: httpx.AsyncClient, widget: dict[str, Any]
) -> None:
    await client.patch(
        f"/api/widgets/{widget['id']}",
        json={"language": "de", "avatar_url": "https://cdn.example/a.png"},
    )
    answer = await client.get(f"/widget/v1/{widget['public_key']}/frame")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Tags(answer.text)
    tag = page.one("script")
    assert tag["src"] == f"../{SCRIPT.name}"
    assert tag["data-widget"] == widget["public_key"]
    assert "data-frame" in tag
    assert page.one("html")["lang"] == "de"
    assert not [one for one in page.found if "style" in one[1] or "onload" in one[1]]
    assert policy(answer) == {
        "default-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "script-src": "'self'",
        "connect-src": "'self'",
        "img-src": "https://cdn.example",
        "frame-ancestors": PAGE,
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_preview_carries_a_token_of_its_own_and_is_kept_by_nobody(
    client: httpx.AsyncClient, widget: dict[str, Any]
) -> None:
    answer = await client.get(f"/api/widgets/{widget['id']}/preview")
    tag = Tags(answer.text).one("script")
    assert tag["src"] == f"../../../widget/v1/{SCRIPT.name}"
    assert (tag["data-token"] or "").startswith("rcv_")
    assert answer.headers["cache-control"] == "no-store"
    assert policy(answer)["frame-ancestors"] == "'self'"


@pytest.mark.parametrize(
    "base",
    ["agents.example", "ftp://a.example", "https://", "https://a b", "https://a.example/?x", "x"],
)
def test_a_base_that_is_no_url_is_refused_at_the_start(base: str) -> None:
    with pytest.raises(InvalidInput, match="ROLLCALL_WIDGET_BASE_URL"):
        Addresses(base, ())


@pytest.mark.parametrize(
    ("address", "base"),
    [("10.0.0.1", "https://agents.example"), ("192.0.2.1", "http://inside:8005")],
)
async def test_a_trusted_proxy_is_believed_by_what_name_it_was_called(
    address: str, base: str, widget: dict[str, Any], database: Database, clock: FrozenClock
) -> None:
    house = House(database, clock, trusted=[ip_network("10.0.0.0/8")])
    headers = {
        "Host": "inside:8005",
        "X-Forwarded-Host": "agents.example",
        "X-Forwarded-Proto": "https",
    }
    async with house.client(address) as asking:
        public = f"/widget/v1/{widget['public_key']}/visitors"
        own = await asking.post(public, json={}, headers={**headers, "Origin": base})
    assert own.status_code == 201
    other = "http://inside:8005" if base.startswith("https") else "https://agents.example"
    async with house.client(address) as asking:
        public = f"/widget/v1/{widget['public_key']}/visitors"
        refused = await asking.post(public, json={}, headers={**headers, "Origin": other})
    assert refused.status_code == 403


async def test_a_name_that_could_break_out_of_a_code_is_refused(
    widget: dict[str, Any], client: httpx.AsyncClient
) -> None:
    at = f"/api/widgets/{widget['id']}/embed"
    odd = await client.get(at, headers={"Host": 'localhost"><script>'})
    assert odd.status_code in (403, 422)
    assert "code" not in odd.json()
    made = await client.post("/api/widgets", json={**WIDGET, "name": 'x" onload="y'})
    code = await client.get(f"/api/widgets/{made.json()['id']}/embed?kind=iframe")
    assert Tags(code.json()["code"]).one("iframe")["title"] == 'x" onload="y'
