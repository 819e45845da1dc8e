# SPDX-License-Identifier: Apache-2.0
"""What the dashboard needs from others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rollcall.dashboard.models import Activity, Parked, Question, Said
from rollcall.kernel.caller import Caller
from rollcall.kernel.errors import Unavailable


class NotAnswered(Unavailable):
    """A service said nothing.

    Args:
        problem: Why, without addresses: callers may see it.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class NotHere(NotAnswered):
    """A service runs nowhere."""

    def __init__(self) -> None:
        super().__init__("runs nowhere")


class Services(Protocol):
    """The other services, in this process or elsewhere."""

    async def get(self, caller: Caller, question: Question) -> Said:
        """What a service answers, with whatever status. It is asked once, for `caller`, who may
        read in their namespace. The dashboard times it, and gives up on it.

        Raises:
            NotHere: It runs nowhere.
            NotAnswered: It says nothing, or no JSON.
        """
        ...


class Activities(Protocol):
    """What has happened lately, noted as events come in; the newest so many of a namespace.

    Ids count from 1 without gaps, and become visible in order. What is older than what is kept is
    gone.
    """

    async def newest(self, namespace: str) -> int:
        """The id of the newest; 0: there is none."""
        ...

    async def before(self, namespace: str, limit: int, before: int | None) -> Sequence[Activity]:
        """The newest with an id below `before` (None: any), the newest first."""
        ...

    async def after(self, namespace: str, after: int, limit: int) -> Sequence[Activity]:
        """The oldest that are kept with an id above `after`, in order."""
        ...


class Events(Protocol):
    """The delivery of events."""

    async def parked(self, namespace: str) -> Sequence[Parked]:
        """What waits for an operator in a namespace, by group."""
        ...
