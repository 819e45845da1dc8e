from __future__ import annotations

import math

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from rollcall.registry.leases import BLOCK, LeaseTable

SLOTS = st.integers(0, 3 * BLOCK)
SECONDS = st.floats(0, 100)


class LeaseTableAgainstADictionary(RuleBasedStateMachine):
    """What is due is what plain arithmetic says, whatever was done before."""

    def __init__(self) -> None:
        super().__init__()
        self.table = LeaseTable()
        self.now = 0.0
        self.leases: dict[int, tuple[float, float]] = {}
        self.asleep: dict[int, float] = {}

    @rule(slot=SLOTS, age=SECONDS, bears=SECONDS)
    def arm(self, slot: int, age: float, bears: float) -> None:
        self.table.arm(slot, self.now - age, bears)
        self.leases[slot] = (self.now - age, bears)
        self.asleep.pop(slot, None)

    @rule(slot=SLOTS)
    def renew(self, slot: int) -> None:
        if slot in self.leases and slot not in self.asleep:
            self.table.renewed[slot] = self.now
            self.leases[slot] = (self.now, self.leases[slot][1])

    @rule(slot=SLOTS)
    def disarm(self, slot: int) -> None:
        self.table.disarm(slot)
        self.leases.pop(slot, None)
        self.asleep.pop(slot, None)
        assert self.table.deadline(slot) == math.inf

    @rule(after=SECONDS, put_off=st.floats(0.1, 50))
    def look(self, after: float, put_off: float) -> None:
        self.now += after
        passed = {s for s, (at, bears) in self.leases.items() if at + bears <= self.now}
        # What sleeps comes early only together with its block; it must come when its time is over.
        found = self.table.due(self.now)
        assert found == sorted(set(found))
        assert set(found) <= passed
        assert passed - set(found) <= {s for s, until in self.asleep.items() if until > self.now}
        for slot in found:
            self.table.defer(slot, self.now + put_off)
            self.asleep[slot] = self.now + put_off

    @rule()
    def nothing_is_due_before_the_earliest(self) -> None:
        waking = [
            max(at + bears, self.asleep.get(slot, -math.inf))
            for slot, (at, bears) in self.leases.items()
        ]
        assert self.table.earliest <= min(waking, default=math.inf)
        for slot, (at, bears) in self.leases.items():
            assert self.table.deadline(slot) == at + bears

    @rule()
    def after_a_recheck_all_that_is_overdue_is_found(self) -> None:
        self.table.recheck()
        found = self.table.due(self.now)
        assert found == sorted(
            slot for slot, (at, bears) in self.leases.items() if at + bears <= self.now
        )
        for slot in found:
            self.table.defer(slot, self.now + 1)
            self.asleep[slot] = self.now + 1


TestLeaseTableAgainstADictionary = LeaseTableAgainstADictionary.TestCase


def test_an_empty_table_has_nothing_due() -> None:
    table = LeaseTable()
    table.recheck()
    assert table.due(1e12) == []
    assert table.earliest == math.inf
    assert table.deadline(7) == math.inf
    assert table.renewed_since(-math.inf) == []


def test_a_renewal_moves_the_deadline() -> None:
    table = LeaseTable()
    table.arm(3, 100.0, 30.0)
    table.renewed[3] = 120.0
    assert table.due(149.9) == []
    assert table.due(150.0) == [3]


def test_what_was_renewed_is_told_apart_from_what_has_no_lease() -> None:
    table = LeaseTable()
    for slot in range(4):
        table.arm(slot, 10.0, 30.0)
    table.disarm(2)
    for slot in (1, 2, 3):
        table.renewed[slot] = 20.0
    assert table.renewed_since(15.0) == [1, 3]


def scanned_in_an_hour(leases: int) -> float:
    """How many deadlines of a fleet that heartbeats every 30 s are looked at, per lease."""
    table = LeaseTable()
    for slot in range(leases):
        table.arm(slot, slot % 30, 90.0)
    for now in range(30, 3600):
        for slot in range(now % 30, leases, 30):
            table.renewed[slot] = float(now)
        if table.earliest <= now:
            assert table.due(float(now)) == []
    return table.scanned / leases


def test_each_lease_renewed_in_good_time_is_looked_at_about_once_per_ttl() -> None:
    for leases in (BLOCK, 5 * BLOCK):
        assert scanned_in_an_hour(leases) <= 3600 / 60
