# SPDX-License-Identifier: Apache-2.0
"""The client of the agent registry (document 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Self

from rollcall.client.connection import Connection, segment
from rollcall.client.delegation import (
    AgentRequestType,
    AgentResponseEvent,
    RequestPriority,
)
from rollcall.client.heartbeat import HeartbeatingClient
from rollcall.client.http_delegation import HttpDelegator
from rollcall.client.models import AgentCapability, AgentRegistration, CapabilityMatch
from rollcall.kernel.clock import Clock, SystemClock
from rollcall.kernel.ids import IdSource, RandomIds
from rollcall.kernel.record_errors import RecordNotFound
from rollcall.policies.retry import RetryPolicy

if TYPE_CHECKING:
    import httpx

RETRY = RetryPolicy(max_retries=3, initial_delay=0.5, max_delay=10.0)
"""How clients repeat a request unless they are told otherwise."""


class RegistryClient(HeartbeatingClient):
    """Registers one agent, keeps it alive, finds others and gives them work.

    Use it in `async with`, or `close` it. It belongs to the event loop that it was used in first.

    Args:
        registry_url: Where the agent registry is, for example `http://localhost:8009`.
        agent_id: The id of the agent that this client speaks for.
        agent_name: Its name, for people.
        base_url: Where others reach the agent.
        heartbeat_interval: Seconds from one heartbeat to the next.
        api_key: None: what the variable `ROLLCALL_API_KEY` holds.
        timeout: Seconds for one attempt of a request.
        retry: How often and how patiently a request is repeated that was not answered.
        clock: Time.
        rng: Spreads the delays.
        ids: Draws the ids of requests to agents.
        transport: How requests travel; None: over the network.

    Raises:
        InvalidInput: The URL is none, or a number is out of its range.
    """

    def __init__(  # noqa: PLR0913 - five are the document's, and dependencies come in here
        self,
        registry_url: str,
        agent_id: str,
        agent_name: str,
        base_url: str,
        heartbeat_interval: float = 30,
        *,
        api_key: str | None = None,
        timeout: float = 10.0,
        retry: RetryPolicy = RETRY,
        clock: Clock | None = None,
        rng: Random | None = None,
        ids: IdSource | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        clock, rng = clock or SystemClock(), rng or Random()
        super().__init__(f"agent {agent_id!r}", heartbeat_interval, clock, rng)
        self.agent_id = agent_id
        self.agent_name = agent_name
        self.base_url = base_url
        self._path = f"/agents/{segment('agent_id', agent_id)}"
        self._connection = Connection(
            registry_url,
            api_key=api_key,
            timeout=timeout,
            retry=retry,
            clock=clock,
            rng=rng,
            transport=transport,
        )
        self._delegator = HttpDelegator(
            self, self._connection.send, clock=clock, ids=ids or RandomIds()
        )
        self._capabilities: list[AgentCapability] = []
        self._wants_registration = False
        self._metadata: dict[str, Any] = {}
        self._status = "active"

    async def register(
        self,
        capabilities: Sequence[AgentCapability],
        metadata: Mapping[str, Any] | None = None,
        status: str = "active",
    ) -> None:
        """Register the agent, or say anew what it is. The registry has it when this returns.

        Args:
            capabilities: All that it can do.
            metadata: What else there is to say; None: what was said last.
            status: How it is: active, busy, degraded, ...

        Raises:
            InvalidInput: The registry refuses a field; the error names it.
            RegistryUnavailable: The registry did not answer, after all attempts.
            NotAuthenticated: The API key is missing, or no good.
            NotPermitted: The API key may not do this.
        """
        # Kept even if this fails: whoever goes on without the registry is registered by the first
        # heartbeat that reaches it.
        self._wants_registration = True
        self._capabilities = list(capabilities)
        self._metadata = self._metadata if metadata is None else dict(metadata)
        self._status = status
        body = {
            "agent_id": self.agent_id,
            "agent_name": self.agent_name,
            "base_url": self.base_url,
            "capabilities": self._capabilities,
            "status": status,
            "metadata": self._metadata,
        }
        await self._connection.call("POST", "/register", dict[str, Any], body=body)

    async def deregister(self) -> None:
        """Take the agent off the registry, and stop its heartbeats. Twice is once."""
        await self.stop_heartbeat()
        self._wants_registration = False
        try:
            await self._connection.call("DELETE", self._path, object, record_id=self.agent_id)
        except RecordNotFound:
            return

    async def update_status(self, status: str) -> None:
        """Report how the agent is: active, busy, degraded, unhealthy, offline, ...

        Raises:
            RecordNotFound: The registry does not know the agent.
            InvalidInput: There is no such status.
        """
        body = {"status": status}
        path = f"{self._path}/status"
        await self._connection.call("PATCH", path, object, body=body, record_id=self.agent_id)
        self._status = status

    async def search_capabilities(
        self,
        q: str,
        *,
        status: str | None = None,
        limit: int | None = None,
        match: str | None = None,
    ) -> list[CapabilityMatch]:
        """Capabilities that fit the words, best first, one row for each that fits.

        Args:
            q: Words of a name, a description or a tag.
            status: Only agents that are so; None: all.
            limit: At most so many rows; None: what the registry gives.
            match: lexical, semantic or auto; None: lexical.
        """
        params = {"q": q, "status": status, "limit": limit, "match": match}
        return await self._connection.call(
            "GET", "/capabilities/search", list[CapabilityMatch], params=params
        )

    async def get_agent(self, agent_id: str) -> AgentRegistration:
        """One agent.

        Raises:
            RecordNotFound: There is none with this id.
        """
        path = f"/agents/{segment('agent_id', agent_id)}"
        return await self._connection.call("GET", path, AgentRegistration, record_id=agent_id)

    async def list_agents(self, status: str | None = None) -> list[AgentRegistration]:
        """All agents by name, or those with this status; as many requests as there are pages."""
        pages = self._connection.pages(
            "/agents", list[AgentRegistration], params={"status": status}
        )
        return [one async for page in pages for one in page]

    async def check_health(self, agent_id: str) -> dict[str, Any]:
        """How an agent is: `status` (healthy, unhealthy, ...), `agent_status`, `last_heartbeat`,
        `is_healthy`, `seconds_since_heartbeat`.

        Raises:
            RecordNotFound: There is none with this id.
        """
        path = f"/health/{segment('agent_id', agent_id)}"
        return await self._connection.call("GET", path, dict[str, Any], record_id=agent_id)

    async def get_stats(self) -> dict[str, Any]:
        """Numbers of agents by status (`active_agents`, ...), `total_agents` and
        `total_capabilities`."""
        return await self._connection.call("GET", "/stats", dict[str, Any])

    async def delegate(
        self,
        capability: str,
        payload: str | Mapping[str, Any],
        *,
        fallback_capability: str | None = None,
        request_type: AgentRequestType = AgentRequestType.EXECUTE_TASK,
        priority: RequestPriority = RequestPriority.NORMAL,
        timeout_seconds: float = 30.0,
        idempotent: bool = False,
        correlation_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> AgentResponseEvent:
        """Have a healthy agent that can do it do something: found, asked, and answered.

        The best match is asked first, then whoever has the fallback capability. What an agent did
        not take (it was not reached, or rejected the request) goes to the next one. What it may
        have taken is repeated elsewhere only if `idempotent`, always under the same `request_id`.

        Args:
            capability: Words that the agent's capability must fit.
            payload: What it is given; words become `{"task": words}`.
            fallback_capability: What will do if nobody with the first one takes it.
            request_type: What for.
            priority: How urgent it is.
            timeout_seconds: Time for each agent that is asked.
            idempotent: Whether to do it twice does no harm.
            correlation_id: What it belongs to.
            metadata: Whatever else there is to say.

        Returns:
            The first answer that is not `rejected`; if there are only such, the last one. An agent
            that was too late is an answer with the status `timeout`: it may have been done.

        Raises:
            NoAgentFound: A ValueError: there is nobody; it says why each that was found is not.
            AnswerLost: The connection broke after the request was sent.
            RegistryUnavailable: The registry did not answer.
        """
        return await self._delegator.delegate(
            capability,
            payload,
            fallback_capability=fallback_capability,
            request_type=request_type,
            priority=priority,
            timeout_seconds=timeout_seconds,
            idempotent=idempotent,
            correlation_id=correlation_id,
            metadata=metadata,
        )

    async def close(self) -> None:
        """Stop the heartbeats and close the connections. The agent stays registered."""
        await self.stop_heartbeat()
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _renew(self) -> None:
        path = f"{self._path}/heartbeat"
        await self._connection.call("POST", path, object, record_id=self.agent_id, retry=False)

    def _can_reregister(self) -> bool:
        return self._wants_registration

    async def _reregister(self) -> None:
        await self.register(self._capabilities, self._metadata, self._status)
