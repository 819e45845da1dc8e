# SPDX-License-Identifier: Apache-2.0
"""Errors as domain words that carry their data.

Every error that Rollcall raises on purpose derives from `RollcallError`. Where Python has a
built-in of the same meaning (`ValueError`, `KeyError`, `TimeoutError`), the class derives from
that too, so that a caller may catch either.
"""

from __future__ import annotations


class RollcallError(Exception):
    """The root of all errors that Rollcall raises on purpose."""


class InvalidInput(RollcallError, ValueError):
    """What the caller gave cannot be used.

    Args:
        field: The name of the offending field, dotted for nested ones (`capabilities.0.name`).
        problem: What is wrong with it and what would be right, as one sentence without a full stop.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class MissingExtra(RollcallError, ImportError):
    """A feature needs an optional dependency that is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs an optional part that is not installed:"
            f" pip install 'rollcall-ai[{extra}]'"
        )
        self.feature = feature
        self.extra = extra


class Unavailable(RollcallError):
    """Something that Rollcall depends on does not answer now; trying again later may work."""


class StoreUnavailable(Unavailable):
    """The record store does not answer; nothing of the batch was written."""


class OutcomeUnknown(Unavailable):
    """The record store broke off in the middle of a commit: it may have been written or not.

    The operation ids of the batch settle it (`RecordStore.settle`), never a blind retry.
    """


class StoreInUse(RollcallError):
    """Another process holds the data folder."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} is in use by another process: stop that one, or give this one another path"
        )
        self.path = path


class IncompatibleStore(RollcallError):
    """The store was written in a format that this version cannot read."""


class Compacted(RollcallError):
    """The changes asked for are no longer kept: take a fresh list and go on from its revision.

    Args:
        asked: The revision after which the reader wanted to go on.
        oldest: The oldest revision that can still be read.
    """

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(
            f"changes after revision {asked} were compacted; the oldest kept is {oldest}"
        )
        self.asked = asked
        self.oldest = oldest


class Closed(RollcallError):
    """The object was shut down and takes no more calls."""
