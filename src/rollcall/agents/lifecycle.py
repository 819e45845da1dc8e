# SPDX-License-Identifier: Apache-2.0
"""Which status may follow which: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rollcall.agents.models import Status

MOVES: Final[Mapping[Status, frozenset[Status]]] = {
    Status.DRAFT: frozenset({Status.ACTIVE, Status.ARCHIVED}),
    Status.ACTIVE: frozenset({Status.PAUSED, Status.DISABLED, Status.ARCHIVED}),
    Status.PAUSED: frozenset({Status.ACTIVE, Status.DISABLED, Status.ARCHIVED}),
    Status.DISABLED: frozenset({Status.ACTIVE, Status.ARCHIVED}),
    Status.ARCHIVED: frozenset(),
}
"""By status, what may follow it. What is archived stays so."""

BEGINNINGS: Final = (Status.DRAFT, Status.ACTIVE)
"""What a definition may begin with."""


def may_move(old: Status, new: Status) -> bool:
    """Whether a definition may go from one status to another. To stay is no move."""
    return new in MOVES[old]


def beginning(business_name: str | None) -> Status:
    """What a new definition begins with: one of document 4 as a draft, one of document 3 active."""
    return Status.ACTIVE if business_name is None else Status.DRAFT
