"""What analytics has counted of a month, beside what there was to count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import httpx

from support.month import END, PRICES, PROVIDER, SINCE, ZONE, Usage, Way
from support.reckoning import Invoice

DAYS: Final = {
    "from": SINCE.date().isoformat(),
    "to": (END.date() - timedelta(days=1)).isoformat(),
}
_PERCENTS: Final = (50, 90, 95, 99)


def miscounted(
    http: httpx.Client, usages: Sequence[Usage], owed: Mapping[tuple[str, str], Invoice]
) -> list[str]:
    """What analytics and the dashboard say otherwise."""
    talks = [one for one in usages if one.way is Way.EVENT]
    stats = http.get("/api/usage/stats", params=DAYS).raise_for_status().json()
    found = [*differences("stats", stats, expected(talks))]
    exact = sum(
        (line.exact for invoice in owed.values() for line in invoice.lines.values()), Fraction(0)
    )
    if Fraction(stats["charged_amount"]) != exact:
        found.append(f"charged_amount is {stats['charged_amount']}, not {float(exact)}")
    found += _by_day(stats["by_day"], talks)
    found += _by_model(stats["by_model"], talks)
    found += _by_agent(http, talks)
    summary = http.get("/api/dashboard/summary").raise_for_status().json()
    wanted = {
        "total_conversations": len(talks),
        "total_tokens": tokens(talks),
        "total_cost": cost(talks),
    }
    return [*found, *differences("summary", summary, wanted)]


def expected(talks: Sequence[Usage]) -> dict[str, Any]:
    """The totals of conversations, by their names in the statistics."""
    answered = [one for one in talks if not one.failed]
    times = sorted(one.milliseconds for one in answered)
    ratings = [one.satisfaction for one in answered if one.satisfaction is not None]
    return {
        "total_conversations": len(talks),
        "failed_conversations": len(talks) - len(answered),
        "success_rate": len(answered) / len(talks),
        "total_sessions": len({(one.session_id, one.agent_id) for one in talks}),
        "total_tokens": tokens(talks),
        "input_tokens": sum(one.read for one in talks),
        "output_tokens": sum(one.written for one in talks),
        "cached_tokens": sum(one.cached for one in talks),
        "estimated_tokens": 0,
        "total_cost": cost(talks),
        "average_response_time_ms": sum(times) / len(times),
        "average_satisfaction": sum(ratings) / len(ratings),
        "satisfaction_count": len(ratings),
        "response_time_percentiles": {
            # The smallest value that so many do not exceed.
            f"p{percent}": times[-(-len(times) * percent // 100) - 1]
            for percent in _PERCENTS
        },
    }


def tokens(talks: Iterable[Usage]) -> int:
    return sum(one.read + one.written for one in talks)


def cost(talks: Iterable[Usage]) -> Decimal:
    return sum((one.cost for one in talks), Decimal(0))


def _by_day(days: Sequence[Any], talks: Sequence[Usage]) -> Iterator[str]:
    count = (END.date() - SINCE.date()).days
    wanted = [SINCE.date() + timedelta(days=number) for number in range(count)]
    if [date.fromisoformat(one["day"]) for one in days] != wanted:
        yield f"the days are {[one['day'] for one in days]}"
        return
    held = Counter(one.at.astimezone(ZONE).date() for one in talks)
    for one, day in zip(days, wanted, strict=True):
        if one["conversations"] != held[day]:
            yield f"{day} has {one['conversations']} conversations, not {held[day]}"
    if sum(one["tokens"] for one in days) != tokens(talks):
        yield "the days' tokens do not sum to all"
    if sum(Decimal(one["cost"]) for one in days) != cost(talks):
        yield "the days' costs do not sum to all"


def _by_model(models: Sequence[Any], talks: Sequence[Usage]) -> Iterator[str]:
    found = {(one["model"], one["provider"]): one for one in models}
    if found.keys() != {(model, PROVIDER) for model in PRICES}:
        yield f"the models are {[*found]}"
        return
    for model in PRICES:
        mine = [one for one in talks if one.model == model]
        wanted = {"conversations": len(mine), "tokens": tokens(mine), "cost": cost(mine)}
        yield from differences(model, found[model, PROVIDER], wanted)


def _by_agent(http: httpx.Client, talks: Sequence[Usage]) -> Iterator[str]:
    performance = http.get("/api/agents/performance", params=DAYS).raise_for_status().json()
    found = {one["agent_id"]: one for one in performance}
    for agent in {one.agent_id for one in talks}:
        mine = [one for one in talks if one.agent_id == agent]
        wanted = {
            "agent_name": f"The {agent}",
            "conversations": len(mine),
            "failed": sum(one.failed for one in mine),
            "tokens": tokens(mine),
            "cost": cost(mine),
        }
        yield from differences(agent, found.get(agent, {}), wanted)


def differences(where: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    for name, value in wanted.items():
        said = found.get(name)
        if isinstance(value, Decimal):
            same = said is not None and Decimal(said) == value
        elif isinstance(value, float):
            same = said is not None and abs(said - value) < 1e-3
        else:
            same = said == value
        if not same:
            yield f"{where}: {name} is {said}, not {value}"
