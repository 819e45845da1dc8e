# SPDX-License-Identifier: Apache-2.0
"""Delegation over HTTP (document 2): find an agent, ask it at `POST {base_url}/execute`, fail over.

What decides is whether the agent may have begun. A request that was not sent, or that the agent
says it has not done, goes to the next agent. One that was sent and not answered goes on only if to
do it twice does no harm.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from rollcall.client.delegation import (
    AgentRequestEvent,
    AgentRequestType,
    AgentResponseEvent,
    AgentResponseStatus,
    RequestPriority,
)
from rollcall.client.errors import AnswerLost, NoAgentFound
from rollcall.client.models import CapabilityMatch
from rollcall.kernel.clock import Clock, utc, within
from rollcall.kernel.ids import IdSource

if TYPE_CHECKING:
    import httpx

_HEALTHY = frozenset({"active", "busy"})

_HELD = "suspect"
"""Silent, but so are many: as likely the network as the agent. Asked when nobody else is left."""

_CONNECTING = 5.0
"""Seconds that an agent has to take a connection."""

_NOT_BEGUN = frozenset({401, 403, 404, 405, 413, 415, 422, 429, 503})
"""Statuses by which an agent says that it has not begun (RFC 9110)."""


class Finder(Protocol):
    """Who asks, and how it finds others: a `RegistryClient`."""

    agent_id: str

    async def search_capabilities(self, q: str) -> list[CapabilityMatch]: ...


class Send(Protocol):
    """Sends one request to an agent, as httpx does."""

    def __call__(
        self, method: str, url: str, **options: Any
    ) -> Coroutine[Any, Any, httpx.Response]: ...


class _NotBegun(msgspec.Struct, frozen=True):
    problem: str


class _Lost(msgspec.Struct, frozen=True):
    problem: str


class HttpDelegator:
    """Delegates to agents over HTTP.

    Args:
        finder: Who asks; it is never asked itself.
        send: Sends a request.
        clock: Time.
        ids: Draws request ids.
    """

    def __init__(self, finder: Finder, send: Send, *, clock: Clock, ids: IdSource) -> None:
        self._finder = finder
        self._send = send
        self._clock = clock
        self._ids = ids

    async def delegate(
        self,
        capability: str,
        payload: str | Mapping[str, Any],
        *,
        fallback_capability: str | None,
        request_type: AgentRequestType,
        priority: RequestPriority,
        timeout_seconds: float,
        idempotent: bool,
        correlation_id: str | None,
        metadata: Mapping[str, Any] | None,
    ) -> AgentResponseEvent:
        """See `RegistryClient.delegate`."""
        request_id = f"req_{self._ids.hex(16)}"
        passed_over: dict[str, str] = {}
        unanswered: AgentResponseEvent | AnswerLost | None = None
        async for agent_id, base_url in self._candidates(
            capability, fallback_capability, passed_over
        ):
            request = AgentRequestEvent(
                source_agent=self._finder.agent_id,
                target_agent=agent_id,
                request_type=request_type,
                payload={"task": payload} if isinstance(payload, str) else dict(payload),
                priority=priority,
                timeout_seconds=timeout_seconds,
                # The same for all who are asked, so that whoever does it twice can notice.
                request_id=request_id,
                correlation_id=correlation_id,
                metadata=dict(metadata or {}),
                created_at=utc(self._clock.now()),
            )
            outcome = await self._ask(base_url, request)
            match outcome:
                case _NotBegun(problem):
                    passed_over[agent_id] = problem
                    continue
                case _Lost(problem):
                    unanswered = AnswerLost(agent_id, request_id, problem)
                case AgentResponseEvent(status=AgentResponseStatus.REJECTED):
                    passed_over[agent_id] = outcome.error or "it rejected the request"
                    unanswered = unanswered or outcome
                    continue
                case AgentResponseEvent(status=AgentResponseStatus.TIMEOUT):
                    unanswered = outcome
                case _:
                    return outcome
            if not idempotent:
                break
        if isinstance(unanswered, AgentResponseEvent):
            return unanswered
        wanted = " or ".join(repr(one) for one in (capability, fallback_capability) if one)
        raise unanswered or NoAgentFound(wanted, passed_over)

    async def _candidates(
        self, capability: str, fallback: str | None, passed_over: dict[str, str]
    ) -> AsyncIterator[tuple[str, str]]:
        """Id and base URL of each agent to ask, in the order to ask them."""
        seen = {self._finder.agent_id}
        held: list[tuple[str, str]] = []
        for wanted in (capability, fallback):
            if wanted is None:
                continue
            for one in await self._finder.search_capabilities(wanted):
                if one.agent_id in seen:
                    continue
                seen.add(one.agent_id)
                if one.base_url is None:
                    passed_over[one.agent_id] = "it has no address"
                elif one.status in _HEALTHY:
                    yield one.agent_id, one.base_url
                elif one.status == _HELD:
                    held.append((one.agent_id, one.base_url))
                else:
                    passed_over[one.agent_id] = f"it is {one.status}"
        for agent_id, base_url in held:
            yield agent_id, base_url

    async def _ask(
        self, base_url: str, request: AgentRequestEvent
    ) -> AgentResponseEvent | _NotBegun | _Lost:
        import httpx  # noqa: PLC0415 - takes longer to load than all the rest of the client

        began = self._clock.monotonic()
        patience = min(_CONNECTING, request.timeout_seconds / 2)
        sending = self._send(
            "POST",
            f"{base_url.rstrip('/')}/execute",
            content=msgspec.json.encode(request),
            headers={
                "content-type": "application/json",
                "accept": "application/json",
                # A kept connection may be one that the agent has just closed: what is sent on it
                # would count as lost.
                "connection": "close",
            },
            # Who takes no connection was sent nothing, which must be known before the time is over.
            timeout=httpx.Timeout(None, connect=patience, pool=patience),
        )
        try:
            response = await within(self._clock, request.timeout_seconds, sending)
        except TimeoutError as error:
            return request.answered(
                AgentResponseStatus.TIMEOUT,
                error=str(error),
                execution_time_ms=1000 * (self._clock.monotonic() - began),
                created_at=utc(self._clock.now()),
            )
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.InvalidURL,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
        ) as error:
            return _NotBegun(f"it was not reached ({type(error).__name__}: {error})")
        except httpx.RequestError as error:
            return _Lost(f"{type(error).__name__}: {error}".rstrip(": "))
        if response.status_code in _NOT_BEGUN:
            return _NotBegun(f"it answered {response.status_code}")
        return _read(response, request)


def _read(response: httpx.Response, request: AgentRequestEvent) -> AgentResponseEvent | _Lost:
    try:
        answer = msgspec.json.decode(response.content, type=AgentResponseEvent)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        return _Lost(f"it answered {response.status_code}, which is no answer: {error}")
    if answer.request_id != request.request_id:
        return _Lost(f"it answered request {answer.request_id!r:.80}")
    return answer
