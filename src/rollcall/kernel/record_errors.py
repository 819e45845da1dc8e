# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with records, in the registry as in its clients."""

from __future__ import annotations

from rollcall.kernel.errors import RollcallError


class RecordNotFound(RollcallError, KeyError):
    """There is no such record. Whoever means to have one registers again."""

    def __init__(self, namespace: str, record_id: str) -> None:
        super().__init__(f"no record {record_id!r} in namespace {namespace!r}")
        self.namespace = namespace
        self.record_id = record_id

    # KeyError shows its argument's repr, which would put the sentence into quotes.
    __str__ = RollcallError.__str__


class RecordExists(RollcallError, ValueError):
    """A record that should be new is there already."""

    def __init__(self, namespace: str, record_id: str) -> None:
        super().__init__(f"record {record_id!r} is already registered in namespace {namespace!r}")
        self.namespace = namespace
        self.record_id = record_id


class RevisionMismatch(RollcallError):
    """The record has changed since the caller read it; nothing was written.

    Args:
        current: The record's revision now; 0: it does not exist any more.
    """

    def __init__(self, namespace: str, record_id: str, expected: int, current: int) -> None:
        super().__init__(
            f"record {record_id!r} in namespace {namespace!r} is at revision {current},"
            f" not {expected}: read it again and decide anew"
        )
        self.namespace = namespace
        self.record_id = record_id
        self.expected = expected
        self.current = current


class LeaseNotFound(RollcallError, KeyError):
    """There is no such shared lease."""

    def __init__(self, namespace: str, lease_id: str) -> None:
        super().__init__(f"no shared lease {lease_id!r} in namespace {namespace!r}")
        self.namespace = namespace
        self.lease_id = lease_id

    __str__ = RollcallError.__str__


class NamespaceFull(RollcallError):
    """The namespace holds as many records as it may; what is there can still be changed."""

    def __init__(self, namespace: str, limit: int) -> None:
        super().__init__(
            f"namespace {namespace!r} holds as many records as it may ({limit:,}): remove some, or"
            " have an operator raise the limit"
        )
        self.namespace = namespace
        self.limit = limit


class Contention(RollcallError):
    """A record changed under every one of several tries; nothing was written."""

    def __init__(self, namespace: str, record_id: str, tries: int) -> None:
        super().__init__(
            f"record {record_id!r} in namespace {namespace!r} changed under all {tries} tries"
        )
        self.namespace = namespace
        self.record_id = record_id
        self.tries = tries
