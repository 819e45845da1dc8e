# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rollcall.events.backlog import Backlog
from rollcall.events.envelope import Event
from rollcall.events.log import Held


def held(position: int, key: str, retry_at: float | None = 0.0) -> Held:
    event = Event(
        id=str(position),
        type="agent.deleted",
        source="/agents",
        subject=key,
        time=datetime(2026, 1, 1, tzinfo=UTC),
        data={},
        namespace="default",
    )
    return Held("g", position, event, retry_at=retry_at)


def test_the_one_that_is_due_first_is_tried_first() -> None:
    backlog = Backlog([held(1, "a", 30.0), held(2, "b", 10.0), held(3, "c", 20.0)])

    assert backlog.due(9.9) is None
    assert backlog.next_due() == 10.0
    assert backlog.due(50.0) == held(2, "b", 10.0)


def test_those_behind_a_parked_one_wait() -> None:
    backlog = Backlog([held(1, "a", None), held(2, "a"), held(3, "b", 5.0)])

    assert backlog.due(5.0) == held(3, "b", 5.0)
    backlog.remove(held(3, "b", 5.0))
    assert backlog.due(1e9) is None
    assert backlog.next_due() == float("inf")
    backlog.remove(held(1, "a", None))
    assert backlog.due(0.0) == held(2, "a")


class Backlogs(RuleBasedStateMachine):
    """A backlog does what a plain list of held events does."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog = Backlog()
        self.model: list[Held] = []
        self.position = 0

    def firsts(self) -> list[Held]:
        found: dict[tuple[str, str], Held] = {}
        for one in self.model:
            found.setdefault(one.event.key, one)
        return list(found.values())

    @rule(key=st.sampled_from("abc"), retry_at=st.none() | st.integers(0, 5).map(float))
    def add(self, key: str, retry_at: float | None) -> None:
        self.position += 1
        one = held(self.position, key, retry_at)
        self.backlog.add(one)
        self.model.append(one)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), retry_at=st.none() | st.integers(0, 5).map(float))
    def replace(self, data: st.DataObject, retry_at: float | None) -> None:
        old = data.draw(st.sampled_from(self.firsts()))
        new = msgspec.structs.replace(old, retry_at=retry_at, attempts=old.attempts + 1)
        self.backlog.replace(new)
        self.model[self.model.index(old)] = new

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        old = data.draw(st.sampled_from(self.firsts()))
        self.backlog.remove(old)
        self.model.remove(old)

    @invariant()
    def agrees(self) -> None:
        firsts = self.firsts()
        times = [one.retry_at for one in firsts if one.retry_at is not None]
        assert sorted(self.backlog, key=lambda one: one.position) == self.model
        assert len(self.backlog) == len(self.model)
        assert self.backlog.parked == sum(one.parked for one in firsts)
        assert self.backlog.retrying == len(times)
        assert self.backlog.waiting == len(self.model) - len(firsts)
        assert self.backlog.next_due() == min(times, default=float("inf"))
        for key in "abc":
            assert self.backlog.holds(("default", key)) == any(
                one.event.subject == key for one in firsts
            )
        for now in (-1.0, 2.0, 5.0):
            due = self.backlog.due(now)
            assert (due is None) == all(time > now for time in times)
            if due is not None:
                assert due in firsts
                assert due.retry_at == min(times)
        for one in self.model:
            assert self.backlog.get(one.position) == one
        assert self.backlog.get(self.position + 1) is None


TestBacklogs = Backlogs.TestCase
