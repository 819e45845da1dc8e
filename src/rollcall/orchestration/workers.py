# SPDX-License-Identifier: Apache-2.0
"""An agent as its runtime works with it: its budget, circuit, rate and counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from rollcall.orchestration.models import AgentMetadata, AgentStatus
from rollcall.orchestration.routing import Candidate
from rollcall.policies.budget import Budget, BudgetExceeded
from rollcall.policies.circuit_breaker import CircuitBreaker
from rollcall.policies.rate import TokenBucket


@dataclass(slots=True)
class Counts:
    """What an agent has done.

    Args:
        completed: Tasks that ended well.
        failed: Tasks that were given to it and did not end well.
        requests: Calls.
        errors: Calls that failed.
        seconds: Time in calls.
    """

    completed: int = 0
    failed: int = 0
    requests: int = 0
    errors: int = 0
    seconds: float = 0.0


@dataclass(slots=True, eq=False)
class Worker:
    """One agent of a runtime.

    Args:
        agent_id: Its id.
        agent: The agent itself.
        max_concurrency: Tasks that it may run at once.
        memory_limit_mb: As it was registered.
        budget_limit_usd: As it was registered.
        budget: What it may spend and has spent.
        words: What its capabilities are made of, by `content_words`.
        breaker: Its circuit; None: it has none.
        rate: How often it may be called; None: as often as anybody likes.
        counts: What it has done.
        in_flight: Tasks that were given to it and have not ended, waiting ones included.
        active: Calls that run.
        failing: Whether its latest health check failed.
        reported: The status that the runtime has reported for it; None: none, or not any more.
        before: What it read as before it was reported unhealthy.
    """

    agent_id: str
    agent: Any
    max_concurrency: int
    memory_limit_mb: int
    budget_limit_usd: float
    budget: Budget
    words: frozenset[str] = frozenset()
    breaker: CircuitBreaker | None = None
    rate: TokenBucket | None = None
    counts: Counts = field(default_factory=Counts)
    in_flight: int = 0
    active: int = 0
    failing: bool = False
    reported: AgentStatus | None = None
    before: AgentStatus = AgentStatus.ACTIVE

    def candidate(
        self, status: AgentStatus | None, now: float, *, full: bool, estimate: Decimal
    ) -> Candidate:
        """The agent as routing sees it.

        Args:
            status: Its effective status; None: the registry does not know it.
            now: Monotonic seconds.
            full: Whether all its slots are taken.
            estimate: US dollars that the task may cost.
        """
        return Candidate(
            self.agent_id,
            self.in_flight / self.max_concurrency,
            self._refusal(status, now, estimate),
            full,
        )

    def described(self, known: AgentMetadata) -> AgentMetadata:
        """What the registry knows about it, and what the runtime does."""
        counts = self.counts
        ended = counts.completed + counts.failed
        return msgspec.structs.replace(
            known,
            active_tasks=self.active,
            completed_tasks=counts.completed,
            failed_tasks=counts.failed,
            budget_spent_usd=float(self.budget.spent),
            total_execution_time=counts.seconds,
            avg_execution_time=counts.seconds / ended if ended else 0.0,
            error_count=counts.errors,
            request_count=counts.requests,
        )

    def _refusal(self, status: AgentStatus | None, now: float, estimate: Decimal) -> str | None:
        if status is None:
            return "the registry does not know it any more"
        busy_by_us = status is AgentStatus.BUSY and self.reported is AgentStatus.BUSY
        if status is not AgentStatus.ACTIVE and not busy_by_us:
            return f"it is {status}"
        if self.breaker is not None and (wait := self.breaker.retry_after(now)) > 0:
            return f"its circuit is open: too many calls failed (a trial may be made in {wait:g} s)"
        refused = beyond(self.budget, estimate)
        return None if refused is None else str(refused)


def beyond(budget: Budget, amount: Decimal) -> BudgetExceeded | None:
    """Why `amount` US dollars more are not to be spent; None: they may be.

    A budget that is spent covers nothing more, not even what is estimated to cost nothing; one
    that was never touched does, so that an agent without a budget may do what is free.
    """
    limit = budget.limit
    if limit is None:
        return None
    spent_up = budget.spent > 0 and budget.spent >= limit
    if not spent_up and budget.spent + budget.reserved + amount <= limit:
        return None
    return BudgetExceeded(budget.name, limit, budget.spent, budget.reserved, amount)
