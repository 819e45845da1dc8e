# SPDX-License-Identifier: Apache-2.0
"""Random histories of a store, compared with the model step by step."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollcall.kernel.errors import Compacted
from rollcall.kernel.ids import RandomIds
from rollcall.registry.models import HOLD_ID, Doc, Grant, Hold, Table
from rollcall.registry.store import Renewal, Write
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import (
    POLICY,
    Key,
    StoreCase,
    key_of,
    lease,
    record,
    stored,
)
from rollcall.testing.store_contract.model import StoreModel, replay


@dataclass(frozen=True)
class PlannedWrite:
    """A write whose expectations are filled in from the model when its turn comes.

    Args:
        key: Where.
        doc: What; None removes.
        expect: "any", "absent", "current" or "stale".
        repeats: The operation to repeat, counted back from the last one; None: a new one.
        since: Seconds before now that a renewal must not be later than; None: no matter.
    """

    key: Key
    doc: Doc | None
    expect: str
    repeats: int | None
    since: float | None

    def filled(self, model: StoreModel, ops: list[str], now: float) -> Write:
        """The write; a new operation is added to `ops`."""
        if self.repeats is None or self.repeats >= len(ops):
            ops.append(f"op-{len(ops)}")
            op = ops[-1]
        else:
            op = ops[-1 - self.repeats]
        current = model.docs.get(self.key, (None, 0))[1]
        expect = {"any": None, "absent": 0, "current": current, "stale": current + 1}[self.expect]
        since = None if self.since is None else now - self.since
        return Write(op, "test", *self.key, self.doc, expect, since)


@dataclass(frozen=True)
class Commit:
    writes: list[PlannedWrite]


@dataclass(frozen=True)
class Renew:
    """Renewals, each so many seconds before now."""

    renewals: list[tuple[Table, str, str, float]]


@dataclass(frozen=True)
class Compact:
    """Forget all but the last `keep` changes."""

    keep: int


@dataclass(frozen=True)
class Reopen:
    """Close, and open again: the same data through a new object if the store is durable."""


Step = Commit | Renew | Compact | Reopen

_namespaces = st.sampled_from(["default", "other"])
_ids = st.sampled_from(["a", "b", "c"])
_shared = st.sampled_from(["shared", "spare"])
_epochs = st.integers(1, 2)
_names = st.sampled_from(["one", "two", "three"])
_leases = st.none() | _shared | st.builds(Grant, st.just(POLICY), _epochs)
_docs: st.SearchStrategy[Doc] = st.one_of(
    st.builds(record, _ids, _leases, name=_names, namespace=_namespaces),
    st.builds(record, _ids, _leases, name=_names, namespace=_namespaces),
    st.builds(lease, _shared, _epochs, namespace=_namespaces),
    st.builds(
        Hold, _namespaces, st.just(HOLD_ID), st.just(1.0), st.just(2.0), _names, _epochs, _epochs
    ),
)


@st.composite
def _writes(draw: st.DrawFn) -> PlannedWrite:
    doc = draw(_docs)
    return PlannedWrite(
        key_of(doc),
        doc if draw(st.integers(0, 3)) else None,
        draw(st.sampled_from(["any", "any", "absent", "current", "current", "stale"])),
        draw(st.integers(0, 5)) if draw(st.integers(0, 4)) == 0 else None,
        draw(st.sampled_from([None, None, None, 0.0, 15.0])),
    )


_renewals = st.tuples(
    st.sampled_from([Table.RECORD, Table.LEASE]),
    _namespaces,
    _ids | _shared,
    st.sampled_from([0.0, 5.0, 20.0]),
)

_steps: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.builds(Commit, st.lists(_writes(), min_size=1, max_size=6)),
        st.builds(Commit, st.lists(_writes(), min_size=1, max_size=6)),
        st.builds(Renew, st.lists(_renewals, max_size=4)),
        st.builds(Compact, st.integers(0, 10)),
        st.just(Reopen()),
    ),
    max_size=12,
)


class Histories(StoreCase):
    @settings(
        deadline=None,
        # A quarter of what others draw: on a server each takes a thousand times as long.
        max_examples=settings().max_examples // 4,
        suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
    )
    @given(steps=_steps)
    async def test_any_history_goes_as_in_the_model(self, steps: list[Step]) -> None:
        clock, model, ops = FrozenClock(), StoreModel(), list[str]()
        store = self.make_store(clock, RandomIds(), 100_000)
        first = await store.open()
        for step in steps:
            clock.jump(10.0)
            match step:
                case Commit(planned):
                    writes = [one.filled(model, ops, clock.now()) for one in planned]
                    assert await store.commit(writes) == model.commit(writes, clock.now())
                case Renew(planned):
                    renewals = [Renewal(t, n, i, clock.now() - ago) for t, n, i, ago in planned]
                    await store.renew(renewals, clock.now())
                    model.renew(renewals)
                case Compact(keep):
                    await store.compact(model.revision - keep + 1)
                    model.compact(model.revision - keep + 1)
                case Reopen():
                    await store.close()
                    store = self.another(store)
                    again = await store.open()
                    assert (again.epoch, again.revision) == (first.epoch, model.revision)
            assert await stored(store) == model.contents()
        assert await store.changes(model.compacted) == model.log
        assert [change.revision for change in model.log] == list(
            range(model.compacted + 1, model.revision + 1)
        )
        if model.compacted:
            with pytest.raises(Compacted):
                await store.changes(model.compacted - 1)
        else:
            held = await stored(store)
            assert replay(await store.changes(0, len(model.log) + 1)) == {
                key: (one.doc, one.revision) for key, one in held.items()
            }
        assert await store.settle(ops) == {change.op: change for change in model.log}
        await store.close()
