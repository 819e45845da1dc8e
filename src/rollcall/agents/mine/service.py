# SPDX-License-Identifier: Apache-2.0
"""My agents: what their owner sees of them, and does with many at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from rollcall.agents import told
from rollcall.agents.checks import MAX_ID, check_by
from rollcall.agents.errors import AgentNotFound, MoveRefused
from rollcall.agents.mine.errors import NoMetrics, NotAnswering
from rollcall.agents.mine.models import (
    TARGETS,
    Dashboard,
    JsonObject,
    Lack,
    Metrics,
    Operation,
    Outcome,
    Performance,
    Row,
    Shown,
)
from rollcall.agents.mine.ports import Figures, Listings
from rollcall.agents.models import By, Definition, Priority, Status, Version, Wanted
from rollcall.agents.ports import AgentStore
from rollcall.agents.service import AgentService
from rollcall.agents.writing import Accepted, check_move, deleted, locked, moved, version_of
from rollcall.kernel.caller import Caller
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.cursors import Place
from rollcall.kernel.errors import InvalidInput, Unavailable
from rollcall.web.lines import check_id

DAYS: Final = 30
"""Over which a list and the dashboard say what agents did."""
MOST_AT_ONCE: Final = 500
RECENT: Final = 10
"""Agents of the dashboard that changed last."""


class MyAgentsService:
    """Definitions with what their agents did, and operations on many of them.

    What analytics or billing do not say is missing by name: a list is never shorter for it, and
    never shows a number that nobody told.

    Args:
        agents: Definitions, one by one.
        store: Their tables.
        listings: The same, as lists.
        figures: What other services know.
        clock: Time.
    """

    def __init__(
        self,
        agents: AgentService,
        store: AgentStore,
        listings: Listings,
        figures: Figures,
        clock: Clock,
    ) -> None:
        self.agents = agents
        """Definitions, one by one."""
        self._store = store
        self._listings = listings
        self._figures = figures
        self._clock = clock

    async def find(
        self, caller: Caller, wanted: Wanted, *, limit: int, offset: int, after: Place | None
    ) -> Shown:
        """A page of agents, the newest first, and what they did lately: one question to analytics
        for all of them.
        """
        page = await self._listings.page(
            caller.namespace, wanted, limit=limit, offset=offset, after=after
        )
        ids = [one.definition.id for one in page.rows]
        performance, lack = await self._performance(caller, ids)
        return Shown(page=page, performance=performance, lack=lack)

    async def get(
        self, caller: Caller, agent_id: str
    ) -> tuple[Row, Performance | None, Lack | None]:
        """An agent, what it did lately, and who does not say so.

        Raises:
            AgentNotFound: There is none.
        """
        row, (performance, lack) = await asyncio.gather(
            self._listings.row(caller.namespace, agent_id), self._performance(caller, [agent_id])
        )
        if row is None:
            raise AgentNotFound(agent_id)
        found = None if performance is None else performance.get(agent_id, Performance())
        return row, found, lack

    async def metrics(self, caller: Caller, agent_id: str, days: int) -> Metrics:
        """What an agent did in the last days, and what it used in the same ones.

        Raises:
            AgentNotFound: There is none.
            NoMetrics: Analytics does not answer.
        """
        await self.agents.get(agent_id, namespace=caller.namespace)
        try:
            performance = await self._figures.detail(caller, agent_id, days)
        except NotAnswering as error:
            raise NoMetrics([error.lack]) from error
        first, last = self._days(performance, days)
        try:
            usage = await self._figures.usage(caller, agent_id, first, last)
        except NotAnswering as error:
            return Metrics(performance=performance, usage=None, lack=error.lack)
        return Metrics(performance=performance, usage=usage, lack=None)

    async def dashboard(self, caller: Caller) -> Dashboard:
        """All agents at a glance."""
        census, (overview, lack) = await asyncio.gather(
            self._listings.census(caller.namespace, RECENT), self._overview(caller)
        )
        statuses, priorities = Counter[Status](), Counter[Priority]()
        industries = Counter[str | None]()
        for one in census.counts:
            statuses[one.status] += one.agents
            priorities[one.priority] += one.agents
            industries[one.industry] += one.agents
        return Dashboard(
            total=statuses.total(),
            by_status={one: statuses[one] for one in Status},
            by_priority={one: priorities[one] for one in Priority},
            by_industry=sorted(industries.items(), key=lambda item: (-item[1], item[0] or "")),
            recent=census.recent,
            overview=overview,
            lack=lack,
        )

    async def bulk(
        self, ids: Sequence[str], operation: Operation, by: By, *, dry_run: bool = False
    ) -> list[Outcome]:
        """Do one thing with many agents, each in a unit of work of its own, by id; what has become
        of each, in the order of `ids`.

        What is so already is no failure, so that who was interrupted asks again for all of it. If
        the database stops answering, those that were not reached fail with it.

        Args:
            ids: Which, none twice.
            operation: What.
            by: Who does it, and why.
            dry_run: Whether to say only what would become of them now.

        Raises:
            InvalidInput: One of them is no id, or there twice.
        """
        check_by(by)
        _check_ids(ids)
        if dry_run:
            known = await self._listings.known(by.namespace, ids)
            return [foreseen(one, known.get(one), operation) for one in ids]
        outcomes: dict[str, Outcome] = {}
        broken: Unavailable | None = None
        for one in sorted(ids):
            if broken is None:
                try:
                    outcomes[one] = await self._done(one, operation, by)
                    continue
                except Unavailable as error:
                    broken = error
            outcomes[one] = Outcome(agent_id=one, error=broken)
        return [outcomes[one] for one in ids]

    async def back_up(
        self, agent_id: str, by: By, accepted: Accepted = None
    ) -> tuple[Version, bool]:
        """Have what a definition says stand as a version with a reason, to be found again by it;
        and whether that is new. The newest version, if it has this author and reason, is it.

        Raises:
            InvalidInput: There is no reason.
            AgentNotFound: There is none.
            RevisionMismatch: It is at none of the revisions that are accepted.
        """
        check_by(by)
        if not by.reason.strip():
            raise InvalidInput("reason", "must say what the backup is for")
        async with self._store.begin() as work:
            old = await locked(work, by.namespace, agent_id, accepted)
            newest = await work.version(by.namespace, agent_id, old.version)
            if newest is not None and (newest.author, newest.reason) == (by.author, by.reason):
                return newest, False
            new = replace(
                old, version=old.version + 1, revision=old.revision + 1, updated_at=self._now()
            )
            version = version_of(new, by)
            await work.put(new)
            await work.note_version(version)
            work.publish(told.updated(new, [], by))
            return version, True

    async def _done(self, agent_id: str, operation: Operation, by: By) -> Outcome:
        async with self._store.begin() as work:
            old = await work.definition(by.namespace, agent_id)
            outcome = foreseen(agent_id, old, operation)
            if old is None or outcome.error is not None or outcome.unchanged:
                return outcome
            if operation is Operation.DELETE:
                await deleted(work, old, by, self._now())
            else:
                await moved(work, old, TARGETS[operation], by, self._now())
            return outcome

    async def _performance(
        self, caller: Caller, ids: Sequence[str]
    ) -> tuple[Mapping[str, Performance] | None, Lack | None]:
        if not ids:
            return {}, None
        try:
            return await self._figures.performance(caller, ids, DAYS), None
        except NotAnswering as error:
            return None, error.lack

    async def _overview(self, caller: Caller) -> tuple[JsonObject | None, Lack | None]:
        try:
            return await self._figures.overview(caller, DAYS), None
        except NotAnswering as error:
            return None, error.lack

    def _days(self, performance: JsonObject | None, days: int) -> tuple[str, str]:
        """The first and the last day: those of the account, as far as somebody told."""
        if performance is not None:
            period = performance["period"]
            return period["from"], period["to"]
        last = self._now().date()
        return (last - timedelta(days=days - 1)).isoformat(), last.isoformat()

    def _now(self) -> datetime:
        return utc(self._clock.now())


def foreseen(agent_id: str, old: Definition | None, operation: Operation) -> Outcome:
    """What becomes of an agent by an operation: pure.

    Args:
        agent_id: Which.
        old: As it is, or was when it was deleted; None: there never was one.
        operation: What is to be done.
    """
    if operation is Operation.DELETE and old is not None:
        return Outcome(agent_id=agent_id, unchanged=old.deleted_at is not None)
    if old is None or old.deleted_at is not None:
        return Outcome(agent_id=agent_id, error=AgentNotFound(agent_id))
    status = TARGETS[operation]
    try:
        check_move(old, status)
    except MoveRefused as error:
        return Outcome(agent_id=agent_id, status=old.status, error=error)
    return Outcome(agent_id=agent_id, status=status, unchanged=old.status is status)


def _check_ids(ids: Sequence[str]) -> None:
    if not 1 <= len(ids) <= MOST_AT_ONCE:
        raise InvalidInput("agent_ids", f"must be 1 to {MOST_AT_ONCE}, not {len(ids)}")
    seen: set[str] = set()
    for place, one in enumerate(ids):
        check_id(f"agent_ids.{place}", one, MAX_ID)
        if one in seen:
            raise InvalidInput(f"agent_ids.{place}", "is there twice")
        seen.add(one)
