# SPDX-License-Identifier: Apache-2.0
"""The errors of my agents."""

from __future__ import annotations

from collections.abc import Sequence

from rollcall.agents.mine.models import Lack
from rollcall.kernel.errors import RollcallError, Unavailable


class ConfirmationNeeded(RollcallError):
    """What cannot be undone was asked for without saying that it is meant."""

    def __init__(self) -> None:
        super().__init__("what is deleted is gone: add ?confirm=true if that is meant")
        self.parameter = "confirm"
        self.value = "true"


class NotAnswering(Unavailable):
    """A service does not say what it knows of agents.

    Args:
        lack: Who, and why.
    """

    def __init__(self, lack: Lack) -> None:
        super().__init__(f"{lack.service} {lack.problem}")
        self.lack = lack


class NoMetrics(Unavailable):
    """Nobody says what an agent did.

    Args:
        lacks: Who does not answer.
    """

    def __init__(self, lacks: Sequence[Lack]) -> None:
        super().__init__("; ".join(f"{one.service} {one.problem}" for one in lacks))
        self.unavailable = [{"service": one.service, "problem": one.problem} for one in lacks]
