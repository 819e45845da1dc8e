# SPDX-License-Identifier: Apache-2.0
"""Asks models for the next step of a turn, again or elsewhere where that helps.

This is the one layer that repeats a request: the SDKs are told not to. What is metered, and how:

- A request whose answer came counts as its provider says; where it says nothing, as estimated.
- A request whose answer broke off, or that was called off, counts as its provider said up to
  then, and what it did not say is estimated: it has done the work.
- A request that was turned away (an HTTP error), or never got through, used nothing.

What is estimated is one token for four characters: those sent for reading, those received for
writing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from random import Random
from typing import TYPE_CHECKING, Self

from rollcall.conversations.errors import ModelMisbehaved, ModelRefused, ModelUnavailable
from rollcall.conversations.loop_tally import Tally
from rollcall.conversations.loop_terms import Heard, Said, Trouble
from rollcall.conversations.models import LoopEvent, TextPart, TextReset, ToolSpec
from rollcall.conversations.ports import Meter
from rollcall.conversations.pricing import Tokens, estimated_tokens
from rollcall.conversations.providers import Chosen, Models
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput, MissingExtra
from rollcall.policies.retry import RetryPolicy, full_jitter

if TYPE_CHECKING:
    from rollcall.conversations.loop_model import Dialogue

_log = logging.getLogger(__name__)

_BREAKS = 1
"""How many times a step is repeated whose answer broke off."""
_PATIENCE = 600.0
"""Seconds that are not waited for a provider, even where a turn has no limit of time."""


class Asking:
    """Asks for the steps of one turn.

    Args:
        models: Where models are.
        names: The models to ask, each where the ones before it do not answer.
        tally: What was used.
        meter: Has the answer as it comes.
        tell: Told of each piece of it.
        clock: Time.
        rng: Spreads out those who come back.
        policy: How often and how patiently.
        deadline: When the turn is over, on the monotonic clock.
    """

    def __init__(
        self,
        models: Models,
        names: Sequence[str],
        tally: Tally,
        *,
        meter: Meter,
        tell: Callable[[LoopEvent], None],
        clock: Clock,
        rng: Random,
        policy: RetryPolicy,
        deadline: float,
    ) -> None:
        self._models = models
        self._names = list(names)
        self._tally = tally
        self._meter = meter
        self._tell = tell
        self._clock = clock
        self._rng = rng
        self._policy = policy
        self._deadline = deadline
        self._open: dict[str, Chosen] = {}
        self._held = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._held.aclose()

    @property
    def name(self) -> str:
        """The model that is asked now."""
        return self._names[0]

    async def step(self, dialogue: Dialogue, tools: Sequence[ToolSpec], most_tokens: float) -> Said:
        """What a model says next; the text of it stands in the meter.

        Args:
            dialogue: What was said before.
            tools: What it may call.
            most_tokens: How many it may write.

        Raises:
            ModelUnavailable, ModelRefused, ModelMisbehaved: Nothing can be had of any of them.
            LimitReached: It wrote more than it may.
        """
        while True:
            try:
                return await self._ask(dialogue, tools, most_tokens)
            except ModelUnavailable as error:
                if len(self._names) == 1:
                    raise
                _log.warning("%s: %s is asked instead", error.problem, self._names[1])
                del self._names[0]

    def take_back(self) -> None:
        """What was said in this step is not the answer."""
        if self._meter.text:
            self._meter.text.clear()
            self._tell(TextReset())

    async def _ask(self, dialogue: Dialogue, tools: Sequence[ToolSpec], most_tokens: float) -> Said:
        chosen = await self._chosen()
        model, provider = chosen.model.model_name, chosen.provider
        self._tally.begin(model, provider)
        read = estimated_tokens(dialogue.characters(tools))
        attempt, breaks = 0, 0
        while True:
            attempt += 1
            heard = Heard(Tokens(model, provider, read=read, estimated=True), most_tokens)
            # Also where it is called off: whoever got the request does the work.
            used = True
            try:
                return await dialogue.ask(chosen, tools, heard, self._hear)
            except Trouble as trouble:
                used = heard.begun
                self.take_back()
                breaks += heard.begun or trouble.kind is Trouble.Kind.NONSENSE
                give_up = breaks > _BREAKS or not self._policy.should_retry(attempt, trouble)
                delay = self._delay(trouble, attempt, give_up=give_up)
            finally:
                if used:
                    self._tally.add(heard.tokens, free=chosen.free)
            await self._clock.sleep(delay)

    async def _chosen(self) -> Chosen:
        if self.name not in self._open:
            try:
                chosen = await self._models.open(self.name)
            except (InvalidInput, MissingExtra) as error:
                raise ModelRefused(str(error)) from error
            await self._held.enter_async_context(chosen.model)
            self._open[self.name] = chosen
        return self._open[self.name]

    def _hear(self, piece: str) -> None:
        self._meter.text.append(piece)
        self._tell(TextPart(piece))

    def _delay(self, trouble: Trouble, attempt: int, *, give_up: bool) -> float:
        """Seconds until it may help to ask again.

        Raises:
            ModelUnavailable, ModelRefused, ModelMisbehaved: It does not help.
        """
        kind, problem = trouble.kind, trouble.problem
        if kind is Trouble.Kind.NOTHING:
            raise ModelRefused(problem) from None
        if give_up and kind is Trouble.Kind.NONSENSE:
            raise ModelMisbehaved(problem) from None
        if give_up or kind is Trouble.Kind.ELSEWHERE:
            raise ModelUnavailable(problem) from None
        delay = full_jitter(self._policy.delay(attempt), self._rng)
        if trouble.retry_after is not None:
            delay = max(delay, trouble.retry_after)
        left = self._deadline - self._clock.monotonic()
        if delay >= min(left, _PATIENCE):
            raise ModelUnavailable(f"{problem}; it may in {delay:.0f} s") from None
        _log.info("%s: asked again in %.1f s", problem, delay)
        return delay
