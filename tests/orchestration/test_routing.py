from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.orchestration.config import RoutingStrategy
from rollcall.orchestration.routing import (
    LEAST_OVERLAP,
    Candidate,
    Ranking,
    RouteDecision,
    Router,
    rank_by_words,
    task_inputs,
    task_text,
    word_overlap,
)
from rollcall.registry.meaning import content_words

words = st.frozensets(st.sampled_from(["code", "python", "data", "report", "write"]), max_size=4)


def crew(**capabilities: str) -> dict[str, frozenset[str]]:
    return {agent: frozenset(content_words(text)) for agent, text in capabilities.items()}


def route(strategy: RoutingStrategy, *candidates: Candidate, **options: Any) -> RouteDecision:
    return Router(Random(1)).route(strategy, candidates, **options)


def test_a_task_is_words_or_has_words() -> None:
    assert task_text("write a poem") == "write a poem"
    assert task_text({"description": "write", "input": "other"}) == "write"
    assert task_text({"task": "write"}) == task_text({"input": "write"}) == "write"


@pytest.mark.parametrize("task", ["", "  ", {}, {"task": ""}, {"task": 5}])
def test_a_task_without_words_is_refused(task: Any) -> None:
    with pytest.raises(InvalidInput, match="task"):
        task_text(task)


def test_an_agent_is_given_the_inputs_of_a_task_or_the_task_itself() -> None:
    assert task_inputs("write") == "write"
    assert task_inputs({"task": "write", "inputs": {"topic": "sea"}}) == {"topic": "sea"}
    assert task_inputs({"task": "write", "topic": "sea"}) == {"task": "write", "topic": "sea"}


def test_the_agent_whose_words_the_task_has_ranks_first() -> None:
    ranking = rank_by_words(
        "Write a Python function that parses dates",
        crew(coder="Python code generation", writer="write marketing texts", chef="cooking"),
    )
    assert next(iter(ranking.scores)) in {"coder", "writer"}
    assert "chef" not in ranking.scores


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    overlap = word_overlap(
        "python report", crew(a="python", b="report", c="report sales", d="report news")
    )
    assert overlap["a"] > overlap["b"]


def test_another_form_of_a_word_counts_but_less_than_the_word_itself() -> None:
    overlap = word_overlap("generate code", crew(a="code generation", b="generate code", c="code"))
    assert overlap["b"] > overlap["a"] > overlap["c"] > 0


def test_a_task_of_other_matter_fits_nobody() -> None:
    ranking = rank_by_words("bake a cake", crew(a="python code", b="tax law"))
    assert ranking.scores == {}


@given(st.text(), st.dictionaries(st.text(), words, max_size=5))
def test_an_overlap_is_a_share(text: str, agents: dict[str, frozenset[str]]) -> None:
    overlap = word_overlap(text, agents)
    assert overlap.keys() == agents.keys()
    assert all(0 <= share <= 1 + 1e-9 for share in overlap.values())


@given(words.filter(bool), st.dictionaries(st.text(min_size=1), words, min_size=1, max_size=5))
def test_who_has_every_word_of_the_task_ranks_no_lower_than_anybody(
    wanted: frozenset[str], agents: dict[str, frozenset[str]]
) -> None:
    ranking = rank_by_words(" ".join(wanted), {**agents, "": wanted})
    assert ranking.scores[""] == max(ranking.scores.values()) == pytest.approx(1)
    assert all(score >= LEAST_OVERLAP for score in ranking.scores.values())


def test_semantic_takes_the_best_and_says_how_well_it_fits() -> None:
    decision = route(
        RoutingStrategy.SEMANTIC,
        Candidate("a"),
        Candidate("b"),
        Candidate("c"),
        ranking=Ranking({"b": 0.8, "a": 0.5}, "meaning"),
    )
    assert decision.agent_id == "b"
    assert "0.80 by meaning" in decision.reason
    assert "0.50" in decision.passed_over["a"]
    assert "does not fit" in decision.passed_over["c"]


def test_of_equally_fit_agents_the_less_loaded_takes_it() -> None:
    decision = route(
        RoutingStrategy.SEMANTIC,
        Candidate("a", load=0.5),
        Candidate("b", load=0.1),
        ranking=Ranking({"a": 0.8, "b": 0.8}, "meaning"),
    )
    assert decision.agent_id == "b"


def test_semantic_finds_nobody_where_nobody_fits() -> None:
    decision = route(
        RoutingStrategy.SEMANTIC, Candidate("a"), ranking=Ranking({}, "words in common")
    )
    assert decision.agent_id is None
    assert "fits" in decision.reason


def test_semantic_without_a_ranking_takes_turns_and_says_so() -> None:
    decision = route(RoutingStrategy.SEMANTIC, Candidate("a"))
    assert decision.agent_id == "a"
    assert "switched off" in decision.reason


def test_round_robin_goes_on_after_an_agent_has_left() -> None:
    router = Router(Random(1))
    everybody = [Candidate("a"), Candidate("b"), Candidate("c")]
    without_b = [Candidate("a"), Candidate("c")]
    turns = [
        router.route(RoutingStrategy.ROUND_ROBIN, now).agent_id
        for now in (everybody, everybody, without_b, without_b, everybody)
    ]
    assert turns == ["a", "b", "c", "a", "b"]


def test_random_takes_every_agent_sooner_or_later() -> None:
    router = Router(Random(1))
    everybody = [Candidate("a"), Candidate("b"), Candidate("c")]
    drawn = {router.route(RoutingStrategy.RANDOM, everybody).agent_id for _ in range(50)}
    assert drawn == {"a", "b", "c"}


def test_least_loaded_takes_the_one_with_the_least_to_do() -> None:
    decision = route(
        RoutingStrategy.LEAST_LOADED, Candidate("a", load=0.5), Candidate("b", load=0.2)
    )
    assert decision.agent_id == "b"
    assert "20%" in decision.reason
    assert "50%" in decision.passed_over["a"]


def test_weighted_never_takes_what_weighs_nothing() -> None:
    router = Router(Random(1))
    everybody = [Candidate("a"), Candidate("b")]
    drawn = {
        router.route(RoutingStrategy.WEIGHTED, everybody, weights={"a": 0, "b": 2}).agent_id
        for _ in range(30)
    }
    assert drawn == {"b"}


def test_weighted_finds_nobody_where_nobody_weighs_anything() -> None:
    decision = route(RoutingStrategy.WEIGHTED, Candidate("a"), weights={"a": 0})
    assert decision.agent_id is None


@given(st.text(min_size=1), st.sets(st.sampled_from("abcdefgh"), min_size=2))
def test_sticky_moves_a_key_only_if_its_own_agent_leaves(key: str, agents: set[str]) -> None:
    before = route(RoutingStrategy.STICKY, *(Candidate(one) for one in agents), key=key).agent_id
    for gone in agents:
        left = [Candidate(one) for one in agents if one != gone]
        after = route(RoutingStrategy.STICKY, *left, key=key).agent_id
        assert (after == before) is (gone != before)


@pytest.mark.parametrize(
    ("strategy", "field"),
    [(RoutingStrategy.STICKY, "key"), (RoutingStrategy.WEIGHTED, "weights")],
)
def test_a_strategy_says_what_it_goes_by(strategy: RoutingStrategy, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        route(strategy, Candidate("a"))
    assert caught.value.field == field


@given(
    st.sampled_from(RoutingStrategy),
    st.lists(
        st.builds(
            Candidate,
            st.sampled_from("abcdef"),
            st.floats(0, 2),
            st.sampled_from([None, "it is offline"]),
            st.booleans(),
        ),
        unique_by=lambda one: one.agent_id,
    ),
    st.booleans(),
)
def test_every_agent_is_chosen_or_passed_over_with_a_reason(
    strategy: RoutingStrategy, candidates: list[Candidate], wait: bool
) -> None:
    ranking = Ranking({"a": 0.9, "b": 0.9, "c": 0.4}, "meaning")
    decision = route(strategy, *candidates, ranking=ranking, key="k", weights={"a": 2}, wait=wait)
    told = set(decision.passed_over) | ({decision.agent_id} if decision.agent_id else set())
    assert told == {one.agent_id for one in candidates}
    assert decision.agent_id not in decision.passed_over
    assert all(decision.passed_over.values())
    chosen = [one for one in candidates if one.agent_id == decision.agent_id]
    assert all(one.refusal is None and (wait or not one.full) for one in chosen)
    if strategy is not RoutingStrategy.SEMANTIC:
        able = [one for one in candidates if one.refusal is None and (wait or not one.full)]
        assert bool(chosen) is bool(able)


def test_who_may_wait_waits_for_the_best_but_otherwise_prefers_a_free_slot() -> None:
    full, free = Candidate("a", full=True), Candidate("b")
    ranking = Ranking({"a": 0.9, "b": 0.3}, "meaning")
    assert route(RoutingStrategy.SEMANTIC, full, free, ranking=ranking).agent_id == "b"
    assert route(RoutingStrategy.SEMANTIC, full, free, ranking=ranking, wait=True).agent_id == "a"
    assert route(RoutingStrategy.ROUND_ROBIN, full, free, wait=True).agent_id == "b"
    assert route(RoutingStrategy.ROUND_ROBIN, full, wait=True).agent_id == "a"
    assert route(RoutingStrategy.ROUND_ROBIN, full).agent_id is None
