# SPDX-License-Identifier: Apache-2.0
"""What may be spent, and what of that is kept for work that is under way."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec


class Scope(StrEnum):
    """Whose spending a budget limits."""

    AGENT = "agent"
    ACCOUNT = "account"


class Window(StrEnum):
    """After what a budget begins anew."""

    MONTH = "month"
    DAY = "day"
    TOTAL = "total"


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What may be spent.

    Args:
        agent_id: Whose spending; None: the whole account's.
        limit: How much, in `currency`.
        period: After what it begins anew.
        hard: Whether reservations beyond it are refused.
        alert_at: Shares of the limit at which an event tells of it, rising.
        window: The month or day that `spent` is of.
        spent: What was charged in that.
        alerted: Those of `alert_at` that were told of in that.
        exhausted: Whether it was told that nothing is left in that.
        revision: Counts changes of what the owner decides.
    """

    namespace: str
    id: str
    scope: Scope
    agent_id: str | None
    limit: Decimal
    currency: str
    period: Window
    hard: bool
    alert_at: tuple[Decimal, ...]
    window: str
    spent: Decimal = Decimal(0)
    alerted: tuple[Decimal, ...] = ()
    exhausted: bool = False
    revision: int = 1
    created_at: datetime


class ReservationStatus(StrEnum):
    """What became of a reservation."""

    OPEN = "open"
    SETTLED = "settled"
    RELEASED = "released"
    EXPIRED = "expired"


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """A part of all budgets that an agent spends from, kept for one piece of work.

    Args:
        conversation_id: What it is kept for; the usage that is told of it settles it.
        usage_id: What settled it.
    """

    namespace: str
    id: str
    agent_id: str
    amount: Decimal
    currency: str
    status: ReservationStatus
    created_at: datetime
    expires_at: datetime
    conversation_id: str | None = None
    usage_id: str | None = None
