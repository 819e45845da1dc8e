# SPDX-License-Identifier: Apache-2.0
"""Which instance of a service to call: found in the service registry, remembered, and chosen from.

Document 1's discovery client, which goes on answering from its last good copy while the registry
is down.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING, Self

import msgspec

from rollcall.client.connection import Connection
from rollcall.client.errors import NoInstance, RegistryUnavailable
from rollcall.client.models import ServiceInfo
from rollcall.client.registry_client import RETRY
from rollcall.kernel.caller import RateLimited
from rollcall.kernel.clock import Clock, SystemClock
from rollcall.kernel.errors import Closed, InvalidInput
from rollcall.policies import balancing, checks
from rollcall.policies.retry import RetryPolicy

if TYPE_CHECKING:
    import httpx

_USABLE = ("healthy", "unknown")
"""Best first. What is unknown is silent, but so are many: as likely the network as the service."""

_ALONE = 5.0
"""Seconds for which a registry that was down is not asked again while there is a copy."""

_PATIENCE = 1.0
"""Seconds for which it is believed that there is nothing to call."""

_REMEMBERED = 256
"""Questions whose answers are kept; beyond that the oldest goes."""

_log = logging.getLogger(__name__)


class Choice(StrEnum):
    """How one of several instances is chosen."""

    RANDOM = "random"
    ROUND_ROBIN = "round-robin"
    LEAST_BUSY = "least-busy"
    """The one with the fewest calls under way from here: those inside `Discovery.calling`."""
    WEIGHTED = "weighted"
    """At random, by the number under `weight` in the extra metadata; 1 where there is none."""
    STICKY = "sticky"
    """Always the same for the same key, for as long as it is there."""


class Instances(msgspec.Struct, frozen=True):
    """What the registry said, and when.

    Args:
        services: Every instance that fits, the healthy ones first.
        age_seconds: How long ago the registry said so.
        stale: Whether it was asked again since and did not answer.
    """

    services: tuple[ServiceInfo, ...]
    age_seconds: float
    stale: bool


class _Question(msgspec.Struct, frozen=True):
    name: str | None = None
    service_type: str | None = None
    capabilities: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = (self.name, self.service_type, *self.capabilities, *self.tags)
        return ", ".join(repr(word) for word in words if word)


class _Found(msgspec.Struct):
    services: list[ServiceInfo]


class _Copy(msgspec.Struct):
    services: tuple[ServiceInfo, ...]
    taken_at: float
    fresh_until: float
    stale: bool = False


class _Topic(msgspec.Struct):
    """What is kept for one question."""

    copy: _Copy | None = None
    refreshing: asyncio.Task[_Copy] | None = None
    turns: balancing.RoundRobin = msgspec.field(default_factory=balancing.RoundRobin)


class Discovery:
    """Finds instances in the service registry and chooses among them.

    An answer is kept for `cache_seconds`; that there is nothing is never kept, so that what has
    just registered is found at once. While the registry is down the last good copy serves, however
    old; each answer says how old it is.

    Use it in `async with`, or `close` it. It belongs to the event loop that it was used in first.

    Args:
        registry_url: Where the service registry is, for example `http://localhost:3003`.
        cache_seconds: How long an answer is good; 0: not at all.
        api_key: None: what the variable `ROLLCALL_API_KEY` holds.
        timeout: Seconds for one attempt of a request.
        retry: How often and how patiently the registry is asked again while there is no copy.
        clock: Time.
        rng: Chooses, and spreads the delays.
        transport: How requests travel; None: over the network.

    Raises:
        InvalidInput: The URL is none, or a number is out of its range.
    """

    def __init__(
        self,
        registry_url: str,
        cache_seconds: float = 60.0,
        *,
        api_key: str | None = None,
        timeout: float = 5.0,
        retry: RetryPolicy = RETRY,
        clock: Clock | None = None,
        rng: Random | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._cache_seconds = checks.at_least("cache_seconds", cache_seconds, 0)
        self._clock = clock or SystemClock()
        self._rng = rng or Random()
        self._connection = Connection(
            registry_url,
            api_key=api_key,
            timeout=timeout,
            retry=retry,
            clock=self._clock,
            rng=self._rng,
            transport=transport,
        )
        self._topics: dict[_Question, _Topic] = {}
        self._calls: Counter[str] = Counter()

    async def find(
        self,
        name: str | None = None,
        *,
        service_type: str | None = None,
        capability: str | None = None,
        tags: Collection[str] = (),
    ) -> Instances:
        """All instances that fit, the healthy ones first.

        Args:
            name: The exact name of the service.
            service_type: agent, tool, api, database, gateway or other.
            capability: What it must be able to do.
            tags: Tags that it must have, all of them.

        Raises:
            RegistryUnavailable: The registry does not answer, and there is no copy.
        """
        copy = await self._copy(_question(name, service_type, capability, tags))
        return Instances(copy.services, self._clock.monotonic() - copy.taken_at, copy.stale)

    async def choose(
        self,
        name: str | None = None,
        *,
        service_type: str | None = None,
        capability: str | None = None,
        tags: Collection[str] = (),
        by: Choice = Choice.RANDOM,
        key: str | None = None,
        without: Collection[str] = (),
    ) -> ServiceInfo:
        """One instance to call: a healthy one, or one of unknown health if there is no other.

        Args:
            name, service_type, capability, tags: As for `find`.
            by: How to choose.
            key: For `sticky`: what should always go to the same instance.
            without: Ids of instances that have just failed.

        Raises:
            NoInstance: There is none that could be called.
            RegistryUnavailable: The registry does not answer, and there is no copy.
        """
        if (key is None) == (by is Choice.STICKY):
            raise InvalidInput("key", "belongs to the choice `sticky`, and only to it")
        question = _question(name, service_type, capability, tags)
        copy = await self._copy(question)
        usable = _usable(copy.services, without)
        if not usable and self._clock.monotonic() - copy.taken_at >= _PATIENCE:
            # What is well again should not have to wait until the copy is old.
            copy.fresh_until = copy.taken_at
            copy = await self._copy(question)
            usable = _usable(copy.services, without)
        if not usable:
            raise NoInstance(str(question), {one.service_id: one.status for one in copy.services})
        return usable[self._chosen(question, usable, by, key)]

    @asynccontextmanager
    async def calling(
        self,
        name: str | None = None,
        *,
        service_type: str | None = None,
        capability: str | None = None,
        tags: Collection[str] = (),
        by: Choice = Choice.LEAST_BUSY,
        key: str | None = None,
        without: Collection[str] = (),
    ) -> AsyncGenerator[ServiceInfo]:
        """`choose`, and count the instance as busy until the block ends."""
        chosen = await self.choose(
            name,
            service_type=service_type,
            capability=capability,
            tags=tags,
            by=by,
            key=key,
            without=without,
        )
        self._calls[chosen.service_id] += 1
        try:
            yield chosen
        finally:
            self._calls[chosen.service_id] -= 1
            if not self._calls[chosen.service_id]:
                del self._calls[chosen.service_id]

    async def close(self) -> None:
        """Close the connections; who still waits for an answer is told."""
        tasks = [topic.refreshing for topic in self._topics.values() if topic.refreshing]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _chosen(
        self, question: _Question, usable: dict[str, ServiceInfo], by: Choice, key: str | None
    ) -> str:
        match by:
            case Choice.RANDOM:
                return balancing.choose_random(list(usable), self._rng)
            case Choice.ROUND_ROBIN:
                return self._topic(question).turns.choose(usable)
            case Choice.LEAST_BUSY:
                loads = {one: float(self._calls[one]) for one in usable}
                return balancing.least_loaded(loads, self._rng)
            case Choice.WEIGHTED:
                weights = {one: _weight(service) for one, service in usable.items()}
                return balancing.weighted_random(weights, self._rng)
            case Choice.STICKY:
                return balancing.rendezvous(key or "", usable)

    def _topic(self, question: _Question) -> _Topic:
        topic = self._topics.get(question)
        if topic is None:
            if len(self._topics) >= _REMEMBERED:
                idle = (one for one, there in self._topics.items() if there.refreshing is None)
                self._topics.pop(next(idle, question), None)
            topic = self._topics[question] = _Topic()
        return topic

    async def _copy(self, question: _Question) -> _Copy:
        topic = self._topic(question)
        copy = topic.copy
        if copy is not None and self._clock.monotonic() < copy.fresh_until:
            return copy
        asking = topic.refreshing
        if asking is None:
            asking = topic.refreshing = asyncio.create_task(self._refreshed(question, topic))
            asking.add_done_callback(_seen)
        if copy is not None and copy.stale:
            # The registry was down when it was asked last: nobody waits to hear so again.
            return copy
        # One request for all who ask the same at once; who gives up takes it from nobody.
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            if asking.cancelled():
                raise Closed("this client was closed while it waited for an answer") from None
            raise

    async def _refreshed(self, question: _Question, topic: _Topic) -> _Copy:
        copy = topic.copy
        try:
            services = await self._ask(question, retry=copy is None)
        except (RateLimited, RegistryUnavailable) as error:
            if copy is None:
                raise
            now = self._clock.monotonic()
            copy.stale = True
            copy.fresh_until = now + max(_ALONE, error.retry_after or 0.0)
            _log.warning(
                "instances of %s are those of %.0f s ago: %s", question, now - copy.taken_at, error
            )
            return copy
        finally:
            topic.refreshing = None
        now = self._clock.monotonic()
        copy = _Copy(services, now, now + self._cache_seconds)
        topic.copy = copy if services else None
        return copy

    async def _ask(self, question: _Question, *, retry: bool) -> tuple[ServiceInfo, ...]:
        # GET, which gives every status: what is not healthy explains why nothing is found.
        pages = self._connection.pages(
            "/api/v1/discover",
            _Found,
            params={
                "name": question.name,
                "service_type": question.service_type,
                "capabilities": question.capabilities,
                "tags": question.tags,
            },
            retry=retry,
        )
        # The registry looks for a part of the name.
        fitting = [
            one
            async for page in pages
            for one in page.services
            if question.name in (None, one.name)
        ]
        return tuple(sorted(fitting, key=_rank))


def _seen(task: asyncio.Task[_Copy]) -> None:
    """Its error is that of everybody who waits, and nobody's where nobody does."""
    if not task.cancelled():
        task.exception()


def _question(
    name: str | None, service_type: str | None, capability: str | None, tags: Collection[str]
) -> _Question:
    capabilities = () if capability is None else (capability,)
    question = _Question(name, service_type, capabilities, tuple(sorted(set(tags))))
    if question == _Question():
        raise InvalidInput("name", "give a name, a service_type, a capability or tags")
    return question


def _rank(service: ServiceInfo) -> tuple[int, str]:
    known = service.status in _USABLE
    return (_USABLE.index(service.status) if known else len(_USABLE), service.service_id)


def _usable(services: Sequence[ServiceInfo], without: Collection[str]) -> dict[str, ServiceInfo]:
    """The instances of the best status that can be called at all, by their ids."""
    for status in _USABLE:
        usable = {
            one.service_id: one
            for one in services
            if one.status == status and one.address and one.service_id not in without
        }
        if usable:
            return usable
    return {}


def _weight(service: ServiceInfo) -> float:
    weight = service.metadata.extra.get("weight", 1.0)
    try:
        return checks.at_least("weight", weight, 0)
    except InvalidInput:
        # What one service says of itself must not keep callers from all the others.
        return 1.0
