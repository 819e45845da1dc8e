from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.orchestration.workflow import Step, independent, plan, references, resolved

needs_by_step = st.integers(1, 8).flatmap(
    lambda size: st.tuples(
        *(st.frozensets(st.integers(0, max(0, n - 1)), max_size=n) for n in range(size))
    )
)


@given(needs_by_step, st.randoms(use_true_random=False))
def test_every_step_comes_after_those_it_needs(needs: tuple[frozenset[int], ...], rng: Any) -> None:
    steps = [
        Step(name=f"s{number}", task="x", depends_on=tuple(f"s{one}" for one in needed))
        for number, needed in enumerate(needs)
    ]
    rng.shuffle(steps)
    made = plan(steps)
    assert sorted(made.order) == sorted(step.name for step in steps)
    for step in steps:
        assert all(made.order.index(one) < made.order.index(step.name) for one in step.depends_on)


@given(st.integers(1, 6))
def test_a_circle_is_refused_and_shown(size: int) -> None:
    steps = [Step(name=f"s{n}", task="x", depends_on=(f"s{(n + 1) % size}",)) for n in range(size)]
    outside = Step(name="before", task="x", depends_on=("s0",))
    with pytest.raises(InvalidInput, match="circle: s") as caught:
        plan([outside, *steps])
    assert caught.value.problem.count("->") == size


def test_a_step_that_needs_one_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="no step 'research'") as caught:
        plan([Step(name="write", task="x", depends_on=("research",))])
    assert caught.value.field == "write.depends_on"


@pytest.mark.parametrize(
    ("workflow", "field"),
    [
        ([], "steps"),
        ({}, "steps"),
        ("text", "steps"),
        ([{"task": "x"}], "steps.0"),
        ([{"name": "a", "task": "x", "timeout": "soon"}], "steps.0"),
        ([{"name": "a.b", "task": "x"}], "steps.0.name"),
        ([{"name": "", "task": "x"}], "steps.0.name"),
        ([{"name": "a"}], "steps.0.task"),
        ([{"name": "a", "task": "x"}, {"name": "a", "task": "y"}], "steps.1.name"),
    ],
)
def test_what_is_no_workflow_is_refused_by_name(workflow: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        plan(workflow)
    assert caught.value.field == field


def test_a_reference_is_a_need() -> None:
    made = plan(
        {
            "steps": [
                {"name": "write", "task": "x", "inputs": {"notes": [{"$ref": "research.text"}]}},
                {"name": "research", "task": "x"},
            ]
        }
    )
    assert made.needs["write"] == {"research"}
    assert made.order == ("research", "write")


def test_references_are_found_and_replaced_wherever_they_stand() -> None:
    inputs = {"a": {"$ref": "one"}, "b": [{"$ref": "two.items.1"}, 5], "c": {"$ref": 3}}
    assert references(inputs) == {"one", "two"}
    assert resolved(inputs, {"one": "first", "two": {"items": ["x", "y"]}}) == {
        "a": "first",
        "b": ["y", 5],
        "c": {"$ref": 3},
    }


@pytest.mark.parametrize("target", ["one.missing", "one.items.7", "one.items.x", "one.text.0"])
def test_a_part_that_is_not_there_is_refused(target: str) -> None:
    with pytest.raises(InvalidInput, match="has no"):
        resolved({"$ref": target}, {"one": {"items": [1], "text": "abc"}})


def test_independent_tasks_keep_their_places() -> None:
    made = independent(["first", {"task": "second", "inputs": 2}], worded=True)
    assert list(made.steps) == ["0", "1"]
    assert [step.inputs for step in made.steps.values()] == ["first", 2]


def test_a_task_without_words_is_refused_by_its_place_where_words_are_needed() -> None:
    with pytest.raises(InvalidInput) as caught:
        independent(["first", {"payload": 5}], worded=True)
    assert caught.value.field == "tasks.1"
    assert len(independent(["first", {"payload": 5}], worded=False).steps) == 2
