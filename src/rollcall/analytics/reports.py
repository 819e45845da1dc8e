# SPDX-License-Identifier: Apache-2.0
"""Numbers about an account: stats, agents, industries, summary."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from rollcall.analytics.errors import AgentUnknown
from rollcall.analytics.figures import (
    AgentDetail,
    AgentFigure,
    IndustryFigure,
    Overview,
    Stats,
    Summary,
    milliseconds,
)
from rollcall.analytics.models import Kind
from rollcall.analytics.periods import DEFAULT_DAYS, EVER, Period, day_of, period
from rollcall.analytics.ports import FactStore, Zones
from rollcall.analytics.questions import Agents, ById, Question, Sessions, Span, Sums
from rollcall.analytics.questions import Percentiles as Ranks
from rollcall.analytics.shaping import (
    added_up,
    agent_figure,
    by_day,
    by_model,
    by_version,
    industry_figure,
    percentiles,
    period_figure,
)
from rollcall.analytics.tallies import Tally, currency_of
from rollcall.kernel.clock import Clock, utc

TOP: Final = 5
"""Agents and models of an overview."""


class Reports:
    """What can be said about the conversations of accounts.

    Args:
        store: Where facts are.
        zones: Knows whose days are which.
        clock: Time.
        currency: What amounts are in where nothing else is said.
    """

    def __init__(self, store: FactStore, zones: Zones, clock: Clock, currency: str = "USD") -> None:
        self._store = store
        self._zones = zones
        self._clock = clock
        self._currency = currency

    async def period(
        self,
        namespace: str,
        days: int = DEFAULT_DAYS,
        first: date | None = None,
        last: date | None = None,
    ) -> Period:
        """Days of the account; see `periods.period`."""
        zone = await self._zones.zone(namespace)
        return period(zone, self._now(), days=days, first=first, last=last)

    async def stats(self, namespace: str, asked: Period, agent_id: str | None = None) -> Stats:
        """A period, compared with as many days before. An agent that nobody knows has no data."""
        both: dict[str, Any] = {"namespace": namespace, "agent_id": agent_id}
        days, models, now, was, ranks = await asyncio.gather(
            self._days(namespace, asked.with_before, agent_id),
            self._models(namespace, asked.span, agent_id),
            self._store.select(Sessions(span=asked.span, **both)),
            self._store.select(Sessions(span=asked.before.span, **both)),
            self._store.select(Ranks(span=asked.span, **both)),
        )
        mine = added_up(tally for day, tally in days.items() if day >= asked.first)
        before = added_up(tally for day, tally in days.items() if day < asked.first)
        mine.counts["sessions"] = now[0]["sessions"]
        before.counts["sessions"] = was[0]["sessions"]
        currency = currency_of([mine], currency_of([before], self._currency))
        return Stats(
            **dict(mine.totals(currency)),
            period=period_figure(asked),
            response_time_percentiles=percentiles(ranks),
            by_day=by_day(asked, days, currency),
            by_model=by_model(models, currency),
            previous=before.totals(currency),
            change=mine.change(before, currency),
            data=mine.known,
        )

    async def agents(
        self, namespace: str, asked: Period, ids: tuple[str, ...] | None = None
    ) -> list[AgentFigure]:
        """What each agent did in a period, by id; those that did nothing yet among them.

        Args:
            namespace: Whose.
            asked: When.
            ids: Of these alone, at most `MOST_IDS`; None: of all.
        """
        about: Question = Agents(namespace=namespace, deleted=True)
        if ids is not None:
            about = ById(kind=Kind.AGENT, namespace=namespace, ids=ids)
        known, mine, ever, ranks = await asyncio.gather(
            self._store.select(about),
            self._by_agent(namespace, asked.span, ids),
            self._last(namespace, ids),
            self._store.select(
                Ranks(
                    namespace=namespace,
                    span=asked.span,
                    agent_ids=ids,
                    by_agent=True,
                    permilles=(950,),
                )
            ),
        )
        p95 = {row["agent_id"]: milliseconds(row["response_us"]) for row in ranks}
        dimension = {row["id"]: row for row in known}
        gone = {row["id"] for row in known if row["deleted"]} - mine.keys()
        currency = currency_of(mine.values(), self._currency)
        return [
            agent_figure(
                agent_id,
                dimension.get(agent_id),
                mine.get(agent_id, Tally()),
                currency,
                last_us=ever.get(agent_id),
                p95=p95.get(agent_id),
            )
            for agent_id in sorted({*dimension, *mine, *ever} - gone)
        ]

    async def agent(self, namespace: str, agent_id: str, asked: Period) -> AgentDetail:
        """What an agent did in a period, in detail.

        Raises:
            AgentUnknown: Nobody has told of it.
        """
        mine: dict[str, Any] = {"namespace": namespace, "span": asked.span, "agent_id": agent_id}
        known, talks, used, sessions, ranks = await asyncio.gather(
            self._store.select(ById(kind=Kind.AGENT, namespace=namespace, ids=(agent_id,))),
            self._store.select(Sums(source="conversations", by=("agent_version",), **mine)),
            self._store.select(Sums(source="usages", by=("agent_version", "currency"), **mine)),
            self._store.select(Sessions(**mine)),
            self._store.select(Ranks(**mine)),
        )
        ever, days, models = await asyncio.gather(
            self._last(namespace, (agent_id,)),
            self._days(namespace, asked, agent_id),
            self._models(namespace, asked.span, agent_id),
        )
        if not known and agent_id not in ever and not models:
            raise AgentUnknown(agent_id)
        tally = added_up(days.values())
        tally.counts["sessions"] = sessions[0]["sessions"]
        currency = currency_of([tally], self._currency)
        ranked = percentiles(ranks)
        figure = agent_figure(
            agent_id,
            known[0] if known else None,
            tally,
            currency,
            last_us=ever.get(agent_id),
            p95=None if ranked is None else ranked.p95,
        )
        return AgentDetail(
            **dict(figure),
            period=period_figure(asked),
            response_time_percentiles=ranked,
            by_version=by_version(talks, used, currency),
            by_model=by_model(models, currency),
            by_day=by_day(asked, days, currency),
        )

    async def industries(self, namespace: str, asked: Period) -> list[IndustryFigure]:
        """What the agents of each line of business did in a period; by name, what is not known
        last.
        """
        known, mine = await asyncio.gather(
            self._store.select(Agents(namespace=namespace, deleted=True)),
            self._by_agent(namespace, asked.span),
        )
        dimension = {row["id"]: row for row in known if not row["deleted"] or row["id"] in mine}
        members: dict[str | None, list[str]] = defaultdict(list)
        for agent_id in {*dimension, *mine}:
            row = dimension.get(agent_id)
            members[None if row is None else row["industry"]].append(agent_id)
        currency = currency_of(mine.values(), self._currency)
        return [
            industry_figure(
                name, len(ids), added_up(mine[one] for one in ids if one in mine), currency
            )
            for name, ids in sorted(
                members.items(), key=lambda item: (item[0] is None, item[0] or "")
            )
        ]

    async def overview(self, namespace: str, asked: Period) -> Overview:
        """A period at a glance."""
        stats, agents, industries = await asyncio.gather(
            self.stats(namespace, asked),
            self.agents(namespace, asked),
            self.industries(namespace, asked),
        )
        busiest = sorted(agents, key=lambda one: (-one.conversations, -one.tokens, one.agent_id))
        totals = {name: getattr(stats, name) for name in Overview.model_fields if name in _SHARED}
        return Overview(
            **totals,
            top_agents=[one for one in busiest if one.data][:TOP],
            top_models=stats.by_model[:TOP],
            industries=industries,
        )

    async def summary(self, namespace: str) -> Summary:
        """Everything since the beginning."""
        now = self._now()
        today = await self.period(namespace, 1)
        known, ever, active = await asyncio.gather(
            self._store.select(Agents(namespace=namespace, deleted=True)),
            self._by_agent(namespace, EVER, sessions=False),
            self._store.select(
                Sums(source="conversations", namespace=namespace, span=today.span, by=("agent_id",))
            ),
        )
        tally = added_up(ever.values())
        currency = currency_of([tally], self._currency)
        talking = {row["agent_id"] for row in active}
        gone = {row["id"] for row in known if row["deleted"]}
        there = {row["id"] for row in known} | ever.keys()
        working = {row["id"] for row in known if row["status"] == "active"} | talking
        return Summary(
            total_conversations=tally.counts["conversations"],
            conversations_today=sum(row["conversations"] for row in active),
            active_agents=len(working - gone),
            total_agents=len(there - gone),
            total_tokens=tally.counts["tokens"],
            total_cost=tally.cost(currency),
            currency=currency,
            average_response_time_ms=tally.response_ms,
            average_satisfaction=tally.satisfaction,
            success_rate=tally.success_rate,
            data=tally.known,
            as_of=now,
        )

    async def _days(
        self, namespace: str, asked: Period, agent_id: str | None
    ) -> Mapping[date, Tally]:
        common: dict[str, Any] = {
            "namespace": namespace,
            "span": asked.span,
            "agent_id": agent_id,
            "shifts": asked.shifts,
        }
        talks, used, charged = await asyncio.gather(
            self._store.select(Sums(source="conversations", by=("day",), **common)),
            self._store.select(Sums(source="usages", by=("day", "currency"), **common)),
            self._store.select(Sums(source="charges", by=("day", "currency"), **common)),
        )
        days: dict[date, Tally] = defaultdict(Tally)
        for row in talks:
            days[day_of(row["day"])].talked(row)
        for row in used:
            days[day_of(row["day"])].used(row)
        for row in charged:
            days[day_of(row["day"])].charge(row)
        return days

    async def _models(
        self, namespace: str, span: Span, agent_id: str | None
    ) -> Mapping[tuple[str | None, str | None], Tally]:
        rows = await self._store.select(
            Sums(
                source="usages",
                namespace=namespace,
                span=span,
                agent_id=agent_id,
                by=("model", "provider", "currency"),
            )
        )
        models: dict[tuple[str | None, str | None], Tally] = defaultdict(Tally)
        for row in rows:
            models[row["model"], row["provider"]].used(row)
        return models

    async def _by_agent(
        self,
        namespace: str,
        span: Span,
        ids: tuple[str, ...] | None = None,
        *,
        sessions: bool = True,
    ) -> Mapping[str, Tally]:
        common: dict[str, Any] = {"namespace": namespace, "span": span, "agent_ids": ids}
        asked = [
            self._store.select(Sums(source="conversations", by=("agent_id",), **common)),
            self._store.select(Sums(source="usages", by=("agent_id", "currency"), **common)),
        ]
        if sessions:
            asked.append(self._store.select(Sessions(by_agent=True, **common)))
        talks, used, *counted = await asyncio.gather(*asked)
        agents: dict[str, Tally] = defaultdict(Tally)
        for row in talks:
            agents[row["agent_id"]].talked(row)
        for row in used:
            agents[row["agent_id"]].used(row)
        for row in (row for rows in counted for row in rows):
            agents[row["agent_id"]].counts["sessions"] += row["sessions"]
        return agents

    async def _last(self, namespace: str, ids: tuple[str, ...] | None) -> Mapping[str, int]:
        rows = await self._store.select(
            Sums(
                source="conversations",
                namespace=namespace,
                span=EVER,
                agent_ids=ids,
                by=("agent_id",),
            )
        )
        return {row["agent_id"]: row["last_us"] for row in rows}

    def _now(self) -> datetime:
        return utc(self._clock.now())


_SHARED: Final = frozenset(Stats.model_fields)
