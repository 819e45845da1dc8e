# SPDX-License-Identifier: Apache-2.0
"""Keeps what the registry says of agents in step with how busy and how well they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from rollcall.orchestration.agent_registry import AgentRegistry
from rollcall.orchestration.models import AgentStatus
from rollcall.orchestration.workers import Worker

_log = logging.getLogger(__name__)


def next_report(worker: Worker, current: AgentStatus, *, full: bool) -> AgentStatus | None:
    """The status to report for `worker` now; None: what is reported stands.

    What somebody else reported is left alone: only `active` becomes `busy`, only a `busy` or
    `unhealthy` of ours is taken back. Notes in `worker` what is ours.

    Args:
        worker: The agent.
        current: What it reads as.
        full: Whether all its slots are taken.
    """
    if worker.failing:
        if current in (AgentStatus.UNHEALTHY, AgentStatus.OFFLINE):
            return None
        degraded = current is AgentStatus.DEGRADED
        worker.before = AgentStatus.DEGRADED if degraded else AgentStatus.ACTIVE
        worker.reported = AgentStatus.UNHEALTHY
        return AgentStatus.UNHEALTHY
    ours = worker.reported is current
    if ours and current is AgentStatus.UNHEALTHY:
        wanted = worker.before
    elif ours and current is AgentStatus.BUSY:
        wanted = AgentStatus.ACTIVE
    else:
        wanted = current
    if full and wanted is AgentStatus.ACTIVE:
        wanted = AgentStatus.BUSY
        worker.reported = AgentStatus.BUSY
    elif not ours or wanted is not current:
        worker.reported = None
    return None if wanted is current else wanted


class StatusReporter:
    """Reports changes in a task of its own, so that no task waits for the registry's store.

    Args:
        registry: Where agents are reported.
        full: Whether all slots of an agent are taken.
    """

    def __init__(self, registry: AgentRegistry, full: Callable[[str], bool]) -> None:
        self._registry = registry
        self._full = full
        self._changed: dict[str, Worker] = {}
        self._task: asyncio.Task[None] | None = None

    def changed(self, worker: Worker) -> None:
        """Something about `worker` is different now."""
        in_step = self._full(worker.agent_id) is (worker.reported is AgentStatus.BUSY)
        if in_step and not worker.failing and worker.reported is not AgentStatus.UNHEALTHY:
            return
        self._changed[worker.agent_id] = worker
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._report_all(), name="rollcall-reports")

    async def settled(self) -> None:
        """Wait until everything that has changed so far was reported."""
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    async def _report_all(self) -> None:
        while self._changed:
            _, worker = self._changed.popitem()
            try:
                await self._report(worker)
            except Exception:
                _log.exception("the status of agent %s could not be reported", worker.agent_id)

    async def _report(self, worker: Worker) -> None:
        known = self._registry.agents.get(worker.agent_id)
        if known is None:
            return
        before = worker.reported
        status = next_report(worker, known.status, full=self._full(worker.agent_id))
        if status is None:
            return
        try:
            await self._registry.update_agent_status(worker.agent_id, status)
        except BaseException:
            # What was reported still stands and is still ours to take back.
            worker.reported = before
            raise
