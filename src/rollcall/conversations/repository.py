# SPDX-License-Identifier: Apache-2.0
"""Sessions and turns in the SQL database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy import (
    Select,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.conversations.errors import (
    KeyReused,
    SessionBusy,
    SessionNotFound,
    SessionOfAnother,
    TurnNotFound,
)
from rollcall.conversations.models import Exchange, Session, Turn, TurnStatus
from rollcall.conversations.tables import SESSIONS, TURNS, body_of, row_of, session_of, turn_of
from rollcall.conversations.turn_store import Accepted
from rollcall.events.envelope import Event
from rollcall.sql import Sql

_OPEN: Final = TURNS.c.status.in_((TurnStatus.ACCEPTED.value, TurnStatus.RUNNING.value))
_TRIES: Final = 5
_TITLE: Final = 80


class Redaction(Protocol):
    """Takes out of events what somebody wants to be forgotten."""

    async def forget(
        self, work: Any, namespace: str, subjects: Sequence[str], /
    ) -> dict[str, int]: ...


class SqlTurnStore:
    """`TurnStore` on the SQL database of the services.

    Args:
        database: Opened and closed by whoever made it.
        redaction: Has events forget what was said in sessions that are deleted; None: they do not.
    """

    def __init__(self, database: Sql, redaction: Redaction | None = None) -> None:
        self._database = database
        self._redaction = redaction

    async def accept(
        self, turn: Turn, *, runner: str, fingerprint: str, waiting: int, begin: bool
    ) -> Accepted:
        for last in (*[False] * (_TRIES - 1), True):
            try:
                async with self._database.begin() as work:
                    known = await _by_key(work.connection, turn, fingerprint)
                    if known is not None:
                        return Accepted(known, known=True)
                    turn = await _placed(work.connection, turn, waiting, begin=begin)
                    row = row_of(turn) | {
                        "fingerprint": fingerprint,
                        "runner": runner,
                        "alive_at": turn.created_at.timestamp(),
                        "call_off": False,
                    }
                    await work.connection.execute(insert(TURNS).values(row))
                    return Accepted(turn, known=False)
            except IntegrityError:
                # Another process was quicker with the number, the session or the key.
                if last:
                    raise
        raise AssertionError("the last try returns or raises")

    async def known(self, turn: Turn, fingerprint: str) -> Turn | None:
        async with self._database.reading() as connection:
            return await _by_key(connection, turn, fingerprint)

    async def start(self, turn: Turn, *, runner: str, at: datetime) -> Turn | None:
        earlier = TURNS.alias()
        begun = msgspec.structs.replace(turn, status=TurnStatus.RUNNING, started_at=at)
        async with self._database.begin() as work:
            done = await work.connection.execute(
                update(TURNS)
                .where(
                    TURNS.c.id == turn.id,
                    TURNS.c.runner == runner,
                    TURNS.c.status == TurnStatus.ACCEPTED,
                    ~exists().where(
                        earlier.c.namespace == turn.namespace,
                        earlier.c.session_id == turn.session_id,
                        earlier.c.number < turn.number,
                        earlier.c.status.in_((TurnStatus.ACCEPTED, TurnStatus.RUNNING)),
                    ),
                )
                .values(status=begun.status, body=body_of(begun), alive_at=at.timestamp())
            )
            return begun if done.rowcount else None

    async def finish(self, turn: Turn, events: Sequence[Event], *, runner: str) -> bool:
        async with self._database.begin() as work:
            done = await work.connection.execute(
                update(TURNS)
                .where(TURNS.c.id == turn.id, TURNS.c.runner == runner, _OPEN)
                .values(status=turn.status, response=turn.response, body=body_of(turn))
            )
            if not done.rowcount:
                return False
            finished = turn.finished_at or turn.created_at
            await work.connection.execute(
                update(SESSIONS)
                .where(*_of(SESSIONS, turn.namespace, turn.session_id))
                .values(updated_at=finished.timestamp())
            )
            work.publish(*events)
            return True

    async def turn(self, namespace: str, session_id: str, turn_id: str) -> Turn:
        wanted = select(TURNS).where(*_of(TURNS, namespace, session_id), TURNS.c.id == turn_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(wanted)).one_or_none()
        if row is None:
            raise TurnNotFound(session_id, turn_id)
        return turn_of(row)

    async def turns(
        self, namespace: str, session_id: str, *, limit: int, after: int
    ) -> Sequence[Turn]:
        return await self._turns(
            select(TURNS)
            .where(*_of(TURNS, namespace, session_id), TURNS.c.number > after)
            .order_by(TURNS.c.number)
            .limit(limit)
        )

    async def unfinished(self, namespace: str, session_id: str) -> Sequence[Turn]:
        return await self._turns(
            select(TURNS).where(*_of(TURNS, namespace, session_id), _OPEN).order_by(TURNS.c.number)
        )

    async def history(
        self, namespace: str, session_id: str, *, before: int, limit: int
    ) -> Sequence[Exchange]:
        wanted = (
            select(TURNS.c.user_input, TURNS.c.response)
            .where(
                *_of(TURNS, namespace, session_id),
                TURNS.c.number < before,
                TURNS.c.status == TurnStatus.ANSWERED,
            )
            .order_by(TURNS.c.number.desc())
            .limit(limit)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(wanted)).all()
        return [Exchange(said, answered) for said, answered in reversed(rows)]

    async def session(self, namespace: str, session_id: str) -> Session:
        async with self._database.reading() as connection:
            found = select(SESSIONS).where(*_of(SESSIONS, namespace, session_id))
            row = (await connection.execute(found)).one_or_none()
        if row is None:
            raise SessionNotFound(session_id)
        return session_of(row)

    async def sessions(
        self,
        namespace: str,
        *,
        user_id: str | None,
        agent_id: str | None = None,
        limit: int,
        after: tuple[float, str] | None,
    ) -> Sequence[Session]:
        columns = SESSIONS.c
        wanted = select(SESSIONS).where(columns.namespace == namespace)
        if user_id is not None:
            wanted = wanted.where(columns.user_id == user_id)
        if agent_id is not None:
            wanted = wanted.where(columns.agent_id == agent_id)
        if after is not None:
            at, session_id = after
            earlier = and_(columns.updated_at == at, columns.session_id < session_id)
            wanted = wanted.where(or_(columns.updated_at < at, earlier))
        wanted = wanted.order_by(columns.updated_at.desc(), columns.session_id.desc()).limit(limit)
        async with self._database.reading() as connection:
            return [session_of(row) for row in await connection.execute(wanted)]

    async def delete(self, namespace: str, session_id: str, events: Sequence[Event]) -> int | None:
        async with self._database.begin() as work:
            connection = work.connection
            # Locked first: a message that comes meanwhile waits, and begins a session anew.
            found = select(SESSIONS.c.turns).where(*_of(SESSIONS, namespace, session_id))
            if (await connection.execute(found.with_for_update())).one_or_none() is None:
                raise SessionNotFound(session_id)
            mine = _of(TURNS, namespace, session_id)
            open_ = select(func.count()).select_from(TURNS).where(*mine, _OPEN)
            if (await connection.execute(open_)).scalar_one():
                return None
            gone = await connection.execute(delete(TURNS).where(*mine))
            await connection.execute(delete(SESSIONS).where(*_of(SESSIONS, namespace, session_id)))
            if self._redaction is not None:
                await self._redaction.forget(work, namespace, [session_id])
            work.publish(*events)
            return gone.rowcount

    async def call_off(self, turn: Turn) -> None:
        async with self._database.begin() as work:
            await work.connection.execute(
                update(TURNS).where(TURNS.c.id == turn.id, _OPEN).values(call_off=True)
            )

    async def beat(self, runner: str, at: float) -> Sequence[str]:
        mine = (TURNS.c.runner == runner, _OPEN)
        async with self._database.begin() as work:
            await work.connection.execute(update(TURNS).where(*mine).values(alive_at=at))
            called_off = select(TURNS.c.id).where(*mine, TURNS.c.call_off)
            return list((await work.connection.execute(called_off)).scalars())

    async def take_over(self, runner: str, *, silent_since: float, at: float) -> Sequence[Turn]:
        async with self._database.begin() as work:
            left = select(TURNS).where(
                TURNS.c.runner != runner, _OPEN, TURNS.c.alive_at <= silent_since
            )
            rows = await work.connection.execute(
                left.order_by(TURNS.c.created_at, TURNS.c.number).with_for_update(skip_locked=True)
            )
            turns = [turn_of(row) for row in rows]
            for turn in turns:
                await work.connection.execute(
                    update(TURNS).where(TURNS.c.id == turn.id).values(runner=runner, alive_at=at)
                )
            return turns

    async def _turns(self, wanted: Select[Any]) -> list[Turn]:
        async with self._database.reading() as connection:
            return [turn_of(row) for row in await connection.execute(wanted)]


def _of(table: Table, namespace: str, session_id: str) -> tuple[Any, Any]:
    return table.c.namespace == namespace, table.c.session_id == session_id


async def _by_key(connection: AsyncConnection, turn: Turn, fingerprint: str) -> Turn | None:
    """The turn that has the key already.

    Raises:
        KeyReused: It is another message.
    """
    if turn.idempotency_key is None:
        return None
    wanted = select(TURNS).where(
        TURNS.c.namespace == turn.namespace,
        TURNS.c.owner == turn.owner,
        TURNS.c.idempotency_key == turn.idempotency_key,
    )
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise KeyReused(turn.idempotency_key)
    return turn_of(row)


async def _placed(connection: AsyncConnection, turn: Turn, waiting: int, *, begin: bool) -> Turn:
    """`turn` with its number, in a session that is there from here on.

    Raises:
        SessionBusy: As many wait as may.
        SessionOfAnother: The session belongs to another agent.
    """
    mine = _of(SESSIONS, turn.namespace, turn.session_id)
    at = turn.created_at.timestamp()
    # Locked from here on: numbers are given one after the other.
    found = (
        await connection.execute(select(SESSIONS).where(*mine).with_for_update())
    ).one_or_none()
    number = 1 if found is None else found.turns + 1
    if found is None:
        await connection.execute(
            insert(SESSIONS).values(
                namespace=turn.namespace,
                session_id=turn.session_id,
                agent_id=turn.agent_id,
                agent_version=turn.agent_version,
                user_id=turn.user_id,
                title=" ".join(turn.user_input.split())[:_TITLE],
                turns=1,
                created_at=at,
                updated_at=at,
            )
        )
        before = 0
    else:
        if found.agent_id != turn.agent_id:
            raise SessionOfAnother(turn.session_id, found.agent_id)
        turn = msgspec.structs.replace(turn, agent_version=found.agent_version)
        await connection.execute(update(SESSIONS).where(*mine).values(turns=number, updated_at=at))
        open_ = (
            select(func.count())
            .select_from(TURNS)
            .where(*_of(TURNS, turn.namespace, turn.session_id), _OPEN)
        )
        before = (await connection.execute(open_)).scalar_one()
    if before > waiting:
        raise SessionBusy(turn.session_id, before)
    if begin and not before:
        return msgspec.structs.replace(
            turn, number=number, status=TurnStatus.RUNNING, started_at=turn.created_at
        )
    return msgspec.structs.replace(turn, number=number)
