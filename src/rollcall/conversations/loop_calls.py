# SPDX-License-Identifier: Apache-2.0
"""Makes the calls that a model asks for in one step, side by side, and says what came of them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from rollcall.conversations.briefs import Skill
from rollcall.conversations.loop_terms import Asked, Reply, Told
from rollcall.conversations.models import (
    LoopEvent,
    ToolFinished,
    ToolOutcome,
    ToolRun,
    ToolSpec,
    ToolStarted,
)
from rollcall.conversations.ports import Meter, Task, Toolbox
from rollcall.conversations.skills import completed, covering
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.ids import derived

_log = logging.getLogger(__name__)

_NAMES_SHOWN: Final = 40
_MENDED: Final = "The call was not made. Mend it and call again, or answer without it."


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes calls for one turn.

    Args:
        toolbox: Where tools are called.
        clock: Time.
        task: The turn.
        meter: Notes each call that was made.
        tell: Told of each beginning and end.
        most_at_once: Calls that run side by side; more wait.
        most_characters: Of a result, what a model is shown.
    """

    toolbox: Toolbox
    clock: Clock
    task: Task
    meter: Meter
    tell: Callable[[LoopEvent], None]
    most_at_once: int
    most_characters: int

    async def make(
        self, step: int, asked: Sequence[Asked], tools: Sequence[ToolSpec]
    ) -> list[Reply]:
        """Make the calls of a step; what to say of each, in their order.

        Being cancelled, it notes those that were under way as cancelled.

        Args:
            step: Its number.
            asked: The calls.
            tools: What the model was shown.
        """
        known = {one.name: one for one in tools}
        slots = asyncio.Semaphore(self.most_at_once)
        runs: list[ToolRun | None] = [None] * len(asked)

        async def make(place: int, call: Asked) -> Reply:
            spec = known.get(call.name)
            if (mistake := _mistake(call, spec, known)) is not None:
                return Reply(call, mistake, Told.AGAIN)
            assert spec is not None
            assert call.arguments is not None
            agent = self.task.brief.agent
            skill = covering(spec, agent.skills) if agent else None
            arguments = completed(call.arguments, spec, skill) if skill else call.arguments
            # Some models name their calls the same way in every step.
            call_id = "call_" + derived(self.task.turn_id, str(step), str(place), call.id)
            async with slots:
                run = await self._run(call_id, spec, arguments, runs, place, skill)
            return reply_to(call, run, self.most_characters)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(make(*one)) for one in enumerate(asked)]
        finally:
            self.meter.tools.extend(run for run in runs if run is not None)
        return [task.result() for task in tasks]

    async def _run(
        self,
        call_id: str,
        spec: ToolSpec,
        arguments: dict[str, Any],
        runs: list[ToolRun | None],
        place: int,
        skill: Skill | None,
    ) -> ToolRun:
        began = self.clock.monotonic()
        begun = ToolRun(
            call_id=call_id,
            name=spec.name,
            tool=spec.tool,
            service=spec.service,
            arguments=arguments,
            outcome=ToolOutcome.CANCELLED,
            started_at=utc(self.clock.now()),
            duration_ms=0.0,
            error="the turn was called off; the tool may have run",
            capability=skill.id if skill else None,
        )
        self.tell(ToolStarted(call_id, spec.name, spec.service, arguments))
        try:
            run = await self.toolbox.call(
                spec.name,
                arguments,
                namespace=self.task.namespace,
                call_id=call_id,
                timeout=self.task.limits.tool_seconds,
                correlation_id=self.task.correlation_id,
                caller=self.task.caller,
            )
        except Exception:
            # A fault of the toolbox, which promises not to raise: the turn need not die of it.
            _log.exception("the call of tool %s broke off", spec.name)
            run = msgspec.structs.replace(
                begun, outcome=ToolOutcome.UNKNOWN, error="an error within; the tool may have run"
            )
        except BaseException:
            lasted = 1000 * (self.clock.monotonic() - began)
            runs[place] = msgspec.structs.replace(begun, duration_ms=lasted)
            raise
        run = msgspec.structs.replace(run, capability=begun.capability)
        runs[place] = run
        self.tell(ToolFinished(run))
        return run


def reply_to(asked: Asked, run: ToolRun, most_characters: int) -> Reply:
    """What a model is told of a call that was made."""
    why = run.error or "it gave no reason"
    told = Told.FAILED
    match run.outcome:
        case ToolOutcome.OK:
            return Reply(asked, shown(run.result, most_characters))
        case ToolOutcome.REFUSED:
            text, told = f"the arguments are not taken: {why}", Told.AGAIN
        case ToolOutcome.FAILED:
            text = why
        case ToolOutcome.UNAVAILABLE:
            text = f"it cannot be reached now, and did not run: {why}"
        case ToolOutcome.UNKNOWN | ToolOutcome.CANCELLED:
            text = (
                f"its answer was lost: {why}; it may have had its effect, so that it must not be"
                " called again for the same thing, and the user should know that it is uncertain"
            )
    return Reply(asked, _cut(text, most_characters), told)


def shown(result: Any, most_characters: int) -> str:
    """A tool's result as text: a text as it is, anything else as JSON, and not too long."""
    if isinstance(result, str):
        return _cut(result, most_characters)
    return _cut(json.dumps(result, ensure_ascii=False, separators=(",", ":")), most_characters)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[:most]}\n(cut here: {len(text)} characters in all)"


def _mistake(call: Asked, spec: ToolSpec | None, known: Mapping[str, ToolSpec]) -> str | None:
    """What is wrong with a call as such; None: nothing."""
    if spec is None:
        there = ", ".join(list(known)[:_NAMES_SHOWN]) or "none at all"
        return f"There is no such tool now; there is {there}. {_MENDED}"
    if call.arguments is None:
        return f"The arguments are no JSON object. {_MENDED}"
    return None
