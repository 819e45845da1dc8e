# SPDX-License-Identifier: Apache-2.0
"""Conversations that others tell of: kept once, listed, deleted. Numbers about them: `reports`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Generic

import msgspec
from msgspec.structs import replace

from rollcall.analytics.errors import ConversationExists, ConversationNotFound
from rollcall.analytics.figures import ConversationFigure, milliseconds, shown
from rollcall.analytics.models import (
    EARLIEST,
    LATEST,
    ConversationFact,
    Kind,
    Said,
    Status,
    UsageFact,
    session_key,
)
from rollcall.analytics.ports import FactStore, Row, Texts, Zones
from rollcall.analytics.questions import ById, Listing, Span
from rollcall.analytics.recording import HIDING, REPORTED, facts_of
from rollcall.analytics.reports import Reports
from rollcall.analytics.rows import fact_of
from rollcall.events.envelope import Event
from rollcall.events.log import WorkT
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import InvalidInput, Unavailable
from rollcall.kernel.ids import IdSource, derived

SOURCE: Final = "/analytics"
PREFIX: Final = "conv_"

_DIGITS: Final = 24
_log = logging.getLogger(__name__)


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that somebody tells of.

    Args:
        agent_id: Who was asked.
        user_message: What was asked.
        agent_response: What was answered.
        tokens_used: Tokens read and written.
        cost: What the provider takes for it; None: not known.
        currency: Of the cost, ISO 4217.
        session_id: In which session.
        user_id: Who asked.
        response_time_ms: From the message to the answer.
        satisfaction_score: 1 to 5.
        conversation_id: Its id; None: one is made.
        model_used: The model that answered.
        agent_version: The version of the agent's definition.
        timestamp: When; has an offset. None: now.
        status: How it ended.
    """

    agent_id: str
    user_message: str
    agent_response: str
    tokens_used: int = 0
    cost: Decimal | None = None
    currency: str = "USD"
    session_id: str | None = None
    user_id: str | None = None
    response_time_ms: float | None = None
    satisfaction_score: int | None = None
    conversation_id: str | None = None
    model_used: str | None = None
    agent_version: str | None = None
    timestamp: datetime | None = None
    status: Status = Status.COMPLETED


class AnalyticsService(Generic[WorkT]):
    """Conversations, and numbers about them.

    Args:
        store: Where facts are.
        texts: Where what was said is; units of work begin there.
        zones: Knows whose days are which.
        clock: Time.
        ids: Randomness.
        currency: What amounts are in where nothing else is said.
    """

    def __init__(
        self,
        store: FactStore,
        texts: Texts[WorkT],
        zones: Zones,
        clock: Clock,
        ids: IdSource,
        currency: str = "USD",
    ) -> None:
        self.store = store
        """Where facts are."""
        self.reports = Reports(store, zones, clock, currency)
        """Numbers about conversations."""
        self._texts = texts
        self._clock = clock
        self._ids = ids

    async def record(
        self, namespace: str, told: Reported, key: str | None = None
    ) -> tuple[ConversationFigure, bool]:
        """Keep a conversation.

        Args:
            namespace: Whose.
            told: What is told of it.
            key: Names the act: told again with the same key, or the same id, it is kept once; a
                key is of one conversation.

        Returns:
            It, and whether it is new.

        Raises:
            ConversationExists: The id or the key was used for something else.
            InvalidInput: Something of it cannot be kept.
        """
        said, event = self._told(namespace, told, key)
        facts_of(event)
        new = False
        async with self._texts.begin() as work:
            if key is not None and told.conversation_id is not None:
                await self._tie(work, said, key)
            known = await self._texts.within(work, namespace, said.conversation_id)
            if known is None:
                await self._texts.add(work, [said])
                work.publish(event)
                known, new = said, True
        if known.digest != said.digest:
            raise ConversationExists(said.conversation_id, key)
        facts = facts_of(replace(event, time=known.at))
        try:
            # At once, for whoever looks next; the event brings it too.
            await self.store.put(facts)
        except Unavailable as error:
            _log.warning("a conversation is counted later: %s", error)
        talk = next(fact for fact in facts if isinstance(fact, ConversationFact))
        usage = next((fact for fact in facts if isinstance(fact, UsageFact)), None)
        return _shown(talk, usage, known), new

    async def _tie(self, work: WorkT, said: Said, key: str) -> None:
        """Have a key stand for a conversation that has an id of its own, and for no other one.

        Noted under the id that the key alone would have made, so that this one is taken as well.
        """
        noted = Said(
            namespace=said.namespace,
            conversation_id=_id_of(said.namespace, key),
            agent_id=said.agent_id,
            at=said.at,
            digest=derived("the key of", said.conversation_id),
        )
        known = await self._texts.within(work, said.namespace, noted.conversation_id)
        if known is None:
            await self._texts.add(work, [noted])
        elif known.digest != noted.digest:
            raise ConversationExists(noted.conversation_id, key)

    async def conversation(self, namespace: str, conversation_id: str) -> ConversationFigure:
        """A conversation.

        Raises:
            ConversationNotFound: Nobody has told of it, or it was deleted.
        """
        talk = await self._talk(namespace, conversation_id)
        return (await self._with_texts(namespace, [talk]))[0]

    async def conversations(
        self,
        namespace: str,
        *,
        agent_id: str | None = None,
        session_id: str | None = None,
        span: Span | None = None,
        before: tuple[int, str] | None = None,
        offset: int = 0,
        limit: int = 100,
    ) -> tuple[list[ConversationFigure], tuple[int, str] | None]:
        """Conversations, the newest first; and `before` of the next page, if there is one.

        Args:
            namespace: Whose.
            agent_id: With this agent alone.
            session_id: Of this session alone.
            span: When; None: ever.
            before: Where the page before has ended.
            offset: How many to leave out.
            limit: How many at most.
        """
        rows = await self.store.select(
            Listing(
                namespace=namespace,
                span=span,
                agent_id=agent_id,
                session=None if session_id is None else session_key(namespace, session_id),
                before=before,
                offset=offset,
                limit=limit + 1,
            )
        )
        page = rows[:limit]
        following = None
        if len(rows) > limit:
            following = (page[-1]["time_us"], page[-1]["id"])
        talks = [_talk_of(row) for row in page]
        return await self._with_texts(namespace, talks), following

    async def delete(self, namespace: str, conversation_id: str) -> None:
        """Erase what was said in a conversation, and list it no more. Its numbers stay.

        Raises:
            ConversationNotFound: Nobody has told of it, or it was deleted already.
        """
        talk = await self._talk(namespace, conversation_id)
        async with self._texts.begin() as work:
            await self._texts.forget(work, namespace, [conversation_id], talk.at)
        await self.store.put([hidden(talk)])

    async def _talk(self, namespace: str, conversation_id: str) -> ConversationFact:
        asked = ById(kind=Kind.CONVERSATION, namespace=namespace, ids=(conversation_id,))
        rows = await self.store.select(asked)
        if not rows or rows[0]["hidden"]:
            raise ConversationNotFound(conversation_id)
        return _talk_of(rows[0])

    async def _with_texts(
        self, namespace: str, talks: Sequence[ConversationFact]
    ) -> list[ConversationFigure]:
        if not talks:
            return []
        ids = tuple(talk.id for talk in talks)
        rows = await self.store.select(ById(kind=Kind.USAGE, namespace=namespace, ids=ids))
        usages = {row["id"]: _usage_of(row) for row in rows}
        texts = await self._texts.get(namespace, ids)
        return [_shown(talk, usages.get(talk.id), texts.get(talk.id)) for talk in talks]

    def _told(self, namespace: str, told: Reported, key: str | None) -> tuple[Said, Event]:
        at = told.timestamp or utc(self._clock.now())
        if not EARLIEST <= at < LATEST:
            raise InvalidInput("timestamp", f"must be from {EARLIEST:%Y} on and before {LATEST:%Y}")
        at = at.astimezone(UTC)
        id_ = told.conversation_id
        if id_ is None:
            drawn = PREFIX + self._ids.hex(_DIGITS)
            id_ = drawn if key is None else _id_of(namespace, key)
        said = Said(
            namespace=namespace,
            conversation_id=id_,
            agent_id=told.agent_id,
            at=at,
            session_id=told.session_id,
            user_id=told.user_id,
            user_message=told.user_message,
            agent_response=told.agent_response,
            digest=_digest(told),
        )
        return said, _event(said, told)


def _id_of(namespace: str, key: str) -> str:
    """The id of the conversation that is told of with a key, and without an id."""
    return PREFIX + derived("key", namespace, key)[:_DIGITS]


def _digest(told: Reported) -> str:
    """Stands for all that was told. The same moment may be said with another offset."""
    if told.timestamp is not None:
        told = replace(told, timestamp=told.timestamp.astimezone(UTC))
    return derived(msgspec.json.encode(told).decode())


def hidden(talk: ConversationFact) -> ConversationFact:
    """A conversation that was deleted: its numbers stay, and it is listed no more."""
    return replace(talk, hidden=True, revision=talk.revision + HIDING)


def _event(said: Said, told: Reported) -> Event:
    """What tells of the conversation, without a word or a name of anybody."""
    session = said.session_id
    data: dict[str, Any] = {
        "conversation_id": said.conversation_id,
        "agent_id": told.agent_id,
        "agent_version": told.agent_version,
        "session": None if session is None else str(session_key(said.namespace, session)),
        "status": told.status.value,
        "tokens_used": told.tokens_used,
        "cost": None if told.cost is None else format(told.cost, "f"),
        "currency": None if told.cost is None else told.currency,
        "model_used": told.model_used,
        "response_time_ms": told.response_time_ms,
        "satisfaction_score": told.satisfaction_score,
    }
    return Event(
        id=derived("reported", said.conversation_id),
        type=REPORTED,
        source=SOURCE,
        subject=said.conversation_id,
        time=said.at,
        data={name: value for name, value in data.items() if value is not None},
        namespace=said.namespace,
    )


def _talk_of(row: Row) -> ConversationFact:
    fact = fact_of(Kind.CONVERSATION, row)
    assert isinstance(fact, ConversationFact)
    return fact


def _usage_of(row: Row) -> UsageFact:
    fact = fact_of(Kind.USAGE, row)
    assert isinstance(fact, UsageFact)
    return fact


def _shown(
    talk: ConversationFact, usage: UsageFact | None, said: Said | None
) -> ConversationFigure:
    cost = None if usage is None else usage.cost
    texts: Mapping[str, str | None] = {
        name: None if said is None else getattr(said, name)
        for name in ("session_id", "user_message", "agent_response")
    }
    return ConversationFigure(
        id=talk.id,
        conversation_id=talk.id,
        agent_id=talk.agent_id,
        agent_version=talk.agent_version,
        tokens_used=0 if usage is None else usage.tokens,
        cost=None if cost is None else shown(cost),
        currency=None if usage is None else usage.currency,
        response_time_ms=None if talk.response_us is None else milliseconds(talk.response_us),
        satisfaction_score=talk.satisfaction,
        model_used=talk.model or (None if usage is None else usage.model),
        status=talk.status,
        error_type=talk.error_type,
        timestamp=talk.at,
        **texts,
    )
