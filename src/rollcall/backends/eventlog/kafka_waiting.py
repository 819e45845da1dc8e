# SPDX-License-Identifier: Apache-2.0
"""Waiting for the first of several things."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any


async def first_of(*works: Coroutine[Any, Any, Any]) -> None:
    """Run all until one of them ends, and cancel the others; its error is raised."""
    tasks = [asyncio.ensure_future(one) for one in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Return when all have ended, however they did."""
    waiting = list(tasks)
    if waiting:
        await asyncio.wait(waiting)
