from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import URL

from rollcall.kernel.cursors import Place, cursor_of
from rollcall.kernel.errors import InvalidInput
from rollcall.web.paging import following, link, place_of


def test_a_link_keeps_the_question_and_replaces_the_cursor() -> None:
    url = URL("http://inside:8009/agents?status=active&tags=a%20b&cursor=old")
    assert link(url, "new") == '</agents?status=active&tags=a+b&cursor=new>; rel="next"'


def test_the_last_page_leads_nowhere() -> None:
    assert following(URL("/agents"), None) == {}


def test_a_page_leads_on_by_a_word_or_by_the_place_where_it_ended() -> None:
    url, place = URL("/agents"), Place(12.5, "clerk")
    assert following(url, "7", "before") == {"Link": '</agents?before=7>; rel="next"'}
    assert following(url, place) == {"Link": link(url, cursor_of(place))}


def anything(_field: str, text: str) -> str:
    return text


@given(st.floats(allow_nan=False, allow_infinity=False), st.text())
def test_a_word_stands_for_the_place_that_it_was_made_of(at: float, key: str) -> None:
    assert place_of(cursor_of(Place(at, key)), anything) == Place(at, key)


def test_a_first_page_begins_nowhere() -> None:
    assert place_of(None) is None


@pytest.mark.parametrize("word", ["", "?", "e30", cursor_of((1.0,)), cursor_of(("1", "clerk"))])
def test_a_word_that_is_none_of_ours_is_refused(word: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        place_of(word, anything)
    assert caught.value.field == "cursor"


def test_a_place_behind_an_id_that_nothing_can_have_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        place_of(cursor_of(Place(1.0, "a/b")))
    assert caught.value.field == "cursor"
