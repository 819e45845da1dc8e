"""Whatever comes in, the answer is a 4xx that names the field, and nothing is kept."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PROCESS = "/api/v1/process"
CHAT = "/v1/chat/completions"
JSON = {"Content-Type": "application/json"}
SAID: dict[str, Any] = {"session_id": "s", "user_input": "hi"}
CHATTED: dict[str, Any] = {"model": "rollcall", "messages": [{"role": "user", "content": "hi"}]}
HOSTILE_IDS = [
    *("..", ".", "a/b", "../../etc/passwd", "a\0b", "a\x1b[31m", "\u202egnp.exe", "a\u200f"),
    *(" a", "a\\b", "\x7f", "x" * 201, ""),
]


def field(answer: httpx.Response) -> str:
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["errors"][0]["field"]


@pytest.mark.parametrize("key", HOSTILE_IDS)
async def test_a_hostile_id_is_refused_by_name(key: str, client: httpx.AsyncClient) -> None:
    assert field(await client.post(PROCESS, json={**SAID, "session_id": key})) == "session_id"
    escaped = quote(key, safe="").replace(".", "%2E")
    for method, path, named in (
        ("GET", "/sessions/{}", "session_id"),
        ("DELETE", "/sessions/{}", "session_id"),
        ("GET", "/sessions/{}/export", "session_id"),
        ("POST", "/sessions/{}/cancel", "session_id"),
        ("GET", "/sessions/s/turns/{}", "turn_id"),
        ("POST", "/sessions/s/turns/{}/cancel", "turn_id"),
        ("GET", "/sessions/s/turns/{}/events", "turn_id"),
    ):
        answer = await client.request(method, "/api/v1" + path.format(escaped))
        if "/" in key or not key:
            # It is another path.
            assert answer.status_code in (404, 405, 422, 307), answer.text
        else:
            assert field(answer) == named
    assert (await client.get("/api/v1/sessions")).json() == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b"\xff\xfe", "body"),
        (b"[" * 50_000, "body"),
        (b'{"session_id": "a", "session_id": "b", "user_input": "x"}', "session_id"),
        (json.dumps({**SAID, "user_input": "\ud800"}).encode(), "user_input"),
        (json.dumps({**SAID, "user_input": "a\0"}).encode(), "user_input"),
        (json.dumps({**SAID, "user_input": "a\x1b[2J"}).encode(), "user_input"),
        (json.dumps({**SAID, "user_input": " \n "}).encode(), "user_input"),
        (json.dumps({**SAID, "user_input": ""}).encode(), "user_input"),
        (json.dumps({**SAID, "user_input": "x" * 100_001}).encode(), "user_input"),
        (json.dumps({**SAID, "user_input": ["x"]}).encode(), "user_input"),
        (json.dumps({"session_id": "s"}).encode(), "user_input"),
        (json.dumps({**SAID, "user_id": "a\nb"}).encode(), "user_id"),
        (json.dumps({**SAID, "user_id": "x" * 201}).encode(), "user_id"),
        (json.dumps({**SAID, "model": ""}).encode(), "model"),
        (json.dumps({**SAID, "stream": "yes please"}).encode(), "stream"),
        (json.dumps({**SAID, "idempotency_key": "\u202e"}).encode(), "idempotency_key"),
        (json.dumps({**SAID, "surprise": 1}).encode(), "surprise"),
    ],
)
async def test_a_hostile_message_is_refused_by_its_field(
    body: bytes, named: str, client: httpx.AsyncClient
) -> None:
    assert field(await client.post(PROCESS, content=body, headers=JSON)) == named
    assert (await client.get("/api/v1/sessions")).json() == []


async def test_what_people_paste_is_taken(client: httpx.AsyncClient) -> None:
    text = "a\tb\r\nc\fd\u200b \N{FAMILY} e\u0301 \u202b"
    answer = await client.post(PROCESS, json={**SAID, "user_input": text})
    assert answer.json()["response"] == f"You said: {text}"


async def test_two_keys_that_do_not_agree_are_refused(client: httpx.AsyncClient) -> None:
    body, headers = {**SAID, "idempotency_key": "a"}, {"Idempotency-Key": "b"}
    assert field(await client.post(PROCESS, json=body, headers=headers)) == "idempotency_key"


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/sessions?limit=0", "limit"),
        ("/sessions?limit=many", "limit"),
        ("/sessions?cursor=zz", "cursor"),
        ("/sessions?cursor=%00", "cursor"),
        ("/sessions?user_id=%00", "user_id"),
        ("/sessions?colour=red", "colour"),
        ("/sessions/s?after=-1", "after"),
        ("/sessions/s?after=9999999999", "after"),
    ],
)
async def test_a_hostile_question_is_refused_by_its_field(
    path: str, named: str, client: httpx.AsyncClient
) -> None:
    await client.post(PROCESS, json=SAID)
    assert field(await client.get("/api/v1" + path)) == named


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
_SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@_SETTINGS
@given(name=st.sampled_from(["session_id", "user_input", "user_id", "model", "stream"]), value=ANY)
async def test_whatever_stands_in_a_field_of_a_message_is_taken_or_refused(
    name: str, value: Any, client: httpx.AsyncClient
) -> None:
    body = json.dumps({**SAID, name: value}).encode()
    answer = await client.post(PROCESS, content=body, headers=JSON)
    # Of the messages to one session only so many may wait.
    assert answer.status_code in (200, 422, 429), answer.text
    assert (await client.get("/api/v1/sessions")).status_code == 200


@_SETTINGS
@given(
    name=st.sampled_from(
        [
            *("model", "messages", "stream", "stream_options", "user", "n", "tools", "functions"),
            *("tool_choice", "response_format", "logprobs", "modalities", "audio", "stop"),
        ]
    ),
    value=ANY,
)
async def test_whatever_stands_in_a_field_of_a_chat_is_taken_or_refused_as_openai_does(
    name: str, value: Any, client: httpx.AsyncClient
) -> None:
    body = json.dumps({**CHATTED, name: value}).encode()
    answer = await client.post(CHAT, content=body, headers=JSON)
    assert answer.status_code in (200, 400, 404), answer.text
    if answer.status_code != 200:
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@_SETTINGS
@given(
    messages=st.lists(
        st.fixed_dictionaries(
            {"role": st.sampled_from(["system", "user", "assistant", "tool"]) | st.text()},
            optional={"content": ANY | st.lists(st.fixed_dictionaries({"type": st.just("text")}))},
        ),
        max_size=5,
    )
)
async def test_whatever_the_messages_of_a_chat_are_they_are_taken_or_refused(
    messages: list[Any], client: httpx.AsyncClient
) -> None:
    body = json.dumps({**CHATTED, "messages": messages}).encode()
    answer = await client.post(CHAT, content=body, headers=JSON)
    assert answer.status_code in (200, 400), answer.text


PATHS = [
    *("/api/v1/sessions/{}", "/api/v1/sessions/{}/turns/{}", "/api/v1/sessions/{}/export"),
    *("/api/v1/sessions?cursor={}", "/api/v1/sessions?user_id={}", "/v1/models/{}"),
]


@_SETTINGS
@given(path=st.sampled_from(PATHS), raw=st.binary(max_size=12))
async def test_whatever_bytes_stand_in_a_url_nothing_breaks(
    path: str, raw: bytes, client: httpx.AsyncClient
) -> None:
    escaped = quote(raw)
    answer = await client.get(path.format(*[escaped] * path.count("{}")))
    assert answer.status_code < 500, answer.text


@_SETTINGS
@given(
    name=st.sampled_from(["Idempotency-Key", "Prefer", "X-Session-Id", "Last-Event-ID", "Accept"]),
    value=st.binary(max_size=220).map(
        lambda raw: bytes(one for one in raw if one not in b"\r\n\0")
    ),
)
async def test_whatever_bytes_stand_in_a_header_nothing_breaks(
    name: str, value: bytes, client: httpx.AsyncClient
) -> None:
    headers = {"Content-Type": b"application/json", name: value}
    for path, body in ((PROCESS, SAID), (CHAT, CHATTED)):
        answer = await client.post(path, content=json.dumps(body), headers=headers)
        assert answer.status_code in (200, 202, 400, 422, 429), answer.text
