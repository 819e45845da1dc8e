# SPDX-License-Identifier: Apache-2.0
"""Text without what deceives."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.tools.scraper.cleaning import clean, cut, one_line, paragraphs


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("tab\tstays", "tab\tstays"),
        ("\u202egnp.exe", "gnp.exe"),
        ("hi\U000e0068\U000e0069", "hi"),
        ("half \ud800 one", "half  one"),
        ("<script>alert(1)</script> & co", "<script>alert(1)</script> & co"),
        ("👩\u200d🚀 ä 日本", "👩\u200d🚀 ä 日本"),
    ],
)
def test_what_deceives_is_taken_out(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(st.text(st.characters()))
def test_what_is_left_can_be_sent_and_shown(text: str) -> None:
    for found in (clean(text), paragraphs(text), one_line(text, 50)):
        found.encode("utf-8")
        assert all(unicodedata.category(one) != "Cc" or one in "\n\t" for one in found)
    assert "\n" not in one_line(text, 50)
    assert len(one_line(text, 50)) <= 50
    assert paragraphs(paragraphs(text)) == paragraphs(text)


def test_paragraphs_have_one_empty_line_between_them() -> None:
    assert paragraphs("  a  b \n\n \n\n\tc\n d  ") == "a b\n\nc\nd"


def test_a_text_is_cut_where_there_is_too_much() -> None:
    assert cut("abc", 3) == ("abc", False)
    assert cut("ab cd", 3) == ("ab", True)
