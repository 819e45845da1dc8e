# SPDX-License-Identifier: Apache-2.0
"""What the answer to a question is, found the plain way: by looking at every fact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Context, Decimal
from math import ceil
from typing import Any, Final

from rollcall.analytics.models import (
    AgentFact,
    AnyFact,
    ChargeFact,
    ConversationFact,
    Kind,
    Status,
    UsageFact,
    microseconds,
    quarter_of,
)
from rollcall.analytics.questions import Agents, ById, Listing, Percentiles, Sessions, Span, Sums

Facts = Mapping[tuple[Kind, str, str], AnyFact]
Answer = list[dict[str, Any]]

_MANY_DIGITS: Final = Context(prec=60)


def sums(facts: Facts, asked: Sums) -> Answer:
    """See `Sums`."""
    groups: dict[tuple[Any, ...], list[AnyFact]] = defaultdict(list)
    for fact in facts.values():
        if fact.kind == asked.source and _asked_for(fact, asked):
            groups[tuple(_by(asked, fact, name) for name in asked.by)].append(fact)
    if not asked.by and not groups:
        groups[()] = []
    return [
        {
            **dict(zip(asked.by, key, strict=True)),
            **{name: total(mine) for name, total in _TOTALS[asked.source].items()},
        }
        for key, mine in groups.items()
    ]


def percentiles(facts: Facts, asked: Percentiles) -> Answer:
    """See `Percentiles`."""
    values: dict[Any, list[int]] = defaultdict(list)
    for fact in _talks(facts, asked.namespace, asked.span, asked.agent_id):
        if fact.response_us is not None and _asked_for(fact, asked):
            values[fact.agent_id if asked.by_agent else None].append(fact.response_us)
    return [
        {
            **({"agent_id": group} if asked.by_agent else {}),
            "permille": permille,
            "response_us": sorted(mine)[ceil(permille * len(mine) / 1000) - 1],
        }
        for group, mine in values.items()
        for permille in asked.permilles
    ]


def sessions(facts: Facts, asked: Sessions) -> Answer:
    """See `Sessions`."""
    there = {
        (fact.agent_id, fact.session)
        for fact in _talks(facts, asked.namespace, asked.span, asked.agent_id)
        if fact.session is not None and _asked_for(fact, asked)
    }
    if not asked.by_agent:
        return [{"sessions": len(there)}]
    counts: dict[str, int] = defaultdict(int)
    for agent_id, _ in there:
        counts[agent_id] += 1
    return [{"agent_id": agent_id, "sessions": count} for agent_id, count in counts.items()]


def listed(facts: Facts, asked: Listing) -> list[str]:
    """The ids of a `Listing`."""
    span = asked.span or Span(-(2**31), 2**31)
    there = sorted(
        (
            (microseconds(fact.at), fact.id)
            for fact in _talks(facts, asked.namespace, span, asked.agent_id)
            if not fact.hidden and (asked.session is None or fact.session == asked.session)
        ),
        reverse=True,
    )
    if asked.before is not None:
        there = [place for place in there if place < asked.before]
    return [id_ for _, id_ in there[asked.offset : asked.offset + asked.limit]]


def known(facts: Facts, asked: ById | Agents) -> dict[str, AnyFact]:
    """The facts that it names, by id."""
    if isinstance(asked, ById):
        names = ((asked.kind, asked.namespace, one) for one in asked.ids)
        return {name[2]: facts[name] for name in names if name in facts}
    return {
        fact.id: fact
        for fact in facts.values()
        if isinstance(fact, AgentFact)
        and fact.namespace == asked.namespace
        and (asked.deleted or not fact.deleted)
    }


def _talks(
    facts: Facts, namespace: str, span: Span, agent_id: str | None
) -> Iterable[ConversationFact]:
    for fact in facts.values():
        if isinstance(fact, ConversationFact) and _fits(fact, namespace, span, agent_id):
            yield fact


def _asked_for(fact: AnyFact, asked: Sums | Percentiles | Sessions) -> bool:
    return _fits(fact, asked.namespace, asked.span, asked.agent_id) and (
        asked.agent_ids is None or getattr(fact, "agent_id", None) in asked.agent_ids
    )


def _fits(fact: AnyFact, namespace: str, span: Span, agent_id: str | None) -> bool:
    return (
        fact.namespace == namespace
        and span.since <= quarter_of(fact.at) < span.until
        and agent_id in {None, getattr(fact, "agent_id", None)}
    )


def _by(asked: Sums, fact: AnyFact, name: str) -> Any:
    if name != "day":
        value = getattr(fact, name)
        return value.value if isinstance(value, Status) else value
    quarter = quarter_of(fact.at)
    ahead = [shift.ahead for shift in asked.shifts[1:] if shift.since <= quarter]
    local = quarter + (ahead[-1] if ahead else asked.shifts[0].ahead)
    return local - local % 96


def _total(name: str) -> Callable[[list[Any]], int]:
    return lambda facts: sum(getattr(fact, name) or 0 for fact in facts)


def _number(name: str) -> Callable[[list[Any]], int]:
    return lambda facts: sum(getattr(fact, name) is not None for fact in facts)


def _failed(facts: list[ConversationFact]) -> int:
    return sum(fact.status is Status.FAILED for fact in facts)


def _latest(facts: list[ConversationFact]) -> int | None:
    return max((microseconds(fact.at) for fact in facts), default=None)


def _estimated(facts: list[UsageFact]) -> int:
    return sum(fact.tokens for fact in facts if fact.estimated)


def exactly(amounts: Iterable[Decimal]) -> Decimal:
    """Their sum, which may need more digits than Python's decimals have by default."""
    total = Decimal(0)
    for amount in amounts:
        total = _MANY_DIGITS.add(total, amount)
    return total


def _cost(facts: list[UsageFact]) -> Decimal:
    return exactly(fact.cost for fact in facts if fact.cost is not None)


def _amount(facts: list[ChargeFact]) -> Decimal:
    return exactly(fact.amount for fact in facts)


_TOTALS: Final[Mapping[str, Mapping[str, Callable[[list[Any]], Any]]]] = {
    "conversations": {
        "conversations": len,
        "failed": _failed,
        "responses": _number("response_us"),
        "response_us": _total("response_us"),
        "ratings": _number("satisfaction"),
        "satisfaction": _total("satisfaction"),
        "last_us": _latest,
    },
    "usages": {
        "usages": len,
        "requests": _total("requests"),
        "tokens": _total("tokens"),
        "input_tokens": _total("input_tokens"),
        "output_tokens": _total("output_tokens"),
        "cached_tokens": _total("cached_tokens"),
        "estimated_tokens": _estimated,
        "priced": _number("cost"),
        "cost": _cost,
    },
    "charges": {"charges": len, "amount": _amount},
}
