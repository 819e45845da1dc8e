# SPDX-License-Identifier: Apache-2.0
"""`ModelAgent`: an agent of document 5 that a model answers for.

It stands here, and not in `rollcall.orchestration`, because that one is below every service and
knows no model. A runtime takes it as it takes any object with `run`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Self

import msgspec

from rollcall.conversations.errors import TurnFailed
from rollcall.conversations.loop import ModelLoop
from rollcall.conversations.model_agent_tools import Function, FunctionTools, JoinedTools
from rollcall.conversations.models import Limits, ToolRun, Usage
from rollcall.conversations.ports import Meter, Task, Toolbox
from rollcall.conversations.providers import Models, ModelSettings
from rollcall.kernel.clock import Clock, SystemClock
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import IdSource, RandomIds
from rollcall.registry.models import DEFAULT_NAMESPACE, Capability


class AgentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a `ModelAgent` answers. `str` of it is the text.

    Args:
        text: The answer.
        cost_usd: What it cost in US dollars, as a runtime's budget reads it; None: nobody knows.
        usage: What it used of a model.
        tools: The calls made for it, in order.
    """

    text: str
    cost_usd: Decimal | None = None
    usage: Usage | None = None
    tools: tuple[ToolRun, ...] = ()

    def __str__(self) -> str:
        return self.text


class ModelAgent:
    """An agent that has a model do its tasks, with or without tools.

        agent = ModelAgent("summarizer", capabilities=["summarizing"], instructions="Be brief.")
        await runtime.register_agent(agent)

    Used in `async with`, it keeps its connections from task to task.

    Args:
        agent_id: Its id; None: whoever registers it draws one.
        name: What people call it; None: as its id.
        capabilities: What it can do, as a registry finds it.
        instructions: What the model is told to be.
        model: `provider:model`; None: the one of the settings.
        tools: Functions that the model may call, sync or async; see `FunctionTools`.
        toolbox: Further tools, such as those that a registry knows.
        namespace: Whose tools of the toolbox.
        limits: What one task may use.
        canary: A task that shows whether it is well, such as "Say ok.": `check_agent_health` of a
            runtime has it done. None: it is as well as its lease.
        models: Which models there are; None: as the environment of the process says.
        clock: Time.
        ids: Randomness for the ids of turns.

    Raises:
        InvalidInput: It has neither an id nor a name, or the environment names a model that makes
            no sense.
    """

    def __init__(  # noqa: PLR0913 - what an agent is, and its dependencies
        self,
        agent_id: str | None = None,
        *,
        name: str | None = None,
        capabilities: Sequence[str | Capability | Mapping[str, Any]] = (),
        instructions: str = "",
        model: str | None = None,
        tools: Sequence[Function] = (),
        toolbox: Toolbox | None = None,
        namespace: str = DEFAULT_NAMESPACE,
        limits: Limits | None = None,
        canary: str | None = None,
        models: Models | None = None,
        clock: Clock | None = None,
        ids: IdSource | None = None,
    ) -> None:
        called = name or agent_id
        if not called:
            raise InvalidInput("agent_id", "must not be empty where there is no name")
        self.agent_id = agent_id
        self.name = called
        self.capabilities = list(capabilities)
        self.canary = canary
        self._instructions = instructions
        self._model = model
        self._namespace = namespace
        self._limits = limits or Limits()
        self._ids = ids or RandomIds()
        time = clock or SystemClock()
        functions = FunctionTools(tools, time)
        box = functions if toolbox is None else JoinedTools([functions, toolbox])
        known = models or Models(ModelSettings.from_environment(os.environ))
        self._loop = ModelLoop(box, known, clock=time)

    async def __aenter__(self) -> Self:
        await self._loop.warm()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._loop.aclose()

    async def run(self, task: Any = "", **inputs: Any) -> AgentAnswer:
        """Do a task.

        Args:
            task: What is to be done; what is no text is an input.
            inputs: What else belongs to it, given to the model as JSON behind the task.

        Raises:
            InvalidInput: There is neither a task nor an input, or the model cannot be reached by
                the settings.
            TurnFailed: There is no answer; `cost_usd` says what was spent all the same.
        """
        meter = Meter()
        turn = Task(
            turn_id=f"turn_{self._ids.hex(24)}",
            namespace=self._namespace,
            user_input=_words(task, inputs),
            instructions=self._instructions,
            model=self._model,
            limits=self._limits,
        )
        try:
            async for _ in self._loop.run(turn, meter):
                pass
        except TurnFailed as error:
            error.cost_usd = _cost(meter)
            raise
        return AgentAnswer(
            text="".join(meter.text),
            cost_usd=_cost(meter),
            usage=meter.usage,
            tools=tuple(meter.tools),
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


def _words(task: Any, inputs: Mapping[str, Any]) -> str:
    if not isinstance(task, str):
        task, inputs = "", {"task": task, **inputs}
    if not inputs:
        if not task.strip():
            raise InvalidInput("task", "must say what is to be done")
        return task
    try:
        more = msgspec.json.encode(inputs).decode()
    except TypeError as error:
        raise InvalidInput("inputs", f"must be what JSON can say: {error}") from error
    return f"{task}\n\n{more}" if task else more


def _cost(meter: Meter) -> Decimal | None:
    return meter.usage.cost if meter.usage else None
