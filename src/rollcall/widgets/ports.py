# SPDX-License-Identifier: Apache-2.0
"""What widgets need from others, and where they are kept as the service sees it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date
from typing import NamedTuple, Protocol

import msgspec

from rollcall.events.log import UnitOfWork
from rollcall.kernel.cursors import Place
from rollcall.widgets.models import Figures, Said, Signal, Told, Widget


class Kept(NamedTuple):
    """A widget that was made with an idempotency key, and what its request said."""

    widget: Widget
    fingerprint: str


class Shown(NamedTuple):
    """A widget as visitors find it, and how many messages it has taken on a day."""

    widget: Widget
    messages: int


class WidgetWork(UnitOfWork, Protocol):
    """One transaction. Whatever is counted of a widget that is gone is not."""

    async def widget(self, namespace: str, widget_id: str) -> Widget | None:
        """A widget, locked against every other writer; None: there is none."""
        ...

    async def by_key(self, namespace: str, owner: str, key: str) -> Kept | None:
        """The widget that somebody made with an idempotency key."""
        ...

    async def add(self, widget: Widget, key: str | None, fingerprint: str) -> bool:
        """Write a widget that is new; False: somebody else was quicker with the key."""
        ...

    async def put(self, widget: Widget) -> None:
        """Write a widget in the place of the one that was locked."""
        ...

    async def drop(self, namespace: str, widget_id: str) -> None:
        """Delete a widget that was locked, with all that was counted of it."""
        ...

    async def count(self, widget: Widget, signal: Signal, day: date) -> None:
        """Count a signal of nobody in particular."""
        ...

    async def signal(self, widget: Widget, visitor_id: str, signal: Signal, at: float) -> None:
        """Count a signal of a visitor, unless one of the same hour was."""
        ...

    async def message(self, widget: Widget, visitor_id: str, turn_id: str, at: float) -> None:
        """Count a message of a visitor, unless it was."""
        ...

    async def failed(self, namespace: str, turn_id: str) -> None:
        """Count that a message that was counted has no answer, unless that was."""
        ...


class WidgetStore(Protocol):
    """The tables. Every read is of one moment."""

    def begin(self) -> AbstractAsyncContextManager[WidgetWork]:
        """A unit of work: committed when the block ends, rolled back when it raises."""
        ...

    async def get(self, namespace: str, widget_id: str) -> Widget | None:
        """A widget; None: there is none."""
        ...

    async def shown(self, public_key: str, day: date) -> Shown | None:
        """The widget of a public key; None: there is none. It is what it is now, not a while ago:
        pausing it counts at once, in every process.
        """
        ...

    async def find(
        self, namespace: str, *, agent_id: str | None, limit: int, after: Place | None
    ) -> Sequence[Widget]:
        """Widgets, the newest first, behind `after`."""
        ...

    async def days(self, namespace: str, widget_id: str, since: date) -> Mapping[date, Figures]:
        """What was counted on each day since then on which anything was."""
        ...

    async def keep_script(self, hash_: str, body: bytes, at: float) -> None:
        """Keep a version of the browser widget for the pages that name it by its hash."""
        ...

    async def script(self, hash_: str) -> bytes | None:
        """A version of the browser widget that was kept; None: there never was one."""
        ...

    async def forget(self, before: float) -> int:
        """Drop what is known of visitors of whom nothing was heard since then; how many."""
        ...


class Agents(Protocol):
    """The definitions of agents."""

    async def answers(self, namespace: str, agent_id: str) -> bool | None:
        """Whether an agent is active; None: there is none, it was deleted, or it is none for
        visitors.

        Raises:
            Unavailable: Nobody knows now.
        """
        ...


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a visitor says.

    Args:
        widget: Where.
        session_id: In which conversation.
        user_id: What they are known by.
        text: The message.
        key: The same for the same message, and for no other one of the widget.
    """

    widget: Widget
    session_id: str
    user_id: str
    text: str
    key: str


class Talk(Protocol):
    """The agent service. It goes on answering when whoever asked leaves."""

    def say(self, message: Message) -> AsyncGenerator[Told]:
        """Have the widget's agent answer; what happens, as it does. The same key again: the same
        turn, from its beginning.

        Raises:
            MessageRefused: The message is not taken.
            AnswerUnavailable: It does not answer, or no more.
        """
        ...

    def follow(self, widget: Widget, session_id: str, turn_id: str) -> AsyncGenerator[Told]:
        """What happens to a turn, from its beginning.

        Raises:
            MessageRefused: There is no such turn.
            AnswerUnavailable: It does not answer, or no more.
        """
        ...

    async def said(self, widget: Widget, session_id: str, limit: int) -> Sequence[Said]:
        """The last messages of a conversation, the oldest first; none where there is none.

        Raises:
            AnswerUnavailable: It does not answer.
        """
        ...
