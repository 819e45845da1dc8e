# SPDX-License-Identifier: Apache-2.0
"""The tools that Rollcall brings along, each at the path that document 1's clients know."""

from __future__ import annotations

from rollcall.tools.calculator import calculate, convert, functions, statistics
from rollcall.tools.declaration import tool
from rollcall.tools.messages.service import MessageSearch
from rollcall.tools.messages.tool import search_tool
from rollcall.tools.scraper.errors import PageNotRead
from rollcall.tools.scraper.scraper import Scraper
from rollcall.tools.service import ToolSet


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
            tool(path="/scrape", idempotent=True, read_only=True, failures=[PageNotRead])(
                scraper.scrape
            ),
            tool(
                path="/extract-text",
                idempotent=True,
                read_only=True,
                get=True,
                failures=[PageNotRead],
            )(scraper.extract_text),
            search_tool(messages),
        ]
    )
