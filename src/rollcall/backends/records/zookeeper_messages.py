# SPDX-License-Identifier: Apache-2.0
"""How much goes into one message to ZooKeeper, counted as it is on the wire.

A server breaks the connection where a message is longer than `jute.maxbuffer`, so nothing may be
sent that is: a batch of writes is cut beforehand, by an upper bound of what each write takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from rollcall.backends.records import zookeeper_nodes as nodes
from rollcall.registry.models import Record, Table
from rollcall.registry.store import Write

Operation = tuple[Any, ...]
"""The name of a method of kazoo's transactions, and its arguments."""

MESSAGE: Final = 1_000_000
"""Bytes that one message may have; `jute.maxbuffer` is 1,048,575 where nobody has changed it."""
OPERATIONS: Final = 2000
"""Operations of one message: the server answers nobody else while it does them."""
WRITES: Final = 1000
"""Writes of one message: each is an operation, and may need a guard."""

_FRAME: Final = 64
"""The header of the message and its end."""
_HEADER: Final = 9
_LENGTH: Final = 4
_VERSION: Final = 4
_ACL: Final = 31
"""Of a new node: that everybody may do everything, and that the node is permanent."""
_NUMBERS: Final = 128
"""Revisions, times and epochs of a document or a change, and what is between them."""


def size(operation: Operation) -> int:
    """Bytes of one operation of a `multi()`."""
    name, path, *arguments = operation
    count = _HEADER + _LENGTH + len(path.encode())
    if name == "create":
        return count + _LENGTH + (len(arguments[0]) if arguments else 0) + _ACL
    if name == "set_data":
        return count + _LENGTH + len(arguments[0]) + _VERSION
    return count + _VERSION


def fits(operations: Sequence[Operation]) -> bool:
    """Whether the operations go into one message."""
    return len(operations) <= OPERATIONS and sum(map(size, operations)) + _FRAME <= MESSAGE


def pieces(operations: Iterable[Operation], room: int) -> Iterator[list[Operation]]:
    """Cut operations into messages in which `room` bytes and ten operations are left for others.

    There is always one piece, and the last may be empty.
    """
    piece: list[Operation] = []
    taken = 0
    for one in operations:
        length = size(one)
        if piece and (len(piece) >= OPERATIONS - 10 or taken + length > MESSAGE - room):
            yield piece
            piece, taken = [], 0
        piece.append(one)
        taken += length
    yield piece


def around(paths: nodes.Paths) -> int:
    """Bytes of what goes with every batch at the most: the head, the epoch, the log's node."""
    return _FRAME + 3 * (len(paths.root.encode()) + 100) + 1024


def most(write: Write, json: str | None, paths: nodes.Paths) -> int:
    """Bytes of one write at the most: the change in the log, the document, a guard, the head."""
    key = (write.table, write.namespace, write.id)
    path = len(paths.doc(key).encode())
    text = 0 if json is None else _quoted(json)
    change = _quoted(write.op) + _quoted(write.cause) + sum(map(_quoted, key)) + text + _NUMBERS
    document = _HEADER + 2 * _LENGTH + path + _ACL + text + _NUMBERS
    if isinstance(write.doc, Record) and isinstance(write.doc.lease, str):
        document += _quoted(write.doc.lease)
    if write.unless_renewed_since is not None:
        document += _HEADER + _LENGTH + len(paths.renewal(key).encode()) + _VERSION
    if write.table is Table.LEASE and write.doc is None:
        document += _quoted(write.namespace) + _quoted(write.id) + _NUMBERS
    return change + document


def parts(costs: Sequence[int], room: int) -> Iterator[slice]:
    """Cut a batch of writes, of which each takes so many bytes, into what goes together."""
    start, taken = 0, 0
    for place, cost in enumerate(costs):
        if place > start and (place - start >= WRITES or taken + cost > MESSAGE - room):
            yield slice(start, place)
            start, taken = place, 0
        taken += cost
    if start < len(costs):
        yield slice(start, len(costs))


def _quoted(text: str) -> int:
    """Bytes of a text as a string in JSON, at the most."""
    if text.isprintable():
        return len(text.encode()) + text.count('"') + text.count("\\") + 2
    return len(nodes.encoded(text))
