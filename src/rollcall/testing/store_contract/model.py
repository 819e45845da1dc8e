# SPDX-License-Identifier: Apache-2.0
"""What a record store must do, as a small model over dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rollcall.kernel.errors import Compacted
from rollcall.registry.models import Doc, Grant, Lease, Record, Table
from rollcall.registry.store import Change, Conflict, Renewal, Stored, Write
from rollcall.testing.store_contract.case import Contents, Key


def replay(changes: Iterable[Change]) -> dict[Key, tuple[Doc, int]]:
    """The documents and their revisions that a reader of the whole feed arrives at."""
    docs: dict[Key, tuple[Doc, int]] = {}
    for change in changes:
        key = (change.table, change.namespace, change.id)
        if change.doc is not None:
            docs[key] = change.doc, change.revision
            continue
        del docs[key]
        if change.table is Table.LEASE:
            for member in [k for k, (doc, _) in docs.items() if _is_member(doc, change)]:
                del docs[member]
    return docs


def _is_member(doc: Doc, removed: Change) -> bool:
    return isinstance(doc, Record) and (doc.namespace, doc.lease) == (removed.namespace, removed.id)


@dataclass
class StoreModel:
    """The port's promises, in the plainest form."""

    docs: dict[Key, tuple[Doc, int]] = field(default_factory=dict)
    renewed: dict[Key, float] = field(default_factory=dict)
    log: list[Change] = field(default_factory=list)
    compacted: int = 0

    @property
    def revision(self) -> int:
        return self.compacted + len(self.log)

    def commit(self, writes: Sequence[Write], at: float) -> list[Change | Conflict]:
        return [self._apply(write, at) for write in writes]

    def renew(self, renewals: Sequence[Renewal]) -> None:
        for renewal in renewals:
            key = (renewal.table, renewal.namespace, renewal.id)
            if key in self.docs and isinstance(_terms(self.docs[key][0]), int):
                self.renewed[key] = max(self.renewed[key], renewal.at)

    def compact(self, before: int) -> None:
        count = max(0, min(before - 1, self.revision) - self.compacted)
        del self.log[:count]
        self.compacted += count

    def changes(self, after: int) -> list[Change]:
        if after < self.compacted:
            raise Compacted(after, self.compacted + 1)
        return self.log[after - self.compacted :]

    def contents(self) -> Contents:
        return {
            key: Stored(doc, revision, self._renewed_at(key))
            for key, (doc, revision) in self.docs.items()
        }

    def _renewed_at(self, key: Key) -> float:
        doc = self.docs[key][0]
        if isinstance(doc, Record) and isinstance(doc.lease, str):
            return self.renewed.get((Table.LEASE, doc.namespace, doc.lease), self.renewed[key])
        return self.renewed[key]

    def _apply(self, write: Write, at: float) -> Change | Conflict:
        for change in self.log:
            if change.op == write.op:
                return change
        key = (write.table, write.namespace, write.id)
        before, current = self.docs.get(key, (None, 0))
        if write.expect not in (None, current) or (before is None and write.doc is None):
            return Conflict(write.op, current)
        shared = write.doc.lease if isinstance(write.doc, Record) else None
        if isinstance(shared, str) and (Table.LEASE, write.namespace, shared) not in self.docs:
            return Conflict(write.op, current)
        since = write.unless_renewed_since
        if before is not None and since is not None and self._renewed_at(key) > since:
            return Conflict(write.op, current, renewed=True)
        change = Change(self.revision + 1, at, write.op, write.cause, *key, write.doc)
        self.log.append(change)
        if write.doc is not None:
            self.docs[key] = write.doc, change.revision
            if before is None or _terms(before) != _terms(write.doc):
                self.renewed[key] = at
        else:
            members = [k for k, (doc, _) in self.docs.items() if _is_member(doc, change)]
            for gone in [key, *(members if write.table is Table.LEASE else ())]:
                del self.docs[gone], self.renewed[gone]
        return change


def _terms(doc: Doc) -> int | str | None:
    if isinstance(doc, Lease):
        return doc.grant.epoch
    if isinstance(doc, Record):
        return doc.lease.epoch if isinstance(doc.lease, Grant) else doc.lease
    return None
