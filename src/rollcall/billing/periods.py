# SPDX-License-Identifier: Apache-2.0
"""Billing periods: calendar months in a time zone. Pure.

A period is named after its month, so that asking for one never makes one.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from rollcall.billing.budget_models import Window
from rollcall.billing.models import Period
from rollcall.kernel.errors import InvalidInput

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9998

_ID: Final = re.compile(r"per_([0-9]{4})-(0[1-9]|1[0-2])")


def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name.

    Raises:
        InvalidInput: There is none.
    """
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise InvalidInput(
            "time_zone", f"must be an IANA name such as Europe/Berlin, not {name!r:.80}"
        ) from error


def period_id(at: datetime, zone: ZoneInfo) -> str:
    """The id of the period that a moment lies in (`per_2026-11`)."""
    local = at.astimezone(zone)
    return f"per_{local.year:04}-{local.month:02}"


def period(id_: str, zone: ZoneInfo) -> Period:
    """The period of an id.

    Raises:
        InvalidInput: It is no id of a period.
    """
    match = _ID.fullmatch(id_)
    if match is None or not FIRST_YEAR <= int(match[1]) <= LAST_YEAR:
        raise InvalidInput("period_id", f"must be as in per_2026-11, not {id_!r:.80}")
    year, month = int(match[1]), int(match[2])
    return Period(
        id=id_,
        start=_midnight(year, month, zone),
        end=_midnight(*_next(year, month), zone),
        time_zone=zone.key,
    )


def following(id_: str) -> str:
    """The id of the period after one."""
    year, month = _next(int(id_[4:8]), int(id_[9:]))
    return f"per_{year:04}-{month:02}"


def billed_in(own: str, current: str, closed: Collection[str]) -> str:
    """The id of the period in which a usage is billed.

    Args:
        own: The period that it lies in.
        current: The one that runs.
        closed: Those that take no usage any more.
    """
    if own not in closed:
        return own
    # Ids are ordered as the months are.
    open_one = max(own, current)
    while open_one in closed:
        open_one = following(open_one)
    return open_one


def window_of(period: Window, at: datetime, zone: ZoneInfo) -> str:
    """The window of a budget that a moment lies in; later ones are greater."""
    local = at.astimezone(zone)
    if period is Window.TOTAL:
        return "total"
    month = f"{local.year:04}-{local.month:02}"
    return month if period is Window.MONTH else f"{month}-{local.day:02}"


def _next(year: int, month: int) -> tuple[int, int]:
    return (year, month + 1) if month < 12 else (year + 1, 1)


def _midnight(year: int, month: int, zone: ZoneInfo) -> datetime:
    """The first moment of a month, UTC. Where that midnight is twice, the first one; where there
    is none, the moment at which the clocks leave it out.
    """
    return datetime(year, month, 1, tzinfo=zone, fold=0).astimezone(UTC)
