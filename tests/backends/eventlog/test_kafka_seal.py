# SPDX-License-Identifier: Apache-2.0
"""What is personal in an event, sealed beside it: without a broker and a database."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rollcall.backends.eventlog.kafka_seal import opened, personal, seal_of, sealed
from rollcall.backends.sql.redaction import redacted
from rollcall.events.envelope import Event, from_json, to_json
from rollcall.kernel.clock import utc

BLANKS = {"memory.created": {"content_preview": "", "filters": {}, "metadata": {}}}
KEY, NONCE = b"k" * 32, b"n" * 12
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def event(data: dict[str, Any], **changed: Any) -> Event:
    about: dict[str, Any] = {
        "id": "1",
        "type": "memory.created",
        "source": "/memory",
        "subject": "mem_1",
        "time": utc(1),
        "namespace": "default",
    }
    return Event(data={"memory_id": "mem_1", **data}, **{**about, **changed})


@given(st.dictionaries(st.sampled_from(("content_preview", "filters", "metadata")), JSON))
def test_with_the_key_an_event_is_what_it_was(data: dict[str, Any]) -> None:
    told = event(data)
    value = sealed(told, BLANKS, KEY, NONCE)
    assert opened(from_json(value), seal_of(value), KEY) == told


def test_without_the_key_it_has_blanks() -> None:
    told = event({"content_preview": "I like tea", "filters": {"user_id": "anna"}})
    value = sealed(told, BLANKS, KEY, NONCE)
    blank = redacted(told, BLANKS)
    assert blank.data == {"memory_id": "mem_1", "content_preview": "", "filters": {}}
    assert from_json(value) == blank
    assert b"tea" not in value
    assert b"anna" not in value
    assert opened(blank, seal_of(value), b"K" * 32) == blank


def test_a_seal_opens_beside_its_own_event_alone() -> None:
    value = sealed(event({"content_preview": "tea"}), BLANKS, KEY, NONCE)
    blank = from_json(value)
    for changed in (
        {"id": "2"},
        {"subject": "mem_2"},
        {"namespace": "other"},
        {"source": "/elsewhere"},
        {"type": "memory.updated"},
    ):
        other = msgspec.structs.replace(blank, **changed)
        assert opened(other, seal_of(value), KEY) == other


@given(st.binary(max_size=80))
def test_what_is_no_seal_leaves_the_event_as_it_is(seal: bytes) -> None:
    plain = event({"content_preview": ""})
    assert opened(plain, seal, KEY) == plain


def test_a_message_has_a_seal_only_where_that_is_its_own_attribute() -> None:
    plain = to_json(event({"content_preview": '"sealed"', "filters": {"sealed": "dGVh"}}))
    assert seal_of(plain) == b""
    foreign = plain.replace(b"{", b'{"sealed":true,', 1)
    assert seal_of(foreign) == b""
    assert from_json(foreign) == from_json(plain)


def test_nothing_is_personal_where_it_is_blank_or_of_another_type() -> None:
    assert personal(event({"content_preview": "", "filters": {}}), BLANKS) == {}
    assert personal(event({"content_preview": "tea"}, type="memory.updated"), BLANKS) == {}
    assert personal(event({"content_preview": "tea", "filters": {}}), BLANKS) == {
        "content_preview": "tea"
    }
