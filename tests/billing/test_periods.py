"""Billing periods and the windows of budgets: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.billing.budget_models import Window
from rollcall.billing.periods import (
    billed_in,
    following,
    period,
    period_id,
    window_of,
    zone_of,
)
from rollcall.kernel.errors import InvalidInput

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Apia",
    "America/Asuncion",
    "Africa/Cairo",
)
zones = st.sampled_from(ZONES).map(ZoneInfo)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments, zones)
def test_every_moment_lies_in_the_period_that_is_named_after_its_month(
    at: datetime, zone: ZoneInfo
) -> None:
    found = period(period_id(at, zone), zone)
    assert found.start <= at < found.end
    assert found.start.astimezone(zone).day == 1


@given(moments, zones)
def test_one_period_begins_where_the_one_before_ends(at: datetime, zone: ZoneInfo) -> None:
    one = period(period_id(at, zone), zone)
    after = period(following(one.id), zone)
    assert one.end == after.start
    assert period_id(one.end, zone) == after.id
    assert period_id(one.end - timedelta(microseconds=1), zone) == one.id
    assert one.id < after.id


def test_a_months_last_day_makes_no_new_period_at_every_call() -> None:
    zone = ZoneInfo("Europe/Berlin")
    last = datetime(2026, 1, 31, 12, tzinfo=zone)
    ids = {period_id(last + timedelta(minutes=minute), zone) for minute in range(12 * 60)}
    assert ids == {"per_2026-01"}


def test_months_with_a_change_of_clocks_are_as_long_as_they_are() -> None:
    zone = ZoneInfo("Europe/Berlin")
    march, october = period("per_2025-03", zone), period("per_2025-10", zone)
    assert march.end - march.start == timedelta(days=31, hours=-1)
    assert october.end - october.start == timedelta(days=31, hours=1)
    assert march.start == datetime(2025, 2, 28, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    "id_", ["", "per_2026-13", "per_2026-1", "per_0001-01", "x", "per_9999-12"]
)
def test_what_names_no_month_is_refused(id_: str) -> None:
    with pytest.raises(InvalidInput, match="per_2026-11"):
        period(id_, ZoneInfo("UTC"))


@pytest.mark.parametrize("name", ["", "Europe/Nowhere", "../etc/passwd", "\0", "x" * 5000, "/"])
def test_what_names_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        zone_of(name)
    assert refused.value.field == "time_zone"


def test_usage_of_a_closed_period_is_billed_in_the_one_that_runs() -> None:
    own, current = "per_2025-10", "per_2025-12"
    assert billed_in(own, current, []) == own
    assert billed_in(own, current, [own]) == current
    assert billed_in(own, current, [own, current]) == "per_2026-01"
    # Somebody's clock is ahead.
    assert billed_in("per_2026-01", current, []) == "per_2026-01"


def test_windows_follow_the_accounts_clock() -> None:
    at = datetime(2025, 6, 30, 23, tzinfo=UTC)
    berlin = ZoneInfo("Europe/Berlin")
    assert window_of(Window.DAY, at, berlin) == "2025-07-01"
    assert window_of(Window.MONTH, at, berlin) == "2025-07"
    assert window_of(Window.DAY, at, ZoneInfo("UTC")) == "2025-06-30"
    assert window_of(Window.TOTAL, at, berlin) == "total"
