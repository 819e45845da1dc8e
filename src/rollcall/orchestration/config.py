# SPDX-License-Identifier: Apache-2.0
"""Settings of an `OrchestrationRuntime` (document 5)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.money import Amount, non_negative
from rollcall.policies import checks
from rollcall.policies.circuit_breaker import CircuitBreaker
from rollcall.policies.retry import RetryPolicy

E = TypeVar("E", bound=StrEnum)


class RoutingStrategy(StrEnum):
    """Which of several agents takes a task."""

    SEMANTIC = "semantic"
    """The one whose capabilities fit the task best."""
    ROUND_ROBIN = "round-robin"
    """Each in turn."""
    RANDOM = "random"
    """Any, all equally likely."""
    LEAST_LOADED = "least-loaded"
    """The one with the smallest share of its slots taken."""
    WEIGHTED = "weighted"
    """Any, each as likely as its weight."""
    STICKY = "sticky"
    """The one that a key belongs to (rendezvous hashing), for as long as it is available."""


class ErrorHandlingMode(StrEnum):
    """What becomes of a task that failed."""

    GRACEFUL = "graceful"
    """Its result says so; everything else goes on."""
    FAIL_FAST = "fail-fast"
    """Its error is raised, and what runs beside it is cancelled."""
    CIRCUIT_BREAKER = "circuit-breaker"
    """As graceful, until the share of failures opens a circuit: then nothing more is sent."""


def chosen(kind: type[E], value: str, field: str) -> E:
    """The member of `kind` that `value` names.

    Raises:
        InvalidInput: There is none; the error lists them.
    """
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(repr(str(one)) for one in kind)
        raise InvalidInput(field, f"must be one of {known}, not {value!r:.80}") from None


class OrchestrationRuntimeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of an `OrchestrationRuntime`. Times are in seconds, money is in US dollars.

    Args:
        max_concurrent_agents: Tasks that run at once, over all agents; those that running tasks
            have begun and wait for do not count.
        max_queue_size: Tasks that wait for a slot; one more is refused.
        default_routing_strategy: How tasks are routed that ask for nothing else.
        enable_semantic_routing: Whether agents are compared with the task; without, `semantic`
            takes turns, and says so.
        enable_health_monitoring: Whether a started runtime asks its agents how they are and
            renews their leases. A runtime that owns its registry expires nobody without.
        health_check_interval: Between two checks of an agent; a check may take as long, too.
        canary: A task (a text, or the arguments of `run`) that `check_agent_health` has an agent do
            which has neither a `health_check` nor a `canary` of its own; it costs what a task
            costs. None: such an agent is as well as its lease says.
        heartbeat_timeout: Silence after which an agent reads unhealthy, in the registry that the
            runtime makes for itself; leases are renewed three times as often, in every registry.
        default_retry_policy: For tasks that bring none; None: nothing is tried twice.
        error_handling: What becomes of failed tasks, where a call does not say otherwise.
        enable_circuit_breaker: Whether an agent that fails again and again is left alone.
        circuit_breaker_threshold: The share of failures that opens a circuit, up to 1.
        circuit_breaker_failure_threshold: Failures in a row that open it; also the calls that
            must have been seen before the share counts.
        circuit_breaker_window: Latest calls that the share is taken over.
        circuit_breaker_recovery_timeout: Until a trial call is let through.
        enable_budget_enforcement: Whether a call is refused that its agent's or the runtime's
            budget does not cover. The books are kept either way.
        max_budget_usd: What all agents together may spend; None: without limit.
        enable_rate_limiting: Whether the two rates hold.
        rate_limit_per_second: Calls that all agents together begin in a second, in bursts of at
            most one second's worth; what comes too early waits. None: without limit.
        agent_rate_limit_per_second: The same for each agent by itself.
        enable_progress_tracking: Whether progress callbacks are called, and the progress of
            workflows is kept for `get_workflow_status`.
        enable_metrics: Whether tasks, errors and times are counted.
        hook_manager: Any object with some of the methods `on_task_started`, `on_task_retried` and
            `on_task_finished`, sync or async; each is given one `TaskEvent`.
        graceful_shutdown_timeout: How long `shutdown` lets tasks finish.
        history_size: Executions that are remembered.

    Raises:
        InvalidInput: A setting is out of its range; the error names it.
    """

    max_concurrent_agents: int = 10
    max_queue_size: int = 1000
    default_routing_strategy: RoutingStrategy | str = RoutingStrategy.SEMANTIC
    enable_semantic_routing: bool = True
    enable_health_monitoring: bool = True
    health_check_interval: float = 30.0
    canary: str | dict[str, Any] | None = None
    heartbeat_timeout: float = 30.0
    default_retry_policy: RetryPolicy | None = None
    error_handling: ErrorHandlingMode | str = ErrorHandlingMode.GRACEFUL
    enable_circuit_breaker: bool = True
    circuit_breaker_threshold: float = 0.5
    circuit_breaker_failure_threshold: int = 5
    circuit_breaker_window: int = 100
    circuit_breaker_recovery_timeout: float = 30.0
    enable_budget_enforcement: bool = True
    max_budget_usd: Amount | None = None
    enable_rate_limiting: bool = True
    rate_limit_per_second: float | None = None
    agent_rate_limit_per_second: float | None = None
    enable_progress_tracking: bool = True
    enable_metrics: bool = True
    hook_manager: Any = None
    graceful_shutdown_timeout: float = 30.0
    history_size: int = 1000

    def __post_init__(self) -> None:
        checks.whole("max_concurrent_agents", self.max_concurrent_agents, 1)
        checks.whole("max_queue_size", self.max_queue_size, 0)
        checks.whole("history_size", self.history_size, 0)
        checks.positive("health_check_interval", self.health_check_interval)
        checks.positive("heartbeat_timeout", self.heartbeat_timeout)
        checks.at_least("graceful_shutdown_timeout", self.graceful_shutdown_timeout, 0)
        for field in ("rate_limit_per_second", "agent_rate_limit_per_second"):
            if getattr(self, field) is not None:
                checks.positive(field, getattr(self, field))
        if self.max_budget_usd is not None:
            non_negative(self.max_budget_usd, "max_budget_usd")
        _ = self.routing_strategy, self.error_handling_mode
        try:
            self.new_circuit_breaker()
        except InvalidInput as error:
            raise InvalidInput(f"circuit_breaker_{error.field}", error.problem) from None

    @property
    def routing_strategy(self) -> RoutingStrategy:
        """`default_routing_strategy` as a member, also where it was given as a word."""
        return chosen(RoutingStrategy, self.default_routing_strategy, "default_routing_strategy")

    @property
    def error_handling_mode(self) -> ErrorHandlingMode:
        """`error_handling` as a member, also where it was given as a word."""
        return chosen(ErrorHandlingMode, self.error_handling, "error_handling")

    def new_circuit_breaker(self) -> CircuitBreaker:
        """A closed circuit breaker with these settings."""
        return CircuitBreaker(
            threshold=self.circuit_breaker_threshold,
            failure_threshold=self.circuit_breaker_failure_threshold,
            window=self.circuit_breaker_window,
            recovery_timeout=self.circuit_breaker_recovery_timeout,
        )
