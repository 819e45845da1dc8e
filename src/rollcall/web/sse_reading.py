# SPDX-License-Identifier: Apache-2.0
"""Server-sent events as they come in (WHATWG HTML, section 9.2.6)."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from rollcall.kernel.errors import Unavailable
from rollcall.web.sse import ServerEvent

LONGEST_EVENT: Final = 8 << 20
"""Bytes of one event."""
_LINE: Final = re.compile(rb"([^\r\n]*)(\r\n|\n|\r(?!\Z))")


class EventTooLong(Unavailable):
    """Somebody sends an event without an end."""


async def read_events(pieces: AsyncIterator[bytes]) -> AsyncGenerator[ServerEvent]:
    """The events in a body that comes in pieces, cut anywhere. One that is not ended is no event.

    Raises:
        EventTooLong: One has more than `LONGEST_EVENT` bytes.
    """
    reader = EventReader()
    async for piece in pieces:
        for event in reader.feed(piece):
            yield event


class EventReader:
    """Puts events together."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._event = ""
        self._id: str | None = None

    def feed(self, piece: bytes) -> list[ServerEvent]:
        """The events that are whole with this piece.

        Raises:
            EventTooLong: One has more than `LONGEST_EVENT` bytes.
        """
        found: list[ServerEvent] = []
        text = self._rest + piece
        end = 0
        for match in _LINE.finditer(text):
            end = match.end()
            event = self._line(match[1])
            if event is not None:
                found.append(event)
        self._rest = text[end:]
        if self._size + len(self._rest) > LONGEST_EVENT:
            raise EventTooLong("an event is too long")
        return found

    def _line(self, line: bytes) -> ServerEvent | None:
        if not line:
            return self._whole()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value)
                self._size += len(value)
            case b"event":
                self._event = value.decode("utf-8", "replace")
            case b"id" if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
            case _:
                pass
        return None

    def _whole(self) -> ServerEvent | None:
        data, event, id = self._data, self._event, self._id
        self._data, self._size, self._event, self._id = [], 0, "", None
        return ServerEvent(b"\n".join(data), event, id) if data else None
