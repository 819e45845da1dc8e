from hypothesis import given
from hypothesis import strategies as st

from rollcall.conversations.planner.words import spoken, stem


def test_forms_of_a_word_share_a_stem() -> None:
    for forms in (
        ("measure", "measures", "measured", "measuring"),
        ("note", "notes"),
        ("translate", "translates", "translation", "translator"),
        ("city", "cities"),
        ("box", "boxes"),
        ("calculation", "calculator", "calculated"),
        ("day", "days"),
    ):
        assert len({stem(form) for form in forms}) == 1, forms


def test_different_words_keep_different_stems() -> None:
    assert len({stem(word) for word in ("note", "unit", "mile", "mail", "word", "world")}) == 6


def test_identifiers_are_taken_apart() -> None:
    assert spoken("toUnit") == ["to", "unit"]
    assert spoken("HTTPUrl_v2-name") == ["http", "url", "v", "2", "name"]


@given(st.text(max_size=40))
def test_any_word_has_a_stem(word: str) -> None:
    assert stem(word) == stem(word.upper().lower()) or not word.isascii()
    spoken(word)
