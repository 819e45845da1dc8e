# SPDX-License-Identifier: Apache-2.0
"""The tools of a service, and how one is run."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, cast

from pydantic import BaseModel, ValidationError

from rollcall.kernel.caller import RateLimited
from rollcall.kernel.clock import Clock, SystemClock
from rollcall.kernel.errors import InvalidInput, MissingExtra, Unavailable
from rollcall.tools.arguments import plain
from rollcall.tools.errors import (
    InvalidArguments,
    InvalidTool,
    ToolBroken,
    ToolError,
    ToolNotFound,
)
from rollcall.tools.models import Tool, ToolContext
from rollcall.tools.threads import Threads

_log = logging.getLogger(__name__)

THREADS: Final = 32
"""Sync tools that run at once, in threads; more of them wait."""

_MOST_ERRORS: Final = 20
_TOLD = (InvalidInput, ToolError, Unavailable, MissingExtra, RateLimited, TimeoutError)
"""What a tool may raise on purpose; anything else is a fault of its own."""


class Outcome(StrEnum):
    """What became of a call."""

    OK = "ok"
    REFUSED = "refused"
    """The tool takes no such arguments; it was not run."""
    FAILED = "failed"
    """It did not work, as the tool said itself."""
    UNAVAILABLE = "unavailable"
    """Something that it needs does not answer."""
    BROKEN = "broken"
    CANCELLED = "cancelled"


Observer = Callable[[str, Outcome, float], None]
"""Is told of each call: the tool, what became of it, and how many seconds that took."""


class ToolSet:
    """The tools of a service.

    Args:
        tools: Those that are there from the beginning.
        threads: Sync tools that may run at once.
        clock: Times the calls.

    Raises:
        InvalidTool: Two of them have one name, or one path.
    """

    def __init__(
        self,
        tools: Iterable[Tool[..., Any]] = (),
        *,
        threads: int = THREADS,
        clock: Clock | None = None,
    ) -> None:
        self.observers: list[Observer] = []
        self._tools: dict[str, Tool[..., Any]] = {}
        self._threads = Threads(threads)
        self._clock = clock or SystemClock()
        for one in tools:
            self.add(one)

    def add(self, tool: Tool[..., Any]) -> None:
        """One more.

        Raises:
            InvalidTool: Another has its name, or its path.
        """
        for other in self._tools.values():
            if other.name == tool.name:
                raise InvalidTool(tool.name, "is there already: give this one another name")
            if other.path == tool.path:
                raise InvalidTool(tool.name, f"cannot be at {tool.path}: {other.name!r} is there")
        self._tools[tool.name] = tool

    def __iter__(self) -> Iterator[Tool[..., Any]]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    def get(self, name: str) -> Tool[..., Any]:
        """The tool called `name`.

        Raises:
            ToolNotFound: There is none.
        """
        try:
            return self._tools[name]
        except KeyError:
            raise ToolNotFound(name) from None

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        context: ToolContext,
        *,
        words: bool = False,
        heavy: bool = False,
    ) -> dict[str, Any]:
        """What a tool says to these arguments, as JSON has it.

        Being cancelled ends an async tool; a sync one goes on in its thread, for nobody.

        Args:
            name: The tool.
            arguments: As JSON has them.
            context: Who calls.
            words: Whether the arguments are all text, as in a query, and numbers among them are to
                be read as such. Else each must have its type.
            heavy: Whether there is so much of them that a thread should look at them.

        Raises:
            ToolNotFound: There is none.
            InvalidArguments, InvalidInput: It takes no such arguments; it was not run.
            ToolError: It did not work, as it says itself.
            Unavailable, TimeoutError: It needs what does not answer.
            ToolBroken: It failed in a way that nobody expected, or said what it never should.
        """
        tool = self.get(name)
        begun = self._clock.monotonic()
        outcome = Outcome.CANCELLED
        try:
            said = await self._run(
                tool, lambda: _given(tool, arguments, context, words=words), heavy=heavy
            )
            outcome = Outcome.OK
            return said
        except Exception as error:
            outcome = _outcome(error)
            raise
        finally:
            for tell in self.observers:
                tell(name, outcome, self._clock.monotonic() - begun)

    async def _run(
        self, tool: Tool[..., Any], given: Callable[[], dict[str, Any]], *, heavy: bool
    ) -> dict[str, Any]:
        try:
            if not inspect.iscoroutinefunction(tool.function):
                return await self._threads.run(lambda: _told(tool, tool.function(**given())))
            arguments = await self._threads.run(given) if heavy else given()
            return _told(tool, await tool.function(**arguments))
        except tool.failures as error:
            raise ToolError(str(error)) from error
        except _TOLD:
            raise
        except (Exception, SystemExit) as error:
            _log.error("the tool %s failed", tool.name, exc_info=error)
            raise ToolBroken(tool.name, f"{type(error).__name__}: {error}") from error


def _outcome(error: Exception) -> Outcome:
    if isinstance(error, InvalidInput):
        return Outcome.REFUSED
    if isinstance(error, ToolError):
        return Outcome.FAILED
    return Outcome.BROKEN if isinstance(error, ToolBroken) else Outcome.UNAVAILABLE


def _given(
    tool: Tool[..., Any], arguments: Mapping[str, Any], context: ToolContext, *, words: bool
) -> dict[str, Any]:
    """What the function is called with.

    Raises:
        InvalidInput: It cannot be.
    """
    checked = _checked(tool, arguments, words=words)
    given = {parameter: getattr(checked, field) for field, parameter in tool.parameters.items()}
    if tool.whole_parameter is not None:
        given[tool.whole_parameter] = checked
    if tool.context_parameter is not None:
        given[tool.context_parameter] = context
    return given


def _checked(tool: Tool[..., Any], arguments: Mapping[str, Any], *, words: bool) -> BaseModel:
    value = plain(dict(arguments))
    try:
        if words:
            return tool.arguments.model_validate(value)
        # From JSON, in which a date may be text although the rest is strict.
        return tool.arguments.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        raise InvalidArguments(cast("list[dict[str, Any]]", errors[:_MOST_ERRORS])) from error


def _told(tool: Tool[..., Any], returned: object) -> dict[str, Any]:
    """What a function returned, checked and as JSON has it."""
    value = tool.result.dump_python(
        tool.result.validate_python(returned), mode="json", by_alias=True
    )
    # Numbers that JSON has no word for pass everything before this.
    json.dumps(value, allow_nan=False)
    return {"result": value} if tool.wrapped else value
