# SPDX-License-Identifier: Apache-2.0
"""Sums as they are answered: pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from rollcall.analytics.figures import (
    AgentFigure,
    DayFigure,
    IndustryFigure,
    ModelFigure,
    Percentiles,
    PeriodFigure,
    VersionFigure,
    milliseconds,
)
from rollcall.analytics.models import moment
from rollcall.analytics.periods import Period
from rollcall.analytics.ports import Row
from rollcall.analytics.tallies import Tally


def added_up(tallies: Iterable[Tally]) -> Tally:
    """All of them together."""
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


def period_figure(asked: Period) -> PeriodFigure:
    """A period as it is answered."""
    return PeriodFigure(
        first=asked.first, last=asked.last, days=asked.days, time_zone=asked.zone.key
    )


def percentiles(ranks: Sequence[Row]) -> Percentiles | None:
    """The four percentiles; None: no response time is known."""
    found = {row["permille"]: milliseconds(row["response_us"]) for row in ranks}
    if not found:
        return None
    return Percentiles(p50=found[500], p90=found[900], p95=found[950], p99=found[990])


def by_day(asked: Period, days: Mapping[date, Tally], currency: str) -> list[DayFigure]:
    """Every day of a period; their sums are those of the period."""
    found: list[DayFigure] = []
    for day in asked:
        tally = days.get(day, Tally())
        found.append(
            DayFigure(
                day=day,
                conversations=tally.counts["conversations"],
                failed=tally.counts["failed"],
                tokens=tally.counts["tokens"],
                cost=tally.cost(currency),
            )
        )
    return found


def by_model(
    models: Mapping[tuple[str | None, str | None], Tally], currency: str
) -> list[ModelFigure]:
    """The models, the busiest first."""
    figures = [
        ModelFigure(
            model=model,
            provider=provider,
            conversations=tally.counts["usages"],
            tokens=tally.counts["tokens"],
            cost=tally.cost(currency),
        )
        for (model, provider), tally in models.items()
    ]
    return sorted(
        figures, key=lambda one: (-one.conversations, one.model or "", one.provider or "")
    )


def by_version(talks: Sequence[Row], used: Sequence[Row], currency: str) -> list[VersionFigure]:
    """The versions of an agent."""
    versions: dict[str | None, Tally] = defaultdict(Tally)
    for row in talks:
        versions[row["agent_version"]].talked(row)
    for row in used:
        versions[row["agent_version"]].used(row)
    return [
        VersionFigure(
            version=version,
            conversations=tally.counts["conversations"],
            failed=tally.counts["failed"],
            success_rate=tally.success_rate,
            tokens=tally.counts["tokens"],
            cost=tally.cost(currency),
            average_response_time_ms=tally.response_ms,
            average_satisfaction=tally.satisfaction,
        )
        for version, tally in sorted(versions.items(), key=lambda item: item[0] or "")
    ]


def agent_figure(
    agent_id: str,
    known: Row | None,
    tally: Tally,
    currency: str,
    *,
    last_us: int | None,
    p95: float | None,
) -> AgentFigure:
    """What is known of an agent, and its sums."""
    status = None if known is None else "deleted" if known["deleted"] else known["status"]
    return AgentFigure(
        agent_id=agent_id,
        agent_name=None if known is None else known["name"],
        industry=None if known is None else known["industry"],
        status=status,
        conversations=tally.counts["conversations"],
        failed=tally.counts["failed"],
        success_rate=tally.success_rate,
        sessions=tally.counts["sessions"],
        tokens=tally.counts["tokens"],
        cost=tally.cost(currency),
        currency=currency,
        average_response_time_ms=tally.response_ms,
        p95_response_time_ms=p95,
        average_satisfaction=tally.satisfaction,
        last_conversation_at=None if last_us is None else moment(last_us),
        data=tally.known,
    )


def industry_figure(name: str | None, agents: int, tally: Tally, currency: str) -> IndustryFigure:
    """The sums of a line of business."""
    return IndustryFigure(
        industry=name,
        agents=agents,
        conversations=tally.counts["conversations"],
        failed=tally.counts["failed"],
        success_rate=tally.success_rate,
        tokens=tally.counts["tokens"],
        cost=tally.cost(currency),
        currency=currency,
        average_response_time_ms=tally.response_ms,
        average_satisfaction=tally.satisfaction,
        data=tally.known,
    )
