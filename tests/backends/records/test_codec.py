# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.backends.records.codec import Codec
from rollcall.kernel.errors import IncompatibleStore
from rollcall.registry.models import (
    TABLE_OF,
    Address,
    Capability,
    Doc,
    Grant,
    Hold,
    Kind,
    Lease,
    LeasePolicy,
    Probe,
    Record,
    Table,
)
from rollcall.registry.status import REPORTABLE, LeasePhase, ProbeState, Status

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
times = st.floats(0, 4e9)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | times | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
maps = st.none() | st.dictionaries(words, values, max_size=3)
tags = st.lists(words, max_size=3).map(tuple)
policies = st.builds(
    LeasePolicy, st.floats(1, 10), st.none() | st.floats(11, 20), interval=st.none() | st.just(0.5)
)
grants = st.builds(Grant, policies, st.integers(1, 9), st.sampled_from(LeasePhase), words)
docs: st.SearchStrategy[Doc] = st.one_of(
    st.builds(
        Record,
        words,
        words,
        st.sampled_from(Kind),
        words,
        st.sampled_from(sorted(REPORTABLE)),
        times,
        times,
        st.lists(
            st.builds(Capability, words, words, tags, maps, st.none() | words), max_size=3
        ).map(tuple),
        st.none() | words | grants,
        st.none() | st.builds(Probe, st.sampled_from(ProbeState), st.integers(0, 9), times, words),
        words,
        st.none() | st.builds(Address, words, st.integers(1, 65535), words),
        tags,
        words,
        words,
        maps,
    ),
    st.builds(Lease, words, words, grants),
    st.builds(Hold, words, words, times, times, words, st.integers(0, 9), st.integers(0, 99)),
)


@given(st.lists(docs, max_size=4))
def test_every_document_comes_back_as_it_was(some: list[Doc]) -> None:
    codec = Codec()
    for doc in [*some, *some]:
        assert codec.decode(TABLE_OF[type(doc)], codec.encode(doc)) == doc


def agent(key: str, capabilities: tuple[Capability, ...], lease: Grant | str) -> Record:
    return Record(
        "tenant",
        key,
        Kind.AGENT,
        key,
        Status.ACTIVE,
        1.0,
        2.0,
        capabilities,
        lease,
        runtime="pod",
        tags=("a", "b"),
        version="1.0",
        owner="key",
    )


def test_what_records_have_in_common_is_one_object() -> None:
    codec = Codec()
    code, review = Capability("code", "writes it"), Capability("review", parameters={"a": 1})
    policy = LeasePolicy(60)
    one, two, three = (
        codec.decode(Table.RECORD, codec.encode(doc))
        for doc in (
            agent("1", (code, review), Grant(policy)),
            agent("2", (code, review), Grant(policy)),
            agent("3", (review,), Grant(policy, epoch=2)),
        )
    )
    assert isinstance(one, Record)
    assert isinstance(two, Record)
    assert isinstance(three, Record)
    assert one.capabilities is two.capabilities
    assert one.capabilities[1] is three.capabilities[0]
    assert one.lease is two.lease
    assert isinstance(one.lease, Grant)
    assert isinstance(three.lease, Grant)
    assert one.lease.policy is three.lease.policy
    for part in ("namespace", "runtime", "tags", "version", "owner"):
        assert getattr(one, part) is getattr(two, part)


def test_a_shared_lease_has_its_policy_in_common_too() -> None:
    codec = Codec()
    grant = Grant(LeasePolicy(60))
    record = codec.decode(Table.RECORD, codec.encode(agent("1", (), grant)))
    lease = codec.decode(Table.LEASE, codec.encode(Lease("tenant", "shared", grant)))
    assert isinstance(record, Record)
    assert isinstance(record.lease, Grant)
    assert isinstance(lease, Lease)
    assert record.lease.policy is lease.grant.policy


def test_records_that_have_nothing_in_common_do_not_fill_the_memory() -> None:
    codec = Codec(remember=20)
    for i in range(50):
        doc = agent("1", (Capability(f"{i}"),), f"{i}")
        assert codec.decode(Table.RECORD, codec.encode(doc)) == doc
        assert all(len(memory) <= 20 for memory in codec.memories)
    assert max(len(memory) for memory in codec.memories) > 5


@pytest.mark.parametrize("table", list(Table))
@pytest.mark.parametrize("json", [b"", b"{}", b"[1]", b'{"type":"poem"}', b'"\xff"'])
def test_what_is_no_document_is_an_error_that_shows_it(table: Table, json: bytes) -> None:
    with pytest.raises(IncompatibleStore, match=f"a {table} that cannot be read"):
        Codec().decode(table, json)
