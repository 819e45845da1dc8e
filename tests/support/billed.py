"""What Rollcall has made of a month, beside what it is reckoned to be."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import httpx

from rollcall.kernel.clock import SystemClock
from support.month import AGENTS, CARD_OF, CARDS, PRICES, ZONE, Usage, Way
from support.monthhouses import House
from support.reckoning import Invoice, LineKey, Provider, Used, reckon, versions

ACCOUNT: Final = {
    "time_zone": ZONE.key,
    "currency": "USD",
    "tax_rate": "0.19",
    "terms_days": 15,
}
TAX: Final = Fraction(ACCOUNT["tax_rate"])
COUNTING: Final = ("analytics", "billing", "dashboard")
"""How the names of the groups begin that make numbers of events."""
PATIENCE: Final = 1800.0
"""Seconds until everything that was told must have been taken in."""
_clock = SystemClock()

Owed = Mapping[tuple[str, str], Invoice]


def reckoned(usages: Iterable[Usage], current: str) -> Owed:
    """What the usages cost, by month and agent.

    Args:
        usages: Each once.
        current: The month that runs, in which late ones are billed.
    """
    return reckon(
        [_used(one, current) for one in usages],
        {agent: versions(CARDS[name]) for agent, name in CARD_OF.items()},
        {
            model: Provider(*(Fraction(price) for price in prices))
            for model, prices in PRICES.items()
        },
        ZONE,
    )


def _used(one: Usage, current: str) -> Used:
    return Used(
        agent=one.agent_id,
        at=one.at,
        model=one.model,
        # Rate cards take tokens that nobody has split for such as were read.
        read=one.read if one.split else one.read + one.written,
        cached=one.cached if one.split else 0,
        written=one.written if one.split else 0,
        # Whoever was not answered pays for no conversation.
        conversations=0 if one.way is Way.EVENT and one.failed else 1,
        estimated=not one.split,
        billed=current if one.late else None,
    )


def set_up(http: httpx.Client) -> None:
    """The account, the agents and their rate cards, without the change of prices."""
    _done(http.patch("/api/billing/account", json=ACCOUNT))
    for name, written in CARDS.items():
        _done(http.post("/api/pricing/rate-cards", json={"id": name, "name": name, **written[0]}))
    for agent, card in CARD_OF.items():
        _done(http.post("/api/agents", json={"id": agent, "name": f"The {agent}"}))
        path = f"/api/pricing/assignments/agents/{agent}"
        _done(http.put(path, json={"rate_card_id": card}))


def change_prices(http: httpx.Client) -> None:
    """The versions of rate cards that come later."""
    for name, written in CARDS.items():
        for one in written[1:]:
            _done(http.post(f"/api/pricing/rate-cards/{name}/versions", json=one))


def _done(answer: httpx.Response) -> Any:
    assert answer.is_success, f"{answer.request.method} {answer.url}: {answer.text}"
    return answer.json()


def untaken(http: httpx.Client, house: House, usages: Sequence[Usage]) -> list[str]:
    """What is not taken in yet, or more than once."""
    wanted: Counter[str] = Counter()
    for one in usages:
        # Events tell of a conversation that was answered, and of what it used.
        wanted[one.agent_id] += 2 if one.way is Way.EVENT and not one.failed else 1
    left: list[str] = []
    for agent in AGENTS:
        answer = http.get(f"/api/usage/agent/{agent}", params={"limit": 1})
        found = answer.json().get("count")
        if found != wanted[agent]:
            left.append(f"{agent} has {found} usages, not {wanted[agent]}")
    for url in house.addresses:
        groups = httpx.get(f"{url}/api/v1/admin/events/groups", timeout=30).json()
        left += [
            str(one)
            for one in groups
            if one["group"].startswith(COUNTING)
            and (one["lag"] or one["retrying"] or one["waiting"] or one["parked"])
        ]
    return left


def settled(http: httpx.Client, house: House, usages: Sequence[Usage]) -> list[str]:
    """What is not taken in, as long as that may take."""
    deadline = _clock.monotonic() + PATIENCE
    while (left := untaken(http, house, usages)) and _clock.monotonic() < deadline:
        threading.Event().wait(0.2)
    return left


def generated(http: httpx.Client, month: str) -> list[Any]:
    """The drafts of a month, the same when they are asked for again."""
    asked = {"billing_period_id": f"per_{month}"}
    first = _done(http.post("/api/invoices/generate", json=asked))
    assert _done(http.post("/api/invoices/generate", json=asked)) == first
    return first


def sent(http: httpx.Client, drafts: Sequence[Any]) -> list[Any]:
    """The invoices that drafts become."""
    said = {"status": "sent"}
    return [_done(http.patch(f"/api/invoices/{one['id']}/status", json=said)) for one in drafts]


def wrong(invoices: Sequence[Any], month: str, owed: Owed) -> list[str]:
    """What differs between the invoices of a month and the reckoning."""
    wanted = {agent: invoice for (one, agent), invoice in owed.items() if one == month}
    agents = sorted(one["agent_id"] for one in invoices)
    if agents != sorted(wanted):
        return [f"{month} has invoices of {agents}, not of {sorted(wanted)}"]
    return [fault for one in invoices for fault in _differences(one, wanted[one["agent_id"]])]


def _differences(found: Any, wanted: Invoice) -> Iterator[str]:
    own = {key: (line.quantity, cents(line.cents)) for key, line in wanted.lines.items()}
    theirs = {
        LineKey(
            one["service_period"].removeprefix("per_"),
            one["rate_card_version"],
            one["unit"],
            one["model"] or "*",
            one["tier"],
            one["estimated"],
        ): (Decimal(one["quantity"]), one["amount"])
        for one in found["lines"]
    }
    for key in own.keys() | theirs.keys():
        if own.get(key) != theirs.get(key):
            yield f"{found['agent_id']}: {key} is {theirs.get(key)}, not {own.get(key)}"
    for one in found["lines"]:
        if one["late"] != (one["service_period"] != found["billing_period_id"]):
            yield f"{found['agent_id']}: of {found['billing_period_id']}, but it says {one}"
    if len(theirs) != len(found["lines"]):
        yield f"{found['agent_id']} has lines that differ in nothing: {found['lines']}"
    sums = {
        "subtotal": wanted.subtotal,
        "tax_amount": wanted.tax(TAX),
        "total_amount": wanted.total(TAX),
    }
    for name, amount in sums.items():
        if found[name] != cents(amount):
            yield f"{found['agent_id']}: {name} is {found[name]}, not {cents(amount)}"


def cents(amount: int) -> str:
    """So many cents as HTTP says them."""
    return f"{amount // 100}.{amount % 100:02}"
