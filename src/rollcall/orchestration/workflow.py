# SPDX-License-Identifier: Apache-2.0
"""Workflows: steps that need the results of other steps. What they are; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, cast

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.orchestration.history import TaskResult, TaskStatus
from rollcall.orchestration.routing import Task, task_inputs, task_text

REFERENCE = "$ref"
"""The one key of a mapping that stands for an earlier result: `{"$ref": "research.summary"}`."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a workflow.

    Args:
        name: How others refer to it; no full stop in it.
        task: What is to be done, in words; chooses the agent, unless `agent_id` does.
        agent_id: Who does it.
        inputs: What the agent is given; without it, the task. A mapping `{"$ref": "step"}` anywhere
            in it stands for that step's result, `{"$ref": "step.key.0"}` for a part of it.
        depends_on: Steps that must have a result before; those that `inputs` refers to count
            without being named here.
        strategy: How it is routed; None: as the workflow is.
        key: What sticky routing goes by.
        timeout: Seconds that it may take; None: as it likes.
        estimated_cost_usd: What an attempt may cost, reserved before it.
    """

    name: str
    task: str | None = None
    agent_id: str | None = None
    inputs: Any = None
    depends_on: tuple[str, ...] = ()
    strategy: str | None = None
    key: str | None = None
    timeout: float | None = None
    estimated_cost_usd: str | float | None = None


class WorkflowState(StrEnum):
    """How far a workflow is."""

    RUNNING = "running"
    COMPLETED = "completed"
    """Every step has a result."""
    PARTIAL = "partial"
    """Some have."""
    FAILED = "failed"
    """None has, or one failed where that was to end everything."""
    CANCELLED = "cancelled"


class WorkflowResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a workflow.

    Args:
        workflow_id: The workflow.
        status: How it ended.
        results: Of every step, by name, in the order in which the steps were given.
        seconds: How long it took.
        cost_usd: What it cost.
    """

    workflow_id: str
    status: WorkflowState
    results: dict[str, TaskResult]
    seconds: float
    cost_usd: Decimal


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a workflow is, as its progress callback is told after each step.

    Args:
        workflow_id: The workflow.
        total: Steps.
        done: Steps that have ended, in whatever way.
        succeeded: Steps that have a result.
        latest: The name of the step that has ended last.
        latest_status: How that one ended.
    """

    workflow_id: str
    total: int
    done: int
    succeeded: int
    latest: str
    latest_status: TaskStatus


class WorkflowStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a workflow is.

    Args:
        workflow_id: The workflow.
        state: How far it is.
        total: Steps.
        started_at: When it began, in UTC.
        running: Names of the steps that run or wait for a slot.
        ended: How each ended step ended, by name, in the order in which they did.
    """

    workflow_id: str
    state: WorkflowState
    total: int
    started_at: datetime
    running: tuple[str, ...]
    ended: dict[str, TaskStatus]


class Plan(msgspec.Struct, frozen=True):
    """A workflow that was found to make sense.

    Args:
        steps: By name, in the order given.
        needs: The steps that each step needs, by name.
        order: All names; each comes after those it needs, otherwise as given.
    """

    steps: dict[str, Step]
    needs: dict[str, frozenset[str]]
    order: tuple[str, ...]


def plan(workflow: object) -> Plan:
    """Check a workflow.

    Args:
        workflow: Steps, as `Step` or as mappings with its fields; or a mapping with `steps`.

    Raises:
        InvalidInput: A step is no step, has neither task nor agent, has another's name, needs one
            that is not there, or needs itself through others; the error names it.
    """
    steps: dict[str, Step] = {}
    for number, given in enumerate(_listed(workflow)):
        step = _step(f"steps.{number}", given)
        if step.name in steps:
            raise InvalidInput(f"steps.{number}.name", f"{step.name!r} is taken by another step")
        steps[step.name] = step
    needs = {name: _needs(step, steps) for name, step in steps.items()}
    return Plan(steps, needs, _ordered(needs))


def independent(tasks: Sequence[Task], *, worded: bool) -> Plan:
    """Tasks that need nothing of each other, as a plan whose steps are named by position.

    Args:
        tasks: The tasks.
        worded: Whether each must say in words what is to be done.

    Raises:
        InvalidInput: A task has no words; the error says which.
    """
    steps: dict[str, Step] = {}
    for number, task in enumerate(tasks):
        text = None
        try:
            text = task_text(task)
        except InvalidInput as error:
            if worded:
                raise InvalidInput(f"tasks.{number}", error.problem) from None
        steps[str(number)] = Step(name=str(number), task=text, inputs=task_inputs(task))
    return Plan(steps, dict.fromkeys(steps, frozenset[str]()), tuple(steps))


def references(inputs: object) -> set[str]:
    """Names of the steps that `inputs` refers to."""
    if isinstance(inputs, Mapping):
        mapping = cast("Mapping[Any, Any]", inputs)
        target = _target(mapping)
        if target is not None:
            return {target.split(".", 1)[0]}
        return references(list(mapping.values()))
    if isinstance(inputs, list | tuple):
        items = cast("Sequence[Any]", inputs)
        return {name for item in items for name in references(item)}
    return set()


def resolved(inputs: Any, results: Mapping[str, Any]) -> Any:
    """`inputs` with every reference replaced by what it stands for.

    Raises:
        InvalidInput: A result does not have the part that is referred to.
    """
    if isinstance(inputs, Mapping):
        mapping = cast("Mapping[Any, Any]", inputs)
        target = _target(mapping)
        if target is not None:
            return _part(target, results)
        return {key: resolved(value, results) for key, value in mapping.items()}
    if isinstance(inputs, list | tuple):
        return [resolved(item, results) for item in cast("Sequence[Any]", inputs)]
    return inputs


def _target(mapping: Mapping[Any, Any]) -> str | None:
    target = mapping.get(REFERENCE) if len(mapping) == 1 else None
    return target if isinstance(target, str) else None


def _part(target: str, results: Mapping[str, Any]) -> Any:
    name, *path = target.split(".")
    found = results[name]
    for part in path:
        try:
            if isinstance(found, Mapping):
                found = cast("Mapping[str, Any]", found)[part]
            elif isinstance(found, list | tuple):
                found = cast("Sequence[Any]", found)[int(part)]
            else:
                raise KeyError(part)
        except (KeyError, IndexError, ValueError):
            raise InvalidInput("inputs", f"the result has no {part!r} for {target!r}") from None
    return found


def _listed(workflow: object) -> Iterable[Any]:
    if isinstance(workflow, Mapping):
        workflow = cast("Mapping[str, Any]", workflow).get("steps")
    if not isinstance(workflow, list | tuple) or not workflow:
        raise InvalidInput("steps", "must be a list of one step or more")
    return cast("Sequence[Any]", workflow)


def _step(field: str, given: object) -> Step:
    if not isinstance(given, Step):
        try:
            given = msgspec.convert(given, Step)
        except msgspec.ValidationError as error:
            raise InvalidInput(field, f"is no step: {error}") from None
    if not given.name or "." in given.name:
        raise InvalidInput(f"{field}.name", "must be a text without a full stop")
    if given.agent_id is None and not (given.task and given.task.strip()):
        raise InvalidInput(f"{field}.task", f"step {given.name!r} needs a task or an agent_id")
    return given


def _needs(step: Step, steps: Mapping[str, Step]) -> frozenset[str]:
    needs = frozenset(step.depends_on) | references(step.inputs)
    for name in sorted(needs - steps.keys()):
        raise InvalidInput(f"{step.name}.depends_on", f"there is no step {name!r}")
    return needs


def _ordered(needs: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    order: dict[str, None] = {}
    left = list(needs)
    while left:
        ready = [name for name in left if needs[name] <= order.keys()]
        if not ready:
            circle = _circle(left[0], needs, order)
            raise InvalidInput(
                f"{circle[0]}.depends_on", f"goes in a circle: {' -> '.join(circle)}"
            )
        order |= dict.fromkeys(ready)
        left = [name for name in left if name not in order]
    return tuple(order)


def _circle(start: str, needs: Mapping[str, frozenset[str]], done: Mapping[str, None]) -> list[str]:
    """A circle among steps that are not `done`, found by following one need after another."""
    path = [start]
    while True:
        following = min(name for name in needs[path[-1]] if name not in done)
        if following in path:
            return [*path[path.index(following) :], following]
        path.append(following)
