# SPDX-License-Identifier: Apache-2.0
"""Has a model answer with the help of tools: asks it, makes the calls it wants, and asks again."""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Final

from rollcall.conversations.errors import LimitReached, ModelMisbehaved, ModelRefused
from rollcall.conversations.loop_asking import Asking
from rollcall.conversations.loop_calls import Calls
from rollcall.conversations.loop_tally import Tally
from rollcall.conversations.loop_terms import PROMPT, Said, Told
from rollcall.conversations.models import Exchange, LoopEvent, ToolSpec
from rollcall.conversations.ports import Meter, Task, Toolbox
from rollcall.conversations.pricing import ListPrices, Prices, estimated_tokens
from rollcall.conversations.providers import Models
from rollcall.conversations.skills import granted, persona
from rollcall.kernel.clock import Clock, SystemClock, within
from rollcall.kernel.errors import MissingExtra, Unavailable
from rollcall.policies.retry import RetryPolicy

if TYPE_CHECKING:
    from rollcall.conversations.loop_model import Dialogue

_log = logging.getLogger(__name__)

_RETRIES: Final = RetryPolicy(max_retries=3, initial_delay=0.5, max_delay=20.0)
_WORD: Final = re.compile(r"[^\W_]+")
_MISTAKES: Final = 3
"""Steps in a row in which no call makes sense, after which a model is given up."""
_LEAST: Final = Decimal("1e-12")
"""The least amount of money that there is."""
_SILENCES: Final = 2
"""Times that a model is asked again which said nothing at all."""


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How a loop works.

    Args:
        prompt: What the agent is told to be, before the instructions of a task; one of a
            definition is told what that says instead.
        retries: How often and how patiently a provider is asked again that does not answer.
        history_tokens: How much of what was said before a model is told, in tokens by the rule of
            `estimated_tokens`; the latest of it. The message itself is always sent.
        most_tools: Tools that a model is shown at once, which providers limit. Of more, it is shown
            those that have most words in common with what the user says.
        calls_at_once: Calls of tools that run side by side in one turn.
        most_characters: Of a tool's result, what a model is shown.
    """

    prompt: str = PROMPT
    retries: RetryPolicy = _RETRIES
    history_tokens: int = 32_000
    most_tools: int = 128
    calls_at_once: int = 8
    most_characters: int = 50_000


class ModelLoop:
    """A `Loop` over the models of the settings and the tools of a toolbox.

    The tools are looked up anew before each step, so that one that was registered meanwhile can be
    called, and one that is gone is not offered. A limit is looked at before each step and each
    round of calls: what has come is given also where it used up the last of it. Time alone ends
    a turn in the middle of something.

    Args:
        toolbox: Where tools are.
        models: Which models there are.
        settings: How it works.
        clock: Time.
        prices: What tokens cost.
        rng: Spreads out those who ask a provider again.
    """

    def __init__(
        self,
        toolbox: Toolbox,
        models: Models,
        *,
        settings: LoopSettings | None = None,
        clock: Clock | None = None,
        prices: Prices | None = None,
        rng: Random | None = None,
    ) -> None:
        self._toolbox = toolbox
        self._models = models
        self._settings = settings or LoopSettings()
        self._clock = clock or SystemClock()
        self._prices = prices or ListPrices()
        self._rng = rng or Random()
        self._make: type[Dialogue] | None = None

    def models(self) -> Sequence[str]:
        """What `task.model` may be by the settings, the one taken by default first."""
        return self._models.names()

    async def warm(self) -> None:
        """Load what the default model needs, and keep its connections until `aclose`.

        Raises:
            MissingExtra: Its client is not installed.
            InvalidInput: Its provider does not take the settings.
        """
        await self._loaded()
        await self._models.warm()

    async def aclose(self) -> None:
        """Close what `warm` opened."""
        await self._models.aclose()

    async def run(self, task: Task, meter: Meter) -> AsyncGenerator[LoopEvent, None]:
        """Answer; see `Loop`. Closing the iterator calls everything off and waits for its end."""
        names = self._models.chain(task.model)
        events: asyncio.Queue[LoopEvent | None] = asyncio.Queue()
        # A task of its own: a limit of time would otherwise run on while the caller has the turn.
        work = asyncio.create_task(self._bounded(names, task, meter, events.put_nowait))
        work.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            await work
        finally:
            work.cancel()
            await asyncio.wait([work])
            if not work.cancelled():
                work.exception()

    async def _loaded(self) -> type[Dialogue]:
        if self._make is None:
            self._make = await asyncio.to_thread(_dialogue)
        return self._make

    async def _bounded(
        self, names: Sequence[str], task: Task, meter: Meter, tell: Callable[[LoopEvent], None]
    ) -> None:
        seconds = task.limits.seconds
        if seconds is None:
            await self._answer(names, task, meter, tell, math.inf)
            return
        deadline = self._clock.monotonic() + seconds
        try:
            work = self._answer(names, task, meter, tell, deadline)
            await within(self._clock, seconds, work)
        except TimeoutError as error:
            problem = f"there was no answer within {seconds:g} s"
            raise LimitReached("seconds", problem) from error

    async def _answer(
        self,
        names: Sequence[str],
        task: Task,
        meter: Meter,
        tell: Callable[[LoopEvent], None],
        deadline: float,
    ) -> None:
        settings = self._settings
        try:
            make = await self._loaded()
        except MissingExtra as error:
            raise ModelRefused(str(error)) from error
        agent = task.brief.agent
        prompt = settings.prompt if agent is None else persona(agent)
        instructions = "\n\n".join(part for part in (prompt, task.instructions) if part)
        history = recent(task.history, settings.history_tokens)
        dialogue = make(
            instructions, history, task.user_input, self._models.secrets, task.brief.notes
        )
        tally = Tally(meter, self._prices)
        calls = Calls(
            self._toolbox,
            self._clock,
            task,
            meter,
            tell,
            settings.calls_at_once,
            settings.most_characters,
        )
        asking = Asking(
            self._models,
            names,
            tally,
            meter=meter,
            tell=tell,
            clock=self._clock,
            rng=self._rng,
            policy=settings.retries,
            deadline=deadline,
        )
        async with asking:
            turn = _Turn(
                self._toolbox, settings.most_tools, task, meter, dialogue, tally, calls, asking
            )
            await turn.answer()


@dataclass(slots=True)
class _Turn:
    """One turn: steps until there is an answer, or a limit."""

    toolbox: Toolbox
    most_tools: int
    task: Task
    meter: Meter
    dialogue: Dialogue
    tally: Tally
    calls: Calls
    asking: Asking

    async def answer(self) -> None:
        steps = mistakes = silences = 0
        while True:
            tools = await self._tools()
            left = self._tokens_left(steps, tools)
            steps += 1
            said = await self.asking.step(self.dialogue, tools, left)
            if not said.calls:
                if any(piece.strip() for piece in self.meter.text):
                    return
                silences += 1
                self._silent(said, silences)
                continue
            self.asking.take_back()
            self._refuse_too_many(len(said.calls))
            replies = await self.calls.make(steps, said.calls, tools)
            self.dialogue.reply(replies)
            nonsense = all(one.told is Told.AGAIN for one in replies)
            mistakes = mistakes + 1 if nonsense else 0
            if mistakes > _MISTAKES:
                raise ModelMisbehaved(
                    f"the model {self.asking.name} asks for calls that make no sense"
                )

    async def _tools(self) -> Sequence[ToolSpec]:
        try:
            there = await self.toolbox.tools(self.task.namespace)
            agent = self.task.brief.agent
            there = granted(there, agent)
            called = {run.name for run in self.meter.tools}
            return offered(there, self.task.user_input, self.most_tools, called)
        except Unavailable as error:
            _log.warning("no tools are offered: %s", error)
            return ()

    def _tokens_left(self, steps: int, tools: Sequence[ToolSpec]) -> float:
        """Tokens that the next step may write.

        Raises:
            LimitReached: There is to be no next step.
        """
        limits = self.task.limits
        if limits.steps is not None and steps >= limits.steps:
            raise LimitReached("steps", f"the model was asked {steps} times without an answer")
        # What costs nothing may go on without any money.
        if limits.cost is not None and self.tally.spent >= max(limits.cost, _LEAST):
            raise LimitReached("cost", f"{self.tally.spent} USD are spent")
        if limits.tokens is None:
            return math.inf
        used, next_one = self.tally.tokens, estimated_tokens(self.dialogue.characters(tools))
        if used + next_one >= limits.tokens:
            raise LimitReached(
                "tokens", f"{used} tokens are used, and the next step would read some {next_one}"
            )
        return limits.tokens - used - next_one

    def _refuse_too_many(self, more: int) -> None:
        most, made = self.task.limits.tool_calls, len(self.meter.tools)
        if most is not None and made + more > most:
            raise LimitReached("tool_calls", f"{made} calls were made, and {more} more are wanted")

    def _silent(self, said: Said, silences: int) -> None:
        """What becomes of an answer without a word.

        Raises:
            ModelRefused: The provider keeps the answer back.
            ModelMisbehaved: It will not get better.
        """
        self.asking.take_back()
        name = self.asking.name
        if said.withheld:
            raise ModelRefused(f"the provider of {name} keeps the answer back")
        if said.cut_short:
            raise ModelMisbehaved(f"the model {name} used up its answer before its first word")
        if silences > _SILENCES:
            raise ModelMisbehaved(f"the model {name} says nothing")


def recent(history: Sequence[Exchange], tokens: int) -> Sequence[Exchange]:
    """The latest exchanges that are no more than so many tokens together."""
    left = tokens
    for place in range(len(history) - 1, -1, -1):
        one = history[place]
        left -= estimated_tokens(len(one.user_input) + len(one.response))
        if left < 0:
            return history[place + 1 :]
    return history


def offered(
    tools: Sequence[ToolSpec], words: str, most: int, called: Collection[str] = ()
) -> Sequence[ToolSpec]:
    """At most so many of the tools, in their order: those called before, and then those whose name
    and description have most words in common with `words`.
    """
    if len(tools) <= most:
        return tools
    wanted = _words(words)

    def fit(place: int) -> tuple[bool, int]:
        one = tools[place]
        return one.name in called, len(wanted & _words(f"{one.name} {one.description}"))

    places = sorted(range(len(tools)), key=fit, reverse=True)[:most]
    return [tools[place] for place in sorted(places)]


def _words(text: str) -> set[str]:
    return {word for word in _WORD.findall(text.lower()) if len(word) > 2}


def _dialogue() -> type[Dialogue]:
    try:
        from rollcall.conversations.loop_model import Dialogue  # noqa: PLC0415 (takes a second)
    except ImportError as error:
        raise MissingExtra("a conversation with a model", "server") from error
    return Dialogue
