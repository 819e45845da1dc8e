"""Rollcall with a fault: `python -m support.publishinglate up` commits changes, and tells of them
a little later in another transaction, as if there were no outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import ClassVar

from rollcall.app import compose
from rollcall.backends.sql.database import Database
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.cli.main import main
from rollcall.events.envelope import Event

LATE = 0.05
"""Seconds, in which the process may end."""


class PublishingLate(Database):
    """Acknowledges changes of which nobody has been told."""

    _tasks: ClassVar = set[asyncio.Task[None]]()

    @asynccontextmanager
    async def _begin(self) -> AsyncGenerator[SqlUnitOfWork]:
        async with super()._begin() as work:
            yield work
            events, work.events = work.events, []
        if events:
            task = asyncio.create_task(self._publish(events))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _publish(self, events: list[Event]) -> None:
        await asyncio.sleep(LATE)
        async with super()._begin() as work:
            work.events += events


if __name__ == "__main__":
    compose.Database = PublishingLate
    main()
