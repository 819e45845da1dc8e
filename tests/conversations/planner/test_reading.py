from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.conversations.planner.reading import LONGEST, Reading

TODAY = date(2026, 11, 21)
PARTS = (
    "urls emails quoted ips files dates times numbers expression change codes names words listed"
).split()


def read(text: str) -> Reading:
    return Reading(text, TODAY)


def values(text: str, part: str) -> list[str]:
    return [span.value for span in getattr(read(text), part)]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("see http://127.0.0.1:81/a.html.", "http://127.0.0.1:81/a.html"),
        ("(https://x.org/a_(b))", "https://x.org/a_(b)"),
        ("open www.example.org, please", "https://www.example.org"),
    ],
)
def test_addresses_end_before_punctuation(text: str, url: str) -> None:
    assert values(text, "urls") == [url]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("on 2026-12-01", "2026-12-01"),
        ("am 1.12.2026", "2026-12-01"),
        ("on the 5th of January 2027", "2027-01-05"),
        ("January 5, 2027", "2027-01-05"),
        ("tomorrow", "2026-11-22"),
        ("next saturday", "2026-11-28"),
        ("on monday", "2026-11-23"),
    ],
)
def test_days_become_iso_dates(text: str, day: str) -> None:
    assert values(text, "dates") == [day]


def test_no_day_is_made_of_what_no_calendar_has() -> None:
    assert values("on 2026-02-30", "dates") == []


def test_times_of_day_are_found() -> None:
    assert values("at 9:15, 14:30 or 3 pm", "times") == ["09:15", "14:30", "15:00"]


def test_digits_of_addresses_dates_and_codes_are_no_numbers() -> None:
    text = "http://x.org/7 8.8.8.8 on 2026-12-01 at 14:30 LH454 photo2.png"
    assert read(text).numbers == []


def test_names_are_capitals_within_a_sentence() -> None:
    assert values("Weather for New York and Rome", "names") == ["New York", "Rome"]


def test_a_list_of_numbers_is_told_from_others() -> None:
    found = read("the 2 largest of 3, 5, 8 and 12").listed
    assert [number.json for number in found] == [3, 5, 8, 12]


@given(st.text(max_size=300))
def test_every_part_of_any_text_is_read(text: str) -> None:
    reading = read(text)
    for part in PARTS:
        getattr(reading, part)


def test_only_the_beginning_of_a_huge_text_is_read() -> None:
    assert len(read("a" * 10 * LONGEST).text) == LONGEST
