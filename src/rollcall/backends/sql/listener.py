# SPDX-License-Identifier: Apache-2.0
"""Hears at once, over LISTEN/NOTIFY of PostgreSQL, what other processes append to the outbox."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from sqlalchemy.engine import URL

from rollcall.backends.records.postgres_link import Connection, Link
from rollcall.backends.sql.postgres import shown
from rollcall.policies.retry import RetryPolicy

CHANNEL: Final = "rollcall_outbox"
"""What a transaction that appends events notifies; channels belong to one database."""
CHECK: Final = 15.0
"""Seconds of silence after which it is looked whether the connection still answers."""
_BACKOFF: Final = RetryPolicy(initial_delay=0.1, max_delay=5.0)

_log = logging.getLogger("rollcall.events")


async def follow(url: URL, told: Callable[[int], None]) -> None:
    """Call `told` with the position of the last event, at first and after each append, for ever.

    A connection that is lost is made again, with backoff; what was appended meanwhile is told then.
    """
    link = Link(url)
    link.open()
    woken = asyncio.Event()
    heard: Connection | None = None
    failures = 0
    try:
        while True:
            # Before looking: what is appended meanwhile must not be slept over.
            woken.clear()
            try:
                async with link.use() as connection:
                    if connection is not heard:
                        await _listen(connection, woken)
                        heard = connection
                    position = await connection.fetchval("SELECT position FROM outbox_head")
            # Whatever it is: consumers poll meanwhile, and nobody else would begin anew.
            except Exception as error:
                failures += 1
                if failures == 1:
                    _log.warning("events of other processes come late for now: %s", error)
                await asyncio.sleep(_BACKOFF.delay(failures))
                continue
            if failures:
                _log.info("events of other processes come at once again from %s", shown(url))
            failures = 0
            told(position)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK):
                    await woken.wait()
    finally:
        await link.close()


async def _listen(connection: Connection, woken: asyncio.Event) -> None:
    def wake(*_: object) -> None:
        woken.set()

    connection.add_termination_listener(wake)
    await connection.add_listener(CHANNEL, wake)
