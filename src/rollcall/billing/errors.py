# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with usage, prices and budgets."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from rollcall.billing.amounts import amount_text
from rollcall.kernel.errors import RollcallError


class EntryNotFound(RollcallError, LookupError):
    """Something that was named is not there."""


class UsageNotFound(EntryNotFound):
    """There is no usage of this id."""

    def __init__(self, usage_id: str) -> None:
        super().__init__(f"there is no usage {usage_id!r}")
        self.usage_id = usage_id


class AgentNotTracked(EntryNotFound):
    """Nobody has told of such an agent, and it has used nothing."""

    def __init__(self, agent_id: str) -> None:
        super().__init__(f"there is no agent {agent_id!r} whose costs are tracked")
        self.agent_id = agent_id


class RateCardNotFound(EntryNotFound):
    """There is no rate card of this id."""

    def __init__(self, rate_card_id: str) -> None:
        super().__init__(f"there is no rate card {rate_card_id!r}")
        self.rate_card_id = rate_card_id


class BudgetNotFound(EntryNotFound):
    """There is no budget of this id."""

    def __init__(self, budget_id: str) -> None:
        super().__init__(f"there is no budget {budget_id!r}")
        self.budget_id = budget_id


class ReservationNotFound(EntryNotFound):
    """There is no reservation of this id."""

    def __init__(self, reservation_id: str) -> None:
        super().__init__(f"there is no reservation {reservation_id!r}")
        self.reservation_id = reservation_id


class KeyReused(RollcallError):
    """Something else was sent with the same idempotency key.

    Args:
        key: The key.
        known: The id of what it stands for.
    """

    def __init__(self, key: str, known: str) -> None:
        super().__init__(
            f"the idempotency key {key!r} stands for {known} already, which says something else:"
            " send a new key with what is new"
        )
        self.key = key
        self.known = known


class RateCardExists(RollcallError):
    """There is a rate card of this id already."""

    def __init__(self, rate_card_id: str) -> None:
        super().__init__(f"there is a rate card {rate_card_id!r} already: give it a new version")
        self.rate_card_id = rate_card_id


class PricesCharged(RollcallError):
    """A version would change the price of what was charged, or stand where another one does.

    Args:
        rate_card_id: The card.
        after: The moment behind which a new version may begin.
    """

    def __init__(self, rate_card_id: str, after: datetime, why: str) -> None:
        super().__init__(
            f"{why}: a new version of rate card {rate_card_id!r} can take effect after"
            f" {after.isoformat()}"
        )
        self.rate_card_id = rate_card_id
        self.after = after


class PriceUnknown(RollcallError):
    """Nobody knows what the provider asks for, and the rate card refuses such usage."""

    def __init__(self, model: str | None, rate_card_id: str) -> None:
        super().__init__(
            f"no provider price is known for model {model!r}, and rate card {rate_card_id!r}"
            " refuses what it cannot price: give it a fallback or a price of its own"
        )
        self.model = model
        self.rate_card_id = rate_card_id


class CurrencyInUse(RollcallError):
    """The account has amounts in its currency."""

    def __init__(self, currency: str, what: str) -> None:
        super().__init__(f"the account has {what} in {currency}: its currency cannot be changed")
        self.currency = currency


class AccountChanged(RollcallError):
    """The account has changed since the caller saw it."""

    def __init__(self, expected: int, current: int) -> None:
        super().__init__(f"the account is at revision {current}, not {expected}")
        self.expected = expected
        self.current = current


class BudgetExhausted(RollcallError):
    """A reservation would take a budget over its limit; nothing was reserved.

    Args:
        budget_id: The budget that refused.
        limit: What may be spent.
        spent: What was spent.
        reserved: What others hold reserved.
        asked: What was asked for.
        currency: Of all of these, ISO 4217.
    """

    def __init__(
        self,
        budget_id: str,
        limit: Decimal,
        spent: Decimal,
        reserved: Decimal,
        asked: Decimal,
        currency: str,
    ) -> None:
        self.budget_id = budget_id
        self.limit = amount_text(limit, currency)
        self.spent = amount_text(spent, currency)
        self.reserved = amount_text(reserved, currency)
        self.asked = amount_text(asked, currency)
        super().__init__(
            f"budget {budget_id!r} has {self.limit} {currency}, of which {self.spent} are spent"
            f" and {self.reserved} reserved: {self.asked} more cannot be reserved"
        )
        self.currency = currency


class ReservationNotOpen(RollcallError):
    """The reservation was settled or released before.

    Args:
        reservation_id: Which.
        became: What became of it.
    """

    def __init__(self, reservation_id: str, became: str) -> None:
        super().__init__(f"reservation {reservation_id!r} is {became}, not open")
        self.reservation_id = reservation_id
        self.became = became
