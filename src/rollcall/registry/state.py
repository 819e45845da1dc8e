# SPDX-License-Identifier: Apache-2.0
"""The registry's state: what the changes so far add up to, and the events that they mean.

`apply` is synchronous, deterministic and does no I/O: two replicas that apply the same changes hold
the same state and saw the same events. Only `Timers` beside it know of local time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

import msgspec

from rollcall.registry.coverage import Coverage, Timers
from rollcall.registry.events import Cause, Event, EventType
from rollcall.registry.index import Index
from rollcall.registry.models import HOLD_ID, TABLE_OF, Doc, Grant, Hold, Lease, Record, Table
from rollcall.registry.spaces import Slots, Space
from rollcall.registry.status import EFFECTIVE, ProbeState, Status, effective_code
from rollcall.registry.store import Change, Snapshot, Stored
from rollcall.registry.story import Story

# An attribute of an enumeration costs more than a global does, and every change asks for these.
_RECORD: Final = Table.RECORD
_REGISTERED: Final = EventType.REGISTERED
_UNPROBED: Final = ProbeState.NONE


class RegistryState:
    """All records, by slot, with the index over them.

    Attributes:
        revision: The last change that was applied.
        slots: Records and shared leases.
        spaces: The namespaces that hold anything.
        holding: Those in which self-preservation is at work.
        coverage: Which lease covers which record.
        index: The index over the records.
    """

    def __init__(self, timers: Timers) -> None:
        self.revision = 0
        self.slots = Slots()
        self.spaces: dict[str, Space] = {}
        self.holding: set[str] = set()
        self.coverage = Coverage(self.slots, timers)
        # Shared leases have slots too, but are never put into the index.
        self.index = Index(cast("list[Record | None]", self.slots.docs))

    # Reading

    def slot(self, namespace: str, record_id: str) -> int | None:
        """The slot of a record, or None."""
        space = self.spaces.get(namespace)
        return None if space is None else space.records.get(record_id)

    def lease_slot(self, namespace: str, lease_id: str) -> int | None:
        """The slot of a shared lease, or None."""
        space = self.spaces.get(namespace)
        return None if space is None else space.leases.get(lease_id)

    def status(self, slot: int) -> Status:
        """The effective status of the record in `slot`."""
        return EFFECTIVE[self.slots.statuses[slot]]

    def holder(self, slot: int) -> int:
        """The slot whose lease is in force for `slot`: its own, or that of the shared lease."""
        doc = self.slots.docs[slot]
        if isinstance(doc, Record) and isinstance(doc.lease, str):
            return self.spaces[doc.namespace].leases.get(doc.lease, slot)
        return slot

    def grant(self, slot: int) -> Grant | None:
        """The lease in force for the record, or of the shared lease, in `slot`; None: none."""
        doc = self.slots.docs[self.holder(slot)]
        if isinstance(doc, Lease):
            return doc.grant
        return doc.lease if doc is not None and isinstance(doc.lease, Grant) else None

    # Changing

    def repair(self, slots: Iterable[int]) -> int:
        """Put right what the index has wrong about these slots; how many that were."""
        wrong = 0
        for slot in slots:
            doc = self.slots.docs[slot]
            code = self.slots.statuses[slot]
            if isinstance(doc, Record) and not self.index.agrees(slot, doc, code):
                self.index.remove(slot)
                self.index.put(slot, doc, code)
                wrong += 1
        return wrong

    def restore(self, revision: int, docs: Iterable[Stored]) -> Iterator[tuple[int, Stored]]:
        """Fill an empty state from a snapshot; gives each document's slot, for its deadline."""
        for stored in docs:
            doc = stored.doc
            space = self._space(doc.namespace)
            if isinstance(doc, Hold):
                space.hold = doc
                self.holding.add(doc.namespace)
                continue
            slot = self.slots.take(doc, stored.revision)
            if isinstance(doc, Lease):
                self.coverage.share(space, slot, doc)
            else:
                self._admit(space, slot, doc)
            yield slot, stored
        self.revision = revision

    def apply(self, change: Change) -> list[Event]:
        """Take in the next change; what it means, in order.

        Raises:
            ValueError: It does not follow the last one.
        """
        if change.table is _RECORD:
            self._check(change)
            story = Story(change)
            self._record(story)
            self.revision = change.revision
            return story.events
        return [event for step in self.steps(change) for event in step]

    def steps(self, change: Change) -> Iterator[list[Event]]:
        """Take in the next change piecewise: a shared lease may cover very many records.

        It must be run to its end before the next change; `revision` moves then.
        """
        self._check(change)
        yield from self._steps(Story(change))
        self.revision = change.revision

    def resync(self, snapshot: Snapshot, at: float) -> Iterator[list[Event]]:
        """Become what a snapshot says, with the events that lead there, piecewise.

        For when changes were lost: compacted before they were read, or of another epoch.
        """
        seen: set[tuple[Table, str, str]] = set()
        op = f"resync-{snapshot.epoch}-{snapshot.revision}"
        change = Change(snapshot.revision, at, op, "", Table.RECORD, "", "", None)
        told = 0
        for stored in snapshot.docs:
            doc = stored.doc
            table = TABLE_OF[type(doc)]
            seen.add((table, doc.namespace, doc.id))
            if self._current(table, doc.namespace, doc.id) == doc:
                self._revise(stored)
                continue
            step = msgspec.structs.replace(
                change, table=table, namespace=doc.namespace, id=doc.id, doc=doc, cause="resync"
            )
            story = Story(step, told)
            yield from self._steps(story)
            told = story.told
            self._revise(stored)
        for table, namespace, name in list(self._keys()):
            if (table, namespace, name) not in seen and self._current(table, namespace, name):
                step = msgspec.structs.replace(
                    change, table=table, namespace=namespace, id=name, cause="resync"
                )
                story = Story(step, told)
                yield from self._steps(story)
                told = story.told
        self.revision = snapshot.revision

    def _revise(self, stored: Stored) -> None:
        """Note the revision that a document has in the store."""
        doc = stored.doc
        if not isinstance(doc, Hold):
            space = self.spaces[doc.namespace]
            ids = space.records if isinstance(doc, Record) else space.leases
            self.slots.revisions[ids[doc.id]] = stored.revision

    def _current(self, table: Table, namespace: str, name: str) -> Doc | None:
        space = self.spaces.get(namespace)
        if space is None:
            return None
        if table is Table.HOLD:
            return space.hold
        slot = (space.records if table is Table.RECORD else space.leases).get(name)
        return None if slot is None else self.slots.docs[slot]

    def _keys(self) -> Iterator[tuple[Table, str, str]]:
        for namespace, space in self.spaces.items():
            for lease in space.leases:
                yield Table.LEASE, namespace, lease
            for record in space.records:
                yield Table.RECORD, namespace, record
            if space.hold is not None:
                yield Table.HOLD, namespace, HOLD_ID

    def _check(self, change: Change) -> None:
        if change.revision != self.revision + 1:
            raise ValueError(f"change {change.revision} cannot follow revision {self.revision}")

    def _steps(self, story: Story) -> Iterator[list[Event]]:
        table = story.change.table
        if table is Table.LEASE:
            yield from self._lease(story)
            return
        if table is Table.RECORD:
            self._record(story)
        else:
            self._hold(story)
        yield story.so_far()

    def _record(self, story: Story) -> None:
        change = story.change
        space = self._space(change.namespace)
        slot = space.records.get(change.id)
        record = change.doc
        if record is None:
            assert slot is not None, "a store removes only what is there"
            self._remove(story, space, slot)
            self._drop_if_empty(change.namespace, space)
            return
        assert isinstance(record, Record)
        if slot is None:
            slot = self.slots.take(record, change.revision)
            if record.runtime and record.runtime not in space.runtimes:
                story.tell(EventType.RUNTIME_JOINED, record.runtime, record.runtime)
            self._admit(space, slot, record)
            status = EFFECTIVE[self.slots.statuses[slot]]
            story.tell(_REGISTERED, record.id, record.runtime, None, status, record)
        else:
            self._replace(story, space, slot, record)

    def _admit(self, space: Space, slot: int, record: Record) -> None:
        space.records[record.id] = slot
        space.own(record.owner)
        if record.runtime:
            space.join(record.runtime)
        self.coverage.cover(space, slot, record)
        code = self.slots.statuses[slot] = self._code(space, record)
        self.index.put(slot, record, code)

    def _replace(self, story: Story, space: Space, slot: int, record: Record) -> None:
        old = self.slots.record(slot)
        before = self.slots.statuses[slot]
        self.slots.docs[slot] = record
        self.slots.revisions[slot] = story.change.revision
        self.coverage.change(space, slot, old, record)
        if old.owner != record.owner:
            space.own(record.owner)
            space.disown(old.owner)
        after = self.slots.statuses[slot] = self._code(space, record)
        described = _description(old) != _description(record)
        if described:
            self.index.put(slot, record, after)
        elif before != after:
            self.index.move(slot, after)

        if old.runtime != record.runtime:
            if record.runtime and record.runtime not in space.runtimes:
                story.tell(EventType.RUNTIME_JOINED, record.runtime, record.runtime)
            if record.runtime:
                space.join(record.runtime)
            if old.runtime and space.leave(old.runtime):
                story.tell(EventType.RUNTIME_LEFT, old.runtime, old.runtime)
        status = EFFECTIVE[after]
        if story.change.cause == Cause.REGISTERED:
            story.tell(
                EventType.REREGISTERED, record.id, record.runtime, EFFECTIVE[before], status, record
            )
        if described:
            story.tell(EventType.UPDATED, record.id, record.runtime, status, status, record)
        story.turned(
            record, before, after, record.lease if isinstance(record.lease, Grant) else None
        )

    def _remove(self, story: Story, space: Space, slot: int) -> None:
        record = self.slots.record(slot)
        status = self.status(slot)
        del space.records[record.id]
        space.disown(record.owner)
        self.index.remove(slot)
        self.coverage.uncover(space, slot, record)
        self.slots.release(slot)
        story.tell(EventType.DEREGISTERED, record.id, record.runtime, status, None, record)
        if record.runtime and space.leave(record.runtime):
            story.tell(EventType.RUNTIME_LEFT, record.runtime, record.runtime)

    def _lease(self, story: Story) -> Iterator[list[Event]]:
        change = story.change
        space = self._space(change.namespace)
        slot = space.leases.get(change.id)
        lease = change.doc
        if lease is None:
            assert slot is not None, "a store removes only what is there"
            for chunk in self.coverage.chunks(slot):
                for member in chunk:
                    self._remove(story, space, member)
                yield story.so_far()
            self.coverage.unshare(space, slot, self.slots.lease(slot))
            self.slots.release(slot)
            self._drop_if_empty(change.namespace, space)
            return
        assert isinstance(lease, Lease)
        if slot is None:
            self.coverage.share(space, self.slots.take(lease, change.revision), lease)
            return
        old = self.slots.lease(slot)
        self.slots.docs[slot] = lease
        self.slots.revisions[slot] = change.revision
        self.coverage.reshare(space, slot, old, lease)
        if lease.grant.phase is old.grant.phase:
            return
        for chunk in self.coverage.chunks(slot):
            for member in chunk:
                record = self.slots.record(member)
                before, after = self.slots.statuses[member], self._code(space, record)
                if before != after:
                    self.slots.statuses[member] = after
                    self.index.move(member, after)
                    story.turned(record, before, after, lease.grant)
            yield story.so_far()

    def _hold(self, story: Story) -> None:
        change = story.change
        space = self._space(change.namespace)
        hold = change.doc
        assert hold is None or isinstance(hold, Hold)
        if hold is not None:
            story.tell(EventType.PRESERVATION_STARTED, "", "", detail=hold.reason)
        elif space.hold is not None:
            story.tell(EventType.PRESERVATION_ENDED, "", "", detail=space.hold.reason)
        space.hold = hold
        (self.holding.discard if hold is None else self.holding.add)(change.namespace)
        self._drop_if_empty(change.namespace, space)

    def _code(self, space: Space, record: Record) -> int:
        lease, probe = record.lease, record.probe
        phase = lease.phase if type(lease) is Grant else self.coverage.phase(space, record)
        return effective_code(record.reported, phase, _UNPROBED if probe is None else probe.state)

    def _space(self, namespace: str) -> Space:
        space = self.spaces.get(namespace)
        if space is None:
            space = self.spaces[namespace] = Space()
        return space

    def _drop_if_empty(self, namespace: str, space: Space) -> None:
        if space.empty:
            self.spaces.pop(namespace, None)


def _description(record: Record) -> tuple[Any, ...]:
    """All of a record that is not its status or its lease."""
    return (
        record.capabilities,
        record.name,
        record.kind,
        record.runtime,
        record.address,
        record.tags,
        record.metadata,
        record.version,
        record.owner,
        record.health_check,
    )
