from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from rollcall.orchestration.history import ExecutionHistory, TaskResult, TaskStatus


def a_result(task_id: str, error: Exception | None = None) -> TaskResult:
    return TaskResult(
        task_id=task_id,
        agent_id="a",
        status=TaskStatus.SUCCESS if error is None else TaskStatus.ERROR,
        result="done" if error is None else None,
        error=error,
        attempts=1,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        seconds=2.0,
        cost_usd=Decimal("0.1"),
    )


def test_the_latest_executions_come_in_the_order_in_which_they_ended() -> None:
    history = ExecutionHistory(10)
    for number in range(5):
        history.add(a_result(str(number)))
    assert [one.task_id for one in history.latest(3)] == ["2", "3", "4"]
    assert history.latest(0) == []


def test_only_so_many_are_remembered() -> None:
    history = ExecutionHistory(2)
    for number in range(5):
        history.add(a_result(str(number)))
    assert [one.task_id for one in history.latest(100)] == ["3", "4"]


def test_an_error_is_remembered_in_words() -> None:
    history = ExecutionHistory(1)
    history.add(a_result("t", ValueError("no such city")))
    assert history.latest(1)[0].error == "ValueError: no such city"


def test_unwrap_gives_the_result_or_raises_the_error() -> None:
    assert a_result("t").unwrap() == "done"
    error = ValueError("no")
    with pytest.raises(ValueError, match="no") as caught:
        a_result("t", error).unwrap()
    assert caught.value is error
