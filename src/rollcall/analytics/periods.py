# SPDX-License-Identifier: Apache-2.0
"""Days of an account's zone, as stretches of quarters of an hour: pure.

A day begins where the zone's clocks first show it; on days on which they change it has 23 or 25
hours, and in Apia on 30 December 2011 none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from rollcall.analytics.models import EARLIEST, LATEST, QUARTER_SECONDS, quarter_of
from rollcall.analytics.questions import Shift, Span
from rollcall.kernel.errors import InvalidInput

MOST_DAYS: Final = 3_660
"""Days of a period: about ten years."""
DEFAULT_DAYS: Final = 30

_DAY: Final = timedelta(days=1)
_EPOCH: Final = date(1970, 1, 1)
_QUARTERS: Final = 96
_STEP: Final = _QUARTERS // 2
EVER: Final = Span(quarter_of(EARLIEST), quarter_of(LATEST))
"""All the time that facts can be of."""


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days, one after the other.

    Args:
        first: The first of them.
        last: The last of them.
        zone: Whose days they are.
    """

    first: date
    last: date
    zone: ZoneInfo

    @property
    def days(self) -> int:
        """How many they are."""
        return (self.last - self.first).days + 1

    @property
    def span(self) -> Span:
        """From when to when they are."""
        return Span(_begin(self.first, self.zone), _begin(self.last + _DAY, self.zone))

    @property
    def before(self) -> Period:
        """As many days just before them."""
        return Period(self.first - timedelta(days=self.days), self.first - _DAY, self.zone)

    @property
    def with_before(self) -> Period:
        """Them and as many days before."""
        return Period(self.before.first, self.last, self.zone)

    @property
    def shifts(self) -> tuple[Shift, ...]:
        """How far the zone is ahead of UTC in these days."""
        return _shifts(self.span, self.zone)

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=number) for number in range(self.days))


def period(
    zone: ZoneInfo,
    now: datetime,
    *,
    days: int = DEFAULT_DAYS,
    first: date | None = None,
    last: date | None = None,
) -> Period:
    """The days that are asked for.

    Args:
        zone: Whose days.
        now: The time.
        days: How many, if `first` is not said.
        first: The first; None: so many before the last.
        last: The last; None: today.

    Raises:
        InvalidInput: There are no such days, or too many.
    """
    last = _possible("to", last) or now.astimezone(zone).date()
    first = _possible("from", first) or last - timedelta(days=days - 1)
    if first > last:
        raise InvalidInput("from", f"must not be later than {last}, where the period ends")
    if (last - first).days >= MOST_DAYS:
        raise InvalidInput("from", f"must be at most {MOST_DAYS:,} days before {last}")
    return Period(first, last, zone)


def day_of(number: int) -> date:
    """The date of a `day` of `Sums`."""
    return _EPOCH + timedelta(days=number // _QUARTERS)


def _possible(field: str, day: date | None) -> date | None:
    if day is not None and not EARLIEST.date() <= day < LATEST.date() - _DAY:
        raise InvalidInput(field, f"must be from {EARLIEST.date()} on and before {LATEST.date()}")
    return day


def _begin(day: date, zone: ZoneInfo) -> int:
    # Of a midnight that the clocks skip this is the moment at which they do.
    return quarter_of(datetime.combine(day, time(), zone).astimezone(UTC))


@lru_cache(maxsize=1_000)
def _shifts(span: Span, zone: ZoneInfo) -> tuple[Shift, ...]:
    # Twice in half a day no clocks change.
    steps = [*range(span.since, span.until, _STEP), max(span.until - 1, span.since)]
    found = [Shift(0, _ahead(span.since, zone))]
    for since, until in pairwise(steps):
        if _ahead(since, zone) != _ahead(until, zone):
            found.append(_change(since, until, zone))
    return tuple(found)


def _change(since: int, until: int, zone: ZoneInfo) -> Shift:
    """When and to what the clocks change in between."""
    was = _ahead(since, zone)
    while until - since > 1:
        middle = (since + until) // 2
        if _ahead(middle, zone) == was:
            since = middle
        else:
            until = middle
    return Shift(until, _ahead(until, zone))


def _ahead(quarter: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(quarter * QUARTER_SECONDS, UTC).astimezone(zone).utcoffset()
    assert offset is not None
    return offset // timedelta(seconds=QUARTER_SECONDS)
