"""Processes that are killed at their work."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable


async def acknowledged_until_killed(
    script: str,
    *arguments: str,
    moment: int,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """How many batches a process acknowledged that was killed after `moment` of them or later.

    The script prints the number of each batch that is done, from 1 on. `meanwhile` is what to do
    just before it is killed.
    """
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, script, *arguments),
        stdout=subprocess.PIPE,
        # A test that is its own script finds in the process what it finds here.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.stdout is not None
    try:
        lines = [await child.stdout.readline() for _ in range(moment)]
        if meanwhile is not None:
            await meanwhile()
    finally:
        child.kill()
        await child.wait()
    lines += (await child.stdout.read()).splitlines(keepends=True)
    # A line that was cut off told nobody anything.
    told = [int(line) for line in lines if line.endswith(b"\n")]
    assert len(told) >= moment
    assert told == list(range(1, len(told) + 1))
    return len(told)
