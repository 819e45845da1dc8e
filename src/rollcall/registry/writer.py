# SPDX-License-Identifier: Apache-2.0
"""The registry's writes: registration, reports, shared leases, signs of life."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import numpy as np

from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import OperationIds
from rollcall.kernel.record_errors import (
    Contention,
    LeaseNotFound,
    NamespaceFull,
    RecordExists,
    RecordNotFound,
    RevisionMismatch,
)
from rollcall.registry.commits import Commits
from rollcall.registry.events import Cause
from rollcall.registry.keeper import LeaseKeeper
from rollcall.registry.models import Grant, Lease, LeasePolicy, Probe, Record, Table
from rollcall.registry.state import RegistryState
from rollcall.registry.status import LeasePhase, Status
from rollcall.registry.store import Change, Conflict, Write
from rollcall.registry.timers import LeaseTimers
from rollcall.registry.validation import check_record

# An attribute of an enumeration costs more than a global does, and every write asks for these.
_RECORD: Final = Table.RECORD
_REGISTERED: Final = Cause.REGISTERED

_TRIES: Final = 20
"""How often a write is decided anew after a conflict, before that counts as contention."""


class RegistryWriter:
    """Decides what to write from what the state says, and decides again where that was stale."""

    def __init__(
        self,
        state: RegistryState,
        commits: Commits,
        keeper: LeaseKeeper,
        timers: LeaseTimers,
        clock: Clock,
        ops: OperationIds,
        max_records: int | None = None,
    ) -> None:
        self.state = state
        self.commits = commits
        self.keeper = keeper
        self.timers = timers
        self.clock = clock
        self._ops = ops
        self._max_records = max_records

    async def register(
        self,
        record: Record,
        *,
        expect: int | None = None,
        op: str | None = None,
        checked: bool = False,
        guard: Callable[[Record], None] | None = None,
    ) -> Change:
        """Write a record down as its holder gives it, and renew its lease.

        Args:
            record: The record. `created_at` is kept from the one that is there, if there is one,
                and the epoch of its lease goes on from that.
            expect: The revision that must be there; 0: none may; None: whatever is there.
            op: The operation id, for one who may have to ask again.
            checked: Whether its capabilities have passed `check_capabilities` already.
            guard: Called with the record that would be replaced; raises to refuse that.

        Raises:
            InvalidInput: The record cannot be kept.
            RecordExists: `expect` was 0.
            RevisionMismatch: Another revision is there.
            LeaseNotFound: It names a shared lease that does not exist.
            NamespaceFull: It would be one too many.
        """
        check_record(record, contents=not checked)
        op = op or self._ops.next()
        for _ in range(_TRIES):
            # Where none may be there, the store alone decides: this may be asked a second time, by
            # one whose first answer was lost.
            slot = None if expect == 0 else self.state.slot(record.namespace, record.id)
            if slot is None:
                self._check_room(record.namespace)
                revision, doc = 0, _anew(record)
            else:
                revision = self.state.slots.revisions[slot]
                old = self.state.slots.record(slot)
                if guard is not None:
                    guard(old)
                doc = _again(old, record)
            lease = doc.lease
            if type(lease) is str and self.state.lease_slot(doc.namespace, lease) is None:
                raise LeaseNotFound(doc.namespace, lease)
            write = Write(
                op,
                _REGISTERED,
                _RECORD,
                record.namespace,
                record.id,
                doc,
                revision if expect is None else expect,
            )
            outcome = await self.commits.submit(write)
            if isinstance(outcome, Change):
                return outcome
            await self.commits.catch_up()
            if expect is not None and expect != outcome.current:
                if expect == 0:
                    raise RecordExists(record.namespace, record.id)
                raise RevisionMismatch(record.namespace, record.id, expect, outcome.current)
        raise Contention(record.namespace, record.id, _TRIES)

    async def update(
        self,
        namespace: str,
        record_id: str,
        change: Callable[[Record], Record],
        *,
        cause: str = Cause.UPDATED,
        expect: int | None = None,
        op: str | None = None,
    ) -> Change | None:
        """Replace a record by what `change` makes of it; tried again if it changed meanwhile.

        Args:
            change: Pure: it may be called several times. To give the same object back is to
                write nothing.
            expect: The revision that must be there; None: whatever is there.

        Returns:
            The change; None: there was nothing to write.

        Raises:
            RecordNotFound: There is no such record.
            InvalidInput: What `change` made cannot be kept.
            RevisionMismatch: Another revision is there.
        """
        op = op or self._ops.next()
        for _ in range(_TRIES):
            slot = self._slot(namespace, record_id)
            old = self.state.slots.record(slot)
            new = change(old)
            if new is old:
                return None
            if new.namespace != namespace:
                raise InvalidInput("namespace", "cannot be changed")
            if new.id != record_id:
                raise InvalidInput("id", "cannot be changed")
            check_record(new, contents=new.capabilities is not old.capabilities)
            revision = self.state.slots.revisions[slot]
            write = Write(
                op,
                cause,
                _RECORD,
                namespace,
                record_id,
                new,
                revision if expect is None else expect,
            )
            outcome = await self.commits.submit(write)
            if isinstance(outcome, Change):
                return outcome
            await self.commits.catch_up()
            if expect is not None:
                raise RevisionMismatch(namespace, record_id, expect, outcome.current)
        raise Contention(namespace, record_id, _TRIES)

    async def report(
        self, namespace: str, record_id: str, status: Status, *, alive: bool = False
    ) -> Change | None:
        """Write down a status that the record, or an operator, reports.

        Args:
            alive: Whether the report proves that the record lives, so that it renews its lease.
        """
        if alive:
            await self.renew(namespace, record_id)
        now = self.clock.now()

        def reported(record: Record) -> Record:
            if record.reported is status:
                return record
            return msgspec.structs.replace(record, reported=status, updated_at=now)

        return await self.update(namespace, record_id, reported, cause=Cause.REPORTED)

    async def probed(self, namespace: str, record_id: str, probe: Probe | None) -> Change | None:
        """Write down a verdict of active health checks; None: there are none any more."""

        def changed(record: Record) -> Record:
            return record if record.probe == probe else msgspec.structs.replace(record, probe=probe)

        return await self.update(namespace, record_id, changed, cause=Cause.PROBED)

    async def deregister(
        self, namespace: str, record_id: str, *, expect: int | None = None, op: str | None = None
    ) -> Change:
        """Remove a record.

        Raises:
            RecordNotFound: There is no such record.
            RevisionMismatch: Another revision is there.
        """
        if op is None:
            self._slot(namespace, record_id)
        write = Write(
            op or self._ops.next(),
            Cause.DEREGISTERED,
            Table.RECORD,
            namespace,
            record_id,
            None,
            expect,
        )
        outcome = await self.commits.submit(write)
        if isinstance(outcome, Change):
            return outcome
        await self.commits.catch_up()
        if expect is None or outcome.current == 0:
            raise RecordNotFound(namespace, record_id)
        raise RevisionMismatch(namespace, record_id, expect, outcome.current)

    async def grant(self, namespace: str, lease_id: str, policy: LeasePolicy) -> Change:
        """Grant a shared lease, or grant it anew: one renewal then renews all that it covers."""
        for _ in range(_TRIES):
            slot = self.state.lease_slot(namespace, lease_id)
            revision, epoch = 0, 1
            if slot is not None:
                revision = self.state.slots.revisions[slot]
                epoch = self.state.slots.lease(slot).grant.epoch + 1
            lease = Lease(namespace, lease_id, Grant(policy, epoch))
            write = Write(
                self._ops.next(),
                Cause.REGISTERED,
                Table.LEASE,
                namespace,
                lease_id,
                lease,
                revision,
            )
            outcome = await self.commits.submit(write)
            if isinstance(outcome, Change):
                return outcome
            await self.commits.catch_up()
        raise Contention(namespace, lease_id, _TRIES)

    async def release(self, namespace: str, lease_id: str) -> Change:
        """End a shared lease; the records that it covers go with it."""
        if self.state.lease_slot(namespace, lease_id) is None:
            raise LeaseNotFound(namespace, lease_id)
        write = Write(self._ops.next(), Cause.DEREGISTERED, Table.LEASE, namespace, lease_id, None)
        outcome = await self.commits.submit(write)
        if isinstance(outcome, Conflict):
            await self.commits.catch_up()
            raise LeaseNotFound(namespace, lease_id)
        return outcome

    async def renew(self, namespace: str, record_id: str) -> None:
        """A sign of life of a record: renews the lease that covers it. O(1), and soft.

        Raises:
            RecordNotFound: There is no such record: register again.
        """
        slot = self._slot(namespace, record_id)
        record = self.state.slots.docs[slot]
        if isinstance(record, Record) and record.lease is not None:
            holder = slot if isinstance(record.lease, Grant) else self.state.holder(slot)
            await self._renew(holder)

    async def renew_many(self, namespace: str, record_ids: Sequence[str]) -> list[str]:
        """Signs of life of many records; one pass, and soft.

        Returns:
            The ids that are not there, in their order: those register again.
        """
        unknown, restless = self.renew_calm(namespace, record_ids)
        lapsed: dict[int, None] = {}
        state, renewed, now = self.state, self.timers.table.renewed, self.clock.monotonic()
        for slot in restless:
            grant = state.grant(slot)
            if grant is not None:
                holder = state.holder(slot)
                renewed[holder] = now
                if grant.phase is not LeasePhase.FRESH:
                    lapsed[holder] = None
        if lapsed:
            await asyncio.gather(*map(self.keeper.revive, lapsed))
        return unknown

    def renew_calm(self, namespace: str, record_ids: Sequence[str]) -> tuple[list[str], list[int]]:
        """Signs of life of those records whose own lease is fresh: nothing has to be written.

        Returns:
            The ids that are not there, and the slots that take more than that: `renew_many`.
        """
        space = self.state.spaces.get(namespace)
        if space is None:
            return list(record_ids), []
        records, unknown = space.records, list[str]()
        try:
            slots = np.fromiter(map(records.__getitem__, record_ids), np.intp, len(record_ids))
        except KeyError:
            known = [slot for one in record_ids if (slot := records.get(one)) is not None]
            slots = np.array(known, dtype=np.intp)
            unknown = [one for one in record_ids if one not in records]
        return unknown, self.timers.table.renew(slots, self.clock.monotonic())

    def renew_if_calm(self, slot: int) -> bool:
        """A sign of life of a record, if its own lease is fresh; False: it takes `renew`."""
        table = self.timers.table
        if slot >= len(table.calm) or not table.calm[slot]:
            return False
        table.renewed[slot] = self.clock.monotonic()
        return True

    async def renew_lease(self, namespace: str, lease_id: str) -> None:
        """A sign of life of a whole runtime: renews a shared lease. O(1), and soft.

        Raises:
            LeaseNotFound: There is no such lease: grant it, and register again.
        """
        slot = self.state.lease_slot(namespace, lease_id)
        if slot is None:
            raise LeaseNotFound(namespace, lease_id)
        await self._renew(slot)

    async def _renew(self, slot: int) -> None:
        self.timers.table.renewed[slot] = self.clock.monotonic()
        doc = self.state.slots.docs[slot]
        grant = doc.grant if isinstance(doc, Lease) else doc.lease if doc else None
        if isinstance(grant, Grant) and grant.phase is not LeasePhase.FRESH:
            await self.keeper.revive(slot)

    def _check_room(self, namespace: str) -> None:
        space = self.state.spaces.get(namespace)
        if self._max_records is not None and space and len(space.records) >= self._max_records:
            raise NamespaceFull(namespace, self._max_records)

    def _slot(self, namespace: str, record_id: str) -> int:
        slot = self.state.slot(namespace, record_id)
        if slot is None:
            raise RecordNotFound(namespace, record_id)
        return slot


def _anew(record: Record) -> Record:
    """`record` as its holder may register it: its lease begins fresh."""
    lease = record.lease
    if type(lease) is not Grant or (lease.epoch == 1 and not lease.phase and not lease.reason):
        return record
    return msgspec.structs.replace(record, lease=Grant(lease.policy))


def _again(old: Record, new: Record) -> Record:
    """`new` registered where `old` is: the same record, its lease granted anew."""
    lease = new.lease
    if isinstance(lease, Grant):
        epoch = old.lease.epoch + 1 if isinstance(old.lease, Grant) else 1
        lease = Grant(lease.policy, epoch)
    probe = new.probe
    if (old.address, old.health_check) == (new.address, new.health_check):
        # Whoever registers again is asked as before: what was found out of it still holds.
        probe = old.probe
    return msgspec.structs.replace(new, created_at=old.created_at, lease=lease, probe=probe)
