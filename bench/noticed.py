# SPDX-License-Identifier: Apache-2.0
"""When a registry says that agents are gone, against when it should."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from time import monotonic
from typing import Any

from bench.figures import median, percentile
from bench.sides import Side


def lateness(due: Mapping[str, float], seen: Mapping[str, float]) -> dict[str, float]:
    """Milliseconds from each deadline to its event; `found` of `silent` had one at all.

    Args:
        due: Agent id -> deadline, in monotonic seconds.
        seen: Agent id -> time of the event; other agents may be in it too.
    """
    late = [(seen[who] - deadline) * 1e3 for who, deadline in due.items() if who in seen]
    counts: dict[str, float] = {"silent": len(due), "found": len(late)}
    if not late:
        return counts
    return counts | {
        "earliest": min(late),
        "median": median(late),
        "p99": percentile(late, 0.99),
        "worst": max(late),
    }


class Noticed:
    """Listens to a registry and keeps when each agent became unhealthy and was deregistered.

    Args:
        awaited: Agents for whose deregistration `all_deregistered` waits.
    """

    def __init__(self, side: Side, registry: Any, awaited: Collection[str] = ()) -> None:
        self.unhealthy: dict[str, float] = {}
        self.deregistered: dict[str, float] = {}
        self.all_deregistered = asyncio.Event()
        self._awaited = set(awaited)
        types = side.module.RegistryEventType
        registry.subscribe(types.AGENT_STATUS_CHANGED, self._changed)
        registry.subscribe(types.AGENT_DEREGISTERED, self._left)

    def _changed(self, event: Any) -> None:
        if event.metadata["new_status"] == "unhealthy":
            self.unhealthy[event.agent_id] = monotonic()

    def _left(self, event: Any) -> None:
        self.deregistered[event.agent_id] = monotonic()
        self._awaited.discard(event.agent_id)
        if not self._awaited:
            self.all_deregistered.set()

    def false_alarms(self, silent: Collection[str]) -> int:
        """How many other agents than `silent` were said to be unhealthy or gone."""
        return len((self.unhealthy.keys() | self.deregistered.keys()) - set(silent))
