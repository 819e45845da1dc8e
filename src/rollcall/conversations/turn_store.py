# SPDX-License-Identifier: Apache-2.0
"""The port of what keeps sessions and turns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from rollcall.conversations.models import Exchange, Session, Turn
from rollcall.events.envelope import Event


class Accepted(msgspec.Struct, frozen=True):
    """What became of a message that was to be kept.

    Args:
        turn: The turn: `running` where it may begin at once, else `accepted`.
        known: Whether it was there already, by its idempotency key.
    """

    turn: Turn
    known: bool


class TurnStore(Protocol):
    """Where sessions and turns are kept. Every call is one transaction.

    A turn belongs to the *runner* that accepted it, or that took it over: a process. What a runner
    writes to a turn that is not its own any more is refused by `None`.
    """

    async def accept(
        self, turn: Turn, *, runner: str, fingerprint: str, waiting: int, begin: bool
    ) -> Accepted:
        """Keep a turn. Its number is given here.

        Args:
            turn: With status `accepted` and any number. The version of its agent counts where it
                begins its session; else it gets the one that the session keeps.
            runner: Who will run it.
            fingerprint: Of what was asked, to tell a repeated request from a reused key.
            waiting: How many turns of a session may wait.
            begin: Whether it may be `running` from here on if no earlier turn is under way.

        Raises:
            KeyReused, SessionBusy, SessionOfAnother, Unavailable: As `Conversations.accept`.
        """
        ...

    async def known(self, turn: Turn, fingerprint: str) -> Turn | None:
        """The turn that has the idempotency key of this one already; None: there is none.

        Raises:
            KeyReused: It is another message.
        """
        ...

    async def start(self, turn: Turn, *, runner: str, at: datetime) -> Turn | None:
        """Begin a turn. None: an earlier one of the session is under way, or it is not ours."""
        ...

    async def finish(self, turn: Turn, events: Sequence[Event], *, runner: str) -> bool:
        """Write how a turn ended, and its events with it. False: it is not ours, or had ended."""
        ...

    async def turn(self, namespace: str, session_id: str, turn_id: str) -> Turn:
        """One turn.

        Raises:
            TurnNotFound: There is none.
        """
        ...

    async def turns(
        self, namespace: str, session_id: str, *, limit: int, after: int
    ) -> Sequence[Turn]:
        """Turns behind number `after`, in order; empty also where there is no session."""
        ...

    async def history(
        self, namespace: str, session_id: str, *, before: int, limit: int
    ) -> Sequence[Exchange]:
        """The last `limit` answered turns before number `before`, the oldest first."""
        ...

    async def session(self, namespace: str, session_id: str) -> Session:
        """One session.

        Raises:
            SessionNotFound: There is none.
        """
        ...

    async def sessions(
        self,
        namespace: str,
        *,
        user_id: str | None,
        agent_id: str | None = None,
        limit: int,
        after: tuple[float, str] | None,
    ) -> Sequence[Session]:
        """Sessions, the one changed last first, behind `after` (seconds, session id)."""
        ...

    async def delete(self, namespace: str, session_id: str, events: Sequence[Event]) -> int | None:
        """Delete a session and its turns; how many there were. None: some are under way.

        Raises:
            SessionNotFound: There is none.
        """
        ...

    async def unfinished(self, namespace: str, session_id: str) -> Sequence[Turn]:
        """The turns of a session that have not ended, in order."""
        ...

    async def call_off(self, turn: Turn) -> None:
        """Note that a turn is to be cancelled, for the runner that has it."""
        ...

    async def beat(self, runner: str, at: float) -> Sequence[str]:
        """Note that a runner lives; the ids of its turns that are to be cancelled."""
        ...

    async def take_over(self, runner: str, *, silent_since: float, at: float) -> Sequence[Turn]:
        """Make the turns of runners that were silent since then this runner's, and give them."""
        ...
