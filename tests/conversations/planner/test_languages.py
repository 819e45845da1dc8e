import pytest

from rollcall.conversations.planner.languages import language


@pytest.mark.parametrize(
    ("text", "role", "name"),
    [
        ("the French word for it in Spanish", "to", "Spanish"),
        ("from german to Polish", "to", "Polish"),
        ("from german to Polish", "from", "german"),
        ("say it to Klingon", "", "Klingon"),
        ("hello there", "to", None),
        ("into French", "from", None),
    ],
)
def test_the_language_that_is_meant_is_found(text: str, role: str, name: str | None) -> None:
    found = language(text, role, code=False)
    assert (found.value if found else None) == name


def test_a_code_is_given_where_codes_are_asked_for() -> None:
    found = language("into Japanese", "to", code=True)
    assert found is not None
    assert found.value == "ja"
