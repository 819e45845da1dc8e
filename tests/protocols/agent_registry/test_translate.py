from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rollcall.kernel.errors import InvalidInput
from rollcall.protocols.agent_registry import translate, wire
from rollcall.registry.models import Grant, Kind, Record
from rollcall.registry.reader import View
from rollcall.registry.status import EFFECTIVE, REPORTABLE, Status

NOW = 1_750_000_000.0
LINE = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
IDS = st.from_regex(r"[a-zA-Z0-9_:-]{1,30}", fullmatch=True)
JSON = st.dictionaries(LINE, st.none() | st.booleans() | st.integers(-9, 9) | LINE, max_size=3)
TAGS = st.lists(LINE, max_size=3, unique=True).map(tuple)
CAPABILITIES = st.builds(
    wire.AgentCapability,
    name=LINE,
    description=LINE | st.just(""),
    parameters=JSON,
    cost_estimate=st.none() | LINE,
    tags=TAGS,
)
CHECKS = st.builds(
    wire.HealthCheckWire,
    enabled=st.booleans(),
    endpoint=st.sampled_from(["/health", "/live?deep=1"]),
    interval_seconds=st.sampled_from([10.0, 30.0]),
    timeout_seconds=st.sampled_from([0.5, 5.0]),
    retries=st.integers(1, 9),
)
REGISTRATIONS = st.builds(
    wire.AgentRegistration,
    agent_id=IDS,
    agent_name=LINE,
    base_url=st.sampled_from(["http://a:8000", "https://agent.example/base", "http://[::1]:9/"]),
    capabilities=st.lists(CAPABILITIES, max_size=3).map(tuple),
    status=st.sampled_from(wire.ReportedStatus),
    metadata=JSON,
    kind=st.sampled_from(Kind),
    tags=TAGS,
    version=st.sampled_from(["", "1.2"]),
    runtime=st.sampled_from(["", "pod-1"]),
    health_check=CHECKS,
)


def agent(**fields: Any) -> wire.AgentRegistration:
    given: dict[str, Any] = {"agent_id": "a", "agent_name": "A", "base_url": "http://a:8000"}
    return wire.AgentRegistration(**{**given, **fields})


def record_of(registration: wire.AgentRegistration) -> Record:
    return translate.record_from(
        registration, namespace="default", owner="key:1", now=NOW, timeout=60.0
    )


@given(REGISTRATIONS)
def test_what_is_registered_reads_as_it_was_registered(
    registration: wire.AgentRegistration,
) -> None:
    record = record_of(registration)
    info = translate.info_to(View(record, record.reported, 7, NOW), 3)
    assert translate.registration_of(info) == registration
    assert (info.revision, info.active_tasks, info.namespace) == (7, 3, "default")
    assert info.last_heartbeat == info.created_at == info.updated_at
    assert info.created_at.timestamp() == NOW
    assert info.created_at.tzinfo is not None
    # And once more over the wire.
    assert wire.AgentInfo.model_validate_json(info.model_dump_json()) == info


def test_what_is_not_given_is_as_the_contract_says() -> None:
    record = record_of(agent())
    assert (record.reported, record.kind) == (Status.ACTIVE, Kind.AGENT)
    assert (record.capabilities, record.metadata, record.tags) == ((), None, ())
    assert record.lease == Grant(translate.policy(60.0))
    assert record.owner == "key:1"
    assert record.health_check is None
    capability = wire.AgentCapability(name="x")
    assert capability.model_dump() == {
        "name": "x",
        "description": "",
        "parameters": {},
        "cost_estimate": None,
        "tags": (),
    }


def test_an_agent_may_have_a_heartbeat_timeout_of_its_own() -> None:
    record = record_of(agent(heartbeat_timeout_seconds=240))
    assert isinstance(record.lease, Grant)
    assert record.lease.policy.thresholds == (None, 240.0, None)


def test_a_lease_of_the_runtime_needs_a_runtime() -> None:
    assert record_of(agent(runtime="pod-1", lease="runtime")).lease == "pod-1"
    with pytest.raises(InvalidInput) as caught:
        record_of(agent(lease="runtime"))
    assert caught.value.field == "runtime"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"agent_id": "../a"}, "agent_id"),
        ({"agent_name": ""}, "agent_name"),
        ({"agent_name": "\u202eA"}, "agent_name"),
        ({"base_url": "http://169.254.169.254"}, "base_url"),
        ({"tags": ("a", "a")}, "tags.1"),
        ({"tags": ("",)}, "tags.0"),
        ({"tags": tuple(map(str, range(65)))}, "tags"),
        ({"version": "x" * 129}, "version"),
        ({"metadata": {"a": "x" * 70_000}}, "metadata"),
        ({"runtime": "a\0"}, "runtime"),
        ({"capabilities": ({"name": ""},)}, "capabilities.0.name"),
        ({"capabilities": ({"name": "a"}, {"name": "b\0"})}, "capabilities.1.name"),
        ({"capabilities": ({"name": "a", "tags": [" "]},)}, "capabilities.0.tags.0"),
        (
            {"capabilities": ({"name": "a", "parameters": {"x": "x" * 70_000}},)},
            "capabilities.0.parameters",
        ),
        ({"capabilities": tuple({"name": str(n)} for n in range(1001))}, "capabilities"),
        ({"health_check": {"retries": 0}}, "health_check.retries"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_document_2s_name(
    fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        record_of(agent(**fields))
    assert caught.value.field == field


@pytest.mark.parametrize("status", ["suspect", "starting", "stopping", "ACTIVE", "", None, 1])
def test_only_the_words_of_the_document_are_reported(status: object) -> None:
    with pytest.raises(ValidationError):
        agent(status=status)


def test_every_effective_status_has_one_word_and_the_words_mean_them_all() -> None:
    assert set(translate.WORD) == set(EFFECTIVE)
    meant = [status for statuses in translate.MEANS.values() for status in statuses]
    assert sorted(meant) == sorted(EFFECTIVE)
    for word in wire.ReportedStatus:
        assert Status(word) in REPORTABLE
        assert translate.WORD[Status(word)].value == word.value


@given(REGISTRATIONS, REGISTRATIONS)
def test_a_patch_of_everything_makes_it_read_as_the_other(
    one: wire.AgentRegistration, other: wire.AgentRegistration
) -> None:
    record = record_of(one)
    patch = wire.AgentPatch(
        agent_name=other.agent_name,
        base_url=other.base_url,
        capabilities=other.capabilities,
        status=other.status,
        metadata={**dict.fromkeys(one.metadata), **other.metadata},
        tags=other.tags,
        version=other.version,
        health_check=other.health_check,
    )
    new = translate.patched(record, patch, NOW + 5)
    expected = record_of(
        other.model_copy(
            update={"agent_id": one.agent_id, "kind": one.kind, "runtime": one.runtime}
        )
    )
    nulls = {key for key, value in other.metadata.items() if value is None}
    kept = {k: v for k, v in (expected.metadata or {}).items() if k not in nulls} or None
    assert new.metadata == kept
    for field in ("name", "address", "capabilities", "reported", "tags", "version", "health_check"):
        assert getattr(new, field) == getattr(expected, field)
    assert (new.created_at, new.updated_at, new.lease) == (NOW, NOW + 5, record.lease)


def test_an_empty_patch_changes_nothing() -> None:
    record = record_of(agent())
    assert translate.patched(record, wire.AgentPatch(), NOW + 5) is record


def test_a_patch_of_metadata_keeps_other_keys_and_a_patch_of_a_check_other_figures() -> None:
    record = record_of(agent(metadata={"a": 1, "b": None}, health_check={"retries": 7}))
    patch = wire.AgentPatch(metadata={"c": 3}, health_check={"interval_seconds": 60})
    new = translate.patched(record, patch, NOW)
    assert new.metadata == {"a": 1, "b": None, "c": 3}
    assert new.health_check is not None
    assert (new.health_check.retries, new.health_check.interval_seconds) == (7, 60)


@pytest.mark.parametrize("text", ["", " ", "\t"])
def test_a_search_has_words(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        translate.words_from(text)
    assert caught.value.field == "q"
