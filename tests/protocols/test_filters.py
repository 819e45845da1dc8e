from __future__ import annotations

from typing import Any

import pytest

from rollcall.kernel.errors import InvalidInput
from rollcall.protocols import filters
from rollcall.registry.models import Kind


def test_kinds_are_those_that_are_named_or_all() -> None:
    assert filters.kinds(["agent", "tool"]) == {Kind.AGENT, Kind.TOOL}
    assert filters.kinds(["agent", "any"]) is None


@pytest.mark.parametrize(
    ("pair", "wanted"),
    [
        ("region:eu", {"region": "eu"}),
        ("size:8", {"size": 8}),
        ('size:"8"', {"size": "8"}),
        ("gpu:true", {"gpu": True}),
        ("gone:null", {"gone": None}),
        ("url:http://x", {"url": "http://x"}),
        ("list:[1]", {"list": "[1]"}),
        ("empty:", {"empty": ""}),
        ("n:NaN", {"n": "NaN"}),
        ("deep:" + "[" * 100_000, {"deep": "[" * 100_000}),
        ("long:" + "1" * 5000, {"long": "1" * 5000}),
    ],
)
def test_a_metadata_filter_is_a_key_and_a_plain_value(pair: str, wanted: dict[str, Any]) -> None:
    assert filters.metadata([pair]) == wanted


@pytest.mark.parametrize(
    ("pairs", "field"),
    [(["region"], "metadata.0"), ([":eu"], "metadata.0"), (["a:1", "a:2"], "metadata.1")],
)
def test_a_metadata_filter_that_cannot_be_read_is_refused(pairs: list[str], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        filters.metadata(pairs)
    assert caught.value.field == field


def test_no_filter_asks_for_nothing() -> None:
    assert filters.metadata([]) is None
