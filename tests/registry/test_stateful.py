"""The whole registry against dictionaries: whatever is done in whatever order, both agree."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.ids import RandomIds
from rollcall.kernel.record_errors import LeaseNotFound, RecordNotFound
from rollcall.registry.models import Capability, Grant, LeasePolicy, Probe
from rollcall.registry.query import Query
from rollcall.registry.service import RegistryService
from rollcall.registry.status import LeasePhase, ProbeState, Status, effective
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import record
from support.registries import RemoteStore

T = TypeVar("T")
POLICY = LeasePolicy(30, 60, 90, interval=10, preserve=False)
PHASES = (LeasePhase.FRESH, LeasePhase.UNHEALTHY, LeasePhase.OFFLINE)
SPACES = st.sampled_from(["one", "two"])
KEYS = st.sampled_from("abcde")
LEASES = st.sampled_from(["x", "y"])
SKILLS = st.lists(st.sampled_from(["code", "code review", "chess"]), max_size=2, unique=True)
REPORTED = st.sampled_from([Status.ACTIVE, Status.BUSY, Status.STARTING, Status.STOPPING])


@dataclass
class ModelLease:
    """Silence by the rules of the policy, in monotonic seconds."""

    renewed: float
    step: int = 0

    def gone(self, now: float, deaf_until: float) -> bool:
        """Take the steps that are due; whether the last one was."""
        while self.step < 3:
            if now < max(self.renewed + POLICY.thresholds[self.step], deaf_until):
                return False
            self.step += 1
        return True


@dataclass
class ModelRecord:
    reported: Status
    skills: tuple[str, ...]
    runtime: str
    lease: ModelLease | str | None
    failing: bool = False


@dataclass
class ModelSpace:
    records: dict[str, ModelRecord] = field(default_factory=dict)
    leases: dict[str, ModelLease] = field(default_factory=dict)

    def phase(self, one: ModelRecord) -> LeasePhase:
        if one.lease is None:
            return LeasePhase.NONE
        lease = self.leases[one.lease] if isinstance(one.lease, str) else one.lease
        return PHASES[lease.step]

    def status(self, one: ModelRecord) -> Status:
        probes = ProbeState.FAILING if one.failing else ProbeState.NONE
        return effective(one.reported, self.phase(one), probes)

    def release(self, lease: str) -> None:
        del self.leases[lease]
        for key in [key for key, one in self.records.items() if one.lease == lease]:
            del self.records[key]


class Registry(RuleBasedStateMachine):
    make_store: type[InMemoryStore] = RemoteStore

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = FrozenClock()
        self.store = self.make_store(self.clock, RandomIds())
        self.deaf_until = -math.inf
        self.spaces = {"one": ModelSpace(), "two": ModelSpace()}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize()
    def start(self) -> None:
        self.registry = RegistryService(self.store, clock=self.clock)
        self.run(self.registry.start())

    @rule(where=SPACES, key=KEYS, skills=SKILLS, reported=REPORTED, runtime=st.sampled_from("rs-"))
    def register(
        self, where: str, key: str, skills: list[str], reported: Status, runtime: str
    ) -> None:
        self._register(where, key, skills, reported, runtime, Grant(POLICY))

    @rule(where=SPACES, key=KEYS, skills=SKILLS, reported=REPORTED, lease=LEASES)
    def register_under_a_shared_lease(
        self, where: str, key: str, skills: list[str], reported: Status, lease: str
    ) -> None:
        if lease in self.spaces[where].leases:
            self._register(where, key, skills, reported, "pod", lease)
            return
        with pytest.raises(LeaseNotFound):
            self._register(where, key, skills, reported, "pod", lease)

    @rule(where=SPACES, key=KEYS, skills=SKILLS)
    def register_permanently(self, where: str, key: str, skills: list[str]) -> None:
        self._register(where, key, skills, Status.ACTIVE, "", None)

    def _register(
        self,
        where: str,
        key: str,
        skills: list[str],
        reported: Status,
        runtime: str,
        lease: Grant | str | None,
    ) -> None:
        doc = msgspec.structs.replace(
            record(key, lease, namespace=where),
            capabilities=tuple(map(Capability, skills)),
            reported=reported,
            runtime=runtime,
        )
        self.run(self.registry.register(doc))
        mine = ModelLease(self.clock.monotonic()) if isinstance(lease, Grant) else lease
        old = self.spaces[where].records.get(key)
        # Where it is reached is as before, so what health checks found out holds.
        failing = old is not None and old.failing
        self.spaces[where].records[key] = ModelRecord(
            reported, tuple(skills), runtime, mine, failing
        )

    @rule(where=SPACES, key=KEYS, skills=SKILLS)
    def update(self, where: str, key: str, skills: list[str]) -> None:
        known = self.spaces[where].records.get(key)
        work = self.registry.update(
            where,
            key,
            lambda old: msgspec.structs.replace(old, capabilities=tuple(map(Capability, skills))),
        )
        if self._there(known, work):
            known.skills = tuple(skills)

    @rule(where=SPACES, key=KEYS, reported=REPORTED)
    def report(self, where: str, key: str, reported: Status) -> None:
        known = self.spaces[where].records.get(key)
        if self._there(known, self.registry.report(where, key, reported)):
            known.reported = reported

    @rule(where=SPACES, key=KEYS, failing=st.booleans())
    def probe(self, where: str, key: str, failing: bool) -> None:
        known = self.spaces[where].records.get(key)
        verdict = Probe(ProbeState.FAILING) if failing else None
        if self._there(known, self.registry.probed(where, key, verdict)):
            known.failing = failing

    @rule(where=SPACES, key=KEYS)
    def deregister(self, where: str, key: str) -> None:
        known = self.spaces[where].records.get(key)
        if self._there(known, self.registry.deregister(where, key)):
            del self.spaces[where].records[key]

    @rule(where=SPACES, key=KEYS)
    def heartbeat(self, where: str, key: str) -> None:
        space = self.spaces[where]
        known = space.records.get(key)
        if self._there(known, self.registry.renew(where, key)) and known.lease is not None:
            lease = space.leases[known.lease] if isinstance(known.lease, str) else known.lease
            lease.renewed, lease.step = self.clock.monotonic(), 0

    def _there(self, known: ModelRecord | None, work: Coroutine[Any, Any, object]) -> bool:
        if known is not None:
            self.run(work)
            return True
        with pytest.raises(RecordNotFound):
            self.run(work)
        return False

    @rule(where=SPACES, lease=LEASES)
    def grant(self, where: str, lease: str) -> None:
        self.run(self.registry.grant(where, lease, POLICY))
        self.spaces[where].leases[lease] = ModelLease(self.clock.monotonic())

    @rule(where=SPACES, lease=LEASES)
    def renew_lease(self, where: str, lease: str) -> None:
        known = self.spaces[where].leases.get(lease)
        if known is None:
            with pytest.raises(LeaseNotFound):
                self.run(self.registry.renew_lease(where, lease))
            return
        self.run(self.registry.renew_lease(where, lease))
        known.renewed, known.step = self.clock.monotonic(), 0

    @rule(where=SPACES, lease=LEASES)
    def release(self, where: str, lease: str) -> None:
        if lease not in self.spaces[where].leases:
            with pytest.raises(LeaseNotFound):
                self.run(self.registry.release(where, lease))
            return
        self.run(self.registry.release(where, lease))
        self.spaces[where].release(lease)

    @rule(seconds=st.sampled_from([1, 9, 10, 21, 30, 31, 100]))
    def time_passes(self, seconds: int) -> None:
        self.run(self.clock.advance(seconds))
        now = self.clock.monotonic()
        for space in self.spaces.values():
            for lease in [n for n, one in space.leases.items() if one.gone(now, self.deaf_until)]:
                space.release(lease)
            for key, one in list(space.records.items()):
                if isinstance(one.lease, ModelLease) and one.lease.gone(now, self.deaf_until):
                    del space.records[key]

    @rule(closed_for=st.sampled_from([0, 5, 1000]))
    def restart(self, closed_for: int) -> None:
        self.run(self.registry.stop())
        self.clock.jump(closed_for)
        self.start()
        # Time in which nobody was there counts against nobody.
        for space in self.spaces.values():
            for lease in (*space.leases.values(), *(one.lease for one in space.records.values())):
                if isinstance(lease, ModelLease):
                    lease.renewed += closed_for
        self.deaf_until = self.clock.monotonic() + 10

    @invariant()
    def both_agree(self) -> None:
        for where, space in self.spaces.items():
            statuses = {key: space.status(one) for key, one in space.records.items()}
            assert self.found(where, Query()) == set(statuses)
            for key, status in statuses.items():
                assert self.registry.get(where, key).status is status
            index = self.registry.state.index
            assert {s: n for s, n in index.statuses(where).items() if n} == Counter(
                statuses.values()
            )
            runtimes = Counter(one.runtime for one in space.records.values() if one.runtime)
            assert index.runtimes(where) == runtimes
            held = self.registry.state.spaces.get(where)
            assert (held.runtimes if held else {}) == runtimes
            for status in (Status.ACTIVE, Status.UNHEALTHY):
                query = Query(text="code", statuses=frozenset({status}))
                assert self.found(where, query) == {
                    key
                    for key, one in space.records.items()
                    if statuses[key] is status and {"code", "code review"} & set(one.skills)
                }

    def found(self, where: str, query: Query) -> set[str]:
        found = self.run(self.registry.search(where, query))
        return {self.registry.view(one.slot).record.id for one in found}

    def teardown(self) -> None:
        try:
            if hasattr(self, "registry"):
                self.run(self.nothing_is_left())
                self.run(self.registry.stop())
        finally:
            self.loop.close()

    async def nothing_is_left(self) -> None:
        registry, state = self.registry, self.registry.state
        for where, space in self.spaces.items():
            for lease in space.leases:
                await registry.release(where, lease)
            for key, one in space.records.items():
                if not isinstance(one.lease, str):
                    await registry.deregister(where, key)
        await self.clock.advance(30)
        assert state.spaces == {}
        assert len(state.slots) == 0
        assert not any(state.slots.docs)
        assert list(state.index.namespaces()) == []
        assert len(state.index._postings) == state.index._postings.terms == 0
        assert state.coverage._members == {}
        assert registry.timers.table.due(1e12) == []
        assert registry.keeper._windows == {}
        assert registry.keeper._unsaid == set()
        assert (await self.store.open()).docs == []


class RegistryInMemory(Registry):
    """The same over a store that never suspends, which keeps no soft renewals: it never closes."""

    make_store = InMemoryStore

    def restart(self, closed_for: int) -> None:
        """Not here."""


TestRegistry = Registry.TestCase
TestRegistry.settings = settings(max_examples=20, stateful_step_count=40)
TestRegistryInMemory = RegistryInMemory.TestCase
TestRegistryInMemory.settings = settings(max_examples=20, stateful_step_count=40)


@pytest.mark.slow
class TestRegistryForLong(Registry.TestCase):
    settings = settings(max_examples=100, stateful_step_count=60)
