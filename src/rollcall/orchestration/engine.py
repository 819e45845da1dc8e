# SPDX-License-Identifier: Apache-2.0
"""What an `OrchestrationRuntime` is made of, put together, started and stopped."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

from rollcall.kernel.clock import Clock, within
from rollcall.kernel.ids import IdSource
from rollcall.orchestration.admission import Admission
from rollcall.orchestration.agent_registry import AgentRegistry
from rollcall.orchestration.config import OrchestrationRuntimeConfig
from rollcall.orchestration.crew import Crew
from rollcall.orchestration.execution import Executor
from rollcall.orchestration.health import HealthMonitor
from rollcall.orchestration.history import ExecutionHistory
from rollcall.orchestration.models import AgentMetadata, AgentRegistryConfig
from rollcall.orchestration.notices import Notifier
from rollcall.orchestration.reporting import StatusReporter
from rollcall.orchestration.runner import Workflows
from rollcall.orchestration.tasks import Tasks
from rollcall.policies.budget import Budget

_AGENT_THREADS = 10_000
"""Above what slots let through, nested tasks included; a thread is made when none is idle."""

_HEALTH_THREADS = 32
_HOOKS_GRACE = 1.0
"""Seconds that hooks have to hear the last of it."""


class Engine:
    """The parts of a runtime.

    Args:
        config: Settings.
        registry: Where its agents are registered, started and shut down by its owner; None: one
            is made, started and shut down here.
        clock: Time.
        rng: Draws for routing.
        ids: Randomness for drawn ids.
    """

    def __init__(
        self,
        config: OrchestrationRuntimeConfig,
        registry: AgentRegistry | None,
        *,
        clock: Clock,
        rng: Random,
        ids: IdSource,
    ) -> None:
        self.runtime_id = f"runtime_{ids.hex(8)}"
        self._config = config
        self._clock = clock
        self._owns_registry = registry is None
        self.registry = registry or _own_registry(config, clock, ids)
        limit = config.max_budget_usd if config.enable_budget_enforcement else None
        self._budget = Budget(limit, "the budget of the runtime")
        self._admission = Admission(config.max_concurrent_agents, config.max_queue_size)
        self.history = ExecutionHistory(config.history_size)
        self._hooks = Notifier()
        self._threads = ThreadPoolExecutor(_AGENT_THREADS, "rollcall-agent")
        self._health_threads = ThreadPoolExecutor(_HEALTH_THREADS, "rollcall-health")
        self.reporter = StatusReporter(self.registry, self._admission.full)
        self.crew = Crew(
            self.runtime_id,
            self.registry,
            config,
            clock=clock,
            rng=rng,
            admission=self._admission,
            budget=self._budget,
            reporter=self.reporter,
        )
        self._executor = Executor(
            config,
            clock=clock,
            admission=self._admission,
            budget=self._budget,
            threads=self._threads,
            history=self.history,
            hooks=self._hooks,
            slots_changed=self.reporter.changed,
        )
        self.monitor = HealthMonitor(
            self.crew.workers,
            self.registry,
            self.reporter,
            budget=self._budget,
            config=config,
            register=self.crew.register_again,
            clock=clock,
            threads=self._health_threads,
        )
        self.tasks = Tasks(self.crew, self._executor, clock=clock, ids=ids)
        self.workflows = Workflows(config, clock=clock, ids=ids, dispatch=self.tasks.dispatch)
        self._started = False
        self._changing = asyncio.Lock()
        self._stopped = False

    async def start(self) -> None:
        """Start what runs by itself; a second time changes nothing.

        Raises:
            Closed: It was stopped.
        """
        self.tasks.refuse_if_closed()
        async with self._changing:
            if self._started:
                return
            if self._owns_registry:
                await self.registry.start()
            if self._config.enable_health_monitoring:
                self.monitor.start()
            self._started = True

    async def stop(self, seconds: float) -> None:
        """Take no more tasks, let those taken on finish for so long, and take everything down."""
        self.tasks.close()
        async with self._changing:
            if self._stopped:
                return
            await self.tasks.end(seconds)
            await self.monitor.stop()
            await self.reporter.settled()
            try:
                await within(self._clock, _HOOKS_GRACE, self._hooks.flush())
            except TimeoutError:
                await self._hooks.close()
            for agent_id in list(self.crew.workers):
                await self.crew.remove(agent_id)
            if self._owns_registry:
                await self.registry.shutdown()
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._health_threads.shutdown(wait=False, cancel_futures=True)
            self._stopped = True

    async def agents(self) -> list[AgentMetadata]:
        """Every agent, in the order in which they came."""
        await self.reporter.settled()
        described = [self.crew.described(agent_id) for agent_id in self.crew.workers]
        return [one for one in described if one is not None]

    async def metrics(self) -> dict[str, Any]:
        """What `OrchestrationRuntime.get_metrics` answers."""
        counts, budget = self._executor.counts, self._budget
        ended = counts.completed + counts.failed
        statuses = [one.status for one in await self.agents()]
        return {
            "runtime_id": self.runtime_id,
            "total_agents": len(statuses),
            "status_distribution": {
                status.value: statuses.count(status) for status in set(statuses)
            },
            "active_tasks": self._admission.taken,
            "queued_tasks": self._admission.waiting,
            "running_workflows": self.workflows.running,
            "completed_tasks": counts.completed,
            "failed_tasks": counts.failed,
            "request_count": counts.requests,
            "error_count": counts.errors,
            "total_execution_time": counts.seconds,
            "avg_execution_time": counts.seconds / ended if ended else 0.0,
            "budget_limit_usd": None if budget.limit is None else float(budget.limit),
            "budget_spent_usd": float(budget.spent),
            "budget_reserved_usd": float(budget.reserved),
            "hook_errors": self._hooks.failed,
            "hook_notices_dropped": self._hooks.dropped,
        }


def _own_registry(config: OrchestrationRuntimeConfig, clock: Clock, ids: IdSource) -> AgentRegistry:
    # An agent of this process that went silent with it is still there when it wakes up.
    registry = AgentRegistryConfig(
        enable_heartbeat_monitoring=config.enable_health_monitoring,
        heartbeat_timeout=config.heartbeat_timeout,
        auto_deregister_timeout=10 * config.heartbeat_timeout,
    )
    return AgentRegistry(registry, clock=clock, ids=ids)
