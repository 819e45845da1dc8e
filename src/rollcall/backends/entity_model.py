# SPDX-License-Identifier: Apache-2.0
"""Has the model of the agent service find entities, with pydantic-ai's typed output."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from rollcall.conversations.providers import Models
from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import MissingExtra, Unavailable
from rollcall.memory.extract_model import ModelAnswer

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
    """

    def __init__(self, models: Models, clock: Clock) -> None:
        self._models = models
        self._clock = clock

    async def find(self, instructions: str, prompt: str) -> ModelAnswer:
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

    async def _asked(self, name: str, instructions: str, prompt: str) -> ModelAnswer:
        # Here, since it takes a second to load, and most processes never need it.
        from pydantic_ai import Agent

        chosen = await self._models.open(name)
        agent = Agent(
            chosen.model, output_type=ModelAnswer, instructions=instructions, retries=_RETRIES
        )
        return (await agent.run(prompt)).output
