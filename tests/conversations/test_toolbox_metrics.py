"""What a toolbox tells Prometheus."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest

from rollcall.conversations.models import ToolOutcome, ToolRun
from rollcall.conversations.toolbox_metrics import ToolboxMetrics


def run(service: str, outcome: ToolOutcome, attempts: int = 1) -> ToolRun:
    return ToolRun(
        call_id="c",
        name="t",
        tool="t",
        service=service,
        arguments={},
        outcome=outcome,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        duration_ms=20.0,
        attempts=attempts,
    )


def exposed(metrics: ToolboxMetrics) -> str:
    registry = CollectorRegistry(auto_describe=True)
    metrics.register(registry)
    return generate_latest(registry).decode()


def test_calls_are_counted_by_service_and_outcome_and_timed() -> None:
    metrics = ToolboxMetrics()
    metrics.called(run("sums", ToolOutcome.OK, attempts=2))
    metrics.called(run("sums", ToolOutcome.UNKNOWN))
    text = exposed(metrics)
    assert 'rollcall_tool_calls_total{outcome="ok",service="sums"} 1.0' in text
    assert 'rollcall_tool_calls_total{outcome="unknown",service="sums"} 1.0' in text
    assert 'rollcall_tool_call_attempts_total{service="sums"} 3.0' in text
    assert 'rollcall_tool_call_duration_seconds_count{service="sums"} 2.0' in text
    assert 'rollcall_tool_call_duration_seconds_bucket{le="0.025",service="sums"} 2.0' in text


def test_lists_changes_and_known_tools_are_counted() -> None:
    metrics = ToolboxMetrics()
    metrics.listed("sums", True)
    metrics.listed("sums", False)
    metrics.changed("sums", "add")
    metrics.known("one", 3)
    metrics.known("two", 4)
    metrics.known("one", 0)
    metrics.known("never", 0)
    text = exposed(metrics)
    assert 'rollcall_tool_lists_total{result="failed",service="sums"} 1.0' in text
    assert 'rollcall_tool_lists_total{result="ok",service="sums"} 1.0' in text
    assert 'rollcall_tool_changes_total{service="sums"} 1.0' in text
    assert "rollcall_tools_known 4.0" in text


def test_services_that_are_told_apart_are_bounded() -> None:
    metrics = ToolboxMetrics(cap=2)
    for number in range(50):
        metrics.called(run(f"s{number}", ToolOutcome.OK))
    text = exposed(metrics)
    assert text.count("rollcall_tool_calls_total{") == 3
    assert 'rollcall_tool_calls_total{outcome="ok",service="other"} 48.0' in text
