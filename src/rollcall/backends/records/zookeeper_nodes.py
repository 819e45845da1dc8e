# SPDX-License-Identifier: Apache-2.0
"""The nodes of records in ZooKeeper: their names, and what is in them.

    <root>/epoch-<epoch>           whose history this is; every writer names it
    <root>/head                    the number of the last change; its version is the lock of writers
    <root>/alive                   when a replica was up last
    <root>/changes/<revision>      a batch of changes, under the number of its first
    <root>/docs/<bucket>/<name>    a document as it is now
    <root>/renewals/<bucket>       the last renewals of the leases whose documents are in the bucket

All of them are permanent: no registration hangs on the session of a registry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, unquote

import msgspec

from rollcall.backends.records.batch import Key, Row
from rollcall.backends.records.codec import Codec
from rollcall.kernel.errors import IncompatibleStore
from rollcall.registry.models import Table
from rollcall.registry.store import Change

BUCKETS: Final = 64
"""Listing a node's children has to fit into a message, so there are several to be the parents."""
FORMAT: Final = 2


class Removed(msgspec.Struct, frozen=True, array_like=True):
    """A shared lease that is gone, while nodes of records that it covered are still there.

    Args:
        namespace: The lease's.
        id: The lease's.
        revision: Of its removal; what it covered then has smaller ones.
    """

    namespace: str
    id: str
    revision: int


class Head(msgspec.Struct, frozen=True):
    """What `<root>/head` holds.

    Args:
        epoch: The store's.
        revision: Of the last change.
        compacted: The last change that is forgotten.
        format: Of the nodes.
        removed: Shared leases with so many records that these are deleted in further messages.
            The records are gone all the same, for everybody: nobody counts their nodes, and nobody
            writes before the nodes are deleted.
    """

    epoch: str
    revision: int = 0
    compacted: int = 0
    format: int = FORMAT
    removed: tuple[Removed, ...] = ()


class _Document(msgspec.Struct, array_like=True):
    revision: int
    renewed_at: float
    epoch: int | None
    lease: str | None
    begun: int
    json: str


class _Change(msgspec.Struct, array_like=True):
    revision: int
    at: float
    op: str
    cause: str
    table: str
    namespace: str
    id: str
    renewed_at: float
    begun: int
    json: str | None


Renewals = dict[str, tuple[int, float]]
"""Name of a document -> the revision at which its lease's term began, and its last renewal."""

_documents: Final = msgspec.json.Decoder(_Document)
_changes: Final = msgspec.json.Decoder(list[_Change])
_renewals: Final = msgspec.json.Decoder(Renewals)
_heads: Final = msgspec.json.Decoder(Head)


class Paths:
    """Where the nodes are below a root."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.head = f"{root}/head"
        self.alive = f"{root}/alive"
        self.changes = f"{root}/changes"
        self.docs = f"{root}/docs"
        self.renewals = f"{root}/renewals"

    def epoch(self, epoch: str) -> str:
        """The node that is there as long as the store's epoch is this one."""
        return f"{self.root}/epoch-{epoch}"

    def change(self, revision: int) -> str:
        """The batch whose first change has this number."""
        return f"{self.changes}/{revision:020}"

    def doc(self, key: Key) -> str:
        """A document."""
        name = name_of(key)
        return f"{self.docs}/{bucket(name)}/{name}"

    def renewal(self, key: Key) -> str:
        """The bucket with a document's renewals."""
        return f"{self.renewals}/{bucket(name_of(key))}"

    def buckets(self, parent: str) -> list[str]:
        """All nodes of a parent that is split into buckets."""
        return [f"{parent}/{number:02x}" for number in range(BUCKETS)]


def name_of(key: Key) -> str:
    """A document's key as the name of a node, which takes neither slashes nor dots alone."""
    return ",".join(quote(part, safe="").replace(".", "%2E") for part in key)


def key_of(name: str) -> Key:
    """The key that a name stands for."""
    table, namespace, key = map(unquote, name.split(","))
    return Table(table), namespace, key


def bucket(name: str) -> str:
    """Which bucket a name belongs to: the same one everywhere."""
    digest = hashlib.blake2b(name.encode(), digest_size=1).digest()
    return f"{digest[0] % BUCKETS:02x}"


def encoded(value: object) -> bytes:
    """A value as it is kept."""
    return msgspec.json.encode(value)


def head_from(data: bytes) -> Head:
    """Read `<root>/head`.

    Raises:
        IncompatibleStore: It is none of ours, or of another version.
    """
    head = _read(_heads, data)
    if head.format != FORMAT:
        raise IncompatibleStore(f"the store has format {head.format}; this version reads {FORMAT}")
    return head


def document_to(row: Row) -> bytes:
    """A document and what goes with it."""
    return encoded(
        _Document(row.revision, row.renewed_at, row.epoch, row.lease, row.begun, row.json)
    )


def document_from(data: bytes, table: Table, codec: Codec) -> Row:
    """The same, read."""
    kept = _read(_documents, data)
    doc = codec.decode(table, kept.json.encode())
    return Row(kept.revision, kept.renewed_at, kept.epoch, kept.lease, kept.begun, kept.json, doc)


def changes_to(
    changes: Sequence[tuple[Change, str | None]], rows: Mapping[Key, Row | None]
) -> bytes:
    """A batch of changes."""
    kept: list[_Change] = []
    for one, json in changes:
        row = rows.get((one.table, one.namespace, one.id))
        current = row is not None and row.revision == one.revision
        kept.append(
            _Change(
                one.revision,
                one.at,
                one.op,
                one.cause,
                one.table.value,
                one.namespace,
                one.id,
                row.renewed_at if row is not None and current else one.at,
                row.begun if row is not None and current else one.revision,
                json,
            )
        )
    return encoded(kept)


def changes_from(data: bytes, codec: Codec) -> list[tuple[Change, Row | None]]:
    """The same, read: each change, and the row that it left; None: it removed one."""
    from rollcall.backends.records.terms import term

    found: list[tuple[Change, Row | None]] = []
    for kept in _read(_changes, data):
        table = Table(kept.table)
        doc = None if kept.json is None else codec.decode(table, kept.json.encode())
        change = Change(
            kept.revision, kept.at, kept.op, kept.cause, table, kept.namespace, kept.id, doc
        )
        row = None
        if doc is not None and kept.json is not None:
            row = Row(kept.revision, kept.renewed_at, *term(doc), kept.begun, kept.json, doc)
        found.append((change, row))
    return found


def renewals_from(data: bytes) -> Renewals:
    """The renewals of a bucket."""
    return _read(_renewals, data) if data else {}


def _read(decoder: Any, data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise IncompatibleStore(f"a node holds what cannot be read: {error}") from error
