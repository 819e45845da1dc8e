"""A model loop against a scripted model, with tools that a test makes up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any

import msgspec

from rollcall.conversations.loop import LoopSettings, ModelLoop
from rollcall.conversations.models import LoopEvent, ToolOutcome, ToolRun, ToolSpec
from rollcall.conversations.ports import Meter, Task
from rollcall.conversations.providers import Models, ModelSettings
from rollcall.kernel.clock import Clock, SystemClock, utc
from rollcall.policies.retry import RetryPolicy
from rollcall.testing.clock import FrozenClock
from rollcall.testing.scripted_model import ScriptedModel

Act = Callable[[Mapping[str, Any]], Awaitable[Any]]

AT_ONCE = RetryPolicy(max_retries=3, initial_delay=0.0)
KEY = "sk-test-0123456789abcdef"


class Tools:
    """A toolbox of functions; an `ToolOutcome` or an exception among the results is one."""

    def __init__(self, **acts: Act) -> None:
        self.acts = dict(acts)
        self.calls: list[tuple[str, Mapping[str, Any], str]] = []
        self.schemas: dict[str, dict[str, Any] | None] = {}
        self.timeouts: list[float] = []
        self.correlations: list[str] = []
        self.callers: list[str] = []

    async def tools(self, namespace: str) -> Sequence[ToolSpec]:
        return [
            ToolSpec(
                name=name,
                tool=name,
                service="made-up",
                description=f"Does {name}.",
                input_schema=self.schemas.get(name, {"type": "object", "properties": {}}),
            )
            for name in self.acts
        ]

    async def refresh(self, namespace: str) -> Sequence[ToolSpec]:
        return await self.tools(namespace)

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        namespace: str,
        call_id: str,
        timeout: float,
        correlation_id: str = "",
        caller: str = "",
    ) -> ToolRun:
        self.calls.append((name, arguments, call_id))
        self.timeouts.append(timeout)
        self.correlations.append(correlation_id)
        self.callers.append(caller)
        result = await self.acts[name](arguments)
        run = ToolRun(
            call_id=call_id,
            name=name,
            tool=name,
            service="made-up",
            arguments=dict(arguments),
            outcome=ToolOutcome.OK,
            started_at=utc(0),
            duration_ms=1.0,
            result=result,
        )
        if isinstance(result, ToolOutcome):
            why = f"it is {result}"
            return msgspec.structs.replace(run, outcome=result, result=None, error=why)
        return run


class WatchedClock(FrozenClock):
    """A frozen clock that tells of those who sleep on it."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []
        self._began = asyncio.Condition()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        async with self._began:
            self._began.notify_all()
        await super().sleep(seconds)

    async def sleepers(self, times: int) -> None:
        """Wait until somebody has gone to sleep so many times."""
        async with self._began:
            await self._began.wait_for(lambda: len(self.slept) >= times)


async def echo(arguments: Mapping[str, Any]) -> Any:
    return dict(arguments)


def giving(result: Any) -> Act:
    async def act(_: Mapping[str, Any]) -> Any:
        return result

    return act


def settings(model: ScriptedModel, /, **more: Any) -> ModelSettings:
    """Settings that take the scripted model for OpenAI."""
    said = {"model": "openai:gpt-6-luna", "keys": {"openai": KEY}, **more}
    return ModelSettings(urls={"openai": model.url}, **said)


def looped(
    model: ScriptedModel,
    tools: Tools | None = None,
    *,
    clock: Clock | None = None,
    retries: RetryPolicy = AT_ONCE,
    models: Models | None = None,
    **more: Any,
) -> ModelLoop:
    return ModelLoop(
        tools or Tools(),
        models or Models(settings(model)),
        settings=LoopSettings(retries=retries, **more),
        clock=clock or SystemClock(),
        rng=Random(7),
    )


def task(text: str = "What now?", **more: Any) -> Task:
    return Task(turn_id="turn_1", namespace="home", user_input=text, **more)


async def events(loop: ModelLoop, job: Task, meter: Meter) -> list[LoopEvent]:
    return [event async for event in loop.run(job, meter)]


async def answered(loop: ModelLoop, job: Task | None = None) -> Meter:
    """What a turn came to."""
    meter = Meter()
    async with asyncio.timeout(30):
        await events(loop, job or task(), meter)
    return meter
