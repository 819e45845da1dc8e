# SPDX-License-Identifier: Apache-2.0
"""How many bytes of resident memory one record takes. Linux only: it reads /proc."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from bench.fleet import make_fleet
from bench.operations import EVENTS_IN_FLIGHT, RUNTIMES, Delivered, runtime_of
from bench.sides import Side


def resident_bytes() -> int:
    """This process's resident set, after a full garbage collection."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def measure(side: Side, size: int) -> dict[str, float]:
    """{"record": bytes a record, "agent": bytes of an agent object and its id, not part of it}.

    A record's share includes the indexes, its lease and what the registry keeps of the events of
    its registration, all of which were delivered to a listener.
    """
    empty = resident_bytes()
    fleet = make_fleet(size)
    with_agents = resident_bytes()
    async with side.registry(events=True) as registry:
        heard = Delivered()
        heard.listen(side, registry)
        for first in range(0, size, EVENTS_IN_FLIGHT):
            last = min(first + EVENTS_IN_FLIGHT, size)
            for number in range(first, last):
                await registry.register_agent(fleet.agents[number], runtime_of(number))
            await heard.reach(last + min(last, RUNTIMES))
        full = resident_bytes()
    return {"record": (full - with_agents) / size, "agent": (with_agents - empty) / size}
