# SPDX-License-Identifier: Apache-2.0
"""Calling an agent: its arguments, where it runs, and what it cost."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextvars import copy_context
from decimal import Decimal
from typing import Any, cast

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.money import non_negative

Function = Callable[..., Any]


class Outcome(msgspec.Struct, frozen=True):
    """How a call ended: with a value, or with an error."""

    value: Any = None
    error: Exception | None = None


def arguments(function: Function, inputs: object) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """How `inputs` are passed: the first of these that fits the function's signature.

    A mapping with text keys becomes keyword arguments; anything becomes the one positional
    argument; then None, and an empty mapping, become no argument at all, and a text becomes the
    keyword argument `task`.

    Raises:
        InvalidInput: None fits.
    """
    ways: list[tuple[tuple[Any, ...], dict[str, Any]]] = [((inputs,), {})]
    if isinstance(inputs, str):
        ways.append(((), {"task": inputs}))
    elif inputs is None or inputs == {}:
        ways.append(((), {}))
    elif isinstance(inputs, Mapping):
        mapping = cast("Mapping[Any, Any]", inputs)
        if all(isinstance(key, str) for key in mapping):
            ways.insert(0, ((), dict(mapping)))
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return ways[0]
    for args, kwargs in ways:
        with contextlib.suppress(TypeError):
            signature.bind(*args, **kwargs)
            return args, kwargs
    raise InvalidInput("inputs", f"do not fit the agent's {_name(function)}{signature}")


def cost_of(answer: Any, otherwise: Decimal) -> Decimal:
    """US dollars that an answer (a result or an error) says it cost.

    Args:
        answer: A mapping with `cost_usd`, or an object with an attribute of that name.
        otherwise: The cost if it says nothing, or nothing that is an amount.
    """
    if isinstance(answer, Mapping):
        said = cast("Mapping[Any, Any]", answer).get("cost_usd")
    else:
        said = getattr(answer, "cost_usd", None)
    if said is None:
        return otherwise
    try:
        return non_negative(said, "cost_usd")
    except InvalidInput:
        return otherwise


class Call:
    """One call of a function that may be sync or async.

    An async one is awaited. A sync one runs in a thread, in a copy of the caller's context, and
    what it returns is awaited if it is awaitable.

    Args:
        threads: Where sync functions run.
        function: What is called.
        inputs: What it is given, by `arguments`.
    """

    def __init__(self, threads: Executor, function: Function, inputs: Any) -> None:
        self._threads = threads
        self._function = function
        self._inputs = inputs
        self._thread: Future[Any] | None = None

    async def outcome(self) -> Outcome:
        """Make the call. Raises nothing but cancellation and what ends a process."""
        try:
            args, kwargs = arguments(self._function, self._inputs)
            work = functools.partial(self._function, *args, **kwargs)
            if inspect.iscoroutinefunction(self._function):
                answer = work()
            else:
                self._thread = self._threads.submit(copy_context().run, _sheltered, work)
                answer = await asyncio.wrap_future(self._thread)
            return Outcome(await answer if inspect.isawaitable(answer) else answer)
        except Exception as error:
            return Outcome(error=error)

    def when_over(self, then: Callable[[], None]) -> None:
        """Call `then` in the event loop once the function has really ended.

        At once, unless the call was broken off while a thread ran it: threads cannot be stopped.
        """
        thread = self._thread
        if thread is None or thread.cancel() or thread.done():
            then()
            return
        loop = asyncio.get_running_loop()

        def over(_: Future[Any]) -> None:
            # A closed loop has nobody left who would wait.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(then)

        thread.add_done_callback(over)


def _sheltered(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except StopIteration as error:
        # asyncio's futures refuse to carry it, and whoever waits would wait for ever.
        raise RuntimeError("the agent raised StopIteration") from error


def _name(function: Function) -> str:
    return getattr(function, "__name__", type(function).__name__)
