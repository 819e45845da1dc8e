# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from rollcall.events.catalogue import CATALOGUE, TYPES, Catalogue, EventType
from rollcall.events.envelope import Event
from rollcall.kernel.errors import InvalidInput
from rollcall.registry.events import EventType as RegistryEventType

DOCUMENT_3 = {
    "agent.created",
    "agent.updated",
    "agent.deleted",
    "memory.created",
    "memory.updated",
    "memory.deleted",
    "memory.entity.extracted",
    "agent.capability.execution.started",
    "agent.capability.execution.completed",
    "agent.capability.execution.failed",
    "knowledge_graph.updated",
}


def memory_deleted(data: dict[str, Any], type_: str = "memory.deleted") -> Event:
    return Event(
        id="1",
        type=type_,
        source="/memory",
        subject="mem_1",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        data=data,
        namespace="default",
    )


def test_it_has_every_topic_of_document_3() -> None:
    assert {one.name for one in CATALOGUE} >= DOCUMENT_3


def test_it_has_every_event_of_the_registry() -> None:
    of_registry = {one.name for one in CATALOGUE if one.owner == "registry"}
    assert of_registry == {f"registry.{one}" for one in RegistryEventType}


def test_every_type_and_field_says_what_it_means() -> None:
    for one in TYPES:
        assert one.owner
        assert one.says.endswith(".")
        assert all({**one.fields, **one.optional}.values()), one.name
        assert not set(one.fields) & set(one.optional), one.name


def test_a_name_is_given_once() -> None:
    with pytest.raises(InvalidInput, match=r"agent\.created"):
        Catalogue([*TYPES, EventType("agent.created", "other", "Again.", {})])


def test_an_unknown_type_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InvalidInput, match=r"memory\.forgotten.*memory\.deleted"):
        CATALOGUE.check(memory_deleted({}, "memory.forgotten"))


def test_data_with_all_its_fields_passes() -> None:
    CATALOGUE.check(memory_deleted({"memory_id": "mem_1"}))
    updated = {"memory_id": "mem_1", "content_preview": "..."}
    CATALOGUE.check(memory_deleted(updated, "memory.updated"))


@pytest.mark.parametrize(
    ("data", "field"),
    [({}, "data.memory_id"), ({"memory_id": "mem_1", "secret": 1}, "data.secret")],
)
def test_data_that_lacks_a_field_or_has_another_is_refused(
    data: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        CATALOGUE.check(memory_deleted(data))
    assert caught.value.field == field
