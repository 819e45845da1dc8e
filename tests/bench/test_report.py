# SPDX-License-Identifier: Apache-2.0
import math
from typing import Any

import pytest
from bench.report import (
    HEARTBEATS,
    MEMORY,
    NARROW_FINDS,
    REGISTER,
    REGISTER_EVENTS,
    UNHEALTHY,
    Cell,
    Verdict,
    aims,
    comparison,
    duration,
    lease_lines,
    markdown,
    times,
)

Rows = dict[str, dict[int, Cell]]


def leases(p99: float = 20.0, size: int = 1_000_000) -> dict[str, Any]:
    return {
        "leases": size,
        "registered_s": 12.0,
        "renewals_per_s": 33_000.0,
        "renewal_ns": {"median": 300.0, "p99": 900.0},
        "idle_cpu_share": 0.001,
        "renewal_cpu_share": 0.01,
        "rest_cpu_share": 0.02,
        "lateness": {
            "silent": 1000, "found": 1000, "earliest": 0.1, "median": 5.0, "p99": p99, "worst": 30.0
        },
        "false_alarms": 0,
        "gc": {"collections": 3, "longest_ms": 1.5, "total_ms": 2.0},
    }  # fmt: skip


def figures_that_meet_every_aim() -> Rows:
    finds = {
        1_000: Cell(300e3, 3e3),
        10_000: Cell(3e6, 3e3),
        100_000: Cell(40e6, 4e3),
        1_000_000: Cell(None, 5e3),
    }
    same = {1_000: Cell(400.0, 400.0)}
    return {
        REGISTER: {1_000: Cell(5e3, 20e3)},
        REGISTER_EVENTS: {1_000: Cell(25e3, 25e3)},
        **{row: dict(finds) for row in NARROW_FINDS},
        **{row: dict(same) for row in HEARTBEATS},
        MEMORY: {1_000_000: Cell(None, 1_499.0)},
    }


def verdict(found: list[Verdict], words: str) -> Verdict:
    return next(each for each in found if words in each.aim)


def test_every_aim_can_be_met() -> None:
    assert [each.met for each in aims(figures_that_meet_every_aim(), leases())] == [True] * 8


def test_without_figures_no_aim_is_met_or_missed() -> None:
    assert [each.met for each in aims({}, None)] == [None] * 8


@pytest.mark.parametrize(
    ("row", "size", "cell", "words"),
    [
        ("find, miss", 10_000, Cell(3e6, 31e3), "100 times faster at 10,000"),
        ("find, two words", 100_000, Cell(40e6, 41e3), "1,000 times faster"),
        ("find, substring", 1_000_000, Cell(None, 6e3), "grows less than 2 times"),
        ("heartbeat, events", 1_000, Cell(400.0, 401.0), "heartbeat"),
        (REGISTER, 1_000, Cell(5e3, 21e3), "register, which indexes"),
        (REGISTER_EVENTS, 1_000, Cell(25e3, 26e3), "no slower with events"),
        (MEMORY, 1_000_000, Cell(None, 1_500.0), "bytes a record"),
    ],
)
def test_one_figure_beyond_its_limit_misses_that_aim_alone(
    row: str, size: int, cell: Cell, words: str
) -> None:
    table = figures_that_meet_every_aim()
    table[row][size] = cell
    found = aims(table, leases())
    assert verdict(found, words).met is False
    assert sum(each.met is False for each in found) == 1


def test_late_events_miss_their_aim() -> None:
    assert verdict(aims({}, leases(p99=50.0)), "within 50 ms").met is False


def test_deadlines_that_nobody_noticed_miss_the_aim() -> None:
    unnoticed = leases()
    unnoticed["lateness"] = {"silent": 1000, "found": 0}
    assert verdict(aims({}, unnoticed), "within 50 ms").met is False
    assert "0 of 1000" in lease_lines(unnoticed)


def test_deadlines_of_which_some_were_not_noticed_miss_the_aim() -> None:
    unnoticed = leases()
    unnoticed["lateness"]["found"] = 999
    assert verdict(aims({}, unnoticed), "within 50 ms").met is False


def test_few_leases_prove_nothing_about_a_million() -> None:
    assert verdict(aims({}, leases(size=2_000)), "within 50 ms").met is None


def test_a_missed_aim_says_so_with_its_figure() -> None:
    assert str(Verdict("be quick", "it takes 3 s", met=False)) == "MISSED: be quick (it takes 3 s)"


@pytest.mark.parametrize(
    ("nanoseconds", "words"),
    [
        (None, "-"),
        (math.inf, "never"),
        (0.0, "0 ns"),
        (409.4, "409 ns"),
        (999.6, "1.00 µs"),
        (4_779.0, "4.78 µs"),
        (23_600.0, "23.6 µs"),
        (59_542_589.0, "59.5 ms"),
        (2.5e9, "2.50 s"),
    ],
)
def test_a_duration_has_three_digits_and_a_fitting_unit(
    nanoseconds: float | None, words: str
) -> None:
    assert duration(nanoseconds) == words


def test_a_ratio_below_1_keeps_its_digits() -> None:
    assert [times(value) for value in (0.4567, 9.87, 12_345.6, None)] == [
        "0.46x",
        "9.87x",
        "12,346x",
        "-",
    ]


def test_a_markdown_table_is_aligned() -> None:
    assert markdown(["what", "n"], [["find", "1,000"], ["miss", "1"]]).splitlines() == [
        "| what |     n |",
        "|:-----|------:|",
        "| find | 1,000 |",
        "| miss |     1 |",
    ]


def test_a_size_that_only_one_side_measured_has_one_column() -> None:
    table = {"find, miss": {1_000: Cell(300e3, 3e3), 1_000_000: Cell(None, 4e3)}}
    lines = comparison(table, [1_000, 1_000_000]).splitlines()
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == [
        "agents", "1,000 kaizen", "Rollcall", "ratio", "1,000,000 Rollcall"
    ]  # fmt: skip
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == [
        "find, miss", "300 µs", "3.00 µs", "100x", "4.00 µs"
    ]  # fmt: skip


def test_what_never_happens_has_no_ratio() -> None:
    lines = comparison({UNHEALTHY: {1_000: Cell(math.inf, 2e6)}}, [1_000]).splitlines()
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == [
        UNHEALTHY, "never", "2.00 ms", "-"
    ]  # fmt: skip
