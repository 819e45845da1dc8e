# SPDX-License-Identifier: Apache-2.0
"""What message search decides: what a request means, what an answer holds, what is taken in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Sequence
from typing import Any, Final

import msgspec

from rollcall.kernel.cursors import cursor_of, place_at
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import derived
from rollcall.kernel.word_query import Query, parse, relaxed
from rollcall.tools.messages.excerpts import excerpt
from rollcall.tools.messages.importing import LONGEST, Line, message_of, split
from rollcall.tools.messages.models import Filters, Hit, Message
from rollcall.tools.messages.ports import MessageIndex
from rollcall.tools.messages.wire import (
    SHOWN,
    Found,
    ImportAnswer,
    RefusedLine,
    SearchAnswer,
    SearchRequest,
)

DEEPEST: Final = 10_000
"""How many messages of one answer can be reached by cursors."""
REFUSED: Final = 1000
"""Lines that were refused which are told about; the others are only counted."""
_BATCH: Final = 500
"""Lines that are written at once, so that they share the wait for the disk."""
_BATCH_BYTES: Final = 1 << 18
"""Where lines are long, fewer: others wait meanwhile."""
_REMEMBERED: Final = 100_000
"""Messages in which a dry run notices that one comes twice."""


class _Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a page begins, and of which answer.

    Args:
        request: Names the rest of the request.
        offset: How many messages come before.
        relaxed: Whether any of the words is looked for.
    """

    request: str
    offset: int
    relaxed: bool


_cursors: Final = msgspec.json.Decoder(_Cursor)


class MessageSearch:
    """Finds messages, and takes them in.

    Args:
        index: Where they are; opened and closed by whoever made it.
    """

    def __init__(self, index: MessageIndex[Any]) -> None:
        self._index = index

    async def search(self, namespace: str, request: SearchRequest) -> SearchAnswer:
        """What a search finds, the best first.

        Messages that come or go meanwhile may move others from one page to the next.

        Args:
            namespace: The caller's; no other one's messages are looked at.

        Raises:
            InvalidInput: The query names no word, or the cursor is of another request.
            StoreUnavailable: The index does not answer.
        """
        query = parse(request.query)
        name = _name(request)
        place = _Cursor(name, 0, False) if request.cursor is None else _read(request.cursor, name)
        loose = relaxed(query) if request.relax else None
        if place.relaxed and loose is not None:
            query = loose
        filters = Filters(
            conversation_id=request.conversation_id,
            sender_id=request.sender_id,
            since=request.since,
            until=request.until,
            source=request.source,
        )
        hits = await self._page(namespace, query, filters, request.limit, place.offset)
        if not hits and loose is not None and request.cursor is None:
            query, place = loose, _Cursor(name, 0, True)
            hits = await self._page(namespace, query, filters, request.limit, 0)
        shown = hits[: request.limit]
        # Messages may be long, and there may be many.
        found = await asyncio.to_thread(_found, shown, query, place.offset)
        end = place.offset + len(shown)
        more = len(hits) > len(shown) and end < DEEPEST
        return SearchAnswer(
            query=request.query,
            results=found,
            count=len(found),
            relaxed=place.relaxed and bool(found),
            next_cursor=_word(msgspec.structs.replace(place, offset=end)) if more else None,
        )

    async def take(
        self, namespace: str, content: AsyncIterable[bytes], *, dry_run: bool = False
    ) -> ImportAnswer:
        """Take in messages as JSON lines. Done twice, it is done once.

        A line that cannot be taken is told of, and the others are taken all the same. What was
        broken off can be sent again.

        Args:
            namespace: Whose the messages become.
            content: The lines, in pieces of any size.
            dry_run: Whether to say only what would be done.

        Raises:
            StoreUnavailable, OutcomeUnknown: The index does not answer; some may be written.
        """
        intake = _Intake(self._index, namespace, dry_run=dry_run)
        async for line in split(content):
            await intake.take(line)
        await intake.flush()
        return intake.answer

    async def _page(
        self, namespace: str, query: Query, filters: Filters, limit: int, offset: int
    ) -> list[Hit]:
        """One more than are shown, to know whether there are more."""
        return await self._index.search(namespace, query, filters, limit=limit + 1, offset=offset)


class _Intake:
    def __init__(self, index: MessageIndex[Any], namespace: str, *, dry_run: bool) -> None:
        self.answer = ImportAnswer(dry_run=dry_run)
        self._index = index
        self._namespace = namespace
        self._lines: list[tuple[int, bytes]] = []
        self._size = 0
        self._seen: set[str] = set()

    async def take(self, line: Line) -> None:
        number, content = line
        if content is None:
            # Lines are told of in their order.
            await self.flush()
            self._refuse(number, f"is longer than {LONGEST:,} bytes")
            return
        self._lines.append((number, content))
        self._size += len(content)
        if len(self._lines) >= _BATCH or self._size >= _BATCH_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write what waits."""
        lines, self._lines, self._size = self._lines, [], 0
        if not lines:
            return
        messages = await asyncio.to_thread(self._read, lines)
        if self.answer.dry_run:
            new = await self._count(messages)
        else:
            async with self._index.begin() as work:
                new = await self._index.add(work, messages)
        self.answer.imported += new
        self.answer.known += len(messages) - new

    def _read(self, lines: Sequence[tuple[int, bytes]]) -> list[Message]:
        messages: list[Message] = []
        for number, content in lines:
            try:
                messages.append(message_of(content, self._namespace))
            except InvalidInput as error:
                self._refuse(number, str(error))
        return messages

    def _refuse(self, number: int, reason: str) -> None:
        answer = self.answer
        answer.refused_total += 1
        if len(answer.refused) < REFUSED:
            answer.refused.append(RefusedLine(line=number, reason=reason[:500]))

    async def _count(self, messages: Sequence[Message]) -> int:
        """How many of the messages would be new."""
        ids = {message.id for message in messages} - self._seen
        new = ids - await self._index.known(self._namespace, ids)
        if len(self._seen) < _REMEMBERED:
            self._seen |= new
        return len(new)


def _found(hits: Sequence[Hit], query: Query, before: int) -> list[Found]:
    return [_one(hit, query, rank) for rank, hit in enumerate(hits, before + 1)]


def _one(hit: Hit, query: Query, rank: int) -> Found:
    message = hit.message
    shown = excerpt(message.text, query)
    return Found(
        rank=rank,
        score=hit.score,
        excerpt=shown.text,
        highlights=shown.highlights,
        id=message.id,
        conversation_id=message.conversation_id,
        sender_id=message.sender_id,
        sent_at=message.sent_at,
        source=message.source,
        text=message.text[:SHOWN],
        length=len(message.text),
        metadata=message.metadata,
    )


def _name(request: SearchRequest) -> str:
    """Names all of a request but its cursor and limit, which may change from page to page."""
    return derived(request.model_dump_json(exclude={"cursor", "limit"}), digits=12)


def _word(cursor: _Cursor) -> str:
    return cursor_of(cursor)


def _read(word: str, name: str) -> _Cursor:
    cursor = place_at(word, _cursors.decode, "must be the next_cursor of an answer before")
    if cursor.request != name or not 0 < cursor.offset < DEEPEST:
        raise InvalidInput("cursor", "is of another request: send that one, or no cursor")
    return cursor
