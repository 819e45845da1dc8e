# SPDX-License-Identifier: Apache-2.0
"""What the parts of the contract suite share: the store under test, and short words for writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable

import pytest
import pytest_asyncio

from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import IdSource, RandomIds
from rollcall.registry.models import TABLE_OF, Doc, Grant, Kind, Lease, LeasePolicy, Record, Table
from rollcall.registry.status import Status
from rollcall.registry.store import RecordStore, Renewal, Stored, Write
from rollcall.testing.clock import FrozenClock

POLICY = LeasePolicy(unhealthy_after=30, offline_after=60, deregister_after=90)
OWN = Grant(POLICY)

Key = tuple[Table, str, str]
Contents = dict[Key, Stored]


def record(
    key: str = "a",
    lease: Grant | str | None = None,
    *,
    name: str = "an agent",
    namespace: str = "default",
) -> Record:
    """A record with little in it."""
    return Record(namespace, key, Kind.AGENT, name, Status.ACTIVE, 1.0, 2.0, lease=lease)


def lease(key: str = "shared", epoch: int = 1, *, namespace: str = "default") -> Lease:
    """A lease that records may share."""
    return Lease(namespace, key, Grant(POLICY, epoch))


def key_of(doc: Doc) -> Key:
    """Where a document is kept."""
    return TABLE_OF[type(doc)], doc.namespace, doc.id


def contents(docs: Iterable[Stored]) -> Contents:
    """What a snapshot holds, by where it is kept."""
    return {key_of(stored.doc): stored for stored in docs}


def put(doc: Doc, op: str, *, expect: int | None = None) -> Write:
    """A write that keeps `doc`."""
    return Write(op, "test", *key_of(doc), doc, expect)


def remove(
    doc: Doc, op: str, *, expect: int | None = None, unless_renewed_since: float | None = None
) -> Write:
    """A write that removes what is where `doc` would be."""
    return Write(op, "test", *key_of(doc), None, expect, unless_renewed_since)


def renewal(doc: Doc, at: float) -> Renewal:
    return Renewal(*key_of(doc), at)


async def stored(store: RecordStore) -> dict[Key, Stored]:
    """What the store holds now."""
    return contents((await store.open()).docs)


class StoreCase(ABC):
    """What every part of the contract suite needs: stores, a clock that stands still."""

    @abstractmethod
    def make_store(self, clock: Clock, ids: IdSource, keep_changes: int) -> RecordStore:
        """A new and empty store, not opened. Called many times in a test."""

    def another(self, store: RecordStore) -> RecordStore:
        """The same data through a new object, not opened.

        `store` is closed before, unless its traits say that it is shared. A store that is not
        durable gives itself.
        """
        return store

    @pytest.fixture
    def clock(self) -> FrozenClock:
        return FrozenClock()

    @pytest_asyncio.fixture
    async def store(self, clock: FrozenClock) -> AsyncIterator[RecordStore]:
        store = self.make_store(clock, RandomIds(), 100_000)
        await store.open()
        yield store
        await store.close()
