# SPDX-License-Identifier: Apache-2.0
"""A connection of DuckDB's that is used in threads, by somebody who may leave at any time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

T = TypeVar("T")


class InSteps:
    """Uses a connection step by step, and closes it at its end.

    Whoever is cancelled in the middle of a step has it broken off, and does not wait for that:
    DuckDB closes no connection that is in use, so it is closed when the step has ended.

    Args:
        connection: Used by nobody else.
        threads: Where steps are done.
    """

    def __init__(self, connection: DuckDBPyConnection, threads: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._threads = threads
        self._last: Future[Any] | None = None

    async def do(self, step: Callable[[], T]) -> T:
        """What a step gives."""
        self._last = self._threads.submit(step)
        return await asyncio.wrap_future(self._last)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._last is None or self._last.done():
            self._connection.close()
            return
        self._connection.interrupt()
        self._last.add_done_callback(lambda _: self._connection.close())
