# SPDX-License-Identifier: Apache-2.0
"""From figures to the printed page: one table, the aims and their verdicts. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.figures import ratio

MEMORY: Final = "memory a record"
REGISTER: Final = "register"
REGISTER_EVENTS: Final = "register, events"
UNHEALTHY: Final = "detection, unhealthy"
PAUSE: Final = "longest GC pause"
# One hit or none: what these cost must not depend on the size of the fleet.
NARROW_FINDS: Final = ("find, one hit", "find, miss", "find, substring", "find, two words")
HEARTBEATS: Final = ("heartbeat", "heartbeat, events")
ROWS: Final = (
    REGISTER,
    REGISTER_EVENTS,
    "find, one hit",
    "find, substring",
    "find, two words",
    "find, miss",
    "find, 1 % hits",
    *HEARTBEATS,
    "status change",
    "status change, events",
    "deregister",
    UNHEALTHY,
    "detection, deregistered",
    MEMORY,
    PAUSE,
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of each side: nanoseconds, or bytes in the row `MEMORY`.

    None is "not measured", infinity is "never".
    """

    theirs: float | None = None
    ours: float | None = None


Table = Mapping[str, Mapping[int, Cell]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an aim was met; `met` is None when what it speaks of was not measured."""

    aim: str
    figure: str
    met: bool | None

    def __str__(self) -> str:
        word = {True: "met", False: "MISSED", None: "not measured"}[self.met]
        return f"{word}: {self.aim}" + (f" ({self.figure})" if self.figure else "")


def duration(nanoseconds: float | None) -> str:
    """Three significant digits in the unit that fits; "-" for None and "never" for infinity."""
    if nanoseconds is None:
        return "-"
    if math.isinf(nanoseconds):
        return "never"
    for unit, scale in (("ns", 1.0), ("µs", 1e3), ("ms", 1e6)):
        if abs(nanoseconds) < 999.5 * scale:
            return f"{digits(nanoseconds / scale)} {unit}"
    return f"{digits(nanoseconds / 1e9)} s"


def digits(value: float) -> str:
    """`value` with three significant digits and thousands separated."""
    exponent = int(f"{value:.2e}".partition("e")[2])  # after rounding, unlike a logarithm
    return f"{value:,.{max(0, 2 - exponent)}f}" if value else "0"


def times(value: float | None) -> str:
    """A ratio as a reader says it: "250x", or "0.50x" where ours is slower."""
    if value is None:
        return "-"
    return f"{value:.2f}x" if value < 10 else f"{value:,.0f}x"


def shown(row: str, value: float | None) -> str:
    """A figure of this row in words."""
    if row == MEMORY and value is not None:
        return f"{digits(value)} B"
    return duration(value)


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table with aligned columns: the first to the left, the others to the right."""
    body = [list(row) for row in rows]
    widths = [max(len(row[i]) for row in (header, *body)) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [cells[0].ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return f"| {' | '.join(padded)} |"

    rule = [":" + "-" * (widths[0] + 1), *("-" * (width + 1) + ":" for width in widths[1:])]
    return "\n".join([line(header), f"|{'|'.join(rule)}|", *(line(row) for row in body)])


def comparison(table: Table, sizes: Sequence[int]) -> str:
    """The table of both sides: three columns for a size that both measured, one for ours alone."""
    both = {
        n
        for n in sizes
        if any(c.theirs is not None for c in (r.get(n) for r in table.values()) if c)
    }
    header = ["agents"]
    for n in sizes:
        header += [f"{n:,} kaizen", "Rollcall", "ratio"] if n in both else [f"{n:,} Rollcall"]
    rows: list[list[str]] = []
    for name in (row for row in ROWS if row in table):
        cells = [name]
        for n in sizes:
            cell = table[name].get(n, Cell())
            if n in both:
                cells += [shown(name, cell.theirs), shown(name, cell.ours)]
                cells.append(times(ratio(cell.theirs, cell.ours)))
            else:
                cells.append(shown(name, cell.ours))
        rows.append(cells)
    return markdown(header, rows)


def ratios(table: Table, rows: Iterable[str], sizes: Iterable[int] | None = None) -> list[float]:
    """Theirs by ours for `rows` at `sizes` (None: every size), where both are known."""
    found = (
        ratio(cell.theirs, cell.ours)
        for row in rows
        for n, cell in table.get(row, {}).items()
        if sizes is None or n in sizes
    )
    return [value for value in found if value is not None]


def at_least(aim: str, values: Sequence[float], limit: float) -> Verdict:
    """The smallest of `values` (ratios) is `limit` or more."""
    if not values:
        return Verdict(aim, "", None)
    return Verdict(aim, f"the least is {times(min(values))}", min(values) >= limit)


def below(aim: str, value: float | None, limit: float, figure: str) -> Verdict:
    """`value` is less than `limit`; `figure` says it in words."""
    if value is None:
        return Verdict(aim, "", None)
    return Verdict(aim, figure, value < limit)


def growth(table: Table, small: int, large: int) -> float | None:
    """By what factor our `NARROW_FINDS` are slower at `large` than at `small`, at the most."""
    factors: list[float] = []
    for row in NARROW_FINDS:
        before, after = (table.get(row, {}).get(n, Cell()).ours for n in (small, large))
        if before and after:
            factors.append(after / before)
    return max(factors, default=None)


def overdue(late: Mapping[str, float]) -> float:
    """99 % of all deadlines were noticed within so many ms; one never noticed is never over."""
    return late["p99"] if late["found"] == late["silent"] else math.inf


def aims(table: Table, leases: Mapping[str, Any] | None) -> list[Verdict]:
    """What the project aims at, and whether these figures reach it."""
    grown = growth(table, 1_000, 1_000_000)
    record = table.get(MEMORY, {}).get(1_000_000, Cell()).ours
    late = overdue(leases["lateness"]) if leases and leases["leases"] >= 1_000_000 else None
    return [
        at_least(
            "find with one hit or none 100 times faster at 10,000 agents",
            ratios(table, NARROW_FINDS, {10_000}),
            100,
        ),
        at_least(
            "find with one hit or none 1,000 times faster at 100,000 agents",
            ratios(table, NARROW_FINDS, {100_000}),
            1_000,
        ),
        below(
            "find grows less than 2 times from 1,000 to 1,000,000 agents",
            grown,
            2,
            f"{times(grown)} at most",
        ),
        at_least("heartbeat no slower than kaizen's", ratios(table, HEARTBEATS), 1),
        at_least(
            "register, which indexes, at most 4 times kaizen's without events",
            ratios(table, [REGISTER]),
            1 / 4,
        ),
        at_least("register no slower with events", ratios(table, [REGISTER_EVENTS]), 1),
        below(
            "less than 1,500 bytes a record with everything at 1,000,000 agents",
            record,
            1_500,
            shown(MEMORY, record),
        ),
        below(
            "a missed deadline is an event within 50 ms (p99) among 1,000,000 leases",
            late,
            50,
            duration(late * 1e6) if late is not None else "",
        ),
    ]


def lease_lines(leases: Mapping[str, Any]) -> str:
    """What the lease measurement found, as a list."""
    late, renewal, pauses = leases["lateness"], leases["renewal_ns"], leases["gc"]
    size, rate, seconds = leases["leases"], leases["renewals_per_s"], leases["registered_s"]
    renewing, rest = leases["renewal_cpu_share"], leases["rest_cpu_share"]
    lines = [f"{size:,} leases, {rate:,.0f} renewals/s, registered in {seconds:.1f} s"]
    lines.append(f"a renewal: {duration(renewal['median'])} (p99 {duration(renewal['p99'])})")
    lines.append(
        f"share of a core: {renewing:.1%} renewing, {rest:.1%} everything else (expiry, events, "
        f"the loop, the harness); {leases['idle_cpu_share']:.1%} while nothing is renewed"
    )
    lines.append(
        f"missed deadlines noticed: {late['found']} of {late['silent']}, "
        f"false alarms: {leases['false_alarms']}"
    )
    if late["found"]:
        lines.append(
            f"lateness: p50 {duration(late['median'] * 1e6)}, p99 {duration(late['p99'] * 1e6)}, "
            f"worst {duration(late['worst'] * 1e6)}"
        )
    lines.append(
        f"garbage collection meanwhile: {pauses['collections']} collections, longest pause "
        f"{duration(pauses['longest_ms'] * 1e6)}, {duration(pauses['total_ms'] * 1e6)} in all"
    )
    return "\n".join(f"- {line}" for line in lines)
