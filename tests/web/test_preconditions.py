from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.web.preconditions import accepted, etag, expected


@given(st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1))
def test_an_entity_tag_asks_for_its_revision(asked: int, current: int) -> None:
    assert expected(etag(asked), current) == asked
    assert expected(f"{etag(asked)}, {etag(current)}", current) == current


@pytest.mark.parametrize("header", [None, "*", " * "])
def test_without_a_tag_any_revision_will_do(header: str | None) -> None:
    assert expected(header, 7) is None


@pytest.mark.parametrize("header", ['W/"7"', '"abc"', '"07"', '""', '"99999999999999999999"'])
def test_a_tag_that_is_weak_or_not_ours_matches_nothing(header: str) -> None:
    assert expected(header, 7) == 0


@pytest.mark.parametrize("header", ["7", '"7', "", '"7" "8"', '*, "7"', '"a b"'])
def test_what_is_no_tag_is_refused(header: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        expected(header, 7)
    assert caught.value.field == "If-Match"


def test_of_several_tags_any_will_do() -> None:
    assert accepted('"3", "5"') == {3, 5}
    assert accepted("*") is None
