"""Whatever comes in, the answer is a 4xx that names the field, and nothing is done."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollcall.agents.mine.service import MyAgentsService
from support.owned import make

MINE = "/api/my-agents"
JSON = {"Content-Type": "application/json"}
GOOD: dict[str, Any] = {"agent_ids": ["a"], "operation": "enable"}


def fields(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return [one["field"] for one in answer.json()["errors"]]


@pytest.mark.parametrize("key", ["..", "a\\b", "a\0b", "\u202egnp.exe", " a", "x" * 129])
async def test_a_hostile_id_is_refused_by_name(key: str, http: httpx.AsyncClient) -> None:
    escaped = quote(key, safe="").replace(".", "%2E")
    for method, path in (
        ("GET", ""),
        ("DELETE", "?confirm=true"),
        ("POST", "/pause"),
        ("GET", "/metrics"),
        ("GET", "/status-history"),
        ("GET", "/backups"),
    ):
        assert fields(await http.request(method, f"{MINE}/{escaped}{path}")) == ["agent_id"]
    bulk = {"agent_ids": ["a", key], "operation": "pause"}
    assert fields(await http.post(f"{MINE}/bulk", json=bulk))[0].startswith("agent_ids.1")


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("?limit=0", "limit"),
        ("?limit=201", "limit"),
        (f"?limit={2**70}", "limit"),
        ("?offset=-1", "offset"),
        (f"?offset={2**63}", "offset"),
        ("?cursor=zz", "cursor"),
        ("?cursor=%00", "cursor"),
        ("?q=%00", "q"),
        (f"?q={'x' * 201}", "q"),
        ("?industry=%00", "industry"),
        ("?industry=", "industry"),
        ("?status=gone", "status"),
        ("?priority=urgent", "priority"),
        ("?colour=red", "colour"),
        ("/a/metrics?period_days=0", "period_days"),
        (f"/a/metrics?period_days={2**63}", "period_days"),
        ("/a/status-history?before=0", "before"),
        (f"/a/status-history?before={2**31}", "before"),
        ("/a/backups?limit=x", "limit"),
    ],
)
async def test_a_hostile_question_is_refused_by_its_field(
    path: str, named: str, http: httpx.AsyncClient
) -> None:
    assert fields(await http.get(f"{MINE}{path}")) == [named]


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("bulk", b"", "body"),
        ("bulk", b"{", "body"),
        ("bulk", b"[" * 50_000, "body"),
        ("bulk", b'{"agent_ids": ["a"], "agent_ids": ["a"]}', "agent_ids"),
        ("bulk", b'{"operation": "pause"}', "agent_ids"),
        ("bulk", b'{"agent_ids": ["a"]}', "operation"),
        ("bulk", b'{"agent_ids": [], "operation": "pause"}', "agent_ids"),
        ("bulk", b'{"agent_ids": ["a", "a"], "operation": "pause"}', "agent_ids.1"),
        ("bulk", b'{"agent_ids": [1], "operation": "pause"}', "agent_ids.0"),
        ("bulk", b'{"agent_ids": ["\\ud800"], "operation": "pause"}', "agent_ids.0"),
        ("bulk", b'{"agent_ids": ["a"], "operation": "pause", "confirm": true}', "confirm"),
        ("bulk", b'{"agent_ids": ["a"], "operation": "pause", "reason": "\\u0000"}', "reason"),
        ("a/status", b'{"status": "gone"}', "status"),
        ("a/status", b'{"status": "paused", "reason": "' + b"x" * 1001 + b'"}', "reason"),
        ("a/pause", b'{"why": "x"}', "why"),
        ("a/backups", b"{}", "reason"),
        ("a/backups", b'{"reason": ""}', "reason"),
        ("a/restore", b'{"version": true}', "version"),
    ],
)
async def test_a_hostile_body_is_refused_by_its_field(
    path: str, body: bytes, named: str, http: httpx.AsyncClient, small: MyAgentsService
) -> None:
    await make(small, "a")
    found = fields(await http.post(f"{MINE}/{path}", content=body, headers=JSON))
    assert named in {one.removesuffix(".str").removesuffix(".int") for one in found}
    assert (await small.agents.get("a")).revision == 1


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
_FIELDS = ["agent_ids", "operation", "reason", "dry_run", "status", "version", "backup_id"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(name=st.sampled_from(_FIELDS), value=ANY)
async def test_whatever_stands_in_a_field_is_taken_or_refused(
    name: str, value: Any, http: httpx.AsyncClient
) -> None:
    for path, good in (
        ("bulk", GOOD),
        ("a/status", {}),
        ("a/pause", {}),
        ("a/backups", {}),
        ("a/restore", {}),
    ):
        body = json.dumps({**good, name: value}).encode()
        answer = await http.post(f"{MINE}/{path}", content=body, headers=JSON)
        assert answer.status_code in (200, 404, 409, 422), answer.text
