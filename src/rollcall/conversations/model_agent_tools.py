# SPDX-License-Identifier: Apache-2.0
"""Tools that are Python functions of this process, and toolboxes put together."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rollcall.conversations.models import ToolOutcome, ToolRun, ToolSpec
from rollcall.conversations.ports import Toolbox
from rollcall.kernel.clock import Clock, utc, within

if TYPE_CHECKING:
    from pydantic_ai._function_schema import FunctionSchema
    from pydantic_ai.tools import Tool

_log = logging.getLogger(__name__)

HERE: Final = "this-process"
"""The name of the service that functions belong to."""

_THREADS: Final = 32

Function = Callable[..., Any]


class FunctionTools:
    """A toolbox of functions, sync or async; a sync one runs in a thread.

    Arguments are checked against the function's annotations, and described by its docstring. What
    a function raises is told to the model as its reason.

    Args:
        functions: The functions, each with a name of its own.
        clock: Time.
    """

    def __init__(self, functions: Sequence[Function], clock: Clock) -> None:
        self._functions = functions
        self._clock = clock
        self._tools: dict[str, Tool[Any]] | None = None
        self._threads = ThreadPoolExecutor(_THREADS, "rollcall-function")

    async def tools(self, namespace: str) -> Sequence[ToolSpec]:
        """The functions, the same in every namespace."""
        return [_spec(tool) for tool in (await self._made()).values()]

    async def refresh(self, namespace: str) -> Sequence[ToolSpec]:
        """As `tools`: functions do not change."""
        return await self.tools(namespace)

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        namespace: str,
        call_id: str,
        timeout: float,
        correlation_id: str = "",
        caller: str = "",
    ) -> ToolRun:
        """Call a function; see `Toolbox`."""
        began = self._clock.monotonic()
        run = ToolRun(
            call_id=call_id,
            name=name,
            tool=name,
            service=HERE,
            arguments=dict(arguments),
            outcome=ToolOutcome.OK,
            started_at=utc(self._clock.now()),
            duration_ms=0.0,
            attempts=1,
        )
        ended = await self._outcome(name, arguments, timeout)
        return msgspec.structs.replace(
            run,
            outcome=ended.outcome,
            result=ended.result,
            error=ended.error,
            duration_ms=1000 * (self._clock.monotonic() - began),
        )

    async def _outcome(self, name: str, arguments: Mapping[str, Any], timeout: float) -> _Ended:
        from pydantic_core import ValidationError, to_jsonable_python  # noqa: PLC0415 (lazy)

        schema = (await self._made())[name].function_schema
        try:
            checked = schema.validator.validate_python(dict(arguments))
        except ValidationError as error:
            return _Ended(ToolOutcome.REFUSED, error=_reasons(error))
        try:
            result = await within(self._clock, timeout, self._work(schema, checked))
            return _Ended(ToolOutcome.OK, to_jsonable_python(result, serialize_unknown=True))
        except TimeoutError as error:
            return _Ended(ToolOutcome.UNKNOWN, error=str(error) or "it took too long")
        except Exception as error:
            _log.warning("the function %s failed", name, exc_info=error)
            return _Ended(ToolOutcome.FAILED, error=str(error) or type(error).__name__)

    async def _work(self, schema: FunctionSchema, checked: dict[str, Any]) -> Any:
        positional = [checked.pop(name) for name in schema.positional_fields]
        if schema.var_positional_field:
            positional.extend(checked.pop(schema.var_positional_field))
        work = functools.partial(schema.function, *positional, **checked)
        if schema.is_async:
            return await work()
        # Threads of their own: one that hangs cannot be stopped, and nobody else should run short.
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(self._threads, copy_context().run, work)
        return await result if inspect.isawaitable(result) else result

    async def _made(self) -> dict[str, Tool[Any]]:
        if self._tools is None:
            self._tools = await asyncio.to_thread(_made, self._functions)
        return self._tools


class JoinedTools:
    """Several toolboxes as one. Of two tools with the same name, the one before is taken.

    Args:
        boxes: The toolboxes.
    """

    def __init__(self, boxes: Sequence[Toolbox]) -> None:
        self._boxes = boxes

    async def tools(self, namespace: str) -> Sequence[ToolSpec]:
        """The tools of all of them."""
        found: dict[str, ToolSpec] = {}
        for box in self._boxes:
            for one in await box.tools(namespace):
                found.setdefault(one.name, one)
        return list(found.values())

    async def refresh(self, namespace: str) -> Sequence[ToolSpec]:
        """Have all of them look again."""
        for box in self._boxes:
            await box.refresh(namespace)
        return await self.tools(namespace)

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        namespace: str,
        call_id: str,
        timeout: float,
        correlation_id: str = "",
        caller: str = "",
    ) -> ToolRun:
        """Call the tool in the first toolbox that has it; the last one says that nobody has."""
        for box in self._boxes[:-1]:
            if any(one.name == name for one in await box.tools(namespace)):
                break
        else:
            box = self._boxes[-1]
        return await box.call(
            name,
            arguments,
            namespace=namespace,
            call_id=call_id,
            timeout=timeout,
            correlation_id=correlation_id,
            caller=caller,
        )


@dataclass(frozen=True, slots=True)
class _Ended:
    outcome: ToolOutcome
    result: Any = None
    error: str | None = None


def _made(functions: Sequence[Function]) -> dict[str, Tool[Any]]:
    from pydantic_ai.tools import Tool  # noqa: PLC0415 (takes a second)

    tools = [Tool[Any](function, takes_ctx=False) for function in functions]
    return {tool.name: tool for tool in tools}


def _spec(tool: Tool[Any]) -> ToolSpec:
    return ToolSpec(
        name=tool.name,
        tool=tool.name,
        service=HERE,
        description=tool.description or "",
        input_schema=tool.function_schema.json_schema,
    )


def _reasons(error: Any) -> str:
    """What is wrong with arguments, without repeating their values."""
    return "; ".join(
        f"{'.'.join(str(part) for part in one['loc']) or 'arguments'}: {one['msg']}"
        for one in error.errors(include_url=False, include_input=False)
    )
