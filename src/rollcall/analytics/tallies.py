# SPDX-License-Identifier: Apache-2.0
"""Sums that can be added up, and what follows from them: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from rollcall.analytics.figures import Totals, milliseconds, shown

NO_CURRENCY: Final = "XXX"
"""What ISO 4217 calls no currency: where nobody said of which an amount is."""
_TALKS: Final = ("conversations", "failed", "responses", "response_us", "ratings", "satisfaction")
_USED: Final = (
    "usages",
    "tokens",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "estimated_tokens",
    "priced",
)


@dataclass
class Tally:
    """Sums of some conversations, their usage, and what was charged for it.

    Args:
        counts: Sums of whole numbers, by their names in `questions.Sums`; and `sessions`.
        costs: By currency.
        charged: By currency.
        last_us: When the last one was; None: there is none.
    """

    counts: Counter[str] = field(default_factory=Counter[str])
    costs: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    charged: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    last_us: int | None = None

    def talked(self, row: Mapping[str, Any]) -> None:
        """Add a row of conversations."""
        for name in _TALKS:
            self.counts[name] += row[name]
        if row["last_us"] is not None:
            self.last_us = max(self.last_us or 0, row["last_us"])

    def used(self, row: Mapping[str, Any]) -> None:
        """Add a row of usages, which is of one currency."""
        for name in _USED:
            self.counts[name] += row[name]
        if row["priced"]:
            _add(self.costs, row["currency"], row["cost"])

    def charge(self, row: Mapping[str, Any]) -> None:
        """Add a row of charges, which is of one currency."""
        self.counts["charges"] += row["charges"]
        _add(self.charged, row["currency"], row["amount"])

    def add(self, other: Tally) -> None:
        """Add all of another one."""
        self.counts.update(other.counts)
        for mine, theirs in ((self.costs, other.costs), (self.charged, other.charged)):
            for currency, amount in theirs.items():
                _add(mine, currency, amount)
        if other.last_us is not None:
            self.last_us = max(self.last_us or 0, other.last_us)

    @property
    def known(self) -> bool:
        """Whether there is anything at all."""
        return bool(self.counts["conversations"] or self.counts["usages"] or self.counts["charges"])

    @property
    def response_ms(self) -> float | None:
        """The average response time; None: of none it is known."""
        number = self.counts["responses"]
        return milliseconds(self.counts["response_us"] / number) if number else None

    @property
    def satisfaction(self) -> float | None:
        """The average satisfaction, 1 to 5; None: nobody said."""
        number = self.counts["ratings"]
        return round(self.counts["satisfaction"] / number, 4) if number else None

    @property
    def success_rate(self) -> float | None:
        """The share of conversations that did not fail; None: there were none."""
        number = self.counts["conversations"]
        return round(1 - self.counts["failed"] / number, 6) if number else None

    def cost(self, currency: str) -> str:
        """The cost in a currency."""
        return shown(self.costs.get(currency, Decimal(0)))

    def totals(self, currency: str) -> Totals:
        """All of it, with amounts in a currency."""
        counts, charged = self.counts, self.charged.get(currency)
        return Totals(
            total_conversations=counts["conversations"],
            failed_conversations=counts["failed"],
            total_sessions=counts["sessions"],
            success_rate=self.success_rate,
            total_tokens=counts["tokens"],
            input_tokens=counts["input_tokens"],
            output_tokens=counts["output_tokens"],
            cached_tokens=counts["cached_tokens"],
            estimated_tokens=counts["estimated_tokens"],
            total_cost=self.cost(currency),
            currency=currency,
            other_costs=_others(self.costs, currency),
            unpriced_usages=counts["usages"] - counts["priced"],
            charged_amount=None if charged is None else shown(charged),
            other_charges=_others(self.charged, currency),
            average_response_time_ms=self.response_ms,
            average_satisfaction=self.satisfaction,
            satisfaction_count=counts["ratings"],
        )

    def change(self, before: Tally, currency: str) -> dict[str, float | None]:
        """How it compares with another one: 0.1 is ten percent more; None: nothing to compare."""
        zero = Decimal(0)
        pairs: dict[str, tuple[Any, Any]] = {
            name: (self.counts[name], before.counts[name])
            for name in ("conversations", "failed", "sessions", "tokens")
        }
        pairs["cost"] = (self.costs.get(currency, zero), before.costs.get(currency, zero))
        pairs["success_rate"] = (self.success_rate, before.success_rate)
        pairs["average_response_time_ms"] = (self.response_ms, before.response_ms)
        pairs["average_satisfaction"] = (self.satisfaction, before.satisfaction)
        return {name: _ratio(now, was) for name, (now, was) in pairs.items()}


def currency_of(tallies: Iterable[Tally], default: str) -> str:
    """The currency to show amounts in: the one that costs are in, or, of several, the default. What
    is charged decides only where nothing costs: accounts need not be billed in what providers take.
    """
    every = list(tallies)
    there = {currency for tally in every for currency in tally.costs}
    there = there or {currency for tally in every for currency in tally.charged}
    return there.pop() if len(there) == 1 else default


def _others(amounts: Mapping[str, Decimal], currency: str) -> dict[str, str]:
    return {name: shown(amount) for name, amount in sorted(amounts.items()) if name != currency}


def _add(amounts: dict[str, Decimal], currency: str | None, amount: Decimal) -> None:
    name = currency or NO_CURRENCY
    amounts[name] = amounts.get(name, Decimal(0)) + amount


def _ratio(now: Any, was: Any) -> float | None:
    if now is None or not was:
        return None
    return round(float((now - was) / was), 6)
