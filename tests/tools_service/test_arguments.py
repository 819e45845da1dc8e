from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.tools.api import parsed
from rollcall.tools.arguments import MAX_DEPTH, plain

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(WORDS, VALUES, max_size=5))
def test_what_is_json_comes_through_unchanged(value: dict[str, Any]) -> None:
    body = json.dumps(value).encode()
    assert parsed(body) == value
    assert plain(parsed(body)) == value


@given(st.binary())
def test_no_body_does_more_than_be_refused(body: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        plain(parsed(body))


def test_no_body_is_no_arguments() -> None:
    assert parsed(b"") == {}


def test_a_whole_number_is_one_however_it_is_written() -> None:
    value = plain({"days": 3.0, "more": [2.5, 1e300]})
    assert value == {"days": 3, "more": [2.5, 1e300]}
    assert type(value["days"]) is int


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"[]", "body"),
        (b'{"a": NaN}', "body"),
        (b'{"a": 1, "a": 2}', "a"),
        (b'{"a"', "body"),
        (b"\xff", "body"),
        (b'{"a": ' + b"9" * 5000 + b"}", "body"),
        (b"[" * 100_000, "body"),
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parsed(body)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"a": {"b": ["x\0"]}}, "a.b.0"),
        ({"a": "\ud800"}, "a"),
        ({"a": math.inf}, "a"),
        ({"a": 2**63}, "a"),
        ({"a": object()}, "a"),
        ({"\0": 1}, "arguments"),
    ],
)
def test_what_would_break_a_tool_is_refused(value: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        plain(value)
    assert refused.value.field == field


def test_there_is_a_limit_to_depth() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert plain({"a": value}) == {"a": value}
    with pytest.raises(InvalidInput, match="a: is nested"):
        plain({"a": [value]})
