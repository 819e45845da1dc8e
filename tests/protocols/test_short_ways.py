# SPDX-License-Identifier: Apache-2.0
"""The short way and the ordinary way give one answer to whatever is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.ids import RandomIds
from rollcall.protocols.agent_registry.module import module as agent_registry
from rollcall.protocols.service_registry.module import module as service_registry
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.web.audit import AuditEntry, InMemoryAuditLog
from rollcall.web.auth import OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, create_app
from support.shortways import Answer, short_way

Asked = tuple[str, str, bytes]

_NAMES = st.sampled_from(["a", "b", "c-1", "x.y", "a b", "..", "é", "", "a/b", "z" * 300])
_WORDS = st.sampled_from(["translate", "german", "pdf", "", " ", "é", "x" * 1001])
_STATUSES = st.sampled_from(["active", "busy", "offline", "suspect", "nonsense"])
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\0", "\ud800", "a\\u0000"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


def _encoded(value: Any, spaced: bool) -> bytes:
    separators = (", ", ": ") if spaced else (",", ":")
    return json.dumps(value, separators=separators).encode()


def _objects(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[bytes]:
    whole = st.fixed_dictionaries(
        {key: st.one_of(value, value, value, _JSON) for key, value in required.items()},
        optional=optional,
    )
    return st.builds(_encoded, st.one_of(whole, whole, whole, _JSON), st.booleans())


_CAPABILITY = st.fixed_dictionaries(
    {"name": _WORDS},
    optional={"description": _WORDS, "tags": st.lists(_WORDS, max_size=2), "parameters": _JSON},
)
_AGENTS = _objects(
    {"agent_id": _NAMES, "agent_name": _NAMES, "base_url": st.just("http://10.0.0.7:9000/x")},
    {
        "capabilities": st.lists(_CAPABILITY, max_size=2),
        "metadata": st.dictionaries(st.text(max_size=3), _JSON, max_size=2),
        "status": _STATUSES,
        "tags": st.lists(_WORDS, max_size=2),
        "heartbeat_timeout_seconds": st.sampled_from([0, 1, 60, 1e9, "60"]),
        "unknown": st.just(1),
    },
)
_SERVICES = _objects(
    {
        "name": _NAMES,
        "service_type": st.sampled_from(["agent", "tool", "x"]),
        "host": st.sampled_from(["10.0.0.8", "host", "169.254.169.254", ""]),
        "port": st.sampled_from([80, 0, 70_000, "80"]),
    },
    {"metadata": st.fixed_dictionaries({"capabilities": st.lists(_WORDS, max_size=2)})},
)
_BEATS = _objects(
    {"agent_ids": st.lists(_NAMES, max_size=4)}, {"runtime": _NAMES, "unknown": _JSON}
)
_RAW = st.sampled_from(
    [
        b'{"agent_ids":["a"],"agent_ids":["b"]}',
        b'{"agent_ids":["\\u0061"]}',
        b'{"agent_ids":["a"]} ',
        b'{"agent_ids":["a",]}',
        b'{"agent_ids":["a"]}x',
        b'{"agent_ids":[null]}',
        b'{"agent_ids":["\xff"]}',
        b'{"agent_ids":["a\x00"]}',
        b'{"agent_ids":[' + b'"a",' * 10_000 + b'"a"]}',
        b"[" * 100 + b"]" * 100,
        b'{"agent_id":"a","agent_id":"b","agent_name":"a","base_url":"http://h:1"}',
        b"\xef\xbb\xbf{}",
        b'{"status":"busy"}',
        b"{}",
        b"null",
    ]
)
_QUESTIONS = st.lists(
    st.tuples(st.just("q"), _WORDS)
    | st.tuples(st.just("status"), _STATUSES)
    | st.tuples(st.just("limit"), st.sampled_from(["1", "2", "0", "x", "", "1001"]))
    | st.tuples(st.just("tags"), _WORDS)
    | st.tuples(st.just("kind"), st.sampled_from(["agent", "any", "x"]))
    | st.tuples(st.just("match"), st.sampled_from(["lexical", "semantic", "auto", "x"]))
    | st.tuples(st.just("explain"), st.sampled_from(["true", "1", "x"]))
    # A revision that is not there yet would be waited for, on a clock that stands still.
    | st.tuples(st.just("min_revision"), st.sampled_from(["0", "x"]))
    | st.tuples(st.just("namespace"), st.sampled_from(["default", "other"]))
    | st.tuples(st.just("metadata"), st.sampled_from(["a:1", "a"]))
    | st.tuples(st.just("unknown"), st.just("1")),
    max_size=4,
).map(urlencode)
_HEARTBEAT = _objects({}, {"status": _STATUSES, "active_tasks": st.integers(-1, 3)})

_TO_AGENTS: st.SearchStrategy[Asked] = st.one_of(
    st.tuples(st.just("POST"), st.just("/register"), _AGENTS | _RAW),
    st.tuples(
        st.just("POST"),
        st.sampled_from(["a", "b", "x.y", "%61", "..", "a%2Fb", "é"]).map(
            lambda name: f"/agents/{name}/heartbeat"
        ),
        st.just(b"") | _HEARTBEAT | _RAW,
    ),
    st.tuples(st.just("POST"), st.just("/heartbeats"), _BEATS | _RAW),
    st.tuples(
        st.just("GET"), _QUESTIONS.map(lambda asked: f"/capabilities/search?{asked}"), st.just(b"")
    ),
)
_DISCOVERIES = _objects(
    {},
    {
        "name": _WORDS,
        "capabilities": st.lists(_WORDS, max_size=2),
        "status": st.sampled_from(["healthy", "unknown", "x", None]),
        "limit": st.sampled_from([1, 0, 10_000]),
    },
)
_TO_SERVICES: st.SearchStrategy[Asked] = st.one_of(
    st.tuples(st.just("POST"), st.just("/api/v1/register"), _SERVICES | _RAW),
    st.tuples(
        st.just("POST"),
        st.sampled_from(["a", "b", "%61"]).map(lambda name: f"/api/v1/heartbeat/{name}"),
        st.just(b"") | _RAW,
    ),
    st.tuples(st.just("POST"), st.just("/api/v1/discover"), _DISCOVERIES | _RAW),
    st.tuples(
        st.just("GET"), _QUESTIONS.map(lambda asked: f"/api/v1/discover?{asked}"), st.just(b"")
    ),
)


class Side:
    """A registry, both its protocols, and what was audited."""

    def __init__(self, clock: FrozenClock) -> None:
        self.registry = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock)
        self.audit = InMemoryAuditLog()
        self.agents, self.services = (
            create_app(
                [module],
                Kit(module.name, "1", clock, RandomIds(), OpenAccess(), self.audit, Drain()),
            )
            for module in (
                agent_registry(self.registry),
                service_registry(self.registry, store="memory"),
            )
        )


class Pair:
    """One side that is asked the short way wherever that answers, and one that never is."""

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.short, self.ordinary = Side(self.clock), Side(self.clock)
        self.taken = 0

    async def both(self, protocol: str, asked: Asked) -> None:
        ours, theirs = getattr(self.short, protocol), getattr(self.ordinary, protocol)
        answer = await short_way(ours, *asked) if asked[1].isascii() else None
        self.taken += answer is not None
        if answer is None:
            answer = await _ordinary_way(ours, *asked)
        wanted = await _ordinary_way(theirs, *asked)
        assert _comparable(answer) == _comparable(wanted)
        assert await _audited(self.short) == await _audited(self.ordinary)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.just("agents"), _TO_AGENTS)
        | st.tuples(st.just("services"), _TO_SERVICES)
        | st.tuples(st.just("wait"), st.sampled_from([0.25, 59.0, 70.0])),
        max_size=12,
    )
)
def test_both_ways_give_the_same_answers(history: list[tuple[str, Any]]) -> None:
    async def compare() -> None:
        pair = Pair()
        for side in (pair.short, pair.ordinary):
            await side.registry.start()
        for where, what in history:
            if where == "wait":
                await pair.clock.advance(what)
            else:
                await pair.both(where, what)
        for side in (pair.short, pair.ordinary):
            await side.registry.stop()

    _run(compare())


def test_what_fleets_send_all_day_is_answered_the_short_way() -> None:
    agent = {
        "agent_id": "a",
        "agent_name": "A",
        "base_url": "http://10.0.0.7:9000",
        "capabilities": [{"name": "translate", "description": "from German"}],
    }
    service = {"name": "calc", "service_type": "tool", "host": "10.0.0.8", "port": 80}
    day: list[tuple[str, Asked]] = [
        ("agents", ("POST", "/register", json.dumps(agent).encode())),
        ("agents", ("POST", "/register", json.dumps(agent).encode())),
        ("agents", ("POST", "/agents/a/heartbeat", b"")),
        ("agents", ("POST", "/agents/a/heartbeat", b'{"status": "active", "active_tasks": 2}')),
        ("agents", ("POST", "/heartbeats", b'{"agent_ids": ["a", "b"]}')),
        ("agents", ("GET", "/capabilities/search?q=translate&limit=5", b"")),
        ("agents", ("GET", "/capabilities/search?q=translate&limit=5", b"")),
        ("agents", ("GET", "/capabilities/search?q=german&status=active&tags=", b"")),
        ("services", ("POST", "/api/v1/register", json.dumps(service).encode())),
        ("services", ("POST", "/api/v1/discover", b'{"capabilities": ["translate"]}')),
        ("services", ("POST", "/api/v1/discover", b"{}")),
        ("services", ("GET", "/api/v1/discover?service_type=agent", b"")),
        ("services", ("GET", "/api/v1/discover", b"")),
    ]

    async def compare() -> None:
        pair = Pair()
        for side in (pair.short, pair.ordinary):
            await side.registry.start()
        for protocol, asked in day:
            await pair.both(protocol, asked)
        found = await _ordinary_way(pair.short.services, "GET", "/api/v1/discover")
        for one in found.json()["services"]:
            await pair.both("services", ("POST", f"/api/v1/heartbeat/{one['service_id']}", b""))
        # All but the search with a blank value, which the ordinary way has to judge.
        assert pair.taken == len(day) - 1 + 2
        for side in (pair.short, pair.ordinary):
            await side.registry.stop()

    _run(compare())


def test_a_search_is_answered_anew_once_anything_has_changed() -> None:
    async def compare() -> None:
        pair = Pair()
        for side in (pair.short, pair.ordinary):
            await side.registry.start()
        agent = {"agent_name": "A", "base_url": "http://h:1", "capabilities": [{"name": "pdf"}]}
        search: Asked = ("GET", "/capabilities/search?q=pdf", b"")
        for key in "abc":
            body = json.dumps({"agent_id": key, **agent}).encode()
            await pair.both("agents", ("POST", "/register", body))
            await pair.both("agents", search)
            await pair.both("agents", search)
        await pair.clock.advance(70)
        await pair.both("agents", search)
        for side in (pair.short, pair.ordinary):
            await side.registry.stop()

    _run(compare())


def _run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def _ordinary_way(app: FastAPI, method: str, url: str, body: bytes = b"") -> Answer:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost"
    ) as client:
        headers = {"content-type": "application/json"} if body else {}
        answer = await client.request(method, url, content=body or None, headers=headers)
    return Answer(answer.status_code, dict(answer.headers), answer.content)


def _comparable(answer: Answer) -> tuple[int, dict[str, str], Any]:
    drawn = {"x-request-id", "traceparent", "content-length"}
    headers = {name: value for name, value in answer.headers.items() if name not in drawn}
    content = answer.json() if answer.content else None
    if isinstance(content, dict):
        content.pop("request_id", None)
    return answer.status, headers, content


async def _audited(side: Side) -> list[AuditEntry]:
    return [replace(one, request_id="") for one in await side.audit.entries("default")]
