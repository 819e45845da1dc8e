# SPDX-License-Identifier: Apache-2.0
"""How the errors of usage, prices and budgets look over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rollcall.billing.errors import (
    AccountChanged,
    AgentNotTracked,
    BudgetExhausted,
    BudgetNotFound,
    CurrencyInUse,
    KeyReused,
    PricesCharged,
    PriceUnknown,
    RateCardExists,
    RateCardNotFound,
    ReservationNotFound,
    ReservationNotOpen,
    UsageNotFound,
)
from rollcall.billing.ports import KeyTaken
from rollcall.web.problems import Kind

PROBLEMS: Final[Mapping[type[Exception], Kind]] = {
    UsageNotFound: Kind(404, "usage-not-found", "There is no such usage", ("usage_id",)),
    AgentNotTracked: Kind(
        404, "agent-not-tracked", "There is no such agent, or it has used nothing", ("agent_id",)
    ),
    RateCardNotFound: Kind(
        404, "rate-card-not-found", "There is no such rate card", ("rate_card_id",)
    ),
    BudgetNotFound: Kind(404, "budget-not-found", "There is no such budget", ("budget_id",)),
    ReservationNotFound: Kind(
        404, "reservation-not-found", "There is no such reservation", ("reservation_id",)
    ),
    KeyReused: Kind(
        409, "key-reused", "The idempotency key stands for something else", ("key", "known")
    ),
    KeyTaken: Kind(
        409, "contention", "Somebody else wrote the same in the same moment", retry_after=1
    ),
    RateCardExists: Kind(
        409, "rate-card-exists", "The rate card is there already", ("rate_card_id",)
    ),
    PricesCharged: Kind(
        409,
        "prices-charged",
        "It would change prices that were charged",
        ("rate_card_id", "after"),
    ),
    PriceUnknown: Kind(
        409, "price-unknown", "Nobody knows the provider's price", ("model", "rate_card_id")
    ),
    CurrencyInUse: Kind(409, "currency-in-use", "There are amounts in the currency", ("currency",)),
    AccountChanged: Kind(
        412, "account-changed", "The account has changed meanwhile", ("expected", "current")
    ),
    BudgetExhausted: Kind(
        402,
        "budget-exhausted",
        "The budget has less than that left",
        ("budget_id", "limit", "spent", "reserved", "asked", "currency"),
    ),
    ReservationNotOpen: Kind(
        409, "reservation-not-open", "The reservation has ended", ("reservation_id", "became")
    ),
}
"""For a module."""
