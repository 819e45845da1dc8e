from __future__ import annotations

import pytest

from rollcall.registry.coverage import FAN_OUT, Coverage
from rollcall.registry.models import Grant, Lease, LeasePolicy, Record
from rollcall.registry.spaces import Slots, Space
from rollcall.registry.status import LeasePhase
from rollcall.testing.store_contract.case import record

WATCHED = Grant(LeasePolicy(30))
UNWATCHED = Grant(LeasePolicy(30, preserve=False))


class ToldTimers:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def granted(self, slot: int, grant: Grant, *, anew: bool) -> None:
        self.told.append(("anew" if anew else "changed", slot))

    def gone(self, slot: int) -> None:
        self.told.append(("gone", slot))


class Fleet:
    def __init__(self) -> None:
        self.timers = ToldTimers()
        self.slots = Slots()
        self.space = Space()
        self.coverage = Coverage(self.slots, self.timers)

    def cover(self, doc: Record) -> int:
        slot = self.slots.take(doc, 1)
        self.coverage.cover(self.space, slot, doc)
        return slot

    def share(self, name: str, grant: Grant = WATCHED) -> int:
        lease = Lease("default", name, grant)
        slot = self.slots.take(lease, 1)
        self.coverage.share(self.space, slot, lease)
        return slot

    def change(self, slot: int, new: Record) -> None:
        old = self.slots.record(slot)
        self.slots.docs[slot] = new
        self.coverage.change(self.space, slot, old, new)


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def test_members_of_a_shared_lease_have_no_deadline_of_their_own(fleet: Fleet) -> None:
    lease = fleet.share("x")
    members = [fleet.cover(record(one, "x")) for one in "abc"]
    assert fleet.timers.told == [("anew", lease)]
    assert fleet.coverage.count(lease) == 3
    assert list(fleet.coverage.chunks(lease)) == [members]
    assert fleet.space.leased == 1


def test_many_members_come_in_chunks(fleet: Fleet) -> None:
    lease = fleet.share("x")
    for number in range(2 * FAN_OUT + 1):
        fleet.cover(record(str(number), "x"))
    assert [len(chunk) for chunk in fleet.coverage.chunks(lease)] == [FAN_OUT, FAN_OUT, 1]


def test_a_record_may_change_to_another_lease_to_its_own_or_to_none(fleet: Fleet) -> None:
    x, y = fleet.share("x"), fleet.share("y")
    slot = fleet.cover(record("a", "x"))
    fleet.change(slot, record("a", "y"))
    assert (fleet.coverage.count(x), fleet.coverage.count(y)) == (0, 1)
    fleet.change(slot, record("a", WATCHED))
    assert fleet.coverage.count(y) == 0
    assert fleet.space.leased == 3
    fleet.change(slot, record("a"))
    assert fleet.space.leased == 2
    assert fleet.timers.told == [("anew", x), ("anew", y), ("anew", slot), ("gone", slot)]


def test_only_another_epoch_is_a_renewal(fleet: Fleet) -> None:
    slot = fleet.cover(record("a", WATCHED))
    missed = Grant(WATCHED.policy, WATCHED.epoch, LeasePhase.UNHEALTHY)
    fleet.change(slot, record("a", missed))
    fleet.change(slot, record("a", Grant(WATCHED.policy, WATCHED.epoch + 1)))
    assert [what for what, _ in fleet.timers.told] == ["anew", "changed", "anew"]


def test_a_change_that_leaves_the_lease_alone_tells_nobody(fleet: Fleet) -> None:
    slot = fleet.cover(record("a", WATCHED))
    fleet.change(slot, record("a", Grant(WATCHED.policy), name="another name"))
    assert fleet.timers.told == [("anew", slot)]


def test_leases_that_are_not_preserved_are_not_counted(fleet: Fleet) -> None:
    fleet.share("x", UNWATCHED)
    slot = fleet.cover(record("a", UNWATCHED))
    assert fleet.space.leased == 0
    fleet.change(slot, record("a", WATCHED))
    assert fleet.space.leased == 1
    fleet.change(slot, record("a", UNWATCHED))
    assert fleet.space.leased == 0


def test_the_phase_is_that_of_the_lease_that_covers_the_record(fleet: Fleet) -> None:
    fleet.share("x", Grant(WATCHED.policy, 1, LeasePhase.HELD))
    phases = [
        fleet.coverage.phase(fleet.space, record("a", lease)) for lease in (None, WATCHED, "x", "?")
    ]
    assert phases == [LeasePhase.NONE, LeasePhase.FRESH, LeasePhase.HELD, LeasePhase.OFFLINE]


def test_when_the_last_goes_nothing_is_left(fleet: Fleet) -> None:
    lease = fleet.share("x")
    slots = [fleet.cover(record("a", "x")), fleet.cover(record("b", WATCHED))]
    for slot in slots:
        fleet.coverage.uncover(fleet.space, slot, fleet.slots.record(slot))
    fleet.coverage.unshare(fleet.space, lease, fleet.slots.lease(lease))
    assert fleet.space.leased == 0
    assert fleet.space.leases == {}
    assert fleet.coverage.count(lease) == 0
    assert list(fleet.coverage.chunks(lease)) == []
