# SPDX-License-Identifier: Apache-2.0
"""Finds a unit of work that is opened inside another one, which would wait for itself for ever."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from rollcall.events.errors import NestedWork


class _Work:
    """A unit of work as its block, and what the block calls, can see it."""

    def __init__(self, owner: object, outer: _Work | None) -> None:
        self.owner = owner
        self.outer = outer
        self.open = True


# A context variable, since a handler may run in a task of its own inside the block.
_current: Final[ContextVar[_Work | None]] = ContextVar("unit of work", default=None)


@contextmanager
def alone(owner: object) -> Generator[None]:
    """The extent of a unit of work of `owner`, a database or a log.

    Raises:
        NestedWork: The caller is inside one of the same owner.
    """
    outer = work = _current.get()
    while work is not None:
        if work.owner is owner and work.open:
            raise NestedWork
        work = work.outer
    inner = _Work(owner, outer)
    _current.set(inner)
    try:
        yield
    finally:
        # Tasks that were started inside still see it.
        inner.open = False
        _current.set(outer)
