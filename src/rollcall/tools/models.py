# SPDX-License-Identifier: Apache-2.0
"""What a tool is: a function, how it is called, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, TypedDict, TypeVar

from pydantic import BaseModel, TypeAdapter

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class ToolContext:
    """Who calls a tool. A function with a parameter of this type is given it; callers do not
    see the parameter.

    Args:
        namespace: Whose data the call may see.
        caller: Who calls, as the audit log knows them.
        correlation_id: The chain of acts that the call belongs to.
        idempotency_key: The same at each attempt of one call; None: the caller gave none.
    """

    namespace: str
    caller: str
    correlation_id: str = ""
    idempotency_key: str | None = None


class ToolOptions(TypedDict, total=False):
    """What a tool may be told of itself; see `tool`."""

    name: str | None
    path: str | None
    description: str | None
    idempotent: bool
    read_only: bool | None
    get: bool
    tags: Iterable[str]
    failures: Iterable[type[Exception]]


@dataclass(frozen=True, kw_only=True)
class Tool(Generic[P, R]):
    """A function that others may call over HTTP and MCP. Made by `rollcall.tools.tool`.

    It can still be called as the function it was.

    Args:
        name: What callers and models call it.
        path: Where it is called over HTTP, by POST.
        description: What it does, for whoever has to choose.
        input_schema: JSON Schema (2020-12) of its arguments, an object.
        output_schema: JSON Schema of its result, an object.
        idempotent: Whether calling it twice does no more than calling it once.
        read_only: Whether it changes nothing anywhere; None: nobody said.
        get: Whether it may be called by GET as well.
        tags: Further words to be found by.
        failures: Errors of `function` whose text is for whoever called.
        function: What runs.
        arguments: Reads and checks the arguments.
        parameters: From the fields of `arguments` to the parameters of `function`.
        whole_parameter: The parameter that is given all `arguments` as they are; None: each is
            one of its own.
        context_parameter: The parameter that is given the `ToolContext`; None: there is none.
        result: Checks and writes what `function` returns.
        wrapped: Whether that is told as `{"result": ...}`, since it is no object by itself.
    """

    name: str
    path: str
    description: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any]
    idempotent: bool
    read_only: bool | None
    get: bool
    tags: tuple[str, ...]
    failures: tuple[type[Exception], ...] = field(repr=False)
    function: Callable[P, R] = field(repr=False)
    arguments: type[BaseModel] = field(repr=False)
    parameters: Mapping[str, str] = field(repr=False)
    whole_parameter: str | None = field(repr=False)
    context_parameter: str | None = field(repr=False)
    result: TypeAdapter[Any] = field(repr=False)
    wrapped: bool = field(repr=False)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, with nothing checked."""
        return self.function(*args, **kwargs)
