# SPDX-License-Identifier: Apache-2.0
"""What visitors may do: talk to the agent of the widget, in a conversation of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Final

from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import Closed, Unavailable
from rollcall.kernel.ids import IdSource, derived
from rollcall.policies.retry import RetryPolicy
from rollcall.widgets import showing
from rollcall.widgets.errors import (
    AnswerUnavailable,
    DayUsedUp,
    MessageRefused,
    OriginNotAllowed,
    WidgetNotFound,
    WidgetPaused,
)
from rollcall.widgets.models import ENDS, SELF, Said, Signal, Told, Visitor, Widget
from rollcall.widgets.ports import Agents, Message, Shown, Talk, WidgetStore

_log = logging.getLogger(__name__)
_AGAIN: Final = RetryPolicy(initial_delay=0.2, max_delay=2.0)
_BREAKS: Final = 4
"""How often a stream is taken up again here before that is left to whoever listens."""
_VISITOR: Final = 24


class VisitorService:
    """Visitors.

    Args:
        store: Where widgets are.
        agents: Whether theirs answer.
        talk: Asks them.
        clock: Time.
        ids: Randomness.
        daily_messages: How many messages a widget takes in a day (UTC).
        leaving: Whether this process is about to end: then a stream that breaks off is left to
            whoever listens, who finds another one.
    """

    def __init__(
        self,
        store: WidgetStore,
        agents: Agents,
        talk: Talk,
        clock: Clock,
        ids: IdSource,
        *,
        daily_messages: int,
        leaving: Callable[[], bool],
    ) -> None:
        self._store = store
        self._agents = agents
        self._talk = talk
        self._clock = clock
        self._ids = ids
        self._daily = daily_messages
        self._leaving = leaving

    async def find(self, public_key: str) -> Shown:
        """The widget of a public key, as it is now, and how many messages it took today.

        Raises:
            WidgetNotFound: There is none.
        """
        found = await self._store.shown(public_key, utc(self._clock.now()).date())
        if found is None:
            raise WidgetNotFound(public_key)
        return found

    async def script(self, hash_: str) -> bytes | None:
        """An earlier or later version of the browser widget; None: none of this hash was kept.

        Raises:
            Unavailable: Nobody knows.
        """
        return await self._store.script(hash_)

    async def check(self, widget: Widget) -> None:
        """Refuse what a widget is asked that does not answer now.

        Raises:
            WidgetPaused: Somebody stopped it, or its agent, or deleted that.
            Unavailable: Nobody knows.
        """
        if widget.paused or not await self._agents.answers(
            widget.namespace, widget.content.agent_id
        ):
            raise WidgetPaused

    def meet(self, widget: Widget, page: str) -> Visitor:
        """A new visitor. Nothing of them is kept before they do something.

        Raises:
            OriginNotAllowed: The page is the widget's own frame, which nobody may embed.
        """
        if page == SELF and not widget.content.allowed_origins:
            raise OriginNotAllowed("this service, until the widget has an allowed origin")
        return Visitor(id=f"vis_{self._ids.hex(_VISITOR)}", origin=page)

    async def say(
        self, shown: Shown, visitor: Visitor, text: str, client_id: str
    ) -> AsyncGenerator[Told]:
        """Have the agent answer a visitor. It goes on answering when they leave.

        Args:
            shown: The widget.
            visitor: Who.
            text: What they say.
            client_id: The sender's name for the message: the same again is the same turn.

        Raises:
            WidgetPaused, InvalidInput, RateLimited, AnswerUnavailable: At the first step: the
                message is not taken.
            DayUsedUp: The widget took as many messages today as it may.
        """
        if shown.messages >= self._daily:
            raise DayUsedUp(self._left_of_day())
        widget = shown.widget
        message = Message(
            widget=widget,
            session_id=session_id(widget, visitor),
            user_id=visitor.user_id,
            text=text,
            key=derived("widget-message", visitor.id, client_id),
        )
        async with aclosing(self._relayed(widget, visitor, self._talk.say(message))) as told:
            async for one in told:
                yield one

    async def follow(self, widget: Widget, visitor: Visitor, turn_id: str) -> AsyncGenerator[Told]:
        """What happens to a turn of a visitor, from its beginning.

        Raises:
            TurnNotFound: They have no such turn.
            RateLimited, AnswerUnavailable: At the first step.
        """
        opened = self._talk.follow(widget, session_id(widget, visitor), turn_id)
        async with aclosing(self._relayed(widget, visitor, opened, turn_id)) as told:
            async for one in told:
                yield one

    async def said(self, widget: Widget, visitor: Visitor, limit: int) -> Sequence[Said]:
        """The last messages of a visitor, the oldest first.

        Raises:
            AnswerUnavailable: Nobody knows now.
        """
        return await self._talk.said(widget, session_id(widget, visitor), limit)

    async def track(self, widget: Widget, visitor: Visitor, signal: Signal) -> None:
        """Count a signal of a visitor, once an hour at most."""
        if not visitor.counts:
            return
        async with self._store.begin() as work:
            await work.signal(widget, visitor.id, signal, self._clock.now())

    async def _relayed(
        self,
        widget: Widget,
        visitor: Visitor,
        opened: AsyncGenerator[Told],
        asked: str | None = None,
    ) -> AsyncGenerator[Told]:
        """What of a turn is for its visitor, counted, and taken up again where it breaks off."""
        turn_id: str | None = None
        breaks = 0
        while True:
            try:
                async with (
                    aclosing(opened) as told,
                    aclosing(self._counted(widget, visitor, told)) as counted,
                ):
                    async for one in counted:
                        if one.kind == "accepted":
                            if turn_id is not None:
                                continue
                            turn_id = one.data["turn_id"]
                        yield one
                        if one.kind in ENDS:
                            return
            except MessageRefused as error:
                if turn_id is not None:
                    # It was deleted meanwhile, with all that was said.
                    return
                raise showing.refusal(error, asked) from error
            except AnswerUnavailable:
                if turn_id is None:
                    raise
            breaks += 1
            if turn_id is None or breaks > _BREAKS or self._leaving():
                # Whoever listens can come back for the rest.
                return
            await self._clock.sleep(_AGAIN.delay(breaks))
            yield Told("reset", {})
            opened = self._talk.follow(widget, session_id(widget, visitor), turn_id)

    async def _counted(
        self, widget: Widget, visitor: Visitor, told: AsyncGenerator[Told]
    ) -> AsyncGenerator[Told]:
        """What of a turn is for its visitor. It is counted beside that, so that nobody waits."""
        counting: asyncio.Task[None] | None = None
        turn_id = ""
        try:
            async for one in told:
                shown = showing.shown(one)
                if shown is None:
                    continue
                if shown.kind == "accepted" and visitor.counts:
                    turn_id = shown.data["turn_id"]
                    counting = asyncio.create_task(self._count(widget, visitor, turn_id))
                if shown.kind == "failed" and counting is not None:
                    await counting
                    await self._count_failure(widget, turn_id)
                yield shown
        finally:
            if counting is not None:
                # It is done also where the visitor has left.
                await asyncio.shield(counting)

    async def _count(self, widget: Widget, visitor: Visitor, turn_id: str) -> None:
        try:
            async with self._store.begin() as work:
                await work.message(widget, visitor.id, turn_id, self._clock.now())
        except (Closed, Unavailable) as error:
            # An answer is worth more than its count.
            _log.warning("a message of widget %s is not counted: %s", widget.id, error)

    async def _count_failure(self, widget: Widget, turn_id: str) -> None:
        try:
            async with self._store.begin() as work:
                await work.failed(widget.namespace, turn_id)
        except (Closed, Unavailable) as error:
            _log.warning("a failure of widget %s is counted later: %s", widget.id, error)

    def _left_of_day(self) -> float:
        now = utc(self._clock.now())
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight - now).total_seconds()


def session_id(widget: Widget, visitor: Visitor) -> str:
    """The conversation of a visitor with the agent that a widget has now: `widget.visitor.agent`.
    Nobody can name another one by a token of theirs.
    """
    agent = derived("widget-agent", widget.content.agent_id, digits=8)
    return f"{widget.id}.{visitor.id}.{agent}"
