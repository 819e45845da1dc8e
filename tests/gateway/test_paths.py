from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rollcall.gateway.errors import HostileRequest
from rollcall.gateway.paths import segments, stripped

words = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/\\%"), min_size=1
).filter(lambda word: word.partition(";")[0] not in (".", ".."))


@given(st.lists(words, min_size=1))
def test_a_path_reads_as_it_was_meant(path: list[str]) -> None:
    raw = "/" + "/".join(quote(word, safe="") for word in path)
    assert segments(raw.encode()) == tuple(path)


@given(st.lists(words, min_size=2), st.data())
def test_what_is_left_of_a_path_is_encoded_as_it_was(path: list[str], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, len(path) - 1))
    raw = ("/" + "/".join(quote(word) for word in path)).encode()
    assert segments(stripped(raw, count)) == segments(raw)[count:]


@given(st.binary(max_size=40))
@example(b"/%2e%2e/x")
@example(b"/%252e%252e/x")
@example(b"/a;/..;x/b")
def test_no_reading_of_a_taken_path_leads_elsewhere(tail: bytes) -> None:
    raw = b"/" + tail
    try:
        found = segments(raw)
    except HostileRequest:
        return
    # However often somebody decodes it, and wherever they cut parameters off.
    text = raw.decode()
    for _ in range(4):
        parts = text[1:].split("/")
        assert len(parts) == len(found)
        assert not {".", ".."} & {part.partition(";")[0] for part in parts}
        assert not set("\\\0\r\n") & set(text)
        text = unquote(text)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"*",
        b"api/agents",
        b"http://evil.example/api",
        b"//evil.example/api",
        b"/api//agents",
        b"/api/../admin",
        b"/api/./agents",
        b"/api/%2e%2E/admin",
        b"/api/.%2e",
        b"/api/..;/admin",
        b"/api/..;x=1/admin",
        b"/api%2fagents",
        b"/api%5Cagents",
        b"/api\\agents",
        b"/api/%252e%252e/admin",
        b"/api/%25252fadmin",
        b"/api/%255c",
        b"/api/a%00b",
        b"/api/a%0d%0ab",
        b"/api/%7f",
        b"/api/%",
        b"/api/%2",
        b"/api/%zz",
        b"/api/%c0%af",
        b"/api/%ff",
        b"/api/\xc3\xa9",
        b"/api/a b",
        b"/api/a#b",
        b"/api/a\tb",
        b"/api/<b>",
    ],
)
def test_what_two_servers_could_read_in_two_ways_is_refused(raw: bytes) -> None:
    with pytest.raises(HostileRequest):
        segments(raw)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/", ("",)),
        (b"/api/", ("api", "")),
        (b"/api/...", ("api", "...")),
        (b"/api/a%20b%3F", ("api", "a b?")),
        (b"/api/100%25", ("api", "100%")),
        (b"/api/caf%C3%A9", ("api", "café")),
        (b"/api/a:b@c;d=e,f", ("api", "a:b@c;d=e,f")),
    ],
)
def test_what_is_unusual_but_clear_is_taken(raw: bytes, path: tuple[str, ...]) -> None:
    assert segments(raw) == path
