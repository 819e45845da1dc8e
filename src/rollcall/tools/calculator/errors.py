# SPDX-License-Identifier: Apache-2.0
"""Why something could not be worked out."""

from __future__ import annotations

from rollcall.kernel.errors import RollcallError


class CannotCalculate(RollcallError, ValueError):
    """What was asked has no answer, or none within the limits.

    It never leaves the calculator: the sentence becomes the `error` of the answer.

    Args:
        problem: What is wrong and what to do about it, as a sentence without a full stop.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def shown(text: str) -> str:
    """A piece of the caller's text as an error message quotes it: never long."""
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
