from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.client.delegation import (
    AgentRequestEvent,
    AgentRequestType,
    AgentResponseEvent,
    AgentResponseStatus,
    RequestPriority,
)
from rollcall.kernel.errors import InvalidInput

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
payloads = st.dictionaries(st.text(), json_values, max_size=3)
ids = st.text(min_size=1)
moments = st.datetimes(timezones=st.just(UTC))

requests = st.builds(
    AgentRequestEvent,
    source_agent=ids,
    target_agent=ids,
    request_type=st.sampled_from(AgentRequestType),
    payload=payloads,
    priority=st.sampled_from(RequestPriority),
    timeout_seconds=st.floats(0.001, 1e6),
    request_id=ids,
    correlation_id=st.none() | ids,
    metadata=payloads,
    created_at=moments,
)


def a_request(**fields: object) -> AgentRequestEvent:
    given_fields = {"source_agent": "a", "target_agent": "b", "request_type": "query", **fields}
    return AgentRequestEvent(**given_fields)  # type: ignore[arg-type]


@given(requests)
def test_a_request_survives_json(request: AgentRequestEvent) -> None:
    assert msgspec.json.decode(msgspec.json.encode(request), type=AgentRequestEvent) == request


@given(requests, st.sampled_from(AgentResponseStatus), json_values, st.none() | st.text())
def test_an_answer_survives_json_and_goes_back_to_who_asked(
    request: AgentRequestEvent, status: AgentResponseStatus, result: object, error: str | None
) -> None:
    answer = request.answered(status, result=result, error=error, execution_time_ms=1.5)

    assert msgspec.json.decode(msgspec.json.encode(answer), type=AgentResponseEvent) == answer
    assert (answer.source_agent, answer.target_agent) == (
        request.target_agent,
        request.source_agent,
    )
    assert (answer.request_id, answer.correlation_id) == (
        request.request_id,
        request.correlation_id,
    )


def test_the_request_of_the_document_needs_four_fields() -> None:
    request = AgentRequestEvent(
        source_agent="orchestrator",
        target_agent="feature-dev",
        request_type=AgentRequestType.EXECUTE_TASK,
        payload={"task": "implement_jwt_auth"},
    )

    assert request.priority is RequestPriority.NORMAL
    assert request.timeout_seconds == 30
    assert request.created_at.utcoffset() == timedelta(0)


def test_two_requests_draw_different_ids() -> None:
    assert a_request().request_id != a_request().request_id


def test_words_on_the_wire_are_the_documents() -> None:
    wire = msgspec.json.decode(msgspec.json.encode(a_request(priority=RequestPriority.URGENT)))
    assert (wire["request_type"], wire["priority"]) == ("query", "urgent")
    assert [str(one) for one in AgentRequestType] == [
        "execute_task",
        "query",
        "get_status",
        "cancel_task",
    ]
    assert [str(one) for one in AgentResponseStatus] == [
        "success",
        "error",
        "timeout",
        "rejected",
        "partial",
    ]


def test_priorities_are_ranked_by_urgency() -> None:
    assert sorted(RequestPriority, key=lambda one: -one.rank) == [
        "urgent",
        "high",
        "normal",
        "low",
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source_agent", ""),
        ("target_agent", ""),
        ("request_id", ""),
        ("timeout_seconds", 0),
        ("timeout_seconds", float("inf")),
        ("timeout_seconds", float("nan")),
        ("created_at", datetime(2026, 1, 1)),  # noqa: DTZ001
    ],
)
def test_what_makes_no_sense_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        a_request(**{field: value})
    assert caught.value.field == field


def test_an_answer_without_an_offset_is_refused() -> None:
    with pytest.raises(InvalidInput, match="created_at"):
        AgentResponseEvent(
            request_id="r",
            source_agent="a",
            target_agent="b",
            status=AgentResponseStatus.SUCCESS,
            created_at=datetime(2026, 1, 1),  # noqa: DTZ001
        )
