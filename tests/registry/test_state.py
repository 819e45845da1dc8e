"""The state against the store that makes the changes: random histories, many times over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.ids import RandomIds
from rollcall.registry.events import Cause, Event, EventType
from rollcall.registry.models import (
    HOLD_ID,
    Capability,
    Doc,
    Grant,
    Hold,
    Lease,
    LeasePolicy,
    Probe,
    Record,
    Table,
)
from rollcall.registry.state import RegistryState
from rollcall.registry.status import LeasePhase, ProbeState, Status
from rollcall.registry.store import Change, Snapshot, Write
from rollcall.registry.timers import LeaseTimers
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import key_of, put, record, remove

POLICY = LeasePolicy(30, 60, 90)
NAMESPACES = st.sampled_from(["one", "two"])
GRANTS = st.builds(
    Grant,
    st.sampled_from([POLICY, LeasePolicy(30, preserve=False)]),
    st.integers(1, 3),
    st.sampled_from([phase for phase in LeasePhase if phase is not LeasePhase.NONE]),
    st.just(""),
)
PROBES = st.one_of(st.none(), st.builds(Probe, st.sampled_from(ProbeState)))
RECORDS = st.builds(
    msgspec.structs.replace,
    st.just(record()),
    namespace=NAMESPACES,
    id=st.sampled_from("abcdef"),
    reported=st.sampled_from([Status.ACTIVE, Status.BUSY, Status.STOPPING]),
    lease=st.one_of(st.none(), GRANTS, st.sampled_from(["x", "y"])),
    probe=PROBES,
    runtime=st.sampled_from(["", "r", "s"]),
    capabilities=st.sampled_from(
        [(), (Capability("code"),), (Capability("code"), Capability("c"))]
    ),
)
LEASES = st.builds(Lease, NAMESPACES, st.sampled_from(["x", "y"]), GRANTS)
HOLDS = st.builds(lambda where: Hold(where, HOLD_ID, 1.0, 2.0, "why", 10, 20), NAMESPACES)
CAUSES = st.sampled_from([Cause.REGISTERED, Cause.UPDATED, Cause.MISSED, Cause.HELD])
ACTS = st.lists(
    st.tuples(st.one_of(RECORDS, RECORDS, LEASES, HOLDS), st.booleans(), CAUSES), max_size=40
)
Acts = list[tuple[Doc, bool, Cause]]


def written(acts: Acts) -> tuple[InMemoryStore, list[Change]]:
    """A store after these acts (a document, whether it is kept or removed, the cause)."""

    async def write() -> tuple[InMemoryStore, list[Change]]:
        store = InMemoryStore(FrozenClock(), RandomIds())
        held: set[tuple[str, str]] = set()
        for number, (doc, keep, cause) in enumerate(acts):
            if isinstance(doc, Lease):
                (held.add if keep else held.discard)((doc.namespace, doc.id))
            elif (
                isinstance(doc, Record)
                and isinstance(doc.lease, str)
                and (doc.namespace, doc.lease) not in held
            ):
                # The service lets nobody name a shared lease that does not exist.
                continue
            write = put(doc, str(number)) if keep else remove(doc, str(number))
            await store.commit([msgspec.structs.replace(write, cause=cause)])
        return store, await store.changes(0, len(acts) + 1)

    return asyncio.run(write())


def snapshot_of(store: InMemoryStore) -> Snapshot:
    return asyncio.run(store.open())


def new_state() -> RegistryState:
    return RegistryState(LeaseTimers(FrozenClock()))


def replayed(changes: Iterable[Change]) -> tuple[RegistryState, list[Event]]:
    state = new_state()
    return state, [event for change in changes for event in state.apply(change)]


def contents(state: RegistryState) -> dict[str, Any]:
    """All that a state holds, free of slots."""
    slots = state.slots
    held: dict[str, Any] = {"revision": state.revision}
    for name, space in state.spaces.items():
        for slot in space.records.values():
            doc = slots.record(slot)
            assert state.index.agrees(slot, doc, slots.statuses[slot])
        held[name] = {
            "records": {
                one: (slots.docs[slot], state.status(slot), slots.revisions[slot])
                for one, slot in space.records.items()
            },
            "leases": {
                one: (
                    slots.docs[slot],
                    slots.revisions[slot],
                    {
                        slots.record(member).id
                        for chunk in state.coverage.chunks(slot)
                        for member in chunk
                    },
                )
                for one, slot in space.leases.items()
            },
            "runtimes": dict(space.runtimes),
            "leased": space.leased,
            "hold": space.hold,
            "statuses": state.index.statuses(name),
        }
    return held


@given(ACTS)
def test_the_same_changes_give_the_same_state_and_events(acts: Acts) -> None:
    _, changes = written(acts)
    state, events = replayed(changes)
    again, events_again = replayed(changes)
    assert events == events_again
    assert contents(state) == contents(again)


@given(ACTS)
def test_a_restored_snapshot_is_the_replay_of_all_changes(acts: Acts) -> None:
    store, changes = written(acts)
    snapshot = snapshot_of(store)
    restored = new_state()
    slots = dict.fromkeys(slot for slot, _ in restored.restore(snapshot.revision, snapshot.docs))
    assert len(slots) == len(restored.slots)
    assert contents(restored) == contents(replayed(changes)[0])


@given(ACTS)
def test_the_state_holds_what_the_store_holds(acts: Acts) -> None:
    store, changes = written(acts)
    state, _ = replayed(changes)
    there = {}
    for namespace, space in state.spaces.items():
        for slot in (*space.records.values(), *space.leases.values()):
            doc = state.slots.docs[slot]
            assert doc is not None
            there[key_of(doc)] = (doc, state.slots.revisions[slot])
        if space.hold is not None:
            there[Table.HOLD, namespace, HOLD_ID] = (space.hold, None)
    stored = {
        key_of(one.doc): (one.doc, None if isinstance(one.doc, Hold) else one.revision)
        for one in snapshot_of(store).docs
    }
    assert there == stored


@given(ACTS, st.data())
def test_a_resync_leads_from_anywhere_to_what_the_snapshot_says(
    acts: Acts, data: st.DataObject
) -> None:
    store, changes = written(acts)
    known = data.draw(st.integers(0, len(changes)))
    state, events = replayed(changes[:known])
    for step in state.resync(snapshot_of(store), at=5.0):
        events += step
    assert contents(state) == contents(replayed(changes)[0])
    check_events(events, state)


@given(ACTS)
def test_events_tell_the_whole_story(acts: Acts) -> None:
    _, changes = written(acts)
    state, events = replayed(changes)
    check_events(events, state)


def check_events(events: list[Event], state: RegistryState) -> None:
    """Follow events as a subscriber would; in the end one knows what the state knows."""
    known: dict[tuple[str, str], Event] = {}
    runtimes: Counter[tuple[str, str]] = Counter()
    living: set[tuple[str, str]] = set()
    told: Counter[int] = Counter()
    before: dict[tuple[str, str], Status | None] = {}
    for event in events:
        assert event.ordinal == told[event.revision], "ordinals count from 0 within a revision"
        if not event.ordinal:
            before = {key: last.new for key, last in known.items()}
        told[event.revision] += 1
        key = (event.namespace, event.id)
        match event.type:
            case EventType.REGISTERED:
                assert key not in known
                assert event.old is None
                known[key] = event
            case EventType.DEREGISTERED:
                assert event.old is known.pop(key).new
                assert event.new is None
            case EventType.STATUS_CHANGED:
                assert event.old is not event.new
                assert event.old is before[key]
                known[key] = event
            case EventType.UPDATED | EventType.REREGISTERED:
                assert key in known
                known[key] = event
            case EventType.RUNTIME_JOINED:
                assert key not in living
                living.add(key)
            case EventType.RUNTIME_LEFT:
                living.remove(key)
            case _:
                pass
    assert len({event.event_id for event in events}) == len(events)
    for (namespace, record_id), event in known.items():
        slot = state.slot(namespace, record_id)
        assert slot is not None
        assert event.new is state.status(slot)
        doc = state.slots.record(slot)
        if doc.runtime:
            runtimes[namespace, doc.runtime] += 1
    assert len(known) == sum(len(space.records) for space in state.spaces.values())
    assert living == set(runtimes)


@given(ACTS)
def test_nothing_is_left_when_all_is_removed(acts: Acts) -> None:
    _, changes = written(acts)
    state, _ = replayed(changes)
    table, namespace, key = Table.RECORD, "", ""
    while state.spaces:
        namespace, space = next(iter(state.spaces.items()))
        if space.records:
            table, key = Table.RECORD, next(iter(space.records))
        elif space.leases:
            table, key = Table.LEASE, next(iter(space.leases))
        else:
            table, key = Table.HOLD, HOLD_ID
        revision = state.revision + 1
        state.apply(Change(revision, 9.0, f"end-{revision}", "", table, namespace, key, None))
    assert len(state.slots) == 0
    assert not any(state.slots.docs)
    assert list(state.index.namespaces()) == []


@given(ACTS)
def test_an_index_that_went_wrong_is_repaired(acts: Acts) -> None:
    _, changes = written(acts)
    state, _ = replayed(changes)
    slots = [slot for space in state.spaces.values() for slot in space.records.values()]
    before = contents(state)
    assert state.repair(range(len(state.slots.docs))) == 0
    for slot in slots[::2]:
        state.index.remove(slot)
    assert state.repair(range(len(state.slots.docs))) == len(slots[::2])
    assert contents(state) == before


def change(revision: int, doc: Doc, cause: str = "", *, gone: bool = False) -> Change:
    return Change(revision, 1.0, f"op-{revision}", cause, *key_of(doc), None if gone else doc)


@pytest.mark.parametrize("revision", [0, 2, 7])
def test_a_change_that_does_not_follow_is_refused_and_leaves_nothing(revision: int) -> None:
    state = new_state()
    with pytest.raises(ValueError, match="cannot follow revision 0"):
        state.apply(change(revision, record()))
    with pytest.raises(ValueError, match="cannot follow revision 0"):
        list(state.steps(change(revision, Lease("default", "x", Grant(POLICY)))))
    assert state.revision == 0
    assert state.spaces == {}


def test_a_runtime_joins_with_its_first_record_and_leaves_with_its_last() -> None:
    state = new_state()
    a, b = (msgspec.structs.replace(record(one), runtime="pod") for one in "ab")
    told = [
        [event.type.value for event in state.apply(one)]
        for one in (
            change(1, a),
            change(2, b),
            change(3, a, gone=True),
            change(4, b, gone=True),
        )
    ]
    assert told == [
        ["runtime_joined", "registered"],
        ["registered"],
        ["deregistered"],
        ["deregistered", "runtime_left"],
    ]


def test_a_record_that_moves_lets_one_runtime_join_and_the_other_leave() -> None:
    state = new_state()
    state.apply(change(1, msgspec.structs.replace(record(), runtime="old")))
    moved = state.apply(change(2, msgspec.structs.replace(record(), runtime="new")))
    assert [(event.type, event.id) for event in moved] == [
        (EventType.RUNTIME_JOINED, "new"),
        (EventType.RUNTIME_LEFT, "old"),
        (EventType.UPDATED, "a"),
    ]
    assert state.spaces["default"].runtimes == {"new": 1}


def covered(members: int) -> RegistryState:
    state = new_state()
    state.apply(change(1, Lease("default", "x", Grant(POLICY))))
    for number in range(members):
        state.apply(change(number + 2, record(str(number), "x")))
    return state


@pytest.mark.parametrize("removed", [False, True])
def test_the_change_of_a_shared_lease_is_told_in_chunks_and_counts_at_its_end(
    removed: bool,
) -> None:
    state = covered(2500)
    missed = Lease("default", "x", Grant(POLICY, 1, LeasePhase.UNHEALTHY))
    steps = state.steps(change(2502, missed, Cause.MISSED, gone=removed))
    sizes, revisions, events = [], [], []
    for step in steps:
        sizes.append(len(step))
        revisions.append(state.revision)
        events += step
    assert sizes == [1000, 1000, 500]
    assert revisions == [2501, 2501, 2501]
    assert state.revision == 2502
    assert [event.ordinal for event in events] == list(range(2500))
    assert {event.new for event in events} == {None if removed else Status.UNHEALTHY}


def test_held_reads_suspect_and_the_event_says_why() -> None:
    state = new_state()
    state.apply(change(1, record("a", Grant(POLICY))))
    held = record("a", Grant(POLICY, 1, LeasePhase.HELD, "10 of 12 leases fell due"))
    (event,) = state.apply(change(2, held, Cause.HELD))
    assert (event.old, event.new) == (Status.ACTIVE, Status.SUSPECT)
    assert event.detail == "10 of 12 leases fell due"


def test_the_events_of_a_held_shared_lease_say_why_too() -> None:
    state = covered(2)
    held = Lease("default", "x", Grant(POLICY, 1, LeasePhase.HELD, "the store was gone"))
    events = state.apply(change(4, held, Cause.HELD))
    assert [event.new for event in events] == [Status.SUSPECT] * 2
    assert {event.detail for event in events} == {"the store was gone"}


def test_preservation_that_starts_and_ends_is_told_with_its_reason() -> None:
    state = new_state()
    hold = Hold("default", HOLD_ID, 1.0, 2.0, "many fell due", 10, 12)
    (started,) = state.apply(change(1, hold))
    (ended,) = state.apply(change(2, hold, gone=True))
    assert (started.type, started.detail) == (EventType.PRESERVATION_STARTED, "many fell due")
    assert (ended.type, ended.detail) == (EventType.PRESERVATION_ENDED, "many fell due")
    assert state.spaces == {}


def test_registering_again_is_told_whether_or_not_anything_changed() -> None:
    state = new_state()
    state.apply(change(1, record()))
    (again,) = state.apply(change(2, record(), Cause.REGISTERED))
    assert again.type is EventType.REREGISTERED


def test_an_operation_names_the_same_event_wherever_it_is_applied() -> None:
    write = Write("op-7", "", *key_of(record()), record())
    events = [
        new_state().apply(Change(1, at, write.op, "", Table.RECORD, "default", "a", record()))
        for at in (1.0, 2.0)
    ]
    assert [one.event_id for (one,) in events] == ["op-7.0", "op-7.0"]
