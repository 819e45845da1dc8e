"""Agents that do as they are told, and note what was asked of them."""

from __future__ import annotations

import asyncio
from typing import Any

from rollcall.testing.clock import FrozenClock


class ScriptedAgent:
    """Waits for `gate` if it is `closed`, fails once for each of `errors`, then answers."""

    def __init__(self, answer: Any = "done", *errors: BaseException, closed: bool = False) -> None:
        self.answer = answer
        self.errors = list(errors)
        self.gate = asyncio.Event()
        self.calls = 0
        self.running = 0
        self.most = 0
        if not closed:
            self.gate.set()

    async def run(self, task: Any = None) -> Any:
        self.calls += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
            if self.errors:
                raise self.errors.pop(0)
            return self.answer
        finally:
            self.running -= 1


class CapableAgent:
    """Answers with its id and the task as soon as `gate` is set, which it is unless cleared."""

    def __init__(self, *capabilities: str, agent_id: str | None = None) -> None:
        self.capabilities = list(capabilities)
        self.agent_id = agent_id
        self.gate = asyncio.Event()
        self.gate.set()
        self.cancelled = False

    async def run(self, task: Any = None) -> str:
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return f"{self.agent_id}: {task}"


class Worker:
    """Fails at what begins with "fail", sleeps for a task's seconds, and notes what it did."""

    def __init__(self, clock: FrozenClock, name: str = "worker") -> None:
        self.agent_id = name
        self.clock = clock
        self.began: list[Any] = []
        self.ended: list[Any] = []
        self.running = 0
        self.most = 0

    async def run(self, task: Any, seconds: float = 0) -> Any:
        self.began.append(task)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.clock.sleep(seconds)
        finally:
            self.running -= 1
        if str(task).startswith("fail"):
            raise ValueError(task)
        self.ended.append(task)
        return {"text": f"{task}!", "by": self.agent_id}


def timed(task: str, seconds: float) -> dict[str, Any]:
    """A task that takes a `Worker` so long."""
    return {"task": task, "inputs": {"task": task, "seconds": seconds}}
