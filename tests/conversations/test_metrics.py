from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from rollcall.conversations.metrics import ConversationMetrics
from rollcall.conversations.models import Turn, TurnStatus, Usage
from rollcall.kernel.clock import utc

CREATED = utc(1_750_000_000)
TURN = Turn(
    id="turn_1",
    namespace="default",
    session_id="s",
    number=1,
    agent_id="assistant",
    user_input="hi",
    status=TurnStatus.ANSWERED,
    created_at=CREATED,
    finished_at=CREATED + timedelta(seconds=2),
    usage=Usage(
        model="small",
        provider="p",
        input_tokens=9,
        output_tokens=3,
        cached_tokens=4,
        cost=Decimal("0.5"),
    ),
)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> ConversationMetrics:
    made = ConversationMetrics(cap=2)
    made.register(registry)
    return made


def test_a_turn_is_counted_with_its_time_its_tokens_and_its_cost(
    registry: CollectorRegistry, metrics: ConversationMetrics
) -> None:
    metrics.finished(TURN)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert value("rollcall_turns_total", status="answered", error="") == 1
    assert value("rollcall_turn_duration_seconds_sum", status="answered") == 2
    for direction, tokens in (("input", 9), ("output", 3), ("cached", 4)):
        assert value("rollcall_turn_tokens_total", direction=direction, model="small") == tokens
    assert value("rollcall_turn_cost_total", currency="USD", model="small") == 0.5


def test_what_is_under_way_is_counted_until_it_ends(
    registry: CollectorRegistry, metrics: ConversationMetrics
) -> None:
    metrics.started(TURN)
    metrics.started(TURN)
    metrics.started(replace(TURN, id="turn_2"))
    assert registry.get_sample_value("rollcall_turns_under_way") == 2
    metrics.finished(TURN)
    # One of another process, or of before a restart, was not counted in.
    metrics.finished(replace(TURN, id="turn_0"))
    assert registry.get_sample_value("rollcall_turns_under_way") == 1


def test_the_first_word_is_timed(registry: CollectorRegistry, metrics: ConversationMetrics) -> None:
    metrics.first_text(TURN, 0.25)
    assert registry.get_sample_value("rollcall_turn_first_text_seconds_sum") == 0.25


def test_a_turn_that_failed_says_why_and_one_that_used_nothing_counts_nothing(
    registry: CollectorRegistry, metrics: ConversationMetrics
) -> None:
    failed = replace(TURN, status=TurnStatus.FAILED, error_type="model-unavailable", usage=None)
    metrics.finished(failed)
    labels = {"status": "failed", "error": "model-unavailable"}
    assert registry.get_sample_value("rollcall_turns_total", labels) == 1
    assert not next(one for one in registry.collect() if one.name == "rollcall_turn_tokens").samples


def test_models_have_room_for_so_many_and_the_rest_is_other(
    registry: CollectorRegistry, metrics: ConversationMetrics
) -> None:
    assert TURN.usage is not None
    for number in range(5):
        metrics.finished(replace(TURN, usage=replace(TURN.usage, model=f"model-{number}")))
    where = {"model": "other", "direction": "output"}
    assert registry.get_sample_value("rollcall_turn_tokens_total", where) == 9
