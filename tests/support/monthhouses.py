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
OTHERS: Final = ("agent", "analytics", "dashboard", "gateway")
"""The services that nobody kills."""
_AT_ONCE: Final = 500
"""Events of one unit of work."""


class House(Protocol):
    """Rollcall, and what bills in it may be killed."""

    @property
    def gateway(self) -> str:
        """The URL of the gateway."""
        ...

    @property
    def addresses(self) -> Sequence[str]:
        """The URL of a service of each process that runs."""
        ...

    def start(self) -> None:
        """Start who bills, and everything else if it does not run yet."""
        ...

    def kill(self) -> None:
        """`kill -9` of who bills."""
        ...

    def append(self, events: Sequence[Event]) -> None:
        """Commit events while nobody bills."""
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

    def kill(self) -> None:
        assert self._one is not None
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
        self._others: list[Serving] = []
        self._billing: Serving | None = None

    @property
    def gateway(self) -> str:
        return self._others[-1].gateway

    @property
    def addresses(self) -> Sequence[str]:
        assert self._billing is not None
        found = [one.gateway or one.talk or one.analytics or one.dashboard for one in self._others]
        return [*found, self._billing.billing]

    def start(self) -> None:
        if not self._others:
            self._others = [self._serve(name) for name in OTHERS]
        self._billing = self._serve("billing")
        until(self._is_found)

    def kill(self) -> None:
        assert self._billing is not None
        self._billing.kill()
        self._billing = None

    def append(self, events: Sequence[Event]) -> None:
        appended(self._database, events)

    def _serve(self, name: str) -> Serving:
        one = serving(self._folder / name, "serve", name, **self._told)
        return self._stack.enter_context(one)

    def _is_found(self) -> bool:
        checks = httpx.get(f"{self.gateway}/health", timeout=30).json()["checks"]
        return {checks[name] for name in ("analytics", "billing", "dashboard")} == {"ok"}


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
