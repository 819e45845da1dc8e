# SPDX-License-Identifier: Apache-2.0
"""`OrchestrationRuntime`: routes tasks to the agents of this process and runs them (document 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any, Self

from rollcall.kernel.clock import Clock, SystemClock
from rollcall.kernel.ids import IdSource, RandomIds
from rollcall.kernel.money import Amount, non_negative
from rollcall.orchestration.agent_registry import AgentRegistry
from rollcall.orchestration.config import (
    ErrorHandlingMode,
    OrchestrationRuntimeConfig,
    RoutingStrategy,
    chosen,
)
from rollcall.orchestration.engine import Engine
from rollcall.orchestration.history import ExecutionRecord, TaskResult
from rollcall.orchestration.models import AgentMetadata, AgentStatus
from rollcall.orchestration.notices import Callback
from rollcall.orchestration.routing import RouteDecision, Task
from rollcall.orchestration.workflow import (
    Step,
    WorkflowResult,
    WorkflowStatus,
    independent,
    plan,
)
from rollcall.policies import checks
from rollcall.policies.retry import RetryPolicy


class OrchestrationRuntime:
    """Runs tasks on the agents of this process: an agent is any object with `run`, sync or async.

    It starts by itself with the first agent; `shutdown` it, or use it in `async with`.

    Args:
        config: Settings.
        registry: Where its agents are registered, started and shut down by its owner; None: it
            makes one for itself.
        clock: Time.
        rng: Draws for routing.
        ids: Randomness for drawn ids.
    """

    def __init__(
        self,
        config: OrchestrationRuntimeConfig | None = None,
        *,
        registry: AgentRegistry | None = None,
        clock: Clock | None = None,
        rng: Random | None = None,
        ids: IdSource | None = None,
    ) -> None:
        self.config = config or OrchestrationRuntimeConfig()
        self._engine = Engine(
            self.config,
            registry,
            clock=clock or SystemClock(),
            rng=rng or Random(),
            ids=ids or RandomIds(),
        )
        self.runtime_id = self._engine.runtime_id
        self.registry = self._engine.registry
        self._crew = self._engine.crew
        self._tasks = self._engine.tasks
        self._workflows = self._engine.workflows

    # Life

    async def start(self) -> None:
        """Begin to watch the agents' health. Needs not be called: the first agent does.

        Raises:
            Closed: It was shut down.
        """
        await self._engine.start()

    async def shutdown(self, graceful: bool = True, timeout: float | None = None) -> None:
        """Take no more tasks, let those that were taken on finish, and deregister the agents.

        Args:
            graceful: Whether tasks may finish; otherwise they are cancelled at once.
            timeout: Seconds that they have for it; None: `graceful_shutdown_timeout`. What has
                not ended then is cancelled.
        """
        seconds = self.config.graceful_shutdown_timeout if timeout is None else timeout
        checks.at_least("timeout", seconds, 0)
        await self._engine.stop(seconds if graceful else 0.0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shutdown()

    # Agents

    async def register_agent(
        self,
        agent: Any,
        agent_id: str | None = None,
        max_concurrency: int = 10,
        memory_limit_mb: int = 512,
        budget_limit_usd: float = 1.0,
    ) -> str:
        """Take an agent on; returns its id: the argument, else `agent.agent_id`, else drawn.

        Raises:
            AgentExists: A ValueError: the id is taken.
            InvalidInput: It has neither `run` nor `handle_request`, its card cannot be read, or a
                limit makes no sense.
            Closed: The runtime was shut down.
        """
        await self.start()
        return await self._crew.add(
            agent, agent_id, max_concurrency, memory_limit_mb, budget_limit_usd
        )

    async def deregister_agent(self, agent_id: str) -> bool:
        """Let an agent go: its running tasks finish, its waiting ones are refused.

        False: there is no such agent.
        """
        return await self._crew.remove(agent_id)

    async def get_agent_status(self, agent_id: str) -> AgentMetadata | None:
        """What is known about an agent, and what it has done here; None: there is none."""
        await self._engine.reporter.settled()
        return self._crew.described(agent_id)

    async def list_agents(
        self, status_filter: AgentStatus | str | None = None
    ) -> list[AgentMetadata]:
        """The agents of this runtime, in the order in which they came; of one status, or all."""
        wanted = status_filter and chosen(AgentStatus, status_filter, "status_filter")
        agents = await self._engine.agents()
        return [one for one in agents if wanted is None or one.status is wanted]

    async def check_agent_health(self, agent_id: str) -> bool:
        """Whether an agent is well: by its `health_check`, else by its canary, else by its lease.

        A canary is a task that somebody asked for by the agent's attribute `canary` or by the
        settings; without one, `run` is never called.

        Raises:
            AgentNotFound: A KeyError: there is no such agent.
        """
        return await self._engine.monitor.check(self._crew.worker(agent_id))

    # Tasks

    async def route_task(
        self,
        task: Task,
        strategy: RoutingStrategy | str | None = None,
        *,
        key: str | None = None,
        weights: Mapping[str, float] | None = None,
        estimated_cost_usd: Amount = 0,
    ) -> Any:
        """The agent that should take a task; None: nobody can. See `explain_route`."""
        decision = await self.explain_route(
            task, strategy, key=key, weights=weights, estimated_cost_usd=estimated_cost_usd
        )
        return decision.agent_id and self._crew.worker(decision.agent_id).agent

    async def explain_route(
        self,
        task: Task,
        strategy: RoutingStrategy | str | None = None,
        *,
        key: str | None = None,
        weights: Mapping[str, float] | None = None,
        estimated_cost_usd: Amount = 0,
        wait: bool = False,
    ) -> RouteDecision:
        """Who should take a task, why, and why nobody else.

        Only active agents with a free slot, a circuit that lets a call through and enough of
        their budget left are asked.

        Args:
            task: What is to be done: words, or a mapping that has them.
            strategy: How to choose; None: `default_routing_strategy`.
            key: For sticky: what the task belongs to (a session, a customer).
            weights: For weighted, and optionally sticky: a weight for each agent; 1 where missing.
            estimated_cost_usd: What the task may cost.
            wait: Whether an agent will do that has no free slot at the moment.

        Raises:
            InvalidInput: The task has no words and the strategy needs them, there is no such
                strategy, or its key or weights are wanting.
        """
        how = self._strategy(strategy)
        estimate = non_negative(estimated_cost_usd, "estimated_cost_usd")
        return await self._crew.decide(
            task, how, key=key, weights=weights, estimate=estimate, wait=wait
        )

    async def execute_task(
        self,
        agent_id: str,
        inputs: Any = None,
        *,
        timeout: float | None = None,
        estimated_cost_usd: Amount = 0,
        retry_policy: RetryPolicy | None = None,
        priority: int = 0,
        error_handling: ErrorHandlingMode | str | None = None,
        method: str = "run",
        task_id: str | None = None,
    ) -> TaskResult:
        """Have an agent do a task, and wait for it.

        `inputs` are passed by `rollcall.orchestration.calls.arguments`: a mapping as keyword
        arguments where the signature takes them, otherwise as the one argument. A sync method
        runs in a thread. What a task costs is what its result says under `cost_usd`, otherwise
        the estimate; a failed one costs what its error says, otherwise nothing.

        Args:
            agent_id: The agent.
            inputs: What it is given.
            timeout: Seconds that the task may take, waiting and retries included.
            estimated_cost_usd: What an attempt may cost: reserved in the agent's budget and the
                runtime's before it.
            retry_policy: When it is tried again; None: `default_retry_policy`.
            priority: A higher one gets a slot first, among those who wait.
            error_handling: "fail-fast" raises the error of a task without a result; the other
                modes return it. None: as configured.
            method: The method that is called.
            task_id: Its id; None: drawn.

        Raises:
            AgentNotFound: A KeyError: there is no such agent.
            InvalidInput: An argument is out of its range.
            Closed: The runtime was shut down.
        """
        mode = self._mode(error_handling)
        result = await self._tasks.execute(
            agent_id,
            inputs,
            timeout=timeout,
            estimated_cost_usd=estimated_cost_usd,
            retry_policy=retry_policy,
            priority=priority,
            method=method,
            task_id=task_id,
        )
        if mode is ErrorHandlingMode.FAIL_FAST:
            result.unwrap()
        return result

    # Workflows

    async def execute_multi_agent_workflow(
        self,
        tasks: Sequence[Task],
        routing_strategy: RoutingStrategy | str | None = None,
        error_handling: ErrorHandlingMode | str | None = None,
        max_concurrent: int | None = None,
        on_progress: Callback | None = None,
        *,
        workflow_id: str | None = None,
    ) -> list[TaskResult]:
        """Route and run many tasks; the results are in the order of the tasks.

        Args:
            tasks: Words, or mappings that have them; see `Task`.
            routing_strategy: How they are routed; None: `default_routing_strategy`.
            error_handling: "graceful": a failed task's result says so in its place. "fail-fast":
                the first error cancels the rest and is raised. "circuit-breaker": as graceful
                until too many fail; the rest is then rejected. None: as configured.
            max_concurrent: Tasks under way at once; None: `max_concurrent_agents`.
            on_progress: Called with a `Progress` after each task, sync or async; waited for at
                the end.
            workflow_id: What `get_workflow_status` knows it by; None: drawn.

        Raises:
            InvalidInput: A task has no words, or an argument is out of its range.
            Closed: The runtime was shut down.
        """
        how = self._strategy(routing_strategy)
        worded = how is RoutingStrategy.SEMANTIC and self.config.enable_semantic_routing
        steps = independent(tasks, worded=worded)
        self._tasks.refuse_if_closed()
        result = await self._workflows.run(
            steps,
            strategy=how,
            mode=self._mode(error_handling),
            max_concurrent=max_concurrent,
            on_progress=on_progress,
            workflow_id=workflow_id,
        )
        return list(result.results.values())

    async def execute_workflow(
        self,
        workflow: Mapping[str, Any] | Iterable[Step | Mapping[str, Any]],
        *,
        routing_strategy: RoutingStrategy | str | None = None,
        error_handling: ErrorHandlingMode | str | None = None,
        max_concurrent: int | None = None,
        on_progress: Callback | None = None,
        workflow_id: str | None = None,
    ) -> WorkflowResult:
        """Run steps of which some need results of others; see `Step`, and above for the rest.

        A step that fails takes those with it that need it (they are skipped); the others go on.

        Raises:
            InvalidInput: The steps make no sense: one needs itself, or one that is not there.
            Closed: The runtime was shut down.
        """
        steps = plan(workflow)
        self._tasks.refuse_if_closed()
        return await self._workflows.run(
            steps,
            strategy=self._strategy(routing_strategy),
            mode=self._mode(error_handling),
            max_concurrent=max_concurrent,
            on_progress=on_progress,
            workflow_id=workflow_id,
        )

    async def get_workflow_status(self, workflow_id: str) -> WorkflowStatus | None:
        """How a workflow is, or was; None: it is not known, not any more, or not tracked."""
        return self._workflows.status(workflow_id)

    # What it has done

    async def get_execution_history(self, limit: int = 100) -> list[ExecutionRecord]:
        """The last `limit` executions, in the order in which they ended."""
        return self._engine.history.latest(checks.whole("limit", limit, 0))

    async def get_metrics(self) -> dict[str, Any]:
        """Counts and sums since the runtime was made; those of tasks and calls stand still at 0
        without `enable_metrics`."""
        return await self._engine.metrics()

    def _strategy(self, strategy: RoutingStrategy | str | None) -> RoutingStrategy:
        if strategy is None:
            return self.config.routing_strategy
        return chosen(RoutingStrategy, strategy, "strategy")

    def _mode(self, mode: ErrorHandlingMode | str | None) -> ErrorHandlingMode:
        if mode is None:
            return self.config.error_handling_mode
        return chosen(ErrorHandlingMode, mode, "error_handling")
