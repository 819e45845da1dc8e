# SPDX-License-Identifier: Apache-2.0
"""My agents: what they are made of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec

from rollcall.agents.mine.errors import NotAnswering
from rollcall.agents.mine.models import JsonObject, Lack, Performance
from rollcall.agents.mine.module import module as my_agents
from rollcall.agents.mine.repository import SqlListings
from rollcall.agents.mine.service import MyAgentsService
from rollcall.agents.repository import SqlAgentStore
from rollcall.app.gateway import instances_of, urls_of
from rollcall.app.own import Registration
from rollcall.app.service_calls import ServiceCalls
from rollcall.dashboard.models import Params, Question, Said
from rollcall.dashboard.ports import NotAnswered, Services
from rollcall.kernel.caller import Caller
from rollcall.kernel.clock import Clock, within
from rollcall.web.module import Module

if TYPE_CHECKING:
    from rollcall.app.compose import Platform

MY_AGENTS: Final = Registration(
    "my-agents-service",
    "api",
    "Agents as their owners see them: their life, what they did, all of them at once",
    capabilities=("agent lifecycle", "bulk operations", "agent metrics", "agent backups"),
    tags=("agents",),
)
PATIENCE: Final = 2.0
"""Seconds that a service may take."""
_LONGEST: Final = 7_500
"""Bytes of the ids in one question; a URL may have 8,192."""
_NOT_FOUND: Final = 404

_log = logging.getLogger(__name__)
T = TypeVar("T")


class _Figure(msgspec.Struct):
    """What is read of an agent's line in analytics."""

    agent_id: str
    data: bool
    conversations: int
    tokens: int
    cost: str
    currency: str
    success_rate: float | None
    average_satisfaction: float | None
    last_conversation_at: datetime | None

    def performance(self) -> Performance:
        """It, without numbers where there is no data."""
        if not self.data:
            return Performance(last_conversation_at=self.last_conversation_at)
        told = msgspec.structs.asdict(self)
        return Performance(**{name: told[name] for name in Performance.__struct_fields__})


class _Period(msgspec.Struct):
    first: str = msgspec.field(name="from")
    last: str = msgspec.field(name="to")


class _Detail(msgspec.Struct):
    """What must be in an agent's numbers."""

    data: bool
    period: _Period


class _Overview(msgspec.Struct):
    """What must be in the numbers of all agents."""

    data: bool
    top_agents: list[JsonObject]
    total_conversations: int
    failed_conversations: int
    success_rate: float | None
    total_tokens: int
    total_cost: str
    currency: str
    average_response_time_ms: float | None
    average_satisfaction: float | None


class _Usage(msgspec.Struct):
    """What is shown of an agent's usage in billing."""

    count: int
    total_tokens: int
    total_amount: str
    currency: str


class AskedFigures:
    """`Figures` of my agents: analytics and billing are asked for the caller.

    Args:
        services: The other services.
        clock: Time.
    """

    def __init__(self, services: Services, clock: Clock) -> None:
        self._services = services
        self._clock = clock

    async def performance(
        self, caller: Caller, ids: Sequence[str], days: int
    ) -> Mapping[str, Performance]:
        """See `Figures`. One question, unless ids are too long for one URL."""
        found = await asyncio.gather(*(self._figures(caller, some, days) for some in in_urls(ids)))
        return {one.agent_id: one.performance() for figures in found for one in figures}

    async def detail(self, caller: Caller, agent_id: str, days: int) -> JsonObject | None:
        """See `Figures`."""
        path = f"/api/agents/{agent_id}/performance"
        params = (("period_days", str(days)),)
        question = Question("analytics", path, params, (200, _NOT_FOUND))
        said = await self._said(caller, question)
        if said.status == _NOT_FOUND:
            return None
        _read(question, said.body, _Detail)
        return said.body

    async def usage(
        self, caller: Caller, agent_id: str, first: str, last: str
    ) -> JsonObject | None:
        """See `Figures`."""
        # The sums are of all pages; the usages themselves are billing's to show.
        params = (("from", first), ("to", last), ("limit", "1"))
        question = Question("billing", f"/api/usage/agent/{agent_id}", params, (200, _NOT_FOUND))
        said = await self._said(caller, question)
        if said.status == _NOT_FOUND:
            return None
        found = _read(question, said.body, _Usage)
        return {"from": first, "to": last, **msgspec.structs.asdict(found)}

    async def overview(self, caller: Caller, days: int) -> JsonObject:
        """See `Figures`."""
        question = Question("analytics", "/api/analytics", (("period_days", str(days)),))
        said = await self._said(caller, question)
        _read(question, said.body, _Overview)
        return said.body

    async def _figures(self, caller: Caller, ids: Sequence[str], days: int) -> list[_Figure]:
        params = (("period_days", str(days)), ("limit", str(len(ids))), *_named(ids))
        question = Question("analytics", "/api/agents/performance", params)
        return _read(question, (await self._said(caller, question)).body, list[_Figure])

    async def _said(self, caller: Caller, question: Question) -> Said:
        """What a service answers.

        Raises:
            NotAnswering: It does not, or refuses.
        """
        try:
            said = await within(self._clock, PATIENCE, self._services.get(caller, question))
        except TimeoutError:
            problem = f"gives no answer within {PATIENCE:g} s"
        except NotAnswered as error:
            problem = error.problem
        else:
            if said.status in question.statuses:
                return said
            problem = f"answered {said.status}"
        _log.warning("%s %s", question.service, problem)
        raise NotAnswering(Lack(question.service, problem))


def in_urls(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Ids in as few portions as their URLs may be long."""
    some: list[str] = []
    size = 0
    for one in ids:
        length = len(urlencode(_named([one]))) + 1
        if some and size + length > _LONGEST:
            yield some
            some, size = [], 0
        some.append(one)
        size += length
    if some:
        yield some


def my_agents_service(platform: Platform) -> Sequence[Module]:
    """My agents (document 4).

    Raises:
        InvalidInput: A setting is no URL.
    """
    clock, database = platform.clock, platform.database
    instances = instances_of(platform)
    calls = ServiceCalls(instances, platform.apps, urls_of(platform), platform.passes, clock)
    service = MyAgentsService(
        platform.shared.agents,
        SqlAgentStore(database),
        SqlListings(database),
        AskedFigures(calls, clock),
        clock,
    )
    platform.parts.register("my_agents_service", service)

    @asynccontextmanager
    async def asking() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            calls.close()
            await instances.close()

    return (my_agents(), Module(name="asking", lifespans=(asking,)))


def _named(ids: Sequence[str]) -> Params:
    return tuple(("agent_ids", one) for one in ids)


def _read(question: Question, body: Any, shape: type[T]) -> T:
    """A body as what it should be.

    Raises:
        NotAnswering: It is something else.
    """
    try:
        return msgspec.convert(body, shape)
    except msgspec.ValidationError as error:
        _log.warning("%s does not answer as it should: %s", question.service, error)
        raise NotAnswering(Lack(question.service, "answers something else")) from error
