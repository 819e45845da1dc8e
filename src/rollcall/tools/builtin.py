# SPDX-License-Identifier: Apache-2.0
"""The tools that Rollcall brings along, each at the path that document 1's clients know."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, get_type_hints

from rollcall.tools.calculator import calculate, convert, functions, statistics
from rollcall.tools.declaration import tool
from rollcall.tools.errors import ToolError
from rollcall.tools.messages.service import MessageSearch
from rollcall.tools.messages.wire import DESCRIPTION, SearchAnswer, SearchRequest
from rollcall.tools.models import Tool, ToolContext
from rollcall.tools.scraper.errors import PageNotRead
from rollcall.tools.scraper.scraper import Scraper
from rollcall.tools.service import ToolSet

P = ParamSpec("P")
R = TypeVar("R")


def builtin_tools(scraper: Scraper, messages: MessageSearch) -> ToolSet:
    """Calculator, statistics, units, scraper, message search.

    Args:
        scraper: Open for as long as its tools are called.
        messages: What searches in earlier messages.
    """
    return ToolSet(
        [
            tool(path="/calculate", idempotent=True, read_only=True, get=True)(calculate),
            tool(path="/statistics", idempotent=True, read_only=True)(statistics),
            tool(path="/functions", idempotent=True, read_only=True, get=True)(functions),
            tool(path="/convert", idempotent=True, read_only=True, get=True)(convert),
            tool(path="/scrape", idempotent=True, read_only=True)(_reading(scraper.scrape)),
            tool(path="/extract-text", idempotent=True, read_only=True, get=True)(
                _reading(scraper.extract_text)
            ),
            _search_messages(messages),
        ]
    )


def _reading(read: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """`read`, whose errors are told as a tool's."""

    @wraps(read)
    async def reading(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await read(*args, **kwargs)
        except PageNotRead as error:
            raise ToolError(str(error)) from error

    return reading


def _search_messages(messages: MessageSearch) -> Tool[..., Any]:
    """The search, in which a caller finds what is of its own namespace."""

    async def search_messages(context: ToolContext, **asked: Any) -> SearchAnswer:
        return await messages.search(context.namespace, SearchRequest(**asked))

    # Its parameters are the fields of the request, with all that these say.
    hints = get_type_hints(SearchRequest, include_extras=True)
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=hints[name],
            default=inspect.Parameter.empty if field.is_required() else field.default,
        )
        for name, field in SearchRequest.model_fields.items()
    ]
    context = inspect.Parameter(
        "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=ToolContext
    )
    search_messages.__signature__ = inspect.Signature([context, *parameters])  # pyright: ignore[reportFunctionMemberAccess]
    search_messages.__annotations__ = {
        "context": ToolContext,
        **{one.name: one.annotation for one in parameters},
        "return": SearchAnswer,
    }
    declared = tool(path="/messages", description=DESCRIPTION, idempotent=True, read_only=True)
    return declared(search_messages)
