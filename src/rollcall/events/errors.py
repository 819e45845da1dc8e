# SPDX-License-Identifier: Apache-2.0
"""What can go wrong around the event log."""

from __future__ import annotations

from rollcall.kernel.errors import RollcallError


class Overtaken(RollcallError):
    """Another process has moved the consumer group on meanwhile; nothing was written."""

    def __init__(self, group: str) -> None:
        super().__init__(f"another process has moved group {group!r} on: read its state again")
        self.group = group


class NestedWork(RollcallError, RuntimeError):
    """A unit of work was begun inside another one of the same database."""

    def __init__(self) -> None:
        super().__init__(
            "a unit of work is open here already: write through that one, and call services that"
            " have one of their own before or after it"
        )


class GroupNotFound(RollcallError, KeyError):
    """Nothing here subscribes as this consumer group."""

    def __init__(self, group: str) -> None:
        super().__init__(f"no consumer group {group!r} here")
        self.group = group

    __str__ = RollcallError.__str__


class NotParked(RollcallError):
    """The group has no parked event at this position: it was replayed or skipped already."""

    def __init__(self, group: str, position: int) -> None:
        super().__init__(f"group {group!r} has no parked event at position {position}")
        self.group = group
        self.position = position
