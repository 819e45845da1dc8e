"""Where a month is told to: everything in one process, or each service in one of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Protocol

import httpx

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events.envelope import Event
from support.modelled import until
from support.serving import Serving, serving

FOR_EVER: Final = {"ROLLCALL_KEEP_DAYS": "36500", "ROLLCALL_PROBES": "false"}
"""The month is long ago, and its events are no older for it."""
VICTIMS: Final = ("billing", "analytics", "dashboard")
"""The services that are killed: those that make numbers of events."""
OTHERS: Final = ("agent", "gateway")
"""The services that nobody kills."""
_AT_ONCE: Final = 500
"""Events of one unit of work."""


class House(Protocol):
    """Rollcall, and what makes numbers in it may be killed."""

    @property
    def gateway(self) -> str:
        """The URL of the gateway."""
        ...

    @property
    def addresses(self) -> Sequence[str]:
        """The URL of a service of each process that runs."""
        ...

    def start(self) -> None:
        """Start what does not run."""
        ...

    def kill(self, victims: Sequence[str]) -> None:
        """`kill -9` of services, some of `VICTIMS`, and of what is in one process with them."""
        ...

    def append(self, events: Sequence[Event]) -> None:
        """Commit events, which those that are killed must find when they are back."""
        ...


class Together:
    """`rollcall up` on SQLite."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._one: Serving | None = None

    @property
    def gateway(self) -> str:
        assert self._one is not None
        return self._one.gateway

    @property
    def addresses(self) -> Sequence[str]:
        return [self.gateway]

    def start(self) -> None:
        self._one = self._stack.enter_context(serving(self._folder, "up", **FOR_EVER))

    def kill(self, victims: Sequence[str]) -> None:
        assert self._one is not None
        assert victims
        self._one.kill()
        self._one = None

    def append(self, events: Sequence[Event]) -> None:
        appended(f"sqlite:///{self._folder}/data/services.db", events)


class Apart:
    """Each service in a process of its own, on one PostgreSQL and one Kafka."""

    def __init__(
        self, folder: Path, stack: ExitStack, database: str, variables: Mapping[str, str]
    ) -> None:
        self._folder = folder
        self._stack = stack
        self._database = database
        self._told = {"PORT": "0", "ROLLCALL_STORE": database, **FOR_EVER, **variables}
        self._running: dict[str, Serving] = {}

    @property
    def gateway(self) -> str:
        return self._running["gateway"].gateway

    @property
    def addresses(self) -> Sequence[str]:
        return [
            next(filter(None, (one.gateway, one.talk, one.billing, one.analytics, one.dashboard)))
            for one in self._running.values()
        ]

    def start(self) -> None:
        missing = [name for name in (*OTHERS, *VICTIMS) if name not in self._running]
        with ThreadPoolExecutor(2) as starting:
            self._running |= zip(missing, starting.map(self._serve, missing), strict=True)
        until(self._is_found)

    def kill(self, victims: Sequence[str]) -> None:
        for name in victims:
            self._running.pop(name).kill()

    def append(self, events: Sequence[Event]) -> None:
        appended(self._database, events)

    def _serve(self, name: str) -> Serving:
        one = serving(self._folder / name, "serve", name, **self._told)
        return self._stack.enter_context(one)

    def _is_found(self) -> bool:
        checks = httpx.get(f"{self.gateway}/health", timeout=30).json()["checks"]
        return {checks[name] for name in VICTIMS} == {"ok"}


def appended(url: str, events: Sequence[Event]) -> None:
    """Commit events in the database at `url`, as a service does that has changed something."""

    async def append() -> None:
        database = Database(dialect_of(url))
        await database.open()
        try:
            for start in range(0, len(events), _AT_ONCE):
                async with database.begin() as work:
                    work.publish(*events[start : start + _AT_ONCE])
        finally:
            await database.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, append()).result()
