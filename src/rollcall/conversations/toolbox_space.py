# SPDX-License-Identifier: Apache-2.0
"""The tools of one namespace, kept current."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from random import Random
from typing import Final, cast

from rollcall.conversations.calls import ListUnavailable, NotListening
from rollcall.conversations.listing import ListedTool
from rollcall.conversations.models import ToolSpec
from rollcall.conversations.ports import Directory, ServiceInstance
from rollcall.conversations.toolbox_instances import Health, Known
from rollcall.conversations.toolbox_observer import Observer
from rollcall.conversations.toolbox_services import ToolServices
from rollcall.conversations.toolbox_settings import ToolboxSettings
from rollcall.conversations.toolbox_table import Entry, Table, table_of
from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import Unavailable
from rollcall.policies.retry import RetryPolicy, full_jitter

_DIRECTORY_TIMEOUT: Final = 10.0
_RENEWAL: Final = 0.1
"""Seconds for which changes are gathered before they are told."""
_REMEMBERED: Final = 1024
_TOLD: Final = 5
"""Problems of one list that are logged."""

_log = logging.getLogger(__name__)


class Slots:
    """Who may be asked for a list now. Those that failed wait in a queue of their own: they may
    take long, and what has just been registered is not to wait for them.
    """

    def __init__(self, count: int) -> None:
        self._usual = asyncio.Semaphore(count)
        self._failing = asyncio.Semaphore(count)

    def of(self, known: Known) -> asyncio.Semaphore:
        """Where an instance waits for its turn."""
        return self._failing if known.failures else self._usual


class Space:
    """Follows the tool services of a namespace, and what each of them lists.

    Args:
        namespace: Which.
        directory: Knows the services.
        services: Lists and calls.
        slots: Bound how many are asked for their lists at the same time.
        clock: Time.
        rng: Spreads the delays.
        settings: Times and bounds.
        observer: Is told what happens.
        idle: Called when it was not used for a while.

    Attributes:
        used_at: When it was used last, monotonic seconds.
        seen: Whether the registry has ever answered.
    """

    def __init__(
        self,
        namespace: str,
        directory: Directory,
        services: ToolServices,
        slots: Slots,
        *,
        clock: Clock,
        rng: Random,
        settings: ToolboxSettings,
        observer: Observer,
        idle: Callable[[str], None],
    ) -> None:
        self.namespace = namespace
        self._begun_at = self.used_at = clock.monotonic()
        self._directory = directory
        self._services = services
        self._slots = slots
        self._clock = clock
        self._rng = rng
        self._settings = settings
        self._observer = observer
        self._idle = idle
        self._backoff = RetryPolicy(
            initial_delay=settings.retry_first, max_delay=settings.retry_longest
        )
        self._known: dict[str, Known] = {}
        self._wakes: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._table: Table | None = None
        self._renewal: Callable[[], None] | None = None
        self._was: dict[str, ToolSpec] = {}
        self._complaints: dict[str, str] = {}
        self._disagreements: dict[str, frozenset[str]] = {}
        self._news = asyncio.Event()
        self._progress = asyncio.Event()
        self._answered = False
        self._settled = False
        self.seen = False
        self._own = [
            asyncio.create_task(self._follow(), name=f"tools-follow-{namespace}"),
            asyncio.create_task(self._keep_looking(), name=f"tools-look-{namespace}"),
        ]

    async def close(self) -> None:
        """Follow nothing any more."""
        if self._renewal is not None:
            self._renewal()
        tasks = [*self._own, *self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for known in self._known.values():
            self._services.forget(known.info)
        self._known.clear()
        self._observer.known(self.namespace, 0)

    @property
    def table(self) -> Table:
        """The tools that there are now."""
        if self._table is None:
            table = self._table = table_of(self._known.values())
            self._observer.known(self.namespace, len(table.specs))
            for name, entry in table.entries.items():
                self._was.pop(name, None)
                self._was[name] = entry.spec
                self._compare(name, entry)
            while len(self._was) > max(_REMEMBERED, len(table.entries)):
                del self._was[next(iter(self._was))]
        return self._table

    def _outdated(self) -> None:
        """What there is has changed. Whether or not anybody asks, it is soon told and counted."""
        self._table = None
        if self._renewal is None:
            self._renewal = self._clock.alarm(_RENEWAL, self._renew)

    def _renew(self) -> None:
        self._renewal = None
        _ = self.table

    def formerly(self, name: str) -> ToolSpec | None:
        """What was called `name` last; it may be gone, or have another name by now."""
        return self._was.get(name)

    async def looked(self) -> None:
        """Return once the registry and every service was asked, or the time for that is over.
        Who comes later is not waited for.
        """
        if self._settled:
            return
        left = self._begun_at + self._settings.first_look - self._clock.monotonic()
        if left > 0:
            await self._until_ended({}, left)
        self._settled = True

    async def refresh(self) -> None:
        """Ask the registry and every service again, and wait for it."""
        await self._look()
        wanted: dict[str, int] = {}
        for key, known in self._known.items():
            wanted[key] = known.begun + 1
            self._wakes[key].set()
        await self._until_ended(wanted, self._settings.list_timeout + 1.0)

    async def _until_ended(self, wanted: dict[str, int], timeout: float) -> None:
        def pending() -> bool:
            return not self._answered or any(
                known.ended < wanted.get(key, 1) for key, known in self._known.items()
            )

        async def wait() -> None:
            while pending():
                self._progress.clear()
                await self._progress.wait()

        if pending():
            with suppress(TimeoutError):
                await within(self._clock, timeout, wait())

    async def _follow(self) -> None:
        failures = 0
        while True:
            try:
                changes = cast("AsyncGenerator[None]", self._directory.changed(self.namespace))
                async with aclosing(changes):
                    async for _ in changes:
                        failures = 0
                        self._news.set()
            except Exception:
                _log.exception("the directory of tool services broke off")
            failures += 1
            self._news.set()
            await self._clock.sleep(self._backoff.delay(failures))

    async def _keep_looking(self) -> None:
        failures = 0
        while True:
            wait = self._backoff.delay(failures) if failures else self._settings.refresh_every
            with suppress(TimeoutError):
                await within(self._clock, wait, _set(self._news))
            self._news.clear()
            if self._clock.monotonic() - self.used_at > self._settings.namespace_idle:
                self._idle(self.namespace)
            failures = 0 if await self._look() else failures + 1

    async def _look(self) -> bool:
        """Ask the registry who is there. Whether it answered."""
        try:
            found = await within(
                self._clock, _DIRECTORY_TIMEOUT, _listed(self._directory, self.namespace)
            )
        except (Unavailable, TimeoutError) as error:
            self._complain("", "the registry does not tell its tool services", str(error))
        except Exception:
            _log.exception("the registry's answer could not be used")
        else:
            self.seen = True
            self._complaints.pop("", None)
            self._adopt(found)
            return True
        finally:
            self._answered = True
            self._progress.set()
        return False

    def _adopt(self, found: Sequence[ServiceInstance]) -> None:
        there = {one.id: one for one in found}
        for key in [key for key in self._known if key not in there]:
            self._drop(key)
        for key, info in there.items():
            known = self._known.get(key)
            if known is None:
                self._add(info)
            elif known.info != info:
                self._change(known, info)

    def _add(self, info: ServiceInstance) -> None:
        known = self._known[info.id] = Known(info, Health(self._settings))
        wake = self._wakes[info.id] = asyncio.Event()
        self._tasks[info.id] = asyncio.create_task(
            self._keep_listed(known, wake), name=f"tools-list-{info.id}"
        )

    def _change(self, known: Known, info: ServiceInstance) -> None:
        anew = info.registered != known.info.registered
        known.info = info
        self._outdated()
        if anew:
            # It may have been started again: what it was like before says nothing.
            known.health, known.failures = Health(self._settings), 0
            self._services.forget(info)
            self._wakes[info.id].set()

    def _drop(self, key: str) -> None:
        known = self._known.pop(key)
        del self._wakes[key]
        self._tasks.pop(key).cancel()
        self._complaints.pop(key, None)
        self._services.forget(known.info)
        self._outdated()
        self._progress.set()

    async def _keep_listed(self, known: Known, wake: asyncio.Event) -> None:
        while True:
            wake.clear()
            known.failures = 0 if await self._list(known, wake) else known.failures + 1
            if known.failures:
                wait = self._backoff.delay(known.failures)
            else:
                every = self._settings.refresh_every
                wait = 0.9 * every + full_jitter(0.2 * every, self._rng)
            with suppress(TimeoutError):
                await within(self._clock, wait, _set(wake))

    async def _list(self, known: Known, wake: asyncio.Event) -> bool:
        """Ask an instance for its tools. Whether it said them."""
        async with self._slots.of(known):
            known.begun += 1
            begun, info, listing = known.begun, known.info, None
            try:
                listing = await self._services.listing(info, self.namespace, wake.set)
            except ListUnavailable as error:
                if isinstance(error, NotListening) and not known.failures:
                    # Many register a moment before they take connections.
                    _log.info("a tool service does not listen yet: %s", error)
                else:
                    problem = "a tool service does not list its tools"
                    self._complain(info.id, problem, str(error), info)
            except Exception as error:
                _log.exception("the tools of a service could not be read")
                self._complaints[info.id] = str(error)
            finally:
                known.ended = begun
                self._progress.set()
        self._observer.listed(info.name, listing is not None)
        if listing is None:
            return False
        if listing.problems:
            told = "; ".join(listing.problems[:_TOLD])
            more = len(listing.problems) - _TOLD
            told += f"; and {more} more" if more > 0 else ""
            self._complain(info.id, "some tools of a service are passed over", told, info)
        else:
            self._complaints.pop(info.id, None)
        if known.tools != listing.tools:
            self._notice(known, listing.tools)
            known.tools = listing.tools
            self._outdated()
        return True

    def _notice(self, known: Known, tools: Sequence[ListedTool]) -> None:
        """Tell which tools an instance lists otherwise than before."""
        before = {tool.tool: tool for tool in known.tools or ()}
        for tool in tools:
            was = before.get(tool.tool)
            if was is None or was == tool:
                continue
            self._observer.changed(known.info.name, tool.tool)
            _log.warning(
                "a tool has changed",
                extra={
                    "namespace": self.namespace,
                    "service": known.info.name,
                    "tool": tool.tool,
                    "instance": known.info.id,
                    "old_version": was.version,
                    "new_version": tool.version,
                    "schema_changed": (was.input_schema, was.output_schema)
                    != (tool.input_schema, tool.output_schema),
                },
            )

    def _compare(self, name: str, entry: Entry) -> None:
        """Tell, once, that instances of a service disagree about a tool."""
        versions = entry.disagreeing
        if not versions:
            self._disagreements.pop(name, None)
        elif self._disagreements.get(name) != versions:
            self._disagreements[name] = versions
            _log.warning(
                "instances of a service disagree about a tool; the last registered is believed",
                extra={
                    "namespace": self.namespace,
                    "service": entry.spec.service,
                    "tool": entry.spec.tool,
                    "believed_version": entry.spec.version,
                    "versions": sorted(versions),
                },
            )

    def _complain(
        self, key: str, problem: str, detail: str, info: ServiceInstance | None = None
    ) -> None:
        """Log a problem, but not the same one again while it lasts."""
        if self._complaints.get(key) == detail:
            return
        self._complaints[key] = detail
        extra = {"namespace": self.namespace, "error": detail[:2000]}
        if info is not None:
            extra |= {"service": info.name, "instance": info.id}
        _log.warning(problem, extra=extra)


async def _set(event: asyncio.Event) -> None:
    await event.wait()


async def _listed(directory: Directory, namespace: str) -> Sequence[ServiceInstance]:
    return await directory.instances(namespace)
