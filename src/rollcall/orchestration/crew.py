# SPDX-License-Identifier: Apache-2.0
"""The agents of one runtime: who they are, and which of them takes a task."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput, MissingExtra
from rollcall.orchestration.admission import Admission
from rollcall.orchestration.agent_registry import AgentRegistry
from rollcall.orchestration.config import OrchestrationRuntimeConfig, RoutingStrategy
from rollcall.orchestration.errors import AgentNotFound
from rollcall.orchestration.execution import new_bucket
from rollcall.orchestration.models import AgentMetadata, AgentStatus
from rollcall.orchestration.reporting import StatusReporter
from rollcall.orchestration.routing import (
    Candidate,
    Ranking,
    RouteDecision,
    Router,
    Task,
    rank_by_words,
    task_text,
)
from rollcall.orchestration.workers import Worker, beyond
from rollcall.policies.budget import Budget
from rollcall.registry.matching import MAX_TEXT
from rollcall.registry.meaning import content_words
from rollcall.registry.query import Match, Query


class Crew:
    """Keeps the agents of a runtime beside their records, and routes among them.

    Args:
        runtime_id: The runtime.
        registry: Where its agents are registered.
        config: Settings.
        clock: Time.
        rng: Draws.
        admission: Their slots.
        budget: What all of them together may spend.
        reporter: Tells the registry how they are.
    """

    def __init__(
        self,
        runtime_id: str,
        registry: AgentRegistry,
        config: OrchestrationRuntimeConfig,
        *,
        clock: Clock,
        rng: Random,
        admission: Admission,
        budget: Budget,
        reporter: StatusReporter,
    ) -> None:
        self.workers: dict[str, Worker] = {}
        self._runtime_id = runtime_id
        self._registry = registry
        self._config = config
        self._clock = clock
        self._router = Router(rng)
        self._admission = admission
        self._budget = budget
        self._reporter = reporter
        self._has_encoder = True

    async def add(
        self,
        agent: Any,
        agent_id: str | None,
        max_concurrency: int,
        memory_limit_mb: int,
        budget_limit_usd: float,
    ) -> str:
        """Register an agent; returns its id."""
        if not any(callable(getattr(agent, name, None)) for name in ("run", "handle_request")):
            raise InvalidInput("agent", "needs a method `run`, sync or async")
        known = await self._registry.register_agent(
            agent, self._runtime_id, agent_id, max_concurrency, memory_limit_mb, budget_limit_usd
        )
        enforced = self._config.enable_budget_enforcement
        self.workers[known] = Worker(
            agent_id=known,
            agent=agent,
            max_concurrency=max_concurrency,
            memory_limit_mb=memory_limit_mb,
            budget_limit_usd=budget_limit_usd,
            budget=Budget(budget_limit_usd if enforced else None, f"the budget of agent {known}"),
            words=self._words(known),
            breaker=self._config.new_circuit_breaker()
            if self._config.enable_circuit_breaker
            else None,
            rate=new_bucket(self._config, self._config.agent_rate_limit_per_second),
        )
        self._admission.open(known, max_concurrency)
        return known

    async def remove(self, agent_id: str) -> bool:
        """Deregister an agent; its running tasks go on. False: there is no such agent."""
        if self.workers.pop(agent_id, None) is None:
            return False
        self._admission.close(agent_id)
        await self._registry.deregister_agent(agent_id, self._runtime_id)
        return True

    async def register_again(self, worker: Worker) -> None:
        """Register an agent whose record has expired."""
        worker.reported = None
        await self._registry.register_agent(
            worker.agent,
            self._runtime_id,
            worker.agent_id,
            worker.max_concurrency,
            worker.memory_limit_mb,
            worker.budget_limit_usd,
        )

    def worker(self, agent_id: str) -> Worker:
        """An agent.

        Raises:
            AgentNotFound: There is none.
        """
        worker = self.workers.get(agent_id)
        if worker is None:
            raise AgentNotFound(agent_id)
        return worker

    def described(self, agent_id: str) -> AgentMetadata | None:
        """What is known about an agent, and what it has done here; None: there is none."""
        worker = self.workers.get(agent_id)
        known = self._registry.agents.get(agent_id)
        if worker is None:
            return None
        if known is None:
            # Its record has expired; it is registered again with the next renewal.
            known = AgentMetadata(
                agent_id,
                worker.agent,
                self._runtime_id,
                max_concurrency=worker.max_concurrency,
                memory_limit_mb=worker.memory_limit_mb,
                budget_limit_usd=worker.budget_limit_usd,
                status=AgentStatus.OFFLINE,
            )
        return worker.described(known)

    async def decide(
        self,
        task: Task,
        strategy: RoutingStrategy,
        *,
        key: str | None = None,
        weights: Mapping[str, float] | None = None,
        estimate: Decimal,
        wait: bool,
    ) -> RouteDecision:
        """Who takes a task; see `OrchestrationRuntime.explain_route`."""
        ranking = None
        if strategy is RoutingStrategy.SEMANTIC and self._config.enable_semantic_routing:
            ranking = await self._ranking(task_text(task))
        await self._reporter.settled()
        return self._router.route(
            strategy,
            self._candidates(estimate),
            ranking=ranking,
            key=key,
            weights=weights,
            wait=wait,
        )

    def _candidates(self, estimate: Decimal) -> list[Candidate]:
        now = self._clock.monotonic()
        refused = beyond(self._budget, estimate)
        candidates: list[Candidate] = []
        for agent_id, worker in self.workers.items():
            known = self._registry.agents.get(agent_id)
            full = self._admission.full(agent_id)
            status = None if known is None else known.status
            candidate = worker.candidate(status, now, full=full, estimate=estimate)
            if refused is not None:
                candidate = msgspec.structs.replace(candidate, refusal=str(refused))
            candidates.append(candidate)
        return candidates

    async def _ranking(self, text: str) -> Ranking:
        """How well the agents fit: by meaning; if that finds nobody, by words in common."""
        query = " ".join(content_words(text))[:MAX_TEXT]
        if query and self._has_encoder:
            scores = await self._by_meaning(query)
            if scores:
                return Ranking(scores, "meaning")
        return rank_by_words(
            text, {agent_id: worker.words for agent_id, worker in self.workers.items()}
        )

    async def _by_meaning(self, text: str) -> dict[str, float]:
        service = self._registry.service
        query = Query(text=text, match=Match.SEMANTIC, runtime=self._runtime_id)
        try:
            found = await service.search(self._registry.namespace, query)
        except MissingExtra:
            # It will not be installed while this process runs.
            self._has_encoder = False
            return {}
        record = service.state.slots.record
        return {record(one.slot).id: one.hit.score for one in found if one.hit is not None}

    def _words(self, agent_id: str) -> frozenset[str]:
        state = self._registry.service.state
        slot = state.slot(self._registry.namespace, agent_id)
        if slot is None:
            return frozenset()
        return frozenset(
            word
            for one in state.slots.record(slot).capabilities
            for word in content_words(" ".join((one.name, one.description, *one.tags)))
        )
