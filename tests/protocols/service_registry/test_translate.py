from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.protocols.service_registry import translate, wire
from rollcall.protocols.service_registry.wire import ServiceStatus
from rollcall.registry.matching import passes
from rollcall.registry.models import Address, Capability, Grant, Kind, Record
from rollcall.registry.reader import View
from rollcall.registry.status import REPORTABLE, LeasePhase, ProbeState, Status, effective

NOW = 1_750_000_000.0
LINE = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
WORDS = st.lists(LINE, max_size=3, unique=True).map(tuple)
EXTRA = st.dictionaries(
    LINE.filter(lambda key: key not in ("description", "dependencies")),
    st.none() | st.booleans() | st.integers(-9, 9) | LINE,
    max_size=3,
)
METADATA = st.builds(
    wire.ServiceMetadata,
    description=LINE | st.just(""),
    version=st.sampled_from(["", "1.2"]),
    tags=WORDS,
    capabilities=WORDS,
    dependencies=WORDS,
    extra=EXTRA,
)
REGISTRATIONS = st.builds(
    wire.ServiceRegistration,
    name=LINE,
    service_type=st.sampled_from(Kind),
    host=st.sampled_from(["localhost", "my-service", "10.0.0.1", "::1"]),
    port=st.integers(1, 65_535),
    metadata=METADATA,
)


def service(**fields: Any) -> wire.ServiceRegistration:
    given: dict[str, Any] = {"name": "s", "service_type": "tool", "host": "h", "port": 80}
    return wire.ServiceRegistration(**{**given, **fields})


def record_of(registration: wire.ServiceRegistration, namespace: str = "default") -> Record:
    return translate.record_from(registration, namespace=namespace, owner="", now=NOW)


@given(REGISTRATIONS)
def test_what_is_registered_reads_as_it_was_registered(
    registration: wire.ServiceRegistration,
) -> None:
    record = record_of(registration)
    info = translate.info_to(View(record, record.reported, 7, NOW))
    assert (info.name, info.service_type) == (registration.name, registration.service_type)
    assert (info.host, info.port) == (registration.host, registration.port)
    assert info.metadata == registration.metadata
    assert info.health_check == registration.health_check
    assert info.status is ServiceStatus.HEALTHY
    assert info.registered_at == info.last_heartbeat
    assert info.registered_at.timestamp() == NOW
    assert wire.ServiceInfo.model_validate_json(info.model_dump_json()) == info


@given(REGISTRATIONS, REGISTRATIONS)
def test_ids_are_equal_where_name_host_and_port_are(
    one: wire.ServiceRegistration, other: wire.ServiceRegistration
) -> None:
    same = (one.name, one.host, one.port) == (other.name, other.host, other.port)
    assert (record_of(one).id == record_of(other).id) is same
    assert record_of(one).id != record_of(one, "elsewhere").id


def test_another_spelling_of_a_host_is_the_same_service() -> None:
    first = record_of(service(host="My-Host."))
    assert record_of(service(host="my-host")).id == first.id


def test_what_is_not_given_is_as_the_contract_says() -> None:
    record = record_of(service())
    assert record.lease == Grant(translate.POLICY)
    assert translate.POLICY.thresholds == (60.0, 120.0, 300.0)
    assert translate.metadata_to(record).model_dump() == {
        "description": "",
        "version": "",
        "tags": (),
        "capabilities": (),
        "dependencies": (),
        "extra": {},
    }
    info = translate.info_to(View(record, record.reported, 1, NOW))
    assert info.health_check.model_dump() == {
        "enabled": True,
        "endpoint": "/health",
        "interval_seconds": 30,
        "timeout_seconds": 5,
        "retries": 3,
    }


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\u200f"}, "name"),
        ({"host": "169.254.169.254"}, "host"),
        ({"port": 0}, "port"),
        ({"metadata": {"version": "x" * 129}}, "metadata.version"),
        ({"metadata": {"tags": ["a", "a"]}}, "metadata.tags.1"),
        ({"metadata": {"tags": [""]}}, "metadata.tags.0"),
        ({"metadata": {"capabilities": ["a", ""]}}, "metadata.capabilities.1"),
        ({"metadata": {"capabilities": ["a", "a"]}}, "metadata.capabilities.1"),
        ({"metadata": {"dependencies": ["a\0"]}}, "metadata.dependencies.0"),
        ({"metadata": {"extra": {"description": "x"}}}, "metadata.extra.description"),
        ({"metadata": {"extra": {"dependencies": []}}}, "metadata.extra.dependencies"),
        ({"metadata": {"extra": {"a": "x" * 70_000}}}, "metadata"),
        ({"health_check": {"endpoint": "health"}}, "health_check.endpoint"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_document_1s_name(
    fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        record_of(service(**fields))
    assert caught.value.field == field


@given(
    st.sampled_from(sorted(REPORTABLE)), st.sampled_from(LeasePhase), st.sampled_from(ProbeState)
)
def test_the_word_of_a_record_is_the_one_whose_question_finds_it(
    reported: Status, lease: LeasePhase, probes: ProbeState
) -> None:
    status = effective(reported, lease, probes)
    record = msgspec.structs.replace(record_of(service()), reported=reported)
    answers = [
        word
        for word in ServiceStatus
        if passes(record, status, translate.query_from(wire.Question(status=word)))
    ]
    assert answers == [translate.word(status, reported)]


@pytest.mark.parametrize("word", [w for w in ServiceStatus if w is not ServiceStatus.UNKNOWN])
def test_what_is_reported_in_document_1s_word_reads_so(word: ServiceStatus) -> None:
    record = msgspec.structs.replace(record_of(service()), reported=Status.OFFLINE)
    new = translate.updated(record, wire.ServiceUpdate(status=word), NOW)
    status = effective(new.reported, LeasePhase.FRESH, ProbeState.NONE)
    assert translate.word(status, new.reported) is word


def test_to_report_what_reads_so_already_keeps_the_finer_word() -> None:
    record = msgspec.structs.replace(record_of(service()), reported=Status.BUSY)
    assert translate.updated(record, wire.ServiceUpdate(status="healthy"), NOW) is record


def test_unknown_is_never_reported() -> None:
    with pytest.raises(InvalidInput) as caught:
        translate.updated(record_of(service()), wire.ServiceUpdate(status="unknown"), NOW)
    assert caught.value.field == "status"


def test_an_update_keeps_what_it_does_not_give() -> None:
    metadata = {"description": "d", "tags": ["t"], "dependencies": ["x"], "extra": {"a": 1}}
    record = record_of(service(metadata=metadata, health_check={"retries": 9}))
    change = {"metadata": {"version": "2"}, "health_check": {"enabled": False}}
    new = translate.updated(record, wire.ServiceUpdate.model_validate(change), NOW + 1)
    shown = translate.metadata_to(new)
    assert (shown.description, shown.version, shown.tags) == ("d", "2", ("t",))
    assert (shown.dependencies, shown.extra) == (("x",), {"a": 1})
    assert new.health_check is not None
    assert (new.health_check.enabled, new.health_check.retries) == (False, 9)
    assert new.updated_at == NOW + 1


def test_an_update_by_name_keeps_what_an_agent_said_of_its_capabilities() -> None:
    rich = Capability("code", "writes code", ("fast",))
    record = msgspec.structs.replace(record_of(service()), capabilities=(rich, Capability("x")))
    change = {"metadata": {"capabilities": ["y", "code"]}}
    new = translate.updated(record, wire.ServiceUpdate.model_validate(change), NOW)
    assert new.capabilities == (Capability("y"), rich)


@pytest.mark.parametrize(
    "metadata",
    [{"description": 7}, {"dependencies": "x"}, {"dependencies": [1]}, {"description": None}],
)
def test_metadata_of_others_that_only_sound_alike_are_extra(metadata: dict[str, Any]) -> None:
    record = msgspec.structs.replace(record_of(service()), metadata=metadata)
    shown = translate.metadata_to(record)
    assert (shown.description, shown.dependencies, shown.extra) == ("", (), metadata)
    # And an update of something else leaves them as they are.
    new = translate.updated(record, wire.ServiceUpdate.model_validate({"metadata": {}}), NOW)
    assert new.metadata == metadata


def test_what_is_only_in_its_process_has_no_host() -> None:
    record = msgspec.structs.replace(record_of(service()), address=None, lease=None)
    info = translate.info_to(View(record, record.reported, 1, None))
    assert (info.host, info.port, info.last_heartbeat) == (None, None, None)
    assert not passes(record, Status.ACTIVE, translate.query_from(wire.Question()))
    assert passes(record, Status.ACTIVE, translate.query_from(wire.Question(), unaddressed=True))


def test_an_agent_has_the_host_and_port_of_its_url() -> None:
    record = msgspec.structs.replace(
        record_of(service()), address=Address("feature-dev", 8002, "http://feature-dev:8002/v1")
    )
    info = translate.info_to(View(record, record.reported, 1, NOW))
    assert (info.host, info.port) == ("feature-dev", 8002)
