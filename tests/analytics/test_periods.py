# SPDX-License-Identifier: Apache-2.0
"""Days of all zones of the world, as quarters of an hour."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.analytics.models import QUARTER_SECONDS
from rollcall.analytics.periods import MOST_DAYS, Period, day_of, period
from rollcall.kernel.errors import InvalidInput

ZONES = sorted(available_timezones())
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


def local_day(quarter: int, days: Period) -> date:
    """The day of a quarter, as `Sums` finds it."""
    ahead = next(one.ahead for one in reversed(days.shifts) if one.since <= quarter)
    local = quarter + ahead
    return day_of(local - local % 96)


@given(
    zone=st.sampled_from(ZONES),
    first=st.dates(date(2000, 1, 2), date(2060, 1, 1)),
    days=st.integers(1, 800),
    spot=st.floats(0, 1),
)
def test_every_quarter_is_of_the_day_that_its_zone_says(
    zone: str, first: date, days: int, spot: float
) -> None:
    whole = Period(first, first + timedelta(days=days - 1), ZoneInfo(zone))
    span = whole.span
    for quarter in {
        span.since,
        int(span.since + spot * (span.until - 1 - span.since)),
        span.until - 1,
    }:
        at = datetime.fromtimestamp(quarter * QUARTER_SECONDS, UTC)
        assert local_day(quarter, whole) == at.astimezone(whole.zone).date()
    just_before = datetime.fromtimestamp(span.since * QUARTER_SECONDS - 1, UTC)
    assert just_before.astimezone(whole.zone).date() < first


@given(
    zone=st.sampled_from(ZONES),
    first=st.dates(date(2000, 1, 2), date(2060, 1, 1)),
    days=st.integers(1, 60),
)
def test_days_follow_each_other_without_gap_or_overlap(zone: str, first: date, days: int) -> None:
    whole = Period(first, first + timedelta(days=days - 1), ZoneInfo(zone))
    spans = [Period(day, day, whole.zone).span for day in whole]
    assert [one.since for one in spans[1:]] == [one.until for one in spans[:-1]]
    assert (spans[0].since, spans[-1].until) == (whole.span.since, whole.span.until)
    assert whole.before.span.until == whole.span.since
    assert whole.before.days == whole.days


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Asia/Kolkata", date(2026, 3, 29), 24),
        ("Asia/Kathmandu", date(2026, 3, 29), 24),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),
        ("America/Havana", date(2026, 11, 1), 25),
        ("Pacific/Apia", date(2011, 12, 30), 0),
        ("UTC", date(2026, 3, 29), 24),
    ],
)
def test_a_day_has_the_hours_that_the_clocks_give_it(zone: str, day: date, hours: float) -> None:
    span = Period(day, day, ZoneInfo(zone)).span
    assert (span.until - span.since) / 4 == hours


def test_the_last_days_end_with_the_local_today() -> None:
    found = period(ZoneInfo("Pacific/Auckland"), NOON, days=7)
    assert (found.first, found.last) == (date(2026, 3, 26), date(2026, 4, 1))
    found = period(ZoneInfo("America/Los_Angeles"), NOON, days=1)
    assert (found.first, found.last, found.days) == (date(2026, 3, 31), date(2026, 3, 31), 1)


def test_days_can_be_named() -> None:
    utc = ZoneInfo("UTC")
    found = period(utc, NOON, first=date(2026, 1, 1), last=date(2026, 1, 31))
    assert found.days == 31
    assert period(utc, NOON, first=date(2026, 3, 30)).days == 2
    assert period(utc, NOON, last=date(2026, 1, 31), days=2).first == date(2026, 1, 30)


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        (date(2026, 2, 2), date(2026, 2, 1), "from"),
        (date(2026, 5, 1), None, "from"),
        (date(1999, 12, 31), None, "from"),
        (date(1, 1, 1), date(1, 1, 2), "to"),
        (date(9999, 12, 31), date(9999, 12, 31), "to"),
        (date(2000, 1, 1), date(2026, 1, 1), "from"),
    ],
)
def test_days_that_cannot_be_are_refused(first: date, last: date | None, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        period(ZoneInfo("Europe/Berlin"), NOON, first=first, last=last)
    assert refused.value.field == field


def test_the_longest_period_can_be_asked_for() -> None:
    last = date(2026, 3, 31)
    found = period(ZoneInfo("Africa/Casablanca"), NOON, first=last - timedelta(MOST_DAYS - 1))
    # Morocco turns its clocks twice for each Ramadan.
    assert 10 < len(found.shifts) < 40
