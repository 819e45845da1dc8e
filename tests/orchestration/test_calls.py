from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from rollcall.kernel.errors import InvalidInput
from rollcall.orchestration.calls import Call, arguments, cost_of


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def takes_task(task: str) -> str:
    return task


def takes_anything(**inputs: Any) -> Any:
    return inputs


def takes_nothing() -> None:
    pass


@pytest.mark.parametrize(
    ("function", "inputs", "expected"),
    [
        (takes_task, {"task": "x"}, ((), {"task": "x"})),
        (takes_task, {"question": "x"}, (({"question": "x"},), {})),
        (takes_task, {1: "x"}, (({1: "x"},), {})),
        (takes_task, "x", (("x",), {})),
        (takes_task, None, ((None,), {})),
        (takes_anything, {"a": 1}, ((), {"a": 1})),
        (takes_anything, "x", ((), {"task": "x"})),
        (takes_anything, {}, ((), {})),
        (takes_nothing, None, ((), {})),
        (takes_nothing, {}, ((), {})),
    ],
)
def test_inputs_are_passed_the_way_that_fits(function: Any, inputs: Any, expected: Any) -> None:
    assert arguments(function, inputs) == expected


def test_inputs_that_fit_no_way_are_refused_with_the_signature() -> None:
    with pytest.raises(InvalidInput, match=r"takes_nothing\(\)"):
        arguments(takes_nothing, "x")


@pytest.mark.parametrize(
    ("answer", "cost"),
    [
        ({"cost_usd": 0.25}, "0.25"),
        ({"cost_usd": "0.1"}, "0.1"),
        (SimpleNamespace(cost_usd=Decimal("0.3")), "0.3"),
        ({"cost_usd": 0}, "0"),
        ({"other": 1}, "7"),
        ("text", "7"),
        (None, "7"),
        ({"cost_usd": -1}, "7"),
        ({"cost_usd": float("nan")}, "7"),
        ({"cost_usd": "much"}, "7"),
    ],
)
def test_a_cost_is_what_the_answer_says_if_that_is_an_amount(answer: Any, cost: str) -> None:
    assert cost_of(answer, Decimal(7)) == Decimal(cost)


async def test_an_async_function_is_awaited_in_the_loop(threads: ThreadPoolExecutor) -> None:
    async def work() -> threading.Thread:
        return threading.current_thread()

    outcome = await Call(threads, work, None).outcome()
    assert outcome.value is threading.current_thread()


async def test_a_sync_function_does_not_block_the_loop(threads: ThreadPoolExecutor) -> None:
    freed = threading.Event()

    def work() -> str:
        # Deadlocks, until the timeout of the wait, if the loop waits for this.
        return "done" if freed.wait(5) else "blocked"

    task = asyncio.create_task(Call(threads, work, None).outcome())
    await asyncio.sleep(0)
    freed.set()
    assert (await task).value == "done"


async def test_a_sync_function_sees_the_callers_context(threads: ThreadPoolExecutor) -> None:
    request: contextvars.ContextVar[str] = contextvars.ContextVar("request")
    request.set("r-1")

    def work() -> str:
        return request.get()

    assert (await Call(threads, work, None).outcome()).value == "r-1"


async def test_what_a_sync_function_returns_is_awaited_if_it_can_be(
    threads: ThreadPoolExecutor,
) -> None:
    async def later() -> str:
        return "done"

    def work() -> Any:
        return later()

    assert (await Call(threads, work, None).outcome()).value == "done"


@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("late"), StopIteration("end")])
async def test_an_error_is_an_outcome(threads: ThreadPoolExecutor, error: Exception) -> None:
    def work() -> None:
        raise error

    outcome = await Call(threads, work, None).outcome()
    assert outcome.error is not None
    # asyncio carries no StopIteration, and makes a TimeoutError of a thread anew.
    raised = outcome.error.__cause__ or outcome.error
    assert (type(raised), raised.args) == (type(error), error.args)


async def test_a_call_in_a_thread_is_over_only_when_the_thread_is(
    threads: ThreadPoolExecutor,
) -> None:
    started, freed, over = threading.Event(), threading.Event(), asyncio.Event()

    def work() -> None:
        started.set()
        freed.wait(5)

    call = Call(threads, work, None)
    task = asyncio.create_task(call.outcome())
    await asyncio.sleep(0)
    assert await asyncio.to_thread(started.wait, 5)
    task.cancel()
    await asyncio.wait({task})
    call.when_over(over.set)
    assert not over.is_set()

    freed.set()
    await asyncio.wait_for(over.wait(), 5)


async def test_a_call_that_never_began_is_over_at_once(threads: ThreadPoolExecutor) -> None:
    over = asyncio.Event()
    Call(threads, takes_nothing, None).when_over(over.set)
    assert over.is_set()
