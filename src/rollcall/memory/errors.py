# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with memories."""

from __future__ import annotations

from rollcall.kernel.errors import RollcallError


class MemoryNotFound(RollcallError, LookupError):
    """There is no such memory in the namespace, or it has expired."""

    def __init__(self, memory_id: str) -> None:
        super().__init__(f"there is no memory {memory_id}")
        self.memory_id = memory_id


class MemoryExists(RollcallError):
    """Another memory of the same scope says that already.

    Args:
        memory_id: The other one.
    """

    def __init__(self, memory_id: str) -> None:
        super().__init__(f"memory {memory_id} of the same scope says that already")
        self.memory_id = memory_id


class StillTalking(RollcallError):
    """Somebody is being answered, and what is said would outlive the erasure."""

    def __init__(self, session_id: str) -> None:
        super().__init__(
            f"a message is being answered in session {session_id!r}; nothing was erased: try again"
        )
        self.session_id = session_id


class MemoryChanged(RollcallError):
    """A memory has changed since the caller saw it.

    Args:
        memory_id: The memory.
        expected: The version that the caller saw.
        current: Its version now.
    """

    def __init__(self, memory_id: str, expected: int, current: int) -> None:
        super().__init__(f"memory {memory_id} is at version {current}, not {expected}")
        self.memory_id = memory_id
        self.expected = expected
        self.current = current
