# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.tools.messages.importing import message_of, split
from rollcall.tools.messages.models import Message, Source

LINE = {"text": "late", "sent_at": "2026-01-31T12:00:00+02:00"}


def read(**fields: Any) -> Message:
    made = {name: value for name, value in {**LINE, **fields}.items() if value is not ...}
    return message_of(json.dumps(made).encode(), "acme")


async def cut(content: bytes, size: int, longest: int = 100) -> list[tuple[int, bytes | None]]:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(content), size):
            yield content[at : at + size]

    return [tuple(line) async for line in split(pieces(), longest)]


@given(st.lists(st.binary(max_size=12)), st.integers(1, 30))
async def test_lines_are_the_same_however_they_are_cut(lines: list[bytes], size: int) -> None:
    content = b"\n".join(lines)
    expected = [
        (number, line.strip() if len(line) <= 8 else None)
        for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1)
        if line.strip() or len(line) > 8
    ]
    if not content.startswith(b"\xef\xbb\xbf"):
        assert await cut(content, size, 8) == expected


async def test_a_mark_of_the_byte_order_is_no_part_of_the_first_line() -> None:
    assert await cut(b'\xef\xbb\xbf{}\r\n\r\n{"a":1}', 4) == [(1, b"{}"), (3, b'{"a":1}')]


async def test_a_line_without_an_end_is_not_kept_in_memory() -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"x" * 65_536
        yield b"\n{}"

    assert [tuple(line) async for line in split(endless(), 1000)] == [(1, None), (2, b"{}")]


def test_a_line_says_a_message() -> None:
    assert read(id="m", conversation_id="c", sender_id="anna", metadata={"a": [1]}) == Message(
        id="m",
        namespace="acme",
        text="late",
        sent_at=datetime(2026, 1, 31, 10, tzinfo=UTC),
        source=Source.IMPORT,
        conversation_id="c",
        sender_id="anna",
        metadata={"a": [1]},
    )


def test_a_derived_id_is_the_same_for_the_same_and_another_for_another() -> None:
    same = {read().id, read(sent_at="2026-01-31T10:00:00Z").id, read(metadata={"a": 1}).id}
    assert len(same) == 1
    others = [
        read(text="latest"),
        read(sent_at="2026-01-31T10:00:01Z"),
        read(sender_id="a"),
        read(conversation_id="a"),
        read(conversation_id="a", sender_id="a"),
    ]
    assert len({*same, *(one.id for one in others)}) == 6


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"text": ...}, "missing required field `text`"),
        ({"sent_at": ...}, "missing required field `sent_at`"),
        ({"sent_at": "2026-01-31T12:00:00"}, "timezone"),
        ({"sent_at": "yesterday"}, "sent_at"),
        ({"sent_at": "0001-01-01T00:00:00+14:00"}, "years 1 to 9999"),
        ({"text": 7}, r"\$.text"),
        ({"text": " \n"}, "text: must not be blank"),
        ({"text": "a\0b"}, "text: must not hold the character NUL"),
        ({"text": "x" * 100_001}, "at most 100,000 characters, not 100,001"),
        ({"sender": "anna"}, "unknown field `sender`"),
        ({"id": ""}, "id: must have 1 to 256"),
        ({"sender_id": "a\nb"}, "sender_id: must be printable"),
        ({"conversation_id": "x" * 257}, "conversation_id: must have 1 to 256"),
        ({"metadata": [1]}, r"\$.metadata"),
        ({"metadata": {"a": "x" * 20_000}}, "metadata: must have at most 16,384 bytes"),
    ],
)
def test_why_a_line_is_no_message_is_told(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        read(**fields)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_refused(line: bytes) -> None:
    with pytest.raises(InvalidInput):
        message_of(line, "acme")


def test_nesting_without_end_is_refused() -> None:
    deep = b'{"text":"a","sent_at":"2026-01-31T12:00:00Z","metadata":{"a":' + b"[" * 200_000
    with pytest.raises(InvalidInput, match="is no message"):
        message_of(deep, "acme")
