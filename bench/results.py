# SPDX-License-Identifier: Apache-2.0
"""Collects what the workers answered and makes the table of it. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from bench.figures import median
from bench.report import MEMORY, PAUSE, Cell, Table


@dataclass(frozen=True, slots=True)
class Job:
    """One measurement in one process."""

    task: str
    side: str
    size: int
    options: dict[str, Any] = field(default_factory=dict)


def figures_of(job: Job, answer: dict[str, Any]) -> dict[str, float]:
    """The rows that an answer has a figure for: nanoseconds, or bytes for memory."""
    match job.task:
        case "operations":
            medians = {name: each["median"] for name, each in answer["figures"].items()}
            return medians | {PAUSE: answer["gc"]["longest_ms"] * 1e6}
        case "detection":
            return {
                f"detection, {what}": answer[what]["median"] * 1e6
                if answer[what]["found"] == answer[what]["silent"]
                else math.inf
                for what in ("unhealthy", "deregistered")
            }
        case "memory":
            return {MEMORY: answer["record"]}
        case _:
            return {}


class Results:
    """Answers of any number of repeats."""

    def __init__(self) -> None:
        self._figures: dict[tuple[str, int, str], list[float]] = defaultdict(list)
        self.leases: dict[str, Any] | None = None
        self.false_alarms = 0

    def add(self, job: Job, answer: dict[str, Any]) -> None:
        """Take in one answer; repeats of the same job are kept side by side."""
        if job.task == "leases":
            self.leases = answer
        if job.side == "rollcall":
            self.false_alarms += answer.get("false_alarms", 0)
        for row, value in figures_of(job, answer).items():
            self._figures[row, job.size, job.side].append(value)

    def table(self) -> Table:
        """Medians over the repeats."""
        table: dict[str, dict[int, Cell]] = defaultdict(dict)
        for row, size, _ in self._figures:
            theirs, ours = (
                median(values) if (values := self._figures.get((row, size, side))) else None
                for side in ("kaizen", "rollcall")
            )
            table[row][size] = Cell(theirs, ours)
        return dict(table)
