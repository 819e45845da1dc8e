"""What a turn's end tells."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from rollcall.conversations.models import ToolOutcome, ToolRun, TurnStatus
from rollcall.conversations.told import turn_events
from rollcall.events.catalogue import CATALOGUE
from support.conversing import T0, turn

RUN = ToolRun(
    call_id="call_1",
    name="add",
    tool="add",
    service="adders",
    arguments={"secret": "text"},
    outcome=ToolOutcome.OK,
    started_at=T0,
    duration_ms=20.0,
    result={"secret": "text"},
    capability="adding",
)
ENDED = replace(
    turn("turn_1", number=1, agent_id="writer", agent_version=2, user_id="ada"),
    status=TurnStatus.ANSWERED,
    finished_at=T0 + timedelta(seconds=1),
)


def test_a_call_that_a_capability_covers_is_told_with_its_beginning_and_its_end() -> None:
    started, completed, ending = turn_events(replace(ENDED, tools=(RUN,)))

    data = {
        "execution_id": "call_1",
        "agent_id": "writer",
        "agent_version": 2,
        "capability_id": "adding",
        "conversation_id": "turn_1",
        "session_id": "s",
        "user_id": "ada",
        "tool": "add",
        "service": "adders",
    }
    assert (started.type, started.data, started.time) == (
        "agent.capability.execution.started",
        data,
        T0,
    )
    assert (completed.type, completed.data, completed.time) == (
        "agent.capability.execution.completed",
        {**data, "duration_ms": 20.0},
        T0 + timedelta(milliseconds=20),
    )
    assert ending.type == "conversation.completed"
    for one in (started, completed, ending):
        CATALOGUE.check(one)


def test_any_other_outcome_than_ok_is_told_as_failed_with_what_went_wrong() -> None:
    for outcome in set(ToolOutcome) - {ToolOutcome.OK}:
        run = replace(RUN, outcome=outcome, error="x" * 9_000)
        _, failed, _ = turn_events(replace(ENDED, tools=(run,)))

        assert failed.type == "agent.capability.execution.failed"
        assert failed.data["error"] == "x" * 500
        CATALOGUE.check(failed)


def test_a_call_of_no_capability_is_told_with_the_answer_alone() -> None:
    plain = replace(RUN, capability=None)
    assert [one.type for one in turn_events(replace(ENDED, tools=(plain,)))] == [
        "conversation.completed"
    ]


def test_told_again_they_are_the_same_events_and_each_call_has_its_own() -> None:
    both = replace(ENDED, tools=(RUN, replace(RUN, call_id="call_2")))
    ids = [one.id for one in turn_events(both)]

    assert ids == [one.id for one in turn_events(both)]
    assert len(set(ids)) == len(ids) == 5
