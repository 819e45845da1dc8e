"""The wizard over HTTP, as document 4 asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers

from rollcall.agents.wizard.errors import TalkRefused
from rollcall.agents.wizard.ports import AgentServiceAway
from rollcall.agents.wizard.shelf import Shelf
from rollcall.backends.sql.database import Database
from rollcall.kernel.caller import ADMIN, READ, REGISTER, Caller
from rollcall.testing.clock import FrozenClock
from rollcall.web.auth import Access
from support.sse import parsed
from support.trades import BAKERY, SHELF, House, Talking, event

AGENTS = "/api/agents"


class As:
    """Everybody is somebody in particular."""

    authenticated = True

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    async def identify(self, headers: Headers) -> Caller:
        return self.caller

    def recall(self, headers: Mapping[bytes, bytes]) -> Caller | None:
        return None


def client(house: House, access: Access | None = None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(house.app(access))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def made(http: httpx.AsyncClient, **body: Any) -> str:
    answer = await http.post(AGENTS, json={**BAKERY, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_an_agent_is_made_told_checked_and_made_active(http: httpx.AsyncClient) -> None:
    key = await made(http)
    url = f"{AGENTS}/{key}"

    told = await http.post(f"{url}/system-prompt", json={"custom_prompt": "Be kind."})

    assert told.json() == {
        "system_prompt": told.json()["system_prompt"],
        "industry_metadata": {"name": "Bakery", "icon": "bread-slice", "has_custom_prompt": True},
        "agent_id": key,
        "business_name": "Crumb & Crust",
        "version": "2",
        "saved": True,
    }
    now = await http.get(url)
    assert now.headers["etag"] == told.headers["etag"]
    assert now.json()["configuration"]["instructions"] == told.json()["system_prompt"]
    ready = (await http.post(f"{url}/validate-deployment")).json()
    assert (ready["ready"], ready["issues"]) == (True, [])
    assert ready["industry_metadata"] == told.json()["industry_metadata"]
    active = await http.patch(f"{url}/status", json={"status": "active"})
    assert active.json()["status"] == "active"


async def test_without_a_body_the_prompt_is_made_and_saved(http: httpx.AsyncClient) -> None:
    key = await made(http)
    told = (await http.post(f"{AGENTS}/{key}/system-prompt")).json()
    assert (told["version"], told["saved"]) == ("2", True)
    shown = await http.post(f"{AGENTS}/{key}/system-prompt", json={"save": False})
    assert (shown.json()["version"], shown.json()["saved"]) == ("2", False)
    late = {"If-Match": '"1"'}
    again = await http.post(f"{AGENTS}/{key}/system-prompt", headers=late)
    assert problem(again) == (412, "revision-mismatch")


async def test_what_is_not_ready_says_why_and_how_to_mend_it(http: httpx.AsyncClient) -> None:
    plain = (await http.post(AGENTS, json={"name": "Plain"})).json()["id"]
    ready = (await http.post(f"{AGENTS}/{plain}/validate-deployment")).json()
    assert not ready["ready"]
    assert ready["issues"][0] == {
        "field": "business_name",
        "problem": "is missing",
        "how": "give the name of the business, 2 to 100 characters",
    }
    assert ready["industry_metadata"] == {"name": None, "icon": None, "has_custom_prompt": False}
    refused = await http.post(f"{AGENTS}/{plain}/system-prompt")
    assert problem(refused) == (409, "agent-incomplete")
    assert refused.json()["missing"] == ["business_name", "industry"]
    for path in ("system-prompt", "validate-deployment"):
        assert problem(await http.post(f"{AGENTS}/none/{path}")) == (404, "agent-not-found")


async def test_an_agent_may_not_name_what_the_library_does_not_know(
    http: httpx.AsyncClient,
) -> None:
    for field, value in (("industry", "piracy"), ("llm_model", "x"), ("interface_type", "fax")):
        refused = await http.post(AGENTS, json={**BAKERY, field: value})
        assert problem(refused) == (422, "invalid-input")
        (error,) = refused.json()["errors"]
        assert error["field"] == field


async def test_what_may_be_chosen_is_listed(http: httpx.AsyncClient) -> None:
    assert (await http.get("/api/industries")).json() == [
        {"value": "bakery", "label": "Bakery", "icon": "bread-slice"},
        {"value": "garage", "label": "Garage", "icon": "wrench"},
    ]
    assert (await http.get("/api/interfaces")).json()[0] == {
        "value": "webchat",
        "label": "Web chat",
        "limits": {"message_characters": 4000},
        "writing": ["Be brief"],
    }
    models = {one["value"]: one for one in (await http.get("/api/models")).json()}
    luna, haiku = models["openai:gpt-6-luna"], models["anthropic:claude-haiku-5-5"]
    assert (luna["label"], luna["provider"]) == ("Luna", "openai")
    assert (luna["reachable"], luna["needs"]) == (True, None)
    assert (haiku["reachable"], haiku["needs"]) == (False, "ANTHROPIC_KEY")
    assert isinstance(luna["price"]["input"], str)
    assert luna["price"]["as_of"].startswith("2025-06-15")
    assert [one["value"] for one in models.values() if one["price"] is None] == [
        "ollama:llama3.2",
        "openai:of-no-list",
    ]


async def test_the_library_can_be_looked_at(http: httpx.AsyncClient) -> None:
    config = (await http.get("/api/config")).json()
    assert config["industries"] == ["bakery", "garage"]
    assert config["refused"] is None
    assert len(config["revision"]) == 16
    assert {one["origin"] for one in config["files"]} == {"shipped"}
    bakery = (await http.get("/api/config/industries/bakery")).json()
    assert (bakery["value"], bakery["never"]) == ("bakery", ["Call bread free of nuts"])
    missing = await http.get("/api/config/industries/piracy")
    assert problem(missing) == (404, "industry-not-found")
    assert missing.json()["known"] == ["bakery", "garage"]


async def test_files_are_read_again_by_whoever_runs_the_process(
    sqlite: Database, clock: FrozenClock, tmp_path: Path
) -> None:
    models = tmp_path / "models.yaml"

    def say(text: str) -> None:
        models.write_text(text)

    say("openai:one: {label: One}\n")
    house = House(sqlite, clock, shelf=Shelf(clock, tmp_path, SHELF))
    operator = Caller("key:op", "default", frozenset({ADMIN}))
    async with client(house, As(operator)) as http:
        first = (await http.get("/api/config")).json()
        say("openai:one: {label: One}\n\nopenai:two: {lable: Two}\n")
        refused = await http.post("/api/config/reload")
        assert problem(refused) == (422, "invalid-input")
        assert refused.json()["errors"][0] == {
            "field": f"{models}:3",
            "problem": "openai:two.lable: is no field here",
        }
        now = (await http.get("/api/config")).json()
        assert now["refused"]["problem"].endswith("is no field here")
        assert {**now, "refused": None} == first
        say("openai:two: {label: Two}\n")
        done = (await http.post("/api/config/reload")).json()
        assert done["revision"] != first["revision"]
        assert done["refused"] is None
        assert "openai:two" in [one["value"] for one in (await http.get("/api/models")).json()]
        say("nonsense")
        assert (await http.post("/api/config/reload")).status_code == 422
    tenant = Caller("key:t", "acme", frozenset({ADMIN}))
    reader = Caller("key:r", "default", frozenset({READ, REGISTER}))
    for who in (tenant, reader):
        async with client(house, As(who)) as http:
            assert (await http.post("/api/config/reload")).status_code == 403
            assert (await http.get("/api/config")).json()["refused"] is None


async def test_a_definition_is_shown_and_downloaded_as_yaml(http: httpx.AsyncClient) -> None:
    key = await made(http, id='a"b; c\u00e9')
    shown = await http.get(f"{AGENTS}/{key}/yaml")
    assert shown.headers["content-type"] == "application/yaml"
    assert "content-disposition" not in shown.headers
    assert "business_name: Crumb & Crust\n" in shown.text
    kept = await http.get(f"{AGENTS}/{key}/yaml", params={"download": True})
    assert kept.headers["content-disposition"] == 'attachment; filename="a-b-c.yaml"'
    assert kept.text == shown.text


async def test_a_preview_keeps_nothing(http: httpx.AsyncClient) -> None:
    shown = await http.post("/api/config/preview", json={**BAKERY, "custom_prompt": "Be kind."})
    assert shown.status_code == 200, shown.text
    assert "> Be kind." in shown.json()["system_prompt"]
    assert shown.json()["yaml"].startswith("kind: agent\nname: Crumb & Crust\n")
    assert (await http.get(AGENTS)).json() == []
    short = await http.post("/api/config/preview", json={"business_name": "X Y"})
    assert problem(short) == (422, "invalid-input")


async def active(http: httpx.AsyncClient) -> str:
    key = await made(http)
    await http.patch(f"{AGENTS}/{key}/status", json={"status": "active"})
    return key


async def test_an_agent_answers_whole_or_as_it_goes(house: House, http: httpx.AsyncClient) -> None:
    key = await active(http)
    body = {"message": "Hello", "session_id": "s", "user_id": "u"}
    whole = await http.post(f"/api/runtime/chat/{key}", json=body, headers={"Idempotency-Key": "k"})
    assert (whole.status_code, whole.json()) == (200, {"response": "Yes."})
    streamed = await http.post(f"/api/runtime/chat/{key}", json={**body, "stream": True})
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert [one.name for one in parsed(streamed.text.splitlines())] == ["accepted", "done"]
    (_, message, idempotency), _ = house.talk.asked
    assert (message["session_id"], message["user_id"], idempotency) == ("s", "u", "k")
    assert house.talk.closed == 2


async def test_what_is_not_active_is_not_talked_to(house: House, http: httpx.AsyncClient) -> None:
    key = await made(http)
    refused = await http.post(f"/api/runtime/chat/{key}", json={"message": "Hello"})
    assert problem(refused) == (409, "agent-not-active")
    assert refused.json()["agent_status"] == "draft"
    assert "PATCH" in refused.json()["detail"]
    assert house.talk.asked == []


BUSY = {
    "type": "urn:rollcall:problem:x",
    "title": "x",
    "status": 422,
    "errors": [{"field": "user_input", "problem": "no"}],
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("talk", "status", "retry", "body"),
    [
        (
            Talking(error=TalkRefused(429, {"type": "about:blank", "status": 429}, 7)),
            429,
            "7",
            {"type": "about:blank", "status": 429},
        ),
        (
            Talking(error=TalkRefused(422, BUSY)),
            422,
            None,
            {**BUSY, "errors": [{"field": "message", "problem": "no"}]},
        ),
        (Talking(error=AgentServiceAway("runs nowhere")), 503, "1", {"problem": "runs nowhere"}),
    ],
)
async def test_a_refusal_of_the_agent_service_is_told_as_such(
    sqlite: Database,
    clock: FrozenClock,
    talk: Talking,
    stream: bool,
    status: int,
    retry: str | None,
    body: dict[str, Any],
) -> None:
    house = House(sqlite, clock, talk=talk)
    async with client(house) as http:
        key = await active(http)
        url = f"/api/runtime/chat/{key}"
        refused = await http.post(url, json={"message": "Hello", "stream": stream})
    assert (refused.status_code, refused.headers.get("retry-after")) == (status, retry)
    assert refused.headers["content-type"] == "application/problem+json"
    assert body.items() <= refused.json().items()


async def test_a_talk_that_fails_or_ends_without_an_answer_is_no_answer(
    sqlite: Database, clock: FrozenClock
) -> None:
    failed = event("failed", type="urn:rollcall:problem:model", title="x", status=502)
    for talk, status in ((Talking(event("accepted"), failed), 502), (Talking(), 503)):
        async with client(House(sqlite, clock, talk=talk)) as http:
            url = f"/api/runtime/chat/{await active(http)}"
            assert (await http.post(url, json={"message": "Hello"})).status_code == status


async def test_a_stream_that_ends_before_it_begins_is_no_answer(
    sqlite: Database, clock: FrozenClock
) -> None:
    async with client(House(sqlite, clock, talk=Talking())) as http:
        url = f"/api/runtime/chat/{await active(http)}"
        away = await http.post(url, json={"message": "Hello", "stream": True})
    assert problem(away) == (503, "agent-service-away")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("runtime/chat/{}", {"message": " \n"}, "message"),
        ("runtime/chat/{}", {"message": "a\0"}, "message"),
        ("runtime/chat/{}", {"message": "x" * 100_001}, "message"),
        ("runtime/chat/{}", {"message": "a", "session_id": "a/b"}, "session_id"),
        ("runtime/chat/{}", {"message": "a", "user_id": "\u202e"}, "user_id"),
        ("runtime/chat/{}", {"message": "a", "colour": 1}, "colour"),
        ("agents/{}/system-prompt", {"custom_prompt": "x" * 10_001}, "custom_prompt"),
        ("agents/{}/system-prompt", {"custom_prompt": "\ud800"}, "custom_prompt"),
        ("agents/{}/system-prompt", {"save": "perhaps"}, "save"),
        ("config/preview", {**BAKERY, "llm_model": "x"}, "llm_model"),
        ("config/preview", {**BAKERY, "id": "x"}, "id"),
        ("config/preview", {**BAKERY, "business_domain": "ftp://x"}, "business_domain"),
    ],
)
async def test_what_cannot_be_used_is_named(
    http: httpx.AsyncClient, path: str, body: dict[str, Any], field: str
) -> None:
    import json

    content = json.dumps(body).encode()
    refused = await http.post(
        f"/api/{path.format(await active(http))}",
        content=content,
        headers={"content-type": "application/json"},
    )
    assert problem(refused) == (422, "invalid-input")
    assert refused.json()["errors"][0]["field"] == field


async def test_who_may_only_look_makes_no_prompt_and_talks_to_nobody(house: House) -> None:
    async with client(house) as http:
        key = await active(http)
    reader = Caller("key:r", "default", frozenset({READ}))
    async with client(house, As(reader)) as http:
        for path, body in (
            (f"agents/{key}/system-prompt", {"save": False}),
            (f"runtime/chat/{key}", {"message": "x"}),
        ):
            assert problem(await http.post(f"/api/{path}", json=body)) == (403, "not-permitted")
        assert (await http.post(f"/api/agents/{key}/validate-deployment")).status_code == 200
    other = Caller("key:o", "zoo", frozenset({ADMIN}))
    async with client(house, As(other)) as http:
        for method, path in (
            ("POST", f"agents/{key}/system-prompt"),
            ("POST", f"agents/{key}/validate-deployment"),
            ("GET", f"agents/{key}/yaml"),
        ):
            assert (await http.request(method, f"/api/{path}")).status_code == 404
        talked = await http.post(f"/api/runtime/chat/{key}", json={"message": "x"})
        assert problem(talked) == (404, "agent-not-found")
