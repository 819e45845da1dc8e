# SPDX-License-Identifier: Apache-2.0
"""What a namespace holds as JSON lines, and back: also from one kind of store to another.

The first line says what follows (`Header`); then come shared leases, then records. Leases begin
anew where they are read: nobody is expired for the time that a file lay about.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from enum import StrEnum
from typing import Final

import msgspec

from rollcall.kernel.errors import InvalidInput, RollcallError, Unavailable
from rollcall.kernel.record_errors import NamespaceFull
from rollcall.registry.models import Grant, Lease, Record
from rollcall.registry.service import RegistryService
from rollcall.registry.validation import check_record

FORMAT: Final = 1
LONGEST: Final = 4 << 20
"""Bytes of a line."""
TOGETHER: Final = 200
"""Records that are written at the same time, so that they share the wait for the store."""
PROBLEMS: Final = 1000
"""Lines that were refused which are told about; the others are only counted."""


class OnConflict(StrEnum):
    """What to do with a record that is there already, and is not the same."""

    SKIP = "skip"
    REPLACE = "replace"
    FAIL = "fail"


class Header(msgspec.Struct, frozen=True, tag="rollcall"):
    """The first line.

    Args:
        format: Of the lines; 1.
        namespace: Whose records they are.
        epoch: Of the store that they come from.
        revision: At which they were read.
        at: When, in seconds since the epoch.
    """

    format: int
    namespace: str
    epoch: str
    revision: int
    at: float


class Problem(msgspec.Struct, frozen=True):
    """A line that was refused, counted from 1."""

    line: int
    problem: str


class Report(msgspec.Struct):
    """What became of the lines."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    refused: int = 0
    problems: list[Problem] = msgspec.field(default_factory=list[Problem])

    def refuse(self, line: int, problem: str) -> None:
        """Count a line as refused."""
        self.refused += 1
        if len(self.problems) < PROBLEMS:
            self.problems.append(Problem(line, problem[:500]))


_Line = Header | Lease | Record
_decoder: Final = msgspec.json.Decoder(_Line)


def lines(service: RegistryService, namespace: str) -> Iterator[bytes]:
    """What the namespace holds now; changes that come while it is read are not in it."""
    state = service.state
    header = Header(FORMAT, namespace, service.feed.epoch, state.revision, service.clock.now())
    space = state.spaces.get(namespace)
    leases = [] if space is None else [state.slots.lease(slot) for slot in space.leases.values()]
    records = [] if space is None else [state.slots.record(one) for one in space.records.values()]
    encode = msgspec.json.encode

    def written() -> Iterator[bytes]:
        yield encode(header) + b"\n"
        for doc in (*leases, *records):
            yield encode(doc) + b"\n"

    return written()


async def read(
    service: RegistryService,
    namespace: str,
    content: AsyncIterable[bytes],
    *,
    on_conflict: OnConflict = OnConflict.SKIP,
    dry_run: bool = False,
) -> Report:
    """Take in what `lines` wrote. Done twice, it is done once; broken off, it can be done again.

    Args:
        service: Where to.
        namespace: Whose the records become.
        content: The lines, in pieces of any size.
        on_conflict: What to do with records that are there already.
        dry_run: Whether to say only what would be done.

    Raises:
        InvalidInput: The first line is no header of ours; nothing was written.
        Unavailable: The store does not answer; some lines may have been written.
    """
    importer = _Importer(service, namespace, on_conflict, dry_run=dry_run)
    number = 0
    async for line in _split(content):
        number += 1
        if number == 1:
            _check_header(line)
        else:
            await importer.take(number, line)
    if number == 0:
        raise InvalidInput("line 1", "is missing: send what `rollcall export` wrote")
    await importer.flush()
    return importer.report


class _Importer:
    def __init__(
        self, service: RegistryService, namespace: str, on_conflict: OnConflict, *, dry_run: bool
    ) -> None:
        self.report = Report()
        self._service = service
        self._namespace = namespace
        self._on_conflict = on_conflict
        self._dry_run = dry_run
        self._leases: set[str] = set()
        self._waiting: dict[str, tuple[int, Record]] = {}

    async def take(self, number: int, line: bytes) -> None:
        if not line.strip():
            return
        try:
            doc = _decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, InvalidInput) as error:
            self.report.refuse(number, f"is no record: {error}")
            return
        if isinstance(doc, Lease):
            await self._lease(doc)
        elif isinstance(doc, Record):
            if doc.id in self._waiting:
                await self.flush()
            self._waiting[doc.id] = (number, doc)
            if len(self._waiting) >= TOGETHER:
                await self.flush()
        else:
            self.report.refuse(number, "is a second header")

    async def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, {}
        # Every one to its end, before the first error of a store that is away is told.
        results = await asyncio.gather(
            *(self._record(number, record) for number, record in waiting.values()),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _lease(self, lease: Lease) -> None:
        self._leases.add(lease.id)
        there = self._service.state.lease_slot(self._namespace, lease.id)
        if there is None and not self._dry_run:
            await self._service.grant(self._namespace, lease.id, lease.grant.policy)

    async def _record(self, number: int, record: Record) -> None:
        record = msgspec.structs.replace(record, namespace=self._namespace, probe=None)
        old = self._there(record.id)
        if old is not None and _essence(old) == _essence(record):
            self.report.unchanged += 1
        elif old is not None and self._on_conflict is OnConflict.SKIP:
            self.report.skipped += 1
        elif old is not None and self._on_conflict is OnConflict.FAIL:
            self.report.refuse(number, f"{record.id!r} is there already, and is another")
        else:
            await self._write(number, record, new=old is None)

    async def _write(self, number: int, record: Record, *, new: bool) -> None:
        try:
            if self._dry_run:
                self._check(record)
            else:
                await self._service.register(record)
        except Unavailable:
            raise
        except NamespaceFull as error:
            self.report.refuse(number, str(error))
        except RollcallError as error:
            self.report.refuse(number, f"{record.id!r}: {error}")
        else:
            self.report.created += new
            self.report.updated += not new

    def _check(self, record: Record) -> None:
        check_record(record)
        lease = record.lease
        if (
            isinstance(lease, str)
            and lease not in self._leases
            and self._service.state.lease_slot(self._namespace, lease) is None
        ):
            raise InvalidInput("lease", f"{lease!r} stands in no line before")

    def _there(self, record_id: str) -> Record | None:
        slot = self._service.state.slot(self._namespace, record_id)
        return None if slot is None else self._service.state.slots.record(slot)


def _essence(record: Record) -> Record:
    """A record without what is another at every store: its lease's term, its probes, its times."""
    lease = record.lease
    return msgspec.structs.replace(
        record,
        lease=Grant(lease.policy) if isinstance(lease, Grant) else lease,
        probe=None,
        created_at=0.0,
        updated_at=0.0,
    )


def _check_header(line: bytes) -> None:
    try:
        header = msgspec.json.decode(line, type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput("line 1", f"is not the header of an export: {error}") from None
    if header.format != FORMAT:
        raise InvalidInput("line 1", f"has format {header.format}, and this version reads {FORMAT}")


async def _split(content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in content:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line
        if len(rest) > LONGEST:
            raise InvalidInput("line", f"must not be longer than {LONGEST:,} bytes")
    if rest.strip():
        yield rest
