# SPDX-License-Identifier: Apache-2.0
"""Heartbeats in the background, of whoever is registered somewhere."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from random import Random
from typing import Any, Final

from rollcall.kernel.caller import NotAuthenticated
from rollcall.kernel.clock import Clock
from rollcall.kernel.record_errors import RecordNotFound
from rollcall.policies import checks
from rollcall.policies.retry import RetryPolicy, full_jitter

_log = logging.getLogger(__name__)
_ADVICE: Final = ". Does ROLLCALL_API_KEY hold a key of that registry?"


class HeartbeatingClient(ABC):
    """What clients that heartbeat have in common.

    A subclass says how one lease is renewed and how to register again. It may also have a
    `_heartbeat_loop` of its own (document 2): one that goes on while `_heartbeat_running`, and
    waits `_heartbeat_interval` seconds.

    Args:
        name: Who heartbeats, for the log.
        interval: Seconds from one heartbeat to the next.
        clock: Time.
        rng: Spreads the delays after failures.

    Raises:
        InvalidInput: The interval is not above 0.
    """

    heartbeats_sent: int = 0
    """Heartbeats that the registry has acknowledged."""

    heartbeats_failed: int = 0
    """Heartbeats that it has not."""

    registered_again: int = 0
    """How often the registry no longer knew the record and was given it again."""

    def __init__(self, name: str, interval: float, clock: Clock, rng: Random) -> None:
        self._heartbeat_interval = checks.positive("heartbeat_interval", interval)
        self._heartbeat_running = False
        self._heartbeat_task: asyncio.Task[None] | None = None
        self._name = name
        self._clock = clock
        self._rng = rng

    async def send_heartbeat(self) -> None:
        """Send one heartbeat, once. Registers again where the registry knows the record no more.

        Raises:
            RecordNotFound: The registry does not know the record, and this client has never
                registered it.
            RegistryUnavailable: There was no answer; the next heartbeat is the next attempt.
            RollcallError: What else the registry raised.
        """
        try:
            try:
                await self._renew()
            except RecordNotFound:
                if not self._can_reregister():
                    raise
                await self._reregister()
                self.registered_again += 1
                _log.info("%s was no longer known and has registered again", self._name)
        except Exception:
            self.heartbeats_failed += 1
            raise
        self.heartbeats_sent += 1

    async def start_heartbeat(self, interval: float | None = None) -> None:
        """Heartbeat in the background, at once and then every `interval` seconds.

        Args:
            interval: None: as before. Started again, it goes on with the new interval.

        Raises:
            InvalidInput: The interval is not above 0.
        """
        if interval is not None:
            self._heartbeat_interval = checks.positive("interval", interval)
        await self.stop_heartbeat()
        self._heartbeat_running = True
        self._heartbeat_task = self._in_background(self._heartbeat_loop())

    async def stop_heartbeat(self) -> None:
        """Send no more heartbeats; one that is under way is broken off."""
        self._heartbeat_running = False
        task, self._heartbeat_task = self._heartbeat_task, None
        await self._break_off(task)

    async def _heartbeat_loop(self) -> None:
        failures = 0
        while self._heartbeat_running:
            began = self._clock.monotonic()
            try:
                await self.send_heartbeat()
                if failures:
                    _log.info("%s heartbeats again after %d failures", self._name, failures)
                failures = 0
                wait = began + self._heartbeat_interval - self._clock.monotonic()
            except Exception as error:
                failures += 1
                wait = self._delay(failures, error)
                _log.warning(
                    "heartbeat of %s failed (%d in a row), again in %.1f s: %s%s",
                    self._name,
                    failures,
                    wait,
                    error,
                    _ADVICE if isinstance(error, NotAuthenticated) else "",
                )
            await self._clock.sleep(max(0.0, wait))

    def _delay(self, failures: int, error: Exception) -> float:
        # Sooner than the next beat would come: one lost heartbeat must not use up the lease.
        policy = RetryPolicy(max_delay=self._heartbeat_interval)
        delay = full_jitter(policy.delay(failures), self._rng)
        return delay + (getattr(error, "retry_after", None) or 0.0)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"heartbeats of {self._name}")
        task.add_done_callback(self._say_if_broken)
        return task

    async def _break_off(self, task: asyncio.Task[None] | None) -> None:
        # A loop may end itself, but cannot wait for that.
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait({task})

    def _say_if_broken(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        if error := task.exception():
            _log.error("%s heartbeats no more: its loop has ended", self._name, exc_info=error)

    @abstractmethod
    async def _renew(self) -> None:
        """Send a sign of life. Raises `RecordNotFound` where the registry knows of nobody."""

    @abstractmethod
    def _can_reregister(self) -> bool:
        """Whether there is anything to register again."""

    @abstractmethod
    async def _reregister(self) -> None:
        """Register again what was registered last."""
