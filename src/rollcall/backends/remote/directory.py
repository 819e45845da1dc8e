# SPDX-License-Identifier: Apache-2.0
"""The tool services that a registry in another process knows, over document 1."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
from contextlib import aclosing, contextmanager, suppress
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Final

import msgspec

from rollcall.client.connection import Connection
from rollcall.client.models import ServiceInfo
from rollcall.conversations.directory import CHOICES, moment
from rollcall.conversations.ports import ServiceInstance
from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import RollcallError, Unavailable
from rollcall.kernel.ids import derived
from rollcall.policies.retry import RetryPolicy, full_jitter
from rollcall.registry.models import Kind
from rollcall.registry.status import Status

if TYPE_CHECKING:
    import httpx

_PREFIX: Final = "/api/v1"
_PAGE: Final = 500
_WORDS: Final = {"healthy": Status.ACTIVE, "unknown": Status.SUSPECT}
"""What document 1 calls the statuses of what may be called, where its word is enough."""
_VAGUE: Final = "unhealthy"
"""Document 1's word for degraded, unhealthy and offline."""
_REGISTERED: Final = frozenset({"registered", "reregistered", "updated"})
_SILENCE: Final = 60.0
"""Seconds without a line after which a stream is dead; a registry says something every 15."""

_log = logging.getLogger(__name__)


class _Found(msgspec.Struct):
    services: list[ServiceInfo]


class _Event(msgspec.Struct):
    """What counts of an event: the registry says more."""

    type: str = ""
    record_id: str = ""
    at: datetime | None = None
    revision: int = 0


class _Present(msgspec.Struct):
    record_id: str = ""
    status: str | None = None


class RemoteDirectory:
    """A `Directory` over the service registry at a URL. It follows the registry's stream of events,
    and asks again and again where there is none.

    Args:
        url: Where the registry is, such as `http://localhost:3003`.
        clock: Time.
        rng: Spreads the delays.
        api_key: None: what `ROLLCALL_API_KEY` holds.
        timeout: Seconds for one request.
        poll_every: Seconds between two questions while there is no stream, at most.
        transport: How requests travel; None: over the network.

    Raises:
        InvalidInput: The URL is none.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        rng: Random,
        api_key: str | None = None,
        timeout: float = 5.0,
        poll_every: float = 5.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        # Whoever asks repeats it: a directory that waits holds up all who want to know.
        once = RetryPolicy(max_retries=0)
        self._connection = Connection(
            url,
            api_key=api_key,
            timeout=timeout,
            retry=once,
            clock=clock,
            rng=rng,
            transport=transport,
        )
        self._timeout = timeout
        self._clock = clock
        self._rng = rng
        self._backoff = RetryPolicy(initial_delay=min(0.25, poll_every), max_delay=poll_every)
        self._registered: dict[str, dict[str, str]] = {}

    async def close(self) -> None:
        """Let go of the connections."""
        await self._connection.close()

    async def instances(self, namespace: str) -> Sequence[ServiceInstance]:
        """See `Directory`."""
        params: dict[str, str | int] = {
            "service_type": Kind.TOOL.value,
            "namespace": namespace,
            "limit": _PAGE,
        }
        services: list[ServiceInfo] = []
        with _unavailable():
            async for page in self._connection.pages(f"{_PREFIX}/discover", _Found, params=params):
                services += page.services
            statuses = {
                one.service_id: _WORDS[one.status] for one in services if one.status in _WORDS
            }
            if any(one.status == _VAGUE for one in services):
                statuses |= await within(self._clock, self._timeout, self._exactly(namespace))
        known = self._registered.get(namespace, {})
        found = [
            (CHOICES[statuses[one.service_id]], one)
            for one in services
            if statuses.get(one.service_id) in CHOICES
        ]
        found.sort(key=lambda pair: (pair[0], _since(pair[1]), pair[1].service_id))
        return [
            _instance(one, choice, known.get(one.service_id))
            for choice, one in found
            if one.host is not None and one.port is not None
        ]

    async def changed(self, namespace: str) -> AsyncIterator[None]:
        """See `Directory`."""
        self._registered.setdefault(namespace, {})
        yield
        failures = 0
        while True:
            try:
                async with aclosing(self._lines(namespace)) as lines:
                    async for news in lines:
                        failures = 0
                        if news:
                            yield
            except RollcallError as error:
                _log.log(
                    logging.DEBUG if failures else logging.WARNING,
                    "the registry's events are not to be had, asking again and again: %s",
                    error,
                )
            failures += 1
            delay = self._backoff.delay(min(failures, 32))
            await self._clock.sleep(delay / 2 + full_jitter(delay / 2, self._rng))
            yield

    async def _exactly(self, namespace: str) -> dict[str, Status]:
        """The effective status of each tool service, in the core's words."""
        params = {
            "service_type": Kind.TOOL.value,
            "namespace": namespace,
            "watch": "true",
            "follow": "false",
        }
        found: dict[str, Status] = {}
        lines = self._connection.lines(f"{_PREFIX}/events", params=params, after=_from_now)
        async with aclosing(lines):
            async for line in lines:
                if line.startswith("data:"):
                    with suppress(msgspec.MsgspecError, ValueError):
                        one = msgspec.json.decode(line[5:], type=_Present)
                        found[one.record_id] = Status(one.status or "")
        return found

    async def _lines(self, namespace: str) -> AsyncGenerator[bool]:
        """Whether there is news, for each line of the stream, the first of which always is."""
        params = {"service_type": Kind.TOOL.value, "namespace": namespace}
        lines = self._connection.lines(f"{_PREFIX}/events", params=params, after=_from_now)
        first = True
        async with aclosing(lines):
            while True:
                try:
                    line = await within(self._clock, _SILENCE, _next(lines))
                except TimeoutError:
                    return
                if line is None:
                    return
                told = line.startswith("data:")
                if told:
                    self._note(namespace, line[5:])
                yield first or told
                first = False

    def _note(self, namespace: str, line: str) -> None:
        """Remember when a tool service was registered last."""
        try:
            event = msgspec.json.decode(line, type=_Event)
        except msgspec.MsgspecError:
            return
        known = self._registered[namespace]
        if event.type in _REGISTERED and event.at is not None:
            known[event.record_id] = f"{moment(event.at.timestamp())} {event.revision}"
        elif event.type == "deregistered":
            known.pop(event.record_id, None)


async def _next(lines: AsyncGenerator[str]) -> str | None:
    return await anext(lines, None)


def _from_now() -> None:
    """What was missed is made up for by asking anew."""


@contextmanager
def _unavailable() -> Generator[None]:
    """Has everything that keeps a registry from answering be `Unavailable`."""
    try:
        yield
    except Unavailable:
        raise
    except (RollcallError, TimeoutError) as error:
        raise Unavailable(f"the registry does not tell its tool services: {error}") from error


def _since(service: ServiceInfo) -> float:
    return service.registered_at.timestamp() if service.registered_at else 0.0


def _instance(service: ServiceInfo, choice: int, registered: str | None) -> ServiceInstance:
    assert service.host is not None
    assert service.port is not None
    said = msgspec.json.encode(service.metadata, order="deterministic").decode()
    return ServiceInstance(
        id=service.service_id,
        name=service.name,
        host=service.host,
        port=service.port,
        healthy=choice == 0,
        rank=choice,
        tags=tuple(service.metadata.tags),
        extra=dict(service.metadata.extra),
        # What it says of itself is part of it: without a stream no event tells that it changed.
        registered=f"{registered or moment(_since(service))} {derived('said', said, digits=8)}",
    )
