from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.web.strict import MAX_DEPTH, decoded

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


@given(VALUES, st.booleans())
def test_what_json_can_say_is_read_as_it_is(value: Any, escaped: bool) -> None:
    assert decoded(json.dumps(value, ensure_ascii=escaped).encode()) == value


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"{'a': 1}", "body"),
        (b"\xff", "body"),
        (b'{"a": "\xff"}', "body"),
        ('{"a": 1}'.encode("utf-16"), "body"),
        (b"\xef\xbb\xbf{}", "body"),
        (b'{"a": NaN}', "body"),
        (b'{"a": -Infinity}', "body"),
        (b'{"a": {"b": 1e999}}', "a.b"),
        (b'{"a": [0, 9223372036854775808]}', "a.1"),
        (b'{"a": -9223372036854775809}', "a"),
        (b'{"a": ' + b"1" * 5000 + b"}", "body"),
        (b'{"a": 1, "a": 2}', "a"),
        (b'{"m": {"a": 1, "b": 1, "a": 1}}', "a"),
        (b'{"a": {"b": ["\\ud800"]}}', "a.b.0"),
        (b'{"a": "x\\u0000"}', "a"),
        (b'{"a": {"\\u0000": 1}}', "a"),
        (b'{"a": {"\\udfff": 1}}', "a"),
        (b'"\\ud800"', "body"),
        (b'{"a": ' + b"[" * 70 + b"]" * 70 + b"}", "a"),
        (b"[" * 100_000, "body"),
        (b'{"a":' * 100_000, "body"),
    ],
)
def test_what_could_not_be_kept_is_refused_by_its_field(body: bytes, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decoded(body)
    assert caught.value.field == field


def test_a_key_that_is_refused_is_named_in_plain_letters() -> None:
    with pytest.raises(InvalidInput) as caught:
        decoded('{"\u202egip": 1, "\u202egip": 2}'.encode())
    assert caught.value.field == "\\u202egip"


def test_depth_is_counted_to_the_level() -> None:
    for depth in (MAX_DEPTH - 1, MAX_DEPTH):
        decoded(b"[" * depth + b"]" * depth)
    with pytest.raises(InvalidInput):
        decoded(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
