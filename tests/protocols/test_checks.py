from __future__ import annotations

import pytest

from rollcall.kernel.errors import InvalidInput
from rollcall.protocols.checks import MAX_METADATA, check_json, distinct


def test_json_is_kept_up_to_its_size() -> None:
    most = {"a": "x" * (MAX_METADATA - len('{"a":""}'))}
    assert check_json("metadata", most) == most
    assert check_json("metadata", {}) is None
    with pytest.raises(InvalidInput, match="metadata: must have at most 65536 bytes"):
        check_json("metadata", {"a": most["a"] + "x"})


def test_a_word_that_is_there_twice_is_named_by_its_place() -> None:
    assert distinct("tags", ["a", "b"]) == ("a", "b")
    with pytest.raises(InvalidInput) as caught:
        distinct("tags", ["a", "b", "a"])
    assert caught.value.field == "tags.2"
