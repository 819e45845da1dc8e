# SPDX-License-Identifier: Apache-2.0
"""Erases what was said in conversations, when the memories of a user, agent or session go.

Turns, sessions, searchable messages and what events told of them are in one database, so all of it
goes in the unit of work in which the memories do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.backends.messages.tables import MESSAGES
from rollcall.backends.sql.database import Database
from rollcall.backends.sql.redaction import EventRedaction
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.conversations.models import TurnStatus
from rollcall.conversations.module import BLANKS
from rollcall.conversations.tables import SESSIONS, TURNS
from rollcall.conversations.told import session_deleted
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import IdSource
from rollcall.memory.errors import StillTalking
from rollcall.tools.messages.models import Source

PATIENCE: Final = 10.0
"""Seconds that answers under way have to end, once they are called off."""
_EVERY: Final = 0.1
_CHUNK: Final = 500
_DIGITS: Final = 16
_OPEN: Final = TURNS.c.status.in_((TurnStatus.ACCEPTED.value, TurnStatus.RUNNING.value))
_MERGE: Final = text("INSERT INTO message_words (message_words) VALUES ('optimize')")


class ConversationErasure:
    """A `Holder` of what was said.

    Args:
        database: Where it is.
        clock: Time.
        ids: Randomness.
    """

    def __init__(self, database: Database, clock: Clock, ids: IdSource) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._redaction = EventRedaction(BLANKS)

    async def settle(self, namespace: str, filters: Mapping[str, str], /) -> None:
        """See `Holder`: answers under way are called off, wherever they are written."""
        mine = _sessions(namespace, filters)
        open_ = (_OPEN, _in(TURNS.c.session_id, mine), TURNS.c.namespace == namespace)
        deadline = self._clock.monotonic() + PATIENCE
        while True:
            async with self._database.begin() as work:
                called = await work.connection.execute(
                    update(TURNS).where(*open_).values(call_off=True)
                )
            if not called.rowcount or self._clock.monotonic() >= deadline:
                return
            await self._clock.sleep(_EVERY)

    async def erase(
        self, work: SqlUnitOfWork, namespace: str, filters: Mapping[str, str], at: datetime, /
    ) -> dict[str, int]:
        """See `Holder`.

        Raises:
            StillTalking: An answer is under way; nothing was erased.
        """
        connection, mine = work.connection, _sessions(namespace, filters)
        # Locked: a message that comes meanwhile waits, and begins a session anew.
        found = select(SESSIONS.c.session_id).where(*mine).with_for_update()
        ids = list((await connection.execute(found)).scalars())
        open_ = select(TURNS.c.session_id).where(
            _OPEN, TURNS.c.namespace == namespace, _in(TURNS.c.session_id, mine)
        )
        busy = (await connection.execute(open_.limit(1))).scalar_one_or_none()
        if busy is not None:
            raise StillTalking(busy)
        gone: Counter[str] = Counter({"conversations": len(ids)})
        said = await connection.execute(delete(MESSAGES).where(*_messages(namespace, filters)))
        gone["messages"] = said.rowcount
        turns = delete(TURNS).where(TURNS.c.namespace == namespace, _in(TURNS.c.session_id, mine))
        gone["turns"] = (await connection.execute(turns)).rowcount
        await connection.execute(delete(SESSIONS).where(*mine))
        for some in _chunks(ids):
            gone.update(await self._redaction.forget(work, namespace, some))
            work.publish(
                *(session_deleted(namespace, one, at, self._ids.hex(_DIGITS)) for one in some)
            )
        return dict(gone)

    async def held(
        self, connection: AsyncConnection, namespace: str, filters: Mapping[str, str], /
    ) -> dict[str, int]:
        """See `Holder`."""
        mine = _sessions(namespace, filters)
        ids = list((await connection.execute(select(SESSIONS.c.session_id).where(*mine))).scalars())
        there: Counter[str] = Counter({"conversations": len(ids)})
        said = select(func.count()).select_from(MESSAGES).where(*_messages(namespace, filters))
        there["messages"] = (await connection.execute(said)).scalar_one()
        turns = select(func.count()).select_from(TURNS)
        turns = turns.where(TURNS.c.namespace == namespace, _in(TURNS.c.session_id, mine))
        there["turns"] = (await connection.execute(turns)).scalar_one()
        for some in _chunks(ids):
            there.update(await self._redaction.count(connection, namespace, some))
        return dict(there)

    async def tidy(self) -> None:
        """See `Holder`: FTS5 keeps the words of rows that are gone until it merges."""
        async with self._database.begin() as work:
            if work.connection.dialect.name == "sqlite":
                await work.connection.execute(_MERGE)


def _sessions(namespace: str, filters: Mapping[str, str]) -> list[ColumnElement[bool]]:
    named = [SESSIONS.c[name] == value for name, value in filters.items()]
    return [SESSIONS.c.namespace == namespace, *named]


def _messages(namespace: str, filters: Mapping[str, str]) -> list[ColumnElement[bool]]:
    """Those of the sessions, and whatever else the user is said to have sent."""
    of_sessions = (MESSAGES.c.source == Source.CONVERSATION.value) & _in(
        MESSAGES.c.conversation_id, _sessions(namespace, filters)
    )
    wanted: ColumnElement[bool] = of_sessions
    if list(filters) == ["user_id"]:
        wanted = or_(of_sessions, MESSAGES.c.sender_id == filters["user_id"])
    return [MESSAGES.c.namespace == namespace, wanted]


def _in(column: ColumnElement[Any], sessions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    return exists().where(*sessions, SESSIONS.c.session_id == column)


def _chunks(ids: Sequence[str]) -> list[Sequence[str]]:
    """Once without any where there are none, so that all who would count say 0."""
    return [ids[start : start + _CHUNK] for start in range(0, len(ids) or 1, _CHUNK)]
