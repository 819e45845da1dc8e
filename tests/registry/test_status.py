from __future__ import annotations

from itertools import product

import pytest

from rollcall.registry.status import (
    AVAILABLE,
    CODE,
    EFFECTIVE,
    REPORTABLE,
    LeasePhase,
    ProbeState,
    Status,
    effective,
    effective_code,
)

ANY = frozenset(Status)
ALIVE = {LeasePhase.FRESH, LeasePhase.NONE}
NO_FAILURE = {ProbeState.PASSING, ProbeState.UNKNOWN, ProbeState.NONE}

# The rows of contracts.md, section 0: reported, lease, probes, effective (None: as reported).
ROWS = [
    (ANY, {LeasePhase.HELD}, set(ProbeState), Status.SUSPECT),
    (ANY, {LeasePhase.OFFLINE}, set(ProbeState), Status.OFFLINE),
    ({Status.OFFLINE, Status.STOPPING}, set(LeasePhase), set(ProbeState), Status.OFFLINE),
    (ANY, {LeasePhase.UNHEALTHY}, set(ProbeState), Status.UNHEALTHY),
    # The table says "fresh"; a permanent record that fails its probes is no better.
    (ANY, ALIVE, {ProbeState.FAILING}, Status.UNHEALTHY),
    (
        {Status.UNHEALTHY, Status.DEGRADED, Status.STARTING, Status.BUSY, Status.ACTIVE},
        ALIVE,
        NO_FAILURE,
        None,
    ),
]

COMBINATIONS = list(product(sorted(REPORTABLE), LeasePhase, ProbeState))


@pytest.mark.parametrize(("reported", "lease", "probes"), COMBINATIONS)
def test_the_first_row_of_the_table_that_fits_decides(
    reported: Status, lease: LeasePhase, probes: ProbeState
) -> None:
    row = next(row for row in ROWS if reported in row[0] and lease in row[1] and probes in row[2])
    assert effective(reported, lease, probes) is (row[3] or reported)


@pytest.mark.parametrize(("reported", "lease", "probes"), COMBINATIONS)
def test_the_code_is_that_of_the_effective_status(
    reported: Status, lease: LeasePhase, probes: ProbeState
) -> None:
    code = effective_code(reported, lease, probes)
    assert EFFECTIVE[code] is effective(reported, lease, probes)


def test_codes_and_effective_statuses_are_one_to_one() -> None:
    assert [CODE[status] for status in EFFECTIVE] == list(range(len(EFFECTIVE)))
    assert set(EFFECTIVE) == set(Status) - {Status.STOPPING}


def test_suspect_is_never_reported_and_stopping_never_effective() -> None:
    assert Status.SUSPECT not in REPORTABLE
    assert Status.STOPPING not in CODE
    assert {effective(*one) for one in COMBINATIONS} == set(EFFECTIVE)


def test_only_active_and_busy_are_available() -> None:
    assert {Status.ACTIVE, Status.BUSY} == AVAILABLE
