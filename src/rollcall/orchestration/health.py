# SPDX-License-Identifier: Apache-2.0
"""Asking agents how they are, and renewing the leases of those that this process runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor as Threads
from decimal import Decimal
from typing import Any, cast

from rollcall.kernel.clock import Clock, within
from rollcall.orchestration.agent_registry import AgentRegistry
from rollcall.orchestration.calls import Call, cost_of
from rollcall.orchestration.config import OrchestrationRuntimeConfig
from rollcall.orchestration.models import AgentStatus
from rollcall.orchestration.reporting import StatusReporter
from rollcall.orchestration.workers import Worker, beyond
from rollcall.policies.budget import Budget

_log = logging.getLogger(__name__)

_WELL = frozenset({"healthy", "ok", "pass", "up", "active", "busy"})
_BEATS_PER_TIMEOUT = 3


def passes(answer: Any) -> bool:
    """Whether the answer of a `health_check` says that the agent is well.

    None does, as a check that has only its errors to say. A mapping says it under `healthy`, or
    under `status` in one of the usual words. Of anything else its truth counts.
    """
    if answer is None:
        return True
    if isinstance(answer, Mapping):
        said = cast("Mapping[str, Any]", answer)
        if "healthy" in said:
            return bool(said["healthy"])
        return str(said.get("status", "ok")).lower() in _WELL
    return bool(answer)


class HealthMonitor:
    """Checks agents every `interval` and renews their leases.

    An agent with a method `health_check` (sync or async) is asked by it. Any other is as well as
    its lease says, unless there is a canary for it: a task that its `run` is given when somebody
    asks how it is. Since a run has costs and effects, only a text or a mapping in the agent's
    attribute `canary`, or in the settings, makes one; `canary = False` keeps an agent from those of
    the settings. The checks that come by themselves run no canary, except for an agent whose last
    one failed, until it passes. The lease is renewed whatever the check says: it proves that the
    process breathes, and a failing agent can only come back if it is still there.

    Args:
        workers: The agents, by id.
        registry: Where they are registered.
        reporter: Tells the registry what a check found.
        budget: What all agents together may spend; a canary is paid from it and from the agent's.
        config: How often agents are asked, how long a check may take, how long leases stand, and
            the canary of agents that bring none.
        register: Registers an agent anew that the registry has lost.
        clock: Time.
        threads: Where sync checks run.
    """

    def __init__(
        self,
        workers: Mapping[str, Worker],
        registry: AgentRegistry,
        reporter: StatusReporter,
        *,
        budget: Budget,
        config: OrchestrationRuntimeConfig,
        register: Callable[[Worker], Awaitable[Any]],
        clock: Clock,
        threads: Threads,
    ) -> None:
        self._workers = workers
        self._registry = registry
        self._reporter = reporter
        self._budget = budget
        self._canary = config.canary
        self._register = register
        self._clock = clock
        self._threads = threads
        self._interval = config.health_check_interval
        self._beat = config.heartbeat_timeout / _BEATS_PER_TIMEOUT
        self._asked: set[Worker] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Check and renew until `stop`."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._check_all(), name="rollcall-health"),
                asyncio.create_task(self._renew_all(), name="rollcall-heartbeats"),
            ]

    async def stop(self) -> None:
        """Check and renew no more."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def check(self, worker: Worker, *, canary: bool = True) -> bool:
        """Whether an agent is well; what a check of its own says is reported to the registry.

        An answer that does not come within the interval is a failed check, and so is one that is
        still awaited from the check before.

        Args:
            worker: The agent.
            canary: Whether to have it do its canary.
        """
        ask = getattr(worker.agent, "health_check", None)
        if callable(ask):
            worker.failing = not await self._ask(worker, ask, None)
        elif canary and (task := self._canary_of(worker)) is not None:
            worker.failing = not await self._ask(worker, worker.agent.run, task)
        else:
            await self._reporter.settled()
            known = self._registry.agents.get(worker.agent_id)
            gone = (AgentStatus.UNHEALTHY, AgentStatus.OFFLINE)
            return known is not None and known.status not in gone
        self._reporter.changed(worker)
        await self._reporter.settled()
        return not worker.failing

    def _canary_of(self, worker: Worker) -> str | Mapping[str, Any] | None:
        """The agent's canary; None: there is none, or no money for it."""
        own: Any = getattr(worker.agent, "canary", None)
        task = self._canary if own is None else own
        if not isinstance(task, str | Mapping) or not callable(getattr(worker.agent, "run", None)):
            return None
        for budget in (worker.budget, self._budget):
            if (refused := beyond(budget, Decimal(0))) is not None:
                _log.warning("agent %s does no canary: %s", worker.agent_id, refused)
                return None
        return cast("str | Mapping[str, Any]", task)

    async def _ask(self, worker: Worker, ask: Callable[..., Any], inputs: Any) -> bool:
        if worker in self._asked:
            return False
        call = Call(self._threads, ask, inputs)
        self._asked.add(worker)
        try:
            outcome = await within(self._clock, self._interval, call.outcome())
        except TimeoutError:
            _log.warning("health check of agent %s did not answer", worker.agent_id)
            return False
        finally:
            call.when_over(lambda: self._asked.discard(worker))
        said = outcome.value if outcome.error is None else outcome.error
        self._pay(worker, cost_of(said, Decimal(0)))
        if outcome.error is not None:
            _log.warning("health check of agent %s failed: %r", worker.agent_id, outcome.error)
        return outcome.error is None and passes(outcome.value)

    def _pay(self, worker: Worker, cost: Decimal) -> None:
        """Book what a check cost, which nobody could know before."""
        if cost:
            for budget in (worker.budget, self._budget):
                budget.book(cost)

    async def _check_all(self) -> None:
        while True:
            await self._clock.sleep(self._interval)
            checks = [
                self.check(worker, canary=worker.failing) for worker in list(self._workers.values())
            ]
            for result in await asyncio.gather(*checks, return_exceptions=True):
                if isinstance(result, Exception):
                    _log.error("a health check broke off", exc_info=result)

    async def _renew_all(self) -> None:
        while True:
            await self._clock.sleep(self._beat)
            for worker in list(self._workers.values()):
                try:
                    if await self._registry.update_agent_heartbeat(worker.agent_id):
                        continue
                    if worker.agent_id in self._workers:
                        await self._register(worker)
                        _log.warning("agent %s had expired: registered again", worker.agent_id)
                except Exception:
                    _log.exception("the lease of agent %s was not renewed", worker.agent_id)
