# SPDX-License-Identifier: Apache-2.0
"""The client of the agent registry for code without an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError
from random import Random
from typing import TYPE_CHECKING, Any, Self, TypeVar

from rollcall.client.delegation import AgentRequestType, AgentResponseEvent, RequestPriority
from rollcall.client.models import AgentCapability, AgentRegistration, CapabilityMatch
from rollcall.client.registry_client import RETRY, RegistryClient
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Closed
from rollcall.kernel.ids import IdSource
from rollcall.policies.retry import RetryPolicy

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class SyncRegistryClient:
    """A `RegistryClient` whose methods block, for programs without an event loop.

    It wraps one on a loop of its own in a thread, so that heartbeats go on while the program
    works. Any thread may use it. Use it in `with`, or `close` it; a program that does neither can
    still end.

    Args and methods are those of `RegistryClient`.
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
        self._client = RegistryClient(
            registry_url,
            agent_id,
            agent_name,
            base_url,
            heartbeat_interval,
            api_key=api_key,
            timeout=timeout,
            retry=retry,
            clock=clock,
            rng=rng,
            ids=ids,
            transport=transport,
        )
        self._lock = threading.Lock()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name=f"registry client of {agent_id}", daemon=True
        )
        self._thread.start()

    @property
    def agent_id(self) -> str:
        """The id of the agent that this client speaks for."""
        return self._client.agent_id

    @property
    def heartbeats_sent(self) -> int:
        """Heartbeats that the registry has acknowledged."""
        return self._client.heartbeats_sent

    @property
    def heartbeats_failed(self) -> int:
        """Heartbeats that it has not."""
        return self._client.heartbeats_failed

    @property
    def registered_again(self) -> int:
        """How often the registry no longer knew the agent and was given it again."""
        return self._client.registered_again

    def register(
        self,
        capabilities: Sequence[AgentCapability],
        metadata: Mapping[str, Any] | None = None,
        status: str = "active",
    ) -> None:
        """See `RegistryClient.register`."""
        self._run(self._client.register(capabilities, metadata, status))

    def deregister(self) -> None:
        """See `RegistryClient.deregister`."""
        self._run(self._client.deregister())

    def send_heartbeat(self) -> None:
        """See `RegistryClient.send_heartbeat`."""
        self._run(self._client.send_heartbeat())

    def start_heartbeat(self, interval: float | None = None) -> None:
        """See `RegistryClient.start_heartbeat`."""
        self._run(self._client.start_heartbeat(interval))

    def stop_heartbeat(self) -> None:
        """See `RegistryClient.stop_heartbeat`."""
        self._run(self._client.stop_heartbeat())

    def update_status(self, status: str) -> None:
        """See `RegistryClient.update_status`."""
        self._run(self._client.update_status(status))

    def search_capabilities(
        self,
        q: str,
        *,
        status: str | None = None,
        limit: int | None = None,
        match: str | None = None,
    ) -> list[CapabilityMatch]:
        """See `RegistryClient.search_capabilities`."""
        return self._run(
            self._client.search_capabilities(q, status=status, limit=limit, match=match)
        )

    def get_agent(self, agent_id: str) -> AgentRegistration:
        """See `RegistryClient.get_agent`."""
        return self._run(self._client.get_agent(agent_id))

    def list_agents(self, status: str | None = None) -> list[AgentRegistration]:
        """See `RegistryClient.list_agents`."""
        return self._run(self._client.list_agents(status))

    def check_health(self, agent_id: str) -> dict[str, Any]:
        """See `RegistryClient.check_health`."""
        return self._run(self._client.check_health(agent_id))

    def get_stats(self) -> dict[str, Any]:
        """See `RegistryClient.get_stats`."""
        return self._run(self._client.get_stats())

    def delegate(
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
        """See `RegistryClient.delegate`."""
        return self._run(
            self._client.delegate(
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
        )

    def close(self) -> None:
        """Stop the heartbeats, close the connections and end the thread. Twice is once."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            closing = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        try:
            closing.result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _end(self) -> None:
        """Close the client; whoever still waits in another thread is told that it was closed."""
        await self._client.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        with self._lock:
            if self._closed:
                work.close()
                raise Closed("this client was closed: make a new one")
            waiting = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return waiting.result()
        except CancelledError:
            raise Closed("this client was closed while it waited for an answer") from None
        except BaseException:
            # Ctrl-C, say: nobody waits any more. For what has ended by itself it does nothing.
            waiting.cancel()
            raise
