# SPDX-License-Identifier: Apache-2.0
"""What becomes of a batch of writes, decided on what a shared store holds."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

from rollcall.backends.records.terms import term
from rollcall.registry.models import Doc, Record, Table
from rollcall.registry.store import Change, Conflict, Write

Key = tuple[Table, str, str]


@dataclass(slots=True)
class Row:
    """A document as far as writes must know it.

    Args:
        revision: Of its last write.
        renewed_at: The last renewal of its lease, in seconds since the epoch.
        epoch: Of its own lease.
        lease: The shared lease that covers it.
        begun: The revision at which it came under its present lease.
        json: What is kept; empty: what is there already.
        doc: The same, read; None: not read.
    """

    revision: int
    renewed_at: float
    epoch: int | None
    lease: str | None
    begun: int = 0
    json: str = ""
    doc: Doc | None = None

    @property
    def term(self) -> tuple[int | None, str | None]:
        return self.epoch, self.lease


class Batch:
    """Decides the writes of one transaction in their order.

    Args:
        revision: Of the last change; the batch goes on counting from it.
        at: When the changes happen, in seconds since the epoch.
        done: The changes of operations that were done before.
        rows: What is there, as far as the writes depend on it; changed by them.

    Attributes:
        touched: Whose rows were changed.
        emptied: Shared leases that were removed, by namespace and id, with all they cover.
        changes: What was done, each with its document as JSON.
    """

    def __init__(
        self,
        revision: int,
        at: float,
        done: Mapping[str, Change],
        rows: MutableMapping[Key, Row | None],
    ) -> None:
        self.revision = revision
        self.touched: set[Key] = set()
        self.emptied: list[tuple[str, str]] = []
        self.changes: list[tuple[Change, str | None]] = []
        self._at = at
        self._known = done
        self._done: dict[str, Change] = {}
        self.rows = rows

    def apply(self, write: Write, json: str | None) -> Change | Conflict:
        """Decide one write; `json` is its document, as it is to be kept."""
        done = self._done.get(write.op) or self._known.get(write.op)
        if done is not None:
            return done
        key = (write.table, write.namespace, write.id)
        row = self.rows.get(key)
        current = 0 if row is None else row.revision
        if write.expect not in (None, current) or (json is None and row is None):
            return Conflict(write.op, current)
        doc = write.doc
        if (
            isinstance(doc, Record)
            and isinstance(doc.lease, str)
            and self.rows.get((Table.LEASE, write.namespace, doc.lease)) is None
        ):
            return Conflict(write.op, current)
        since = write.unless_renewed_since
        if row is not None and since is not None and self._renewed_at(write, row) > since:
            return Conflict(write.op, current, renewed=True)
        self.revision += 1
        if doc is not None and json is not None:
            self.rows[key] = self._row(doc, json, row)
        else:
            self.rows[key] = None
            if write.table is Table.LEASE:
                self._empty(write.namespace, write.id)
        self.touched.add(key)
        change = Change(self.revision, self._at, write.op, write.cause, *key, doc)
        self._done[write.op] = change
        self.changes.append((change, json))
        return change

    def _row(self, doc: Doc, json: str, old: Row | None) -> Row:
        new = Row(self.revision, self._at, *term(doc), self.revision, json, doc)
        if old is not None and old.term == new.term:
            new.renewed_at, new.begun = old.renewed_at, old.begun
        return new

    def _renewed_at(self, write: Write, row: Row) -> float:
        if row.lease is None:
            return row.renewed_at
        shared = self.rows.get((Table.LEASE, write.namespace, row.lease))
        return row.renewed_at if shared is None else shared.renewed_at

    def _empty(self, namespace: str, lease: str) -> None:
        self.emptied.append((namespace, lease))
        covered = [
            key
            for key, row in self.rows.items()
            if row is not None
            and row.lease == lease
            and key[0] is Table.RECORD
            and key[1] == namespace
        ]
        for key in covered:
            self.rows[key] = None
            self.touched.add(key)
