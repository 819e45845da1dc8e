# SPDX-License-Identifier: Apache-2.0
"""The integration events of usage and budgets: pure. Their ids are derived from the act."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from rollcall.billing.amounts import amount_text, decimal_text, optional_amount
from rollcall.billing.budget_models import Budget
from rollcall.billing.models import PROVIDER_CURRENCY, Usage
from rollcall.events.envelope import Event
from rollcall.kernel.ids import derived

SOURCE: Final = "/billing"


def charged(usage: Usage, correlation_id: str = "") -> Event:
    """What tells what a usage was charged."""
    counted = usage.quantities
    data: dict[str, Any] = {
        "usage_id": usage.id,
        "agent_id": usage.agent_id,
        "amount": amount_text(usage.amount, usage.currency),
        "currency": usage.currency,
        "period": usage.period_id,
        "served_at": usage.served_at.isoformat(),
        "late": usage.late,
        "estimated": counted.estimated,
        "tokens_used": counted.tokens,
        "input_tokens": counted.input_tokens,
        "output_tokens": counted.output_tokens,
        "cached_tokens": counted.cached_tokens,
        "requests": counted.requests,
        "conversations": counted.conversations,
        "minutes": decimal_text(counted.minutes),
        "rate_card_id": usage.rate_card_id,
        "rate_card_version": usage.rate_card_version,
    }
    optional = {
        "conversation_id": usage.conversation_id,
        "model_used": usage.model,
        "provider": usage.provider,
        "provider_cost": optional_amount(usage.provider_cost, PROVIDER_CURRENCY),
    }
    data |= {name: value for name, value in optional.items() if value is not None}
    return Event(
        id=derived("charged", usage.id),
        type="usage.charged",
        source=SOURCE,
        subject=usage.agent_id,
        time=usage.recorded_at,
        data=data,
        namespace=usage.namespace,
        correlation_id=correlation_id,
    )


def threshold_reached(budget: Budget, threshold: Decimal, at: datetime) -> Event:
    """What tells that a share of a budget is spent: once in a window."""
    data = {**_budget(budget), "threshold": decimal_text(threshold)}
    return _event("budget.threshold_reached", budget, at, data, format(threshold, "f"))


def exhausted(budget: Budget, at: datetime) -> Event:
    """What tells that nothing is left of a budget: once in a window."""
    return _event("budget.exhausted", budget, at, _budget(budget), "")


def _budget(budget: Budget) -> dict[str, Any]:
    return {
        "budget_id": budget.id,
        "scope": budget.scope.value,
        "agent_id": budget.agent_id,
        "limit": amount_text(budget.limit, budget.currency),
        "spent": amount_text(budget.spent, budget.currency),
        "currency": budget.currency,
        "window": budget.window,
        "hard": budget.hard,
    }


def _event(type_: str, budget: Budget, at: datetime, data: dict[str, Any], what: str) -> Event:
    # The revision: another limit is reached anew. So is that of a budget that was deleted and
    # made again by its key, which has its id.
    made = f"{budget.created_at.timestamp()}/{budget.revision}"
    return Event(
        id=derived(type_, budget.id, budget.window, made, what),
        type=type_,
        source=SOURCE,
        subject=budget.id,
        time=at,
        data=data,
        namespace=budget.namespace,
    )
