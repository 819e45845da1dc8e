# SPDX-License-Identifier: Apache-2.0
"""Facts in Google BigQuery, so that any number of analytics processes share them.

What is told at about the same time is merged by one statement, and whoever told it waits until that
is done: statements are slow there (a second or more) and billed one by one. No rollups are kept;
questions read the days that they are about.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Select

from rollcall.analytics.models import QUARTER_SECONDS, AnyFact, Kind, moment, quarter_of
from rollcall.analytics.ports import Row
from rollcall.analytics.queries import statement
from rollcall.analytics.questions import ById, Export, Listing, Question
from rollcall.analytics.tables import TABLES
from rollcall.backends.facts.bigquery_client import BigquerySettings, Link, check_driver
from rollcall.backends.facts.bigquery_sql import Statement, compiled, merging, removing
from rollcall.backends.facts.parquet import parquet_of
from rollcall.kernel.clock import Clock, SystemClock, utc
from rollcall.kernel.errors import Closed

T = TypeVar("T")

READERS: Final = 4
"""Questions that are asked at a time."""
LARGEST: Final = 10_000
"""Facts of one statement: about half of the 10 MB that a request may have."""
LOOKS: Final = (31, 366)
"""How many days back things are looked for that are said to be of no time, before all of them."""
_STREAMED: Final = 1_000
_DAY: Final = 96


class BigqueryFactStore:
    """A fact store in a dataset.

    Args:
        settings: Which, and what it may take.
        clock: For how long facts wait for others.

    Raises:
        MissingExtra: The driver is not installed.
    """

    def __init__(self, settings: BigquerySettings, clock: Clock | None = None) -> None:
        check_driver()
        self._settings = settings
        self._clock = clock or SystemClock()
        self._around = -(-settings.revisions_apart // timedelta(seconds=QUARTER_SECONDS))
        self._link: Link | None = None
        self._writer = ThreadPoolExecutor(1, "facts-writer")
        self._readers = ThreadPoolExecutor(READERS, "facts-reader")
        self._waiting: list[tuple[Sequence[AnyFact], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._enough = asyncio.Event()
        self._closing = False

    async def open(self) -> None:
        """See `FactStore`.

        Raises:
            InvalidInput: The key of the service account is none.
        """
        await self._in(self._writer, self._open)

    async def close(self) -> None:
        """See `FactStore`."""
        self._closing = True
        self._enough.set()
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
        for one in (self._readers, self._writer):
            await asyncio.to_thread(one.shutdown)
        link, self._link = self._link, None
        if link is not None:
            await asyncio.to_thread(link.close)

    async def ping(self) -> None:
        """See `FactStore`."""
        await self._in(self._readers, partial(self._do, Statement("SELECT 1", {})))

    async def put(self, facts: Sequence[AnyFact]) -> None:
        """See `FactStore`. Of more than `LARGEST` facts some may be seen before the others."""
        if not facts:
            return
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((facts, done))
        if sum(len(some) for some, _ in self._waiting) >= self._settings.flush_facts:
            self._enough.set()
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all(), name="facts")
        # Who is cancelled leaves them to be written; that is never wrong.
        await asyncio.shield(done)

    async def remove(self, kind: Kind, namespace: str, ids: Sequence[str]) -> None:
        """See `FactStore`."""
        if ids:
            gone = removing(kind, namespace, ids)
            await self._in(self._writer, partial(self._do, gone))

    async def select(self, question: Question) -> list[Row]:
        """See `FactStore`."""
        found: list[Row] = []
        for bounded in self._bounded(question):
            found = await self._in(self._readers, partial(self._rows, compiled(bounded)))
            if isinstance(question, Listing) and len(found) == question.limit:
                break
            if isinstance(question, ById) and len(found) == len(set(question.ids)):
                break
        return found

    async def stream(self, question: Export) -> AsyncGenerator[Sequence[Row]]:
        """See `FactStore`."""
        asked = compiled(statement(question, rolled=False))
        pages = await self._in(self._readers, partial(self._pages, asked, _STREAMED))
        while (some := await self._in(self._readers, partial(next, pages, None))) is not None:
            if some:
                yield some

    def parquet(self, question: Export) -> AsyncIterator[bytes]:
        """See `FactStore`."""
        return parquet_of(question.kind, self.stream(question))

    def _bounded(self, question: Question) -> Iterator[Select[Any]]:
        """What to ask, one after the other until all is found: what is said to be of no time is
        mostly of late, and older days cost more to read.
        """
        asked = statement(question, rolled=False)
        match question:
            case Listing(span=None):
                quarter = TABLES[Kind.CONVERSATION].c.quarter
            case ById() if question.kind is not Kind.AGENT:
                quarter = TABLES[question.kind].c.quarter
            case _:
                yield asked
                return
        newest = quarter_of(utc(self._clock.now()))
        if isinstance(question, Listing) and question.before is not None:
            last = quarter_of(moment(question.before[0]))
            newest = min(newest, last)
            asked = asked.where(quarter <= last)
        for days in LOOKS:
            yield asked.where(quarter >= newest - days * _DAY)
        # Said all the same: the table refuses to be read without a time.
        yield asked.where(quarter >= 0)

    async def _write_all(self) -> None:
        while self._waiting:
            await self._others()
            told = list[AnyFact]()
            waiting = list[asyncio.Future[None]]()
            while self._waiting and (not told or len(told) + len(self._waiting[0][0]) <= LARGEST):
                facts, done = self._waiting.pop(0)
                told += facts
                waiting.append(done)
            try:
                await self._in(self._writer, partial(self._merge, told))
            except Exception as error:
                for done in waiting:
                    done.set_exception(error)
                    # Nobody may be waiting any more.
                    done.exception()
            else:
                for done in waiting:
                    done.set_result(None)

    async def _others(self) -> None:
        """Wait for more facts, for a while, or until there are enough."""
        call_off = self._clock.alarm(self._settings.flush_seconds, self._enough.set)
        try:
            await self._enough.wait()
        finally:
            call_off()
        if not self._closing:
            self._enough.clear()

    def _merge(self, facts: Sequence[AnyFact]) -> None:
        """In the writer's thread."""
        newest: dict[tuple[Kind, str, str], AnyFact] = {}
        for fact in facts:
            name = (fact.kind, fact.namespace, fact.id)
            if name not in newest or newest[name].revision < fact.revision:
                newest[name] = fact
        every = list(newest.values())
        for start in range(0, len(every), LARGEST):
            self._do(merging(every[start : start + LARGEST], self._around))

    def _do(self, asked: Statement) -> None:
        self._opened().do(asked)

    def _rows(self, asked: Statement) -> list[Row]:
        return [row for page in self._pages(asked) for row in page]

    def _pages(self, asked: Statement, page: int | None = None) -> Iterator[Sequence[Row]]:
        return self._opened().rows(asked, maximum_bytes=self._settings.maximum_bytes, page=page)

    def _opened(self) -> Link:
        if self._link is None:
            raise Closed("the fact store is not open")
        return self._link

    def _open(self) -> None:
        """In the writer's thread."""
        link = Link(self._settings)
        try:
            link.prepare()
        except BaseException:
            link.close()
            raise
        self._link = link

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work)
