"""What months must cost, reckoned in fractions from what was used: code of its own, which knows
nothing of the code that it checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from fractions import Fraction
from typing import Any, NamedTuple

CENTS = 100
MILLION = 1_000_000


@dataclass(frozen=True)
class Used:
    """One usage, however often it was told.

    Args:
        agent: Whose.
        at: When, with an offset.
        model: The model that was asked.
        read: Tokens read, those from its cache included.
        cached: Those of them from its cache.
        written: Tokens written.
        conversations: How many conversations it was: one or none.
        estimated: Whether it was not told how the tokens are split.
        billed: The month that it is billed in, where that is not its own.
    """

    agent: str
    at: datetime
    model: str
    read: int
    cached: int
    written: int
    conversations: int = 1
    estimated: bool = False
    billed: str | None = None

    def count(self, unit: str) -> int:
        """How much it is of a unit."""
        return {
            "conversation": self.conversations,
            "input_token": self.read - self.cached,
            "cached_token": self.cached,
            "output_token": self.written,
            "token": self.read + self.written,
        }[unit]


@dataclass(frozen=True)
class Price:
    """What a unit costs: either each the same, or by tiers.

    Args:
        unit: Of what.
        each: The price of one.
        tiers: The prices of one by how many there were in the month before it: up to this many.
    """

    unit: str
    each: Fraction = Fraction(0)
    tiers: Sequence[tuple[int | None, Fraction]] = ()


@dataclass(frozen=True)
class Markup:
    """What is asked for beyond what the provider asks for: a share of that."""

    unit: str
    share: Fraction


@dataclass(frozen=True)
class Version:
    """What a card says from a moment on."""

    number: int
    since: datetime
    items: Sequence[Price | Markup]


@dataclass(frozen=True)
class Provider:
    """What a million tokens of a model cost its user."""

    read: Fraction
    cached: Fraction
    written: Fraction

    def cost(self, used: Used) -> Fraction:
        fresh = used.read - used.cached
        dear = fresh * self.read + used.cached * self.cached + used.written * self.written
        return dear / MILLION


@dataclass
class Line:
    """A line of an invoice, exact until it is rounded."""

    quantity: int = 0
    exact: Fraction = Fraction(0)

    @property
    def cents(self) -> int:
        return to_even(self.exact * CENTS)


class LineKey(NamedTuple):
    """What usages of one line have in common.

    Args:
        month: In which they were used.
        version: The card's.
        unit: What is counted.
        model: Of which model; "*": of any.
        tier: From 0 on; None: there are none.
        estimated: Whether tokens were split by a rule.
    """

    month: str
    version: int
    unit: str
    model: str = "*"
    tier: int | None = None
    estimated: bool = False


@dataclass
class Invoice:
    """What an agent owes for a month; amounts in cents."""

    lines: dict[LineKey, Line] = field(default_factory=dict[LineKey, Line])

    def line(self, key: LineKey) -> Line:
        return self.lines.setdefault(key, Line())

    @property
    def subtotal(self) -> int:
        return sum(line.cents for line in self.lines.values())

    def tax(self, rate: Fraction) -> int:
        return to_even(self.subtotal * rate)

    def total(self, rate: Fraction) -> int:
        return self.subtotal + self.tax(rate)


def to_even(number: Fraction) -> int:
    """The whole number nearest to it; of two as near, the even one."""
    whole, rest = divmod(number.numerator, number.denominator)
    twice = 2 * rest - number.denominator
    return whole + (twice > 0 or (twice == 0 and whole % 2 == 1))


def versions(card: Sequence[Mapping[str, Any]]) -> list[Version]:
    """A card as it was written for HTTP.

    Args:
        card: Each version with `effective_from` and `items`.
    """
    return [
        Version(
            number,
            datetime.fromisoformat(one["effective_from"]),
            [_item(item) for item in one["items"]],
        )
        for number, one in enumerate(card, 1)
    ]


def _item(item: Mapping[str, Any]) -> Price | Markup:
    if "markup" in item:
        return Markup(item["unit"], Fraction(item["markup"]))
    per = item.get("per", 1)
    tiers = [(one["up_to"], Fraction(one["price"]) / per) for one in item.get("tiers", ())]
    return Price(item["unit"], Fraction(item.get("price", "0")) / per, tiers)


def reckon(
    usages: Iterable[Used],
    cards: Mapping[str, Sequence[Version]],
    providers: Mapping[str, Provider],
    zone: tzinfo,
) -> dict[tuple[str, str], Invoice]:
    """The invoice of each month (as "2025-03") and agent.

    Args:
        usages: What was used, in any order.
        cards: By agent the versions of its card, from the oldest on.
        providers: By model what its provider asks for.
        zone: Whose midnight ends a month.
    """
    invoices: dict[tuple[str, str], Invoice] = {}
    counts: dict[tuple[str, str, str, int], int] = {}
    for used in usages:
        own = used.at.astimezone(zone).strftime("%Y-%m")
        month = used.billed or own
        invoice = invoices.setdefault((month, used.agent), Invoice())
        version = max(
            (one for one in cards[used.agent] if one.since <= used.at), key=lambda one: one.since
        )
        for item in version.items:
            if isinstance(item, Markup):
                key = LineKey(own, version.number, item.unit, used.model, None, used.estimated)
                line = invoice.line(key)
                line.quantity += used.count(item.unit)
                line.exact += providers[used.model].cost(used) * (1 + item.share)
                continue
            before = counts.get((month, used.agent, item.unit, version.number), 0)
            count = used.count(item.unit)
            counts[month, used.agent, item.unit, version.number] = before + count
            for tier, part, each in _parts(item, before, count):
                key = LineKey(own, version.number, item.unit, "*", tier, used.estimated)
                line = invoice.line(key)
                line.quantity += part
                line.exact += part * each
    return invoices


def _parts(item: Price, before: int, count: int) -> Iterator[tuple[int | None, int, Fraction]]:
    """How many of them are in which tier, and what each costs there."""
    if not item.tiers:
        if count:
            yield None, count, item.each
        return
    floor = 0
    for tier, (up_to, each) in enumerate(item.tiers):
        ceiling = before + count if up_to is None else min(up_to, before + count)
        part = ceiling - max(before, floor)
        if part > 0:
            yield tier, part, each
        if up_to is None or up_to >= before + count:
            return
        floor = up_to
