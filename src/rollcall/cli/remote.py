# SPDX-License-Identifier: Apache-2.0
"""How commands reach a registry: one call after another, page after page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Final, TypeVar

from rollcall.cli.exits import errors_told
from rollcall.cli.told import note
from rollcall.client.connection import Connection
from rollcall.kernel.clock import SystemClock
from rollcall.policies.retry import RetryPolicy

T = TypeVar("T")
Row = dict[str, Any]
"""A JSON object that a registry answered."""

TIMEOUT: Final = 10.0
"""Seconds that an answer may take."""
PAGE: Final = 1000
"""The most rows that a registry gives at once."""


@asynccontextmanager
async def connected(
    url: str, key: str | None, *, timeout: float = TIMEOUT
) -> AsyncGenerator[Connection]:
    """A connection to the registry at `url`; what fails is tried again twice, quickly.

    Raises:
        InvalidInput: It is no URL.
    """
    connection = Connection(
        url,
        api_key=key,
        timeout=timeout,
        retry=RetryPolicy(max_retries=2, initial_delay=0.2, max_delay=1.0),
        clock=SystemClock(),
        rng=Random(),
        transport=None,
    )
    try:
        yield connection
    finally:
        await connection.close()


def ask(
    url: str,
    key: str | None,
    work: Callable[[Connection], Coroutine[Any, Any, T]],
    *,
    timeout: float = TIMEOUT,
) -> T:
    """What `work` gets from the registry at `url`; errors end the command."""

    async def run() -> T:
        async with connected(url, key, timeout=timeout) as connection:
            return await work(connection)

    with errors_told():
        return asyncio.run(run())


def paged(params: Mapping[str, Any], limit: int) -> dict[str, Any]:
    """The parameters of a list of which `limit` rows are shown; one more says if there are more."""
    return {**params, "limit": min(limit + 1, PAGE)}


async def collected(pages: AsyncIterator[list[Row]], limit: int) -> list[Row]:
    """The first `limit` rows of a list, over as many pages as that takes.

    Where there are more, whoever reads it is told.
    """
    rows: list[Row] = []
    async for page in pages:
        rows += page
        if len(rows) > limit:
            note(f"there are more than {limit:,}: say --limit for more of them")
            break
    return rows[:limit]
