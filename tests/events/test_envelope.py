# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.events.envelope import Event, from_json, to_json
from rollcall.kernel.errors import InvalidInput

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

_chars = st.characters(
    exclude_categories=["Cs", "Cc"],
    exclude_characters=[*(chr(c) for c in range(0xFDD0, 0xFDF0)), "\ufffe", "\uffff"],
)
texts = st.text(_chars, min_size=1)
data_texts = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | data_texts,
    lambda inner: st.lists(inner) | st.dictionaries(data_texts, inner),
    max_leaves=10,
)
events = st.builds(
    Event,
    id=texts,
    type=texts,
    source=texts,
    subject=texts,
    time=st.datetimes(
        datetime(1970, 1, 2),  # noqa: DTZ001
        datetime(9999, 12, 30),  # noqa: DTZ001
        timezones=st.timezones(),
    ),
    data=st.dictionaries(data_texts, json_values),
    namespace=texts,
    correlation_id=texts | st.just(""),
)


def event(**changes: Any) -> Event:
    fields: dict[str, Any] = {
        "id": "e1",
        "type": "agent.created",
        "source": "/agents",
        "subject": "agent_1",
        "time": NOON,
        "data": {"agent_id": "agent_1", "name": "Ada"},
        "namespace": "default",
    }
    return Event(**(fields | changes))


@given(events)
def test_an_event_survives_its_json(one: Event) -> None:
    assert from_json(to_json(one)) == one


def test_its_json_is_a_cloudevent() -> None:
    assert json.loads(to_json(event(correlation_id="c1"))) == {
        "specversion": "1.0",
        "id": "e1",
        "type": "agent.created",
        "source": "/agents",
        "subject": "agent_1",
        "time": "2026-01-31T12:00:00Z",
        "datacontenttype": "application/json",
        "data": {"agent_id": "agent_1", "name": "Ada"},
        "namespace": "default",
        "correlationid": "c1",
    }


def test_extensions_of_others_are_passed_over() -> None:
    told = {**json.loads(to_json(event())), "traceparent": "00-1-2-3"}
    assert from_json(json.dumps(told)) == event()


def test_an_event_begins_a_chain_unless_it_is_said_to_belong_to_one() -> None:
    assert event().correlation_id == "e1"
    assert event(correlation_id="c1").correlation_id == "c1"


def test_time_is_kept_in_utc() -> None:
    there = datetime(2026, 1, 31, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    assert event(time=there).time.isoformat() == "2026-01-31T12:00:00+00:00"


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(InvalidInput, match="offset"):
        event(time=datetime(2026, 1, 31))  # noqa: DTZ001
    local = to_json(event()).replace(b"12:00:00Z", b"12:00:00")
    with pytest.raises(InvalidInput, match="CloudEvents"):
        from_json(local)


@pytest.mark.parametrize("field", ["id", "type", "source", "subject", "namespace"])
@pytest.mark.parametrize("value", ["", "a\0b", "line\nbreak", "\ud800", "\x85", "\uffff"])
def test_attributes_hold_only_what_cloudevents_allows(field: str, value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        event(**{field: value})
    assert caught.value.field == field


@pytest.mark.parametrize(
    "json_text",
    [
        "",
        "{",
        "[]",
        "{}",
        b"\xff",
        to_json(event()).replace(b'"1.0"', b'"0.3"'),
        to_json(event()).replace(b'"e1"', b'""'),
        "[" * 100_000,
    ],
)
def test_what_is_no_event_is_refused(json_text: str | bytes) -> None:
    with pytest.raises(InvalidInput):
        from_json(json_text)


@pytest.mark.parametrize("value", [object(), "\ud800", {(1, 2): 3}])
def test_data_without_a_word_in_json_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        to_json(event(data={"it": value}))
    assert caught.value.field == "data"


def test_the_same_act_has_the_same_identity_and_another_has_not() -> None:
    assert event().identity == event(data={}).identity
    for field in ("id", "source", "namespace"):
        assert event(**{field: "other"}).identity != event().identity


def test_what_follows_belongs_to_the_chain_and_is_the_same_each_time() -> None:
    cause = event(correlation_id="c1", namespace="n")

    def follow(ordinal: int = 0, subject: str = "s") -> Event:
        return cause.follow(
            "memory.deleted",
            source="/memory",
            subject=subject,
            time=NOON,
            data={},
            ordinal=ordinal,
        )

    assert (follow().correlation_id, follow().namespace) == ("c1", "n")
    assert follow().id == follow().id
    assert len({follow().id, follow(1).id, follow(subject="t").id, cause.id}) == 4


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        event().id = "other"
    assert msgspec.structs.replace(event(), id="other").id == "other"
