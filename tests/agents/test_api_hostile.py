"""Whatever comes in, the answer is a 4xx that names the field, and nothing is kept."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.definitions import BUSINESS

AGENTS = "/api/agents"
CAPABILITIES = "/api/capabilities"
JSON = {"Content-Type": "application/json"}
NAMED: dict[str, Any] = {"name": "n"}
FIELDS = [
    *("name", "description", "configuration", "capabilities", "prompt_templates", "priority"),
    *(*BUSINESS, "id", "status", "reason", "tags", "configuration_schema"),
]
NUL = base64.urlsafe_b64encode(b'[1, "a\\u0000"]').decode()
HUGE = base64.urlsafe_b64encode(b'[1e999, "a"]').decode()
HOSTILE_IDS = ["..", ".", "a\\b", "a\0b", "a\x1b[31m", "\u202egnp.exe", " a", "\x7f", "x" * 129]


def fields(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return [one["field"] for one in answer.json()["errors"]]


@pytest.mark.parametrize("key", HOSTILE_IDS)
async def test_a_hostile_id_is_refused_by_name(key: str, client: httpx.AsyncClient) -> None:
    for path in (AGENTS, CAPABILITIES):
        assert fields(await client.post(path, json={"id": key, "name": "n"})) == ["id"]
    escaped = quote(key, safe="").replace(".", "%2E")
    for method, path, named in (
        ("GET", "agents/{}", "agent_id"),
        ("DELETE", "agents/{}", "agent_id"),
        ("GET", "agents/{}/versions", "agent_id"),
        ("GET", "agents/{}/versions/diff", "agent_id"),
        ("DELETE", "agents/a/capabilities/{}", "capability_id"),
        ("GET", "capabilities/{}", "capability_id"),
        ("DELETE", "capabilities/{}", "capability_id"),
    ):
        assert fields(await client.request(method, "/api/" + path.format(escaped))) == [named]
    assert (await client.get(AGENTS)).json() == (await client.get(CAPABILITIES)).json() == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"null", "body"),
        (b"\xff", "body"),
        (b"[" * 50_000, "body"),
        (b'{"name": "a", "name": "b"}', "name"),
        (b'{"name": "\\ud800"}', "name"),
        (b'{"name": "a", "configuration": {"x": "\\u0000"}}', "configuration.x"),
        (b'{"name": "a", "configuration": {"x": NaN}}', "body"),
        (b'{"name": "a", "configuration": {"x": 1e999}}', "configuration.x"),
        (b'{"name": "a", "surprise": 1}', "surprise"),
        (b'{"name": ""}', "name"),
        (b"{}", "name"),
        (b'{"name": "a", "status": "paused"}', "status"),
        (b'{"name": "a", "id": ""}', "id"),
        (b'{"name": "a", "reason": "' + b"x" * 1001 + b'"}', "reason"),
        (b'{"name": "a", "capabilities": {"x": {}}}', "capabilities.x"),
        (b'{"name": "a", "prompt_templates": {"x": "{{y}}", "z": {"text": "{{y}}"}}}',
         "prompt_templates.z.variables"),
        (b'{"name": "a", "prompt_templates": {"x": {"text": "", "more": 1}}}',
         "prompt_templates.x.Template.more"),
    ],
)  # fmt: skip
async def test_a_hostile_definition_is_refused_by_its_field(
    body: bytes, named: str, client: httpx.AsyncClient
) -> None:
    assert named in fields(await client.post(AGENTS, content=body, headers=JSON))
    assert (await client.get(AGENTS)).json() == []


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (f"{AGENTS}?limit=0", "limit"),
        (f"{AGENTS}?limit=201", "limit"),
        (f"{AGENTS}?cursor=zz", "cursor"),
        (f"{AGENTS}?cursor=%00", "cursor"),
        (f"{AGENTS}?cursor={NUL}", "cursor"),
        (f"{AGENTS}?cursor={HUGE}", "cursor"),
        (f"{AGENTS}?name=%00", "name"),
        (f"{AGENTS}?q=%00", "q"),
        (f"{AGENTS}?q={'x' * 201}", "q"),
        (f"{AGENTS}?tag=", "tag"),
        (f"{AGENTS}?status=gone", "status"),
        (f"{AGENTS}?colour=red", "colour"),
        (f"{AGENTS}/a/versions?before=0", "before"),
        (f"{AGENTS}/a/versions?before=9999999999", "before"),
        (f"{AGENTS}/a/versions/0", "version"),
        (f"{AGENTS}/a/versions/x", "version"),
        (f"{AGENTS}/a/versions/{2**31}", "version"),
        (f"{AGENTS}/a/versions/diff?from=0", "from"),
        (f"{AGENTS}/a/versions/diff?to={2**63}", "to"),
        (f"{CAPABILITIES}?cursor=%00", "cursor"),
        (f"{CAPABILITIES}?q=%ff%fe%00", "q"),
    ],
)  # fmt: skip
async def test_a_hostile_question_is_refused_by_its_field(
    path: str, named: str, client: httpx.AsyncClient
) -> None:
    await client.post(AGENTS, json={"id": "a", "name": "n"})
    assert fields(await client.get(path)) == [named]


async def test_what_is_hostile_to_databases_is_text_like_any_other(
    client: httpx.AsyncClient,
) -> None:
    words = ["'; DROP TABLE agent_definitions; --", "%_%", "\\", '"', "{0.__class__}", "<script>"]
    for word in words:
        made = (await client.post(AGENTS, json={"name": word})).json()
        assert made["name"] == word
        found = (await client.get(AGENTS, params={"q": word})).json()
        assert [one["name"] for one in found] == [word]
        assert (await client.get(AGENTS, params={"name": word})).json()[0]["id"] == made["id"]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
_SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


@_SETTINGS
@given(name=st.sampled_from(FIELDS), value=ANY)
async def test_whatever_stands_in_a_field_is_taken_or_refused(
    name: str, value: Any, client: httpx.AsyncClient
) -> None:
    body = json.dumps({**NAMED, name: value}).encode()
    for method, path in (
        ("POST", AGENTS),
        ("POST", CAPABILITIES),
        ("PATCH", f"{AGENTS}/a"),
        ("PATCH", f"{CAPABILITIES}/a"),
        ("POST", f"{AGENTS}/a/capabilities/a"),
        ("POST", f"{AGENTS}/a/revert"),
        ("PATCH", f"{AGENTS}/a/status"),
    ):
        answer = await client.request(method, path, content=body, headers=JSON)
        assert answer.status_code in (200, 404, 409, 422), answer.text
    assert (await client.get(f"{AGENTS}?limit=200")).status_code == 200


@_SETTINGS
@given(value=ANY)
async def test_whatever_a_schema_is_it_is_taken_and_checks_or_is_refused(
    value: Any, client: httpx.AsyncClient
) -> None:
    await client.post(AGENTS, json={"id": "a", "name": "n"})
    await client.delete(f"{CAPABILITIES}/s?force=true")
    body = {"id": "s", "name": "s", "configuration_schema": {"properties": {"x": value}}}
    answer = await client.post(CAPABILITIES, content=json.dumps(body).encode(), headers=JSON)
    assert answer.status_code in (200, 422), answer.text
    told = json.dumps({"x": value}).encode()
    given_ = await client.post(f"{AGENTS}/a/capabilities/s", content=told, headers=JSON)
    assert given_.status_code in (200, 404, 422), given_.text


PATHS = [
    *("/api/agents/{}", "/api/agents/{}/versions", "/api/agents/a/versions/{}"),
    *("/api/agents?cursor={}", "/api/agents?q={}", "/api/agents?name={}", "/api/capabilities/{}"),
    *("/api/capabilities?cursor={}", "/api/agents/a/versions/diff?from={}"),
]


@_SETTINGS
@given(path=st.sampled_from(PATHS), raw=st.binary(max_size=12))
async def test_whatever_bytes_stand_in_a_url_nothing_breaks(
    path: str, raw: bytes, client: httpx.AsyncClient
) -> None:
    answer = await client.get(path.format(quote(raw)))
    assert answer.status_code < 500, answer.text


@_SETTINGS
@given(
    value=st.binary(max_size=60).map(lambda raw: bytes(one for one in raw if one not in b"\r\n\0"))
)
async def test_whatever_bytes_stand_in_if_match_nothing_breaks(
    value: bytes, client: httpx.AsyncClient
) -> None:
    await client.post(AGENTS, json={"id": "a", "name": "n"})
    headers = {"Content-Type": b"application/json", "If-Match": value}
    answer = await client.patch(f"{AGENTS}/a", content=b'{"name": "n"}', headers=headers)
    assert answer.status_code in (200, 412, 422), answer.text
