# SPDX-License-Identifier: Apache-2.0
"""How long the garbage collector stops the process."""

from __future__ import annotations

import gc
from time import perf_counter_ns
from types import TracebackType
from typing import Any, Self


class GcPauses:
    """Notes every collection between entering and leaving. One at a time."""

    def __init__(self) -> None:
        self._pauses: list[int] = []
        self._begun = 0

    def _watch(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._begun = perf_counter_ns()
        else:
            self._pauses.append(perf_counter_ns() - self._begun)

    def __enter__(self) -> Self:
        gc.callbacks.append(self._watch)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        gc.callbacks.remove(self._watch)

    def report(self) -> dict[str, float]:
        """Number of collections, the longest and the sum of all, in milliseconds."""
        return {
            "collections": len(self._pauses),
            "longest_ms": max(self._pauses, default=0) / 1e6,
            "total_ms": sum(self._pauses) / 1e6,
        }
