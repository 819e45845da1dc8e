# SPDX-License-Identifier: Apache-2.0
"""How commands reach a registry: options that they share, and one call after another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from random import Random
from typing import Annotated, Any, Final, TypeVar

import typer

from rollcall.cli.told import errors_told
from rollcall.client.connection import Connection
from rollcall.kernel.clock import SystemClock
from rollcall.policies.retry import RetryPolicy

T = TypeVar("T")
TIMEOUT: Final = 10.0

AgentsUrl = Annotated[
    str,
    typer.Option("--url", envvar="ROLLCALL_REGISTRY_URL", help="Where the agent registry is."),
]
ServicesUrl = Annotated[
    str,
    typer.Option("--url", envvar="SERVICE_REGISTRY_URL", help="Where the service registry is."),
]
Key = Annotated[
    str | None,
    typer.Option("--api-key", envvar="ROLLCALL_API_KEY", help="The API key to show."),
]
Machine = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Namespace = Annotated[
    str | None, typer.Option("--namespace", help="The namespace, where it is not the key's own.")
]
Sure = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

AGENTS: Final = "http://127.0.0.1:8009"
SERVICES: Final = "http://127.0.0.1:3003"


@asynccontextmanager
async def connected(url: str, key: str | None) -> AsyncGenerator[Connection]:
    """A connection to the registry at `url`; what fails is tried again twice, quickly."""
    connection = Connection(
        url,
        api_key=key,
        timeout=TIMEOUT,
        retry=RetryPolicy(max_retries=2, initial_delay=0.2, max_delay=1.0),
        clock=SystemClock(),
        rng=Random(),
        transport=None,
    )
    try:
        yield connection
    finally:
        await connection.close()


def ask(url: str, key: str | None, work: Callable[[Connection], Coroutine[Any, Any, T]]) -> T:
    """What `work` gets from the registry at `url`; errors end the command."""

    async def run() -> T:
        async with connected(url, key) as connection:
            return await work(connection)

    with errors_told():
        return asyncio.run(run())


async def collected(
    connection: Connection, path: str, params: dict[str, Any], limit: int
) -> list[dict[str, Any]]:
    """The first `limit` rows of a list, over as many pages as that takes."""
    rows: list[dict[str, Any]] = []
    asked = {**params, "limit": min(limit, 1000)}
    async for page in connection.pages(path, list[dict[str, Any]], params=asked):
        rows += page
        if len(rows) >= limit:
            break
    return rows[:limit]
