from __future__ import annotations

import gc
import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.models import TABLE_OF, Grant, Hold, Lease, LeasePolicy, Record, Table
from rollcall.testing.store_contract.case import OWN, POLICY, record

SECONDS = st.one_of(st.none(), st.floats(min_value=0.1, max_value=1e6))


@pytest.mark.parametrize(
    ("thresholds", "field"),
    [
        ({"unhealthy_after": 0}, "unhealthy_after"),
        ({"unhealthy_after": -1}, "unhealthy_after"),
        ({"unhealthy_after": math.nan}, "unhealthy_after"),
        ({"deregister_after": math.inf}, "deregister_after"),
        ({"unhealthy_after": 30, "offline_after": 30}, "offline_after"),
        ({"unhealthy_after": 30, "deregister_after": 20}, "deregister_after"),
        ({}, "policy"),
        ({"offline_after": 60, "interval": 0}, "interval"),
        ({"offline_after": 60, "interval": math.nan}, "interval"),
        ({"offline_after": 60, "interval": math.inf}, "interval"),
    ],
)
def test_a_policy_that_means_nothing_is_refused_by_its_field(
    thresholds: dict[str, float], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        LeasePolicy(**thresholds)
    assert caught.value.field == field


def test_a_policy_that_means_nothing_is_refused_when_it_is_decoded_too() -> None:
    with pytest.raises(msgspec.ValidationError, match="offline_after"):
        msgspec.json.decode('{"unhealthy_after": 30, "offline_after": 10}', type=LeasePolicy)


@given(st.tuples(SECONDS, SECONDS, SECONDS))
def test_a_policy_is_good_if_its_thresholds_rise(
    thresholds: tuple[float | None, float | None, float | None],
) -> None:
    given_ = [seconds for seconds in thresholds if seconds is not None]
    rising = all(a < b for a, b in pairwise(given_))
    if not given_ or not rising:
        with pytest.raises(InvalidInput):
            LeasePolicy(*thresholds)
        return
    policy = LeasePolicy(*thresholds)
    assert policy.thresholds == thresholds
    assert policy.ttl == given_[0]
    assert policy.grace == given_[0] / 2


def test_the_grace_is_the_heartbeat_interval_where_that_is_known() -> None:
    assert LeasePolicy(60, interval=10).grace == 10


def test_records_leases_and_holds_are_frozen_and_unseen_by_the_garbage_collector() -> None:
    hold = Hold("default", "expiry", 1.0, 2.0, "why", 10, 20)
    for doc in (record("a", OWN), Lease("default", "l", OWN), hold, OWN, POLICY):
        assert not gc.is_tracked(doc)
        with pytest.raises(AttributeError):
            setattr(doc, doc.__struct_fields__[0], "other")


def test_every_document_has_a_table() -> None:
    assert {Record: Table.RECORD, Lease: Table.LEASE, Hold: Table.HOLD} == TABLE_OF


@given(st.sampled_from([None, "shared", OWN, Grant(LeasePolicy(None, 5.0), 7)]))
def test_a_record_survives_being_written_as_json(lease: Grant | str | None) -> None:
    doc = record("a", lease)
    assert msgspec.json.decode(msgspec.json.encode(doc), type=Record) == doc
