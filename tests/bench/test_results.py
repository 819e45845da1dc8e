# SPDX-License-Identifier: Apache-2.0
import math

from bench.noticed import lateness
from bench.report import MEMORY, UNHEALTHY, Cell
from bench.results import Job, Results


def operations(register: float) -> dict[str, object]:
    return {"figures": {"register": {"median": register}}, "gc": {"longest_ms": 2.0}}


def test_repeats_of_one_side_become_their_median() -> None:
    results = Results()
    for register in (10.0, 500.0, 12.0):
        results.add(Job("operations", "kaizen", 1_000), operations(register))
    results.add(Job("operations", "rollcall", 1_000), operations(6.0))
    assert results.table()["register"] == {1_000: Cell(12.0, 6.0)}
    assert results.table()["longest GC pause"] == {1_000: Cell(2e6, 2e6)}


def test_sizes_are_kept_apart() -> None:
    results = Results()
    results.add(Job("memory", "rollcall", 10_000), {"record": 900.0})
    results.add(Job("memory", "rollcall", 100_000), {"record": 800.0})
    assert results.table()[MEMORY] == {10_000: Cell(None, 900.0), 100_000: Cell(None, 800.0)}


def test_a_side_that_did_not_notice_every_silent_agent_never_noticed() -> None:
    answer = {
        "unhealthy": {"silent": 200, "found": 199, "median": 3.0},
        "deregistered": {"silent": 200, "found": 200, "median": 500.0},
        "false_alarms": 0,
    }
    results = Results()
    results.add(Job("detection", "rollcall", 1_000), answer)
    assert results.table()[UNHEALTHY][1_000].ours == math.inf
    assert results.table()["detection, deregistered"][1_000].ours == 500e6


def test_false_alarms_of_ours_are_added_up() -> None:
    answer = {
        "unhealthy": {"silent": 1, "found": 0},
        "deregistered": {"silent": 1, "found": 0},
        "false_alarms": 2,
    }
    results = Results()
    for side in ("kaizen", "rollcall", "rollcall"):
        results.add(Job("detection", side, 1_000), answer)
    assert results.false_alarms == 4


def test_lateness_is_counted_from_the_deadline_in_milliseconds() -> None:
    found = lateness({"a": 10.0, "b": 11.0, "c": 12.0}, {"a": 10.5, "b": 11.25, "other": 1.0})
    assert found == {
        "silent": 3, "found": 2, "earliest": 250.0, "median": 375.0, "p99": 500.0, "worst": 500.0
    }  # fmt: skip


def test_without_events_there_is_no_lateness() -> None:
    assert lateness({"a": 10.0}, {}) == {"silent": 1, "found": 0}
