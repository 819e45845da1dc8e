# SPDX-License-Identifier: Apache-2.0
"""What spending makes of a budget: pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from rollcall.billing import told
from rollcall.billing.budget_models import Budget
from rollcall.billing.models import Usage
from rollcall.billing.periods import window_of
from rollcall.events.envelope import Event

_NOTHING = Decimal(0)


class Step(NamedTuple):
    """What a budget is now, and what is to be told of it."""

    budget: Budget
    events: tuple[Event, ...] = ()


def rolled(budget: Budget, now: datetime, zone: ZoneInfo) -> Budget:
    """A budget in the window that runs: in a new one nothing is spent yet."""
    window = window_of(budget.period, now, zone)
    if window <= budget.window:
        return budget
    return replace(budget, window=window, spent=_NOTHING, alerted=(), exhausted=False)


def fits(budget: Budget, held: Decimal, amount: Decimal) -> bool:
    """Whether so much more can be reserved."""
    return not budget.hard or budget.spent + held + amount <= budget.limit


def spent(budget: Budget, usages: Iterable[Usage], now: datetime, zone: ZoneInfo) -> Step:
    """A budget, in the window that runs, after usages were charged.

    What was used in an earlier window is of no concern to this one. What claims to have been used
    in a later one counts in this: nobody opens a window by setting a clock forward.
    """
    budget = rolled(budget, now, zone)
    more = sum(
        (
            one.amount
            for one in usages
            if budget.agent_id in (None, one.agent_id)
            and window_of(budget.period, one.served_at, zone) >= budget.window
        ),
        _NOTHING,
    )
    return told_of(replace(budget, spent=budget.spent + more), now)


def told_of(budget: Budget, now: datetime) -> Step:
    """A budget of which all is told that there is to tell, and only that."""
    reached = tuple(one for one in budget.alert_at if budget.spent >= one * budget.limit)
    if not budget.spent:
        reached = ()
    over = bool(budget.spent) and budget.spent >= budget.limit
    new = replace(budget, alerted=reached, exhausted=over)
    events = [told.threshold_reached(new, one, now) for one in reached if one not in budget.alerted]
    if over and not budget.exhausted:
        events.append(told.exhausted(new, now))
    return Step(new, tuple(events))
