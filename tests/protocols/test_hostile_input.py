"""Whatever comes in, the answer is a 4xx that names the field, and nothing is written."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollcall.registry.service import RegistryService

JSON = {"Content-Type": "application/json"}
AGENT: dict[str, Any] = {"agent_id": "a", "agent_name": "A", "base_url": "http://a:1"}
SERVICE: dict[str, Any] = {"name": "s", "service_type": "tool", "host": "h", "port": 80}
HOSTILE_IDS = [
    "..",
    ".",
    "a/b",
    "../../etc/passwd",
    "a\0b",
    "\u202egnp.exe",
    "a\u200f",
    " a",
    "x" * 257,
    "a\\b",
    "\x7f",
]


def field(answer: httpx.Response) -> str:
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["errors"][0]["field"]


@pytest.mark.parametrize("key", HOSTILE_IDS)
async def test_a_hostile_id_is_refused_by_name_in_bodies_and_paths(
    key: str, agents: httpx.AsyncClient, services: httpx.AsyncClient, registry: RegistryService
) -> None:
    answer = await agents.post("/register", json={**AGENT, "agent_id": key})
    assert field(answer) == "agent_id"
    batch = {"agents": [AGENT, {**AGENT, "agent_id": key}]}
    assert field(await agents.post("/register/batch", json=batch)) == "agents.1.agent_id"
    escaped = quote(key, safe="").replace(".", "%2E")
    for method, path in (
        ("GET", f"/agents/{escaped}"),
        ("DELETE", f"/agents/{escaped}"),
        ("POST", f"/agents/{escaped}/heartbeat"),
        ("GET", f"/health/{escaped}"),
        ("GET", f"/agents/{escaped}/explain"),
    ):
        assert field(await agents.request(method, path)) == "agent_id"
    assert field(await agents.delete(f"/runtimes/{escaped}")) == "runtime"
    for method, path in (
        ("GET", f"/api/v1/services/{escaped}"),
        ("DELETE", f"/api/v1/unregister/{escaped}"),
        ("POST", f"/api/v1/heartbeat/{escaped}"),
    ):
        assert field(await services.request(method, path)) == "service_id"
    assert registry.state.revision == 0


async def test_a_line_end_in_an_id_is_refused_and_in_a_path_leads_nowhere(
    agents: httpx.AsyncClient,
) -> None:
    answer = await agents.post("/register", json={**AGENT, "agent_id": "a\nb"})
    assert field(answer) == "agent_id"
    assert (await agents.get("/agents/a%0Ab")).status_code == 404


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b'"a"', "body"),
        (b"\xff\xfe", "body"),
        (b"[" * 50_000, "body"),
        (b'{"agent_id": "a", "agent_id": "b"}', "agent_id"),
        (json.dumps({**AGENT, "metadata": {"a": float("nan")}}).encode(), "body"),
        (json.dumps({**AGENT, "metadata": {"a": 10**30}}).encode(), "metadata.a"),
        (json.dumps({**AGENT, "metadata": {"a": "\ud800"}}).encode(), "metadata.a"),
        (json.dumps({**AGENT, "metadata": {"a": "x\0"}}).encode(), "metadata.a"),
        (json.dumps({**AGENT, "surprise": 1}).encode(), "surprise"),
        (json.dumps({**AGENT, "agent_name": "x" * 900_000}).encode(), "agent_name"),
        (
            json.dumps({**AGENT, "capabilities": [{"name": "x"}] * 10_000}).encode(),
            "capabilities",
        ),
        (
            json.dumps({**AGENT, "capabilities": [{"name": "a"}, {"name": "b" * 513}]}).encode(),
            "capabilities.1.name",
        ),
        (
            json.dumps({**AGENT, "capabilities": [{"name": "a", "cost": 1}]}).encode(),
            "capabilities.0.cost",
        ),
        (json.dumps({**AGENT, "tags": [["x"]]}).encode(), "tags.0"),
        (json.dumps({**AGENT, "base_url": 7}).encode(), "base_url"),
    ],
)
async def test_a_hostile_registration_is_refused_by_its_field(
    body: bytes, named: str, agents: httpx.AsyncClient, registry: RegistryService
) -> None:
    assert field(await agents.post("/register", content=body, headers=JSON)) == named
    assert registry.state.revision == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_a_body_that_is_not_said_to_be_json_is_refused(
    kind: str | None, agents: httpx.AsyncClient
) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    body = json.dumps(AGENT).encode()
    assert field(await agents.post("/register", content=body, headers=headers)) == "body"


@pytest.mark.parametrize(
    "body",
    [
        b'{"service_type": "tool", "service_type": "api"}',
        b'{"name": "\\ud800"}',
        b'{"tags": [1]}',
        b'{"status": "well"}',
        b'{"colour": "red"}',
        b'{"limit": 1e400}',
        b'{"cursor": "%%%"}',
        b'{"capabilities": ' + json.dumps(["x"] * 33).encode() + b"}",
    ],
)
async def test_a_hostile_question_is_refused_by_its_field(
    body: bytes, services: httpx.AsyncClient
) -> None:
    named = body.split(b'"')[1].decode()
    answer = await services.post("/api/v1/discover", content=body, headers=JSON)
    assert field(answer).split(".")[0] == named


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    name=st.sampled_from(
        sorted({*AGENT, "capabilities", "metadata", "tags", "status", "lease", "runtime"})
    ),
    value=ANY,
)
async def test_whatever_stands_in_a_field_of_an_agent_is_taken_or_refused(
    name: str, value: Any, agents: httpx.AsyncClient
) -> None:
    body = json.dumps({**AGENT, name: value}).encode()
    answer = await agents.post("/register", content=body, headers=JSON)
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        assert (await agents.get("/agents")).status_code == 200


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(name=st.sampled_from(sorted({*SERVICE, "metadata", "health_check"})), value=ANY)
async def test_whatever_stands_in_a_field_of_a_service_is_taken_or_refused(
    name: str, value: Any, services: httpx.AsyncClient
) -> None:
    body = json.dumps({**SERVICE, name: value}).encode()
    answer = await services.post("/api/v1/register", content=body, headers=JSON)
    assert answer.status_code in (200, 201, 422), answer.text
    if answer.status_code != 422:
        assert (await services.get("/api/v1/discover")).status_code == 200


PATHS = ["/agents/{}", "/health/{}", "/agents/{}/explain", "/agents?cursor={}", "/agents?tags={}"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(path=st.sampled_from(PATHS), raw=st.binary(max_size=12))
async def test_whatever_bytes_stand_in_a_url_nothing_breaks(
    path: str, raw: bytes, agents: httpx.AsyncClient
) -> None:
    answer = await agents.get(path.format(quote(raw)))
    assert answer.status_code < 500, answer.text
