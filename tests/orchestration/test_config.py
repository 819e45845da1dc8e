from __future__ import annotations

from typing import Any

import pytest

from rollcall.kernel.errors import InvalidInput
from rollcall.orchestration.config import (
    ErrorHandlingMode,
    OrchestrationRuntimeConfig,
    RoutingStrategy,
)
from rollcall.policies.circuit_breaker import CircuitState


def test_the_defaults_are_those_of_the_document() -> None:
    config = OrchestrationRuntimeConfig()

    assert config.max_concurrent_agents == 10
    assert config.max_queue_size == 1000
    assert config.default_routing_strategy == "semantic"
    assert config.health_check_interval == config.heartbeat_timeout == 30
    assert config.default_retry_policy is None
    assert config.error_handling == ErrorHandlingMode.GRACEFUL
    assert config.circuit_breaker_threshold == 0.5
    assert config.circuit_breaker_failure_threshold == 5
    assert config.circuit_breaker_window == 100
    assert config.circuit_breaker_recovery_timeout == 30
    assert config.max_budget_usd is None
    assert config.hook_manager is None
    assert config.graceful_shutdown_timeout == 30
    switches = [name for name in config.__struct_fields__ if name.startswith("enable_")]
    assert len(switches) == 7
    assert all(getattr(config, name) is True for name in switches)


def test_words_stand_for_their_members() -> None:
    config = OrchestrationRuntimeConfig(
        default_routing_strategy="round-robin", error_handling="fail-fast"
    )
    assert config.routing_strategy is RoutingStrategy.ROUND_ROBIN
    assert config.error_handling_mode is ErrorHandlingMode.FAIL_FAST


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_concurrent_agents", 0),
        ("max_queue_size", -1),
        ("history_size", -1),
        ("default_routing_strategy", "fastest"),
        ("error_handling", "hope"),
        ("health_check_interval", 0),
        ("heartbeat_timeout", float("inf")),
        ("graceful_shutdown_timeout", -1),
        ("rate_limit_per_second", 0),
        ("agent_rate_limit_per_second", -1),
        ("max_budget_usd", -1),
        ("circuit_breaker_threshold", 1.5),
        ("circuit_breaker_failure_threshold", 0),
        ("circuit_breaker_window", 1),
        ("circuit_breaker_recovery_timeout", 0),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        OrchestrationRuntimeConfig(**{field: value})
    assert caught.value.field == field


def test_an_unknown_word_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="'least-loaded'"):
        OrchestrationRuntimeConfig(default_routing_strategy="fastest")


def test_a_circuit_breaker_goes_by_all_four_settings() -> None:
    breaker = OrchestrationRuntimeConfig(
        circuit_breaker_threshold=0.75,
        circuit_breaker_failure_threshold=3,
        circuit_breaker_window=4,
        circuit_breaker_recovery_timeout=9,
    ).new_circuit_breaker()
    for failed in (True, True, False, False, False, True, True):
        permit = breaker.allow(0.0)
        assert permit is not None
        (breaker.failed if failed else breaker.succeeded)(permit, 0.0)
    assert breaker.state(0.0) is CircuitState.CLOSED
    permit = breaker.allow(0.0)
    assert permit is not None
    breaker.failed(permit, 0.0)
    assert breaker.retry_after(0.0) == 9
