from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.registry.evidence import lease_evidence, provisional
from rollcall.registry.models import Grant, LeasePolicy, Probe
from rollcall.registry.service import RegistryService
from rollcall.registry.status import LeasePhase, ProbeState, Status, effective
from rollcall.testing.clock import FrozenClock
from rollcall.testing.faulty_store import FaultyStore, Refused
from rollcall.testing.store_contract.case import record
from support.registries import OpenRegistry

POLICY = LeasePolicy(30, 60, 90)


async def test_a_permanent_record_has_no_lease_and_is_unprobed(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(record("a"))
    await clock.advance(7)
    evidence = registry.evidence("default", "a")
    assert evidence.status is evidence.reported is Status.ACTIVE
    assert evidence.lease.phase is LeasePhase.NONE
    assert evidence.lease.remaining is evidence.lease.silent is evidence.probe is None
    assert evidence.provisional is None


async def test_the_evidence_of_a_lease_has_its_age_and_what_remains(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(record("a", Grant(POLICY)))
    await clock.advance(12)
    lease = registry.evidence("default", "a").lease
    assert (lease.phase, lease.shared, lease.epoch) == (LeasePhase.FRESH, None, 1)
    assert lease.silent == pytest.approx(12)
    assert lease.remaining == pytest.approx(18)
    await clock.advance(20)
    lease = registry.evidence("default", "a").lease
    assert lease.phase is LeasePhase.UNHEALTHY
    assert lease.remaining == pytest.approx(28)


async def test_a_member_shows_the_lease_that_it_shares(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.grant("default", "x", POLICY)
    await registry.register(record("a", "x"))
    await clock.advance(10)
    await registry.renew_lease("default", "x")
    await clock.advance(5)
    lease = registry.evidence("default", "a").lease
    assert (lease.shared, lease.policy) == ("x", POLICY)
    assert lease.silent == pytest.approx(5)


async def test_what_was_reported_has_its_age(registry: RegistryService, clock: FrozenClock) -> None:
    await registry.register(record("a"))
    await registry.report("default", "a", Status.DEGRADED)
    await clock.advance(40)
    evidence = registry.evidence("default", "a")
    assert (evidence.reported, evidence.reported_age) == (Status.DEGRADED, pytest.approx(40))


async def test_the_verdict_of_probes_is_shown(registry: RegistryService) -> None:
    await registry.register(record("a"))
    failing = Probe(ProbeState.FAILING, 3, 1.0, "connection refused")
    await registry.probed("default", "a", failing)
    evidence = registry.evidence("default", "a")
    assert (evidence.status, evidence.reported) == (Status.UNHEALTHY, Status.ACTIVE)
    assert evidence.probe == failing
    await registry.probed("default", "a", None)
    assert registry.evidence("default", "a").status is Status.ACTIVE


async def test_in_an_outage_the_answer_says_what_it_cannot_commit(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(remote)
    await registry.register(record("a", Grant(POLICY)))
    remote.faults.extend([Refused(call) for call in ("commit", "renew") for _ in range(500)])
    seen = []
    for _ in range(7):
        await clock.advance(14.5)
        evidence = registry.evidence("default", "a")
        seen.append((evidence.status, evidence.provisional))
    held = Status.ACTIVE
    assert seen == [
        (held, None),
        (held, None),
        (held, Status.UNHEALTHY),
        (held, Status.UNHEALTHY),
        (held, Status.OFFLINE),
        (held, Status.OFFLINE),
        (held, Status.OFFLINE),
    ]
    remote.faults.clear()


async def test_when_the_store_answers_nothing_is_provisional(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(record("a", Grant(POLICY)))
    await clock.advance(29)
    assert registry.evidence("default", "a").provisional is None


def test_a_lease_that_is_gone_has_run_out() -> None:
    assert lease_evidence(record("a", "gone"), None, 0.0).phase is LeasePhase.OFFLINE


@given(
    st.sampled_from([s for s in Status if s is not Status.SUSPECT]),
    st.sampled_from([POLICY, LeasePolicy(30), LeasePolicy(None, 60), LeasePolicy(None, None, 90)]),
    st.sampled_from([LeasePhase.FRESH, LeasePhase.HELD, LeasePhase.UNHEALTHY]),
    st.floats(0, 200),
)
def test_what_is_provisional_is_overdue_and_differs_from_what_is_committed(
    reported: Status, policy: LeasePolicy, phase: LeasePhase, silent: float
) -> None:
    doc = msgspec.structs.replace(record("a", Grant(policy, 1, phase)), reported=reported)
    lease = lease_evidence(doc, Grant(policy, 1, phase), silent)
    status = provisional(doc, lease)
    if status is not None:
        assert lease.remaining is not None
        assert lease.remaining <= 0
        assert status is not effective(reported, phase, ProbeState.NONE)
        assert status in {Status.UNHEALTHY, Status.OFFLINE}
