"""The words of document 5: their members, fields, defaults and limits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from rollcall.kernel.errors import InvalidInput
from rollcall.orchestration import (
    AgentMetadata,
    AgentRegistryConfig,
    AgentStatus,
    RegistryEvent,
    RegistryEventType,
)
from rollcall.orchestration.models import Limits
from rollcall.registry.models import LeasePolicy


def test_statuses_are_texts() -> None:
    assert [f"{one}" for one in AgentStatus] == [
        "active",
        "busy",
        "degraded",
        "unhealthy",
        "offline",
    ]
    assert isinstance(AgentStatus.ACTIVE, str)


def test_event_types_are_texts() -> None:
    assert {f"{one}" for one in RegistryEventType} == {
        "agent_registered",
        "agent_deregistered",
        "agent_status_changed",
        "agent_heartbeat",
        "runtime_joined",
        "runtime_left",
    }
    assert isinstance(RegistryEventType.AGENT_REGISTERED, str)


def test_an_event_needs_a_type_alone() -> None:
    event = RegistryEvent(RegistryEventType.AGENT_HEARTBEAT)
    assert (event.agent_id, event.runtime_id, event.metadata) == (None, None, {})
    assert event.timestamp.tzinfo is UTC
    assert event.metadata is not RegistryEvent(RegistryEventType.AGENT_HEARTBEAT).metadata


def test_an_event_cannot_be_changed() -> None:
    event = RegistryEvent(RegistryEventType.AGENT_HEARTBEAT, "a")
    with pytest.raises(AttributeError):
        event.agent_id = "b"  # type: ignore[misc]


def test_settings_have_the_defaults_of_the_document() -> None:
    assert msgspec.structs.asdict(AgentRegistryConfig()) == {
        "enable_heartbeat_monitoring": True,
        "heartbeat_timeout": 30.0,
        "auto_deregister_timeout": 60.0,
        "enable_capability_indexing": True,
        "rebuild_index_interval": 300.0,
        "enable_event_broadcasting": True,
        "event_queue_size": 1000,
        "max_concurrent_queries": 100,
        "query_timeout": 5.0,
    }


@pytest.mark.parametrize(
    "field",
    ["heartbeat_timeout", "auto_deregister_timeout", "rebuild_index_interval", "query_timeout"],
)
@pytest.mark.parametrize("seconds", [0.0, -1.0, float("inf"), float("nan")])
def test_a_time_must_be_more_than_nothing_and_finite(field: str, seconds: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        AgentRegistryConfig(**{field: seconds})
    assert caught.value.field == field


@pytest.mark.parametrize("field", ["event_queue_size", "max_concurrent_queries"])
@pytest.mark.parametrize("count", [0, -1])
def test_a_count_must_be_one_or_more(field: str, count: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        AgentRegistryConfig(**{field: count})
    assert caught.value.field == field


@pytest.mark.parametrize("seconds", [10.0, 30.0])
def test_an_agent_is_not_removed_before_it_is_unhealthy(seconds: float) -> None:
    with pytest.raises(InvalidInput, match=r"more than heartbeat_timeout \(30 s\)"):
        AgentRegistryConfig(heartbeat_timeout=30.0, auto_deregister_timeout=seconds)


def test_settings_that_make_no_sense_are_a_value_error() -> None:
    with pytest.raises(ValueError, match="heartbeat_timeout"):
        AgentRegistryConfig(heartbeat_timeout=-5)


def test_the_two_timeouts_are_those_of_the_lease() -> None:
    policy = AgentRegistryConfig(heartbeat_timeout=7, auto_deregister_timeout=9).lease_policy()
    assert policy == LeasePolicy(unhealthy_after=7, deregister_after=9, preserve=False)


def test_without_monitoring_a_lease_outlives_everybody() -> None:
    policy = AgentRegistryConfig(enable_heartbeat_monitoring=False).lease_policy()
    assert policy.unhealthy_after is policy.offline_after is None
    assert policy.ttl > 10_000 * 365 * 86_400


def test_metadata_have_the_fields_and_defaults_of_the_document() -> None:
    known = msgspec.structs.asdict(AgentMetadata("a", None, "r"))
    at: Any = known.pop("last_heartbeat")
    assert isinstance(at, datetime)
    assert at.tzinfo is UTC
    assert known.pop("match") is None, "ours, for what a search found"
    assert known == {
        "agent_id": "a",
        "agent": None,
        "runtime_id": "r",
        "a2a_card": None,
        "max_concurrency": 10,
        "memory_limit_mb": 512,
        "budget_limit_usd": 1.0,
        "status": AgentStatus.ACTIVE,
        "active_tasks": 0,
        "completed_tasks": 0,
        "failed_tasks": 0,
        "budget_spent_usd": 0.0,
        "total_execution_time": 0.0,
        "avg_execution_time": 0.0,
        "error_count": 0,
        "request_count": 0,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_concurrency", 0),
        ("memory_limit_mb", 0),
        ("budget_limit_usd", -0.01),
        ("budget_limit_usd", float("inf")),
        ("budget_limit_usd", float("nan")),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(field: str, value: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        Limits(**{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field


def test_an_agent_may_cost_nothing() -> None:
    assert Limits(budget_limit_usd=0).budget_limit_usd == 0
