# SPDX-License-Identifier: Apache-2.0
"""Has the model of the agent service find entities, with pydantic-ai's typed output."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from rollcall.conversations.pricing import ListPrices, Prices, Tokens
from rollcall.conversations.providers import Chosen, Models
from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import MissingExtra, Unavailable
from rollcall.memory.extract_model import ModelAnswer, ModelUsage, Reading

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.usage import RunUsage

PATIENCE: Final = 60.0
"""Seconds that a model may take for one memory."""
_RETRIES: Final = 2
"""Times that a model is told what was wrong with the form of its answer."""

_log = logging.getLogger(__name__)


class ModelEntities:
    """An `EntityModel` over the models that the settings reach.

    Args:
        models: Those models, without the offline planner; closed by their owner.
        clock: Time.
        prices: What tokens cost.
    """

    def __init__(self, models: Models, clock: Clock, prices: Prices | None = None) -> None:
        self._models = models
        self._clock = clock
        self._prices = prices or ListPrices()

    async def find(self, instructions: str, prompt: str) -> Reading:
        """See `EntityModel`. Models are asked in the order of the settings."""
        trouble = "there is no model"
        for name in self._models.chain(None):
            try:
                return await within(self._clock, PATIENCE, self._asked(name, instructions, prompt))
            except asyncio.CancelledError:
                raise
            except MissingExtra:
                raise
            except Exception as error:
                # Whatever it was, the next one may do better. What it said may quote the note.
                trouble = f"{name} failed ({type(error).__name__})"
                _log.warning("entities could not be extracted: %s", trouble)
        raise Unavailable(f"no model finds entities now: {trouble}")

    async def _asked(self, name: str, instructions: str, prompt: str) -> Reading:
        # Here, since it takes a second to load, and most processes never need it.
        from pydantic_ai import Agent

        chosen = await self._models.open(name)
        agent = Agent(
            chosen.model, output_type=ModelAnswer, instructions=instructions, retries=_RETRIES
        )
        result = await agent.run(prompt)
        return Reading(result.output, self._used(chosen, result.response, result.usage))

    def _used(self, chosen: Chosen, said: ModelResponse, usage: RunUsage) -> ModelUsage:
        tokens = Tokens(
            said.model_name or chosen.model.model_name,
            said.provider_name or chosen.provider,
            said.provider_url or "",
            read=usage.input_tokens,
            written=usage.output_tokens,
            cached=usage.cache_read_tokens,
            cached_anew=usage.cache_write_tokens,
        )
        cost = Decimal(0) if chosen.free else self._prices.price(tokens)
        return ModelUsage(
            tokens.model,
            tokens.provider,
            tokens.read,
            tokens.written,
            tokens.cached,
            usage.requests,
            cost,
            self._prices.source if cost else "",
        )
