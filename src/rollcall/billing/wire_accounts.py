# SPDX-License-Identifier: Apache-2.0
"""What billing shows of accounts, periods and budgets over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from rollcall.billing.amounts import amount_text, decimal_text
from rollcall.billing.budget_models import Budget, Reservation
from rollcall.billing.models import Account
from rollcall.billing.service import PeriodTotals


class AccountView(BaseModel):
    """How an account is billed."""

    time_zone: str
    currency: str
    tax_rate: str
    terms_days: int
    plan: str | None
    rate_card_id: str | None
    business_name: str | None
    revision: int


class PeriodView(BaseModel):
    """A calendar month in the account's time zone: from `start` up to, and without, `end`."""

    id: str
    start: datetime
    end: datetime
    time_zone: str
    status: Literal["open", "closed", "invoiced"]
    usages: int
    total_tokens: int
    total_amount: str
    currency: str


class BudgetView(BaseModel):
    """What may be spent, and what of it is left."""

    id: str
    budget_id: str
    scope: str
    agent_id: str | None
    limit: str
    currency: str
    period: str
    window: str
    hard: bool
    alert_at: list[str]
    spent: str
    reserved: str
    available: Annotated[str, Field(description="What can be reserved now, at least 0.")]
    alerted: list[str]
    exhausted: bool
    revision: int
    created_at: datetime


class ReservationView(BaseModel):
    """A part of every budget that an agent spends from."""

    reservation_id: str
    agent_id: str
    amount: str
    currency: str
    status: str
    conversation_id: str | None
    usage_id: str | None
    created_at: datetime
    expires_at: datetime


class AgentTotalsView(BaseModel):
    """What an agent has used in a period."""

    agent_id: str
    usages: int
    tokens: int
    amount: str
    invoice_id: str | None


class OverviewView(BaseModel):
    """An account at one look."""

    account: AccountView
    current_period: PeriodView
    month_to_date: str
    outstanding: Annotated[str | None, Field(description="null: no books are kept here.")]
    currency: str
    budgets: list[BudgetView]


class SummaryView(BaseModel):
    """What the period that runs comes to, by agent."""

    current_period: PeriodView
    previous_period: PeriodView | None
    month_to_date: str
    outstanding: str | None
    currency: str
    agents: list[AgentTotalsView]


def account_view(one: Account) -> AccountView:
    """An account as it is shown."""
    return AccountView(
        time_zone=one.time_zone,
        currency=one.currency,
        tax_rate=decimal_text(one.tax_rate),
        terms_days=one.terms_days,
        plan=one.plan,
        rate_card_id=one.rate_card_id,
        business_name=one.business_name,
        revision=one.revision,
    )


def period_view(one: PeriodTotals) -> PeriodView:
    """A period as it is shown."""
    fields: Mapping[str, Any] = {"status": one.status}
    return PeriodView(
        id=one.period.id,
        start=one.period.start,
        end=one.period.end,
        time_zone=one.period.time_zone,
        usages=one.usages,
        total_tokens=one.tokens,
        total_amount=amount_text(one.amount, one.currency),
        currency=one.currency,
        **fields,
    )


def budget_view(one: Budget, reserved: Decimal) -> BudgetView:
    """A budget as it is shown."""
    return BudgetView(
        id=one.id,
        budget_id=one.id,
        scope=one.scope,
        agent_id=one.agent_id,
        limit=amount_text(one.limit, one.currency),
        currency=one.currency,
        period=one.period,
        window=one.window,
        hard=one.hard,
        alert_at=[decimal_text(share) for share in one.alert_at],
        spent=amount_text(one.spent, one.currency),
        reserved=amount_text(reserved, one.currency),
        available=amount_text(max(Decimal(0), one.limit - one.spent - reserved), one.currency),
        alerted=[decimal_text(share) for share in one.alerted],
        exhausted=one.exhausted,
        revision=one.revision,
        created_at=one.created_at,
    )


def reservation_view(one: Reservation) -> ReservationView:
    """A reservation as it is shown."""
    return ReservationView(
        reservation_id=one.id,
        agent_id=one.agent_id,
        amount=amount_text(one.amount, one.currency),
        currency=one.currency,
        status=one.status,
        conversation_id=one.conversation_id,
        usage_id=one.usage_id,
        created_at=one.created_at,
        expires_at=one.expires_at,
    )
