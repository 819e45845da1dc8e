from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rollcall.tools.docstrings import described


def test_the_text_before_the_first_section_is_the_description() -> None:
    text, parameters = described("""The weather of a
        city.

        From many stations.

        Args:
            city: Where it is, in
                any language: "Oslo".
            days (int, optional): How many.
            units : Metric, or not.

        Returns:
            city: no parameter.
        """)
    assert text == "The weather of a city.\n\nFrom many stations."
    assert parameters == {
        "city": 'Where it is, in any language: "Oslo".',
        "days": "How many.",
        "units": "Metric, or not.",
    }


def test_what_says_nothing_describes_nothing() -> None:
    assert described(None) == ("", {})
    assert described("Args:\n    nothing that names anything") == ("", {})


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    description, _ = described(text)
    assert description == description.strip()


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,9}", fullmatch=True), st.sampled_from("abc")))
def test_every_parameter_is_found(said: dict[str, str]) -> None:
    lines = "\n".join(f"        {name}: {text}" for name, text in said.items())
    assert described(f"Does it.\n\n    Args:\n{lines}") == ("Does it.", said)
