# SPDX-License-Identifier: Apache-2.0
"""What a turn is answered with: its agent, what was said before, and what is remembered."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from rollcall.conversations.briefs import NO_NOTES, Agent, Brief, Notes
from rollcall.conversations.definitions import Definitions
from rollcall.conversations.models import Exchange, Turn
from rollcall.conversations.options import ConversationOptions
from rollcall.conversations.ports import Task
from rollcall.conversations.recollection import MOST, Memories, Noted
from rollcall.conversations.skills import clamped
from rollcall.conversations.turn_store import TurnStore
from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import RollcallError

VISITOR: Final = "visitor:"
"""Begins the user ids of strangers: visitors of a page that an agent stands on."""
_log = logging.getLogger("rollcall.conversations")


class Preparation:
    """Makes a task for a model of a turn.

    Args:
        store: Where earlier turns are.
        definitions: Which agents there are.
        memories: What is remembered; None: nothing is.
        clock: Bounds how long memories are waited for.
        options: Settings.
    """

    def __init__(
        self,
        store: TurnStore,
        definitions: Definitions,
        memories: Memories | None,
        clock: Clock,
        options: ConversationOptions,
    ) -> None:
        self._store = store
        self._definitions = definitions
        self._memories = memories
        self._clock = clock
        self._options = options

    async def task(self, turn: Turn) -> Task:
        """What a model is to do for a turn.

        Raises:
            AgentNotFound, AgentNotRunnable: Its agent's version cannot be run.
            Unavailable: Something needed does not answer. Memories are not needed.
        """
        agent = await self._agent(turn)
        limits = self._options.limits
        return Task(
            turn_id=turn.id,
            namespace=turn.namespace,
            user_input=turn.user_input,
            history=await self._history(turn),
            instructions=turn.instructions,
            brief=Brief(agent=agent, notes=await self._notes(turn)),
            model=turn.model or (agent.model if agent else None),
            limits=clamped(limits, agent.limits) if agent else limits,
            correlation_id=turn.correlation_id,
            caller=turn.owner,
            agent_id=turn.agent_id,
        )

    async def _agent(self, turn: Turn) -> Agent | None:
        if turn.agent_version is None:
            return None
        found = await self._definitions.version(turn.namespace, turn.agent_id, turn.agent_version)
        stranger = (turn.user_id or "").startswith(VISITOR)
        return replace(found, confined=True) if stranger else found

    async def _notes(self, turn: Turn) -> Notes:
        """What is remembered; what goes wrong with it is nothing to the turn."""
        if self._memories is None:
            return NO_NOTES
        whose = (turn.namespace, turn.user_id, turn.session_id, turn.user_input)
        recalled: Sequence[str] = ()
        noted: Sequence[Noted] = ()
        seconds = self._options.memory_seconds
        try:
            recalled = await within(self._clock, seconds, self._memories.recall(*whose, MOST))
            # Before the answer, so that who has it can count on what was said.
            noted = await within(self._clock, seconds, self._memories.remember(*whose))
        except (RollcallError, TimeoutError) as error:
            _log.warning("turn %s goes on without memories: %s", turn.id, error)
        except Exception:
            _log.exception("turn %s goes on without memories", turn.id)
        kept = tuple(one.content for one in noted)
        return Notes(tuple(one for one in recalled if one not in kept), kept)

    async def _history(self, turn: Turn) -> Sequence[Exchange]:
        if turn.history is not None:
            return turn.history
        if turn.number == 1:
            return ()
        told = await self._store.history(
            turn.namespace, turn.session_id, before=turn.number, limit=self._options.history_turns
        )
        left = self._options.history_chars
        kept: list[Exchange] = []
        for exchange in reversed(told):
            left -= len(exchange.user_input) + len(exchange.response)
            if left < 0:
                break
            kept.append(exchange)
        return kept[::-1]
