# SPDX-License-Identifier: Apache-2.0
"""Server-sent events of a registry, read so that a broken connection loses none."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from rollcall.client.connection import Connection


class StreamedEvent(msgspec.Struct, frozen=True):
    """One event.

    Args:
        event: Its type.
        data: What it says, as JSON.
        id: Where to go on behind it; None: it cannot be gone on behind.
    """

    event: str
    data: bytes
    id: str | None = None


async def events_of(
    connection: Connection,
    path: str,
    *,
    params: Mapping[str, Any] | None = None,
    after: str | None = None,
) -> AsyncGenerator[StreamedEvent]:
    """The events of a stream, until the registry ends it.

    A connection that breaks is made again, as patiently as the connection's retries are, behind
    the last event that came.

    Args:
        connection: To the registry; it stays open.
        path: The stream's, such as `/events`.
        params: Its query.
        after: The id of the last event that is known; None: from now on.

    Raises:
        Compacted: What follows `after` is no longer kept: take a fresh list.
        RollcallError: As for `Connection.call`.
    """
    events = _Lines(after)
    async with aclosing(connection.lines(path, params=params, after=events.last)) as lines:
        async for line in lines:
            event = events.feed(line)
            if event is not None:
                yield event


class _Lines:
    """Puts events together line by line (WHATWG HTML, section 9.2.6)."""

    def __init__(self, after: str | None) -> None:
        self._id = after
        self._event = ""
        self._data: list[str] = []

    def last(self) -> str | None:
        """The id of the last event that had one."""
        return self._id

    def feed(self, line: str) -> StreamedEvent | None:
        if not line:
            return self._done()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id":
            self._id = value
        return None

    def _done(self) -> StreamedEvent | None:
        event, data = self._event or "message", self._data
        self._event, self._data = "", []
        return StreamedEvent(event, "\n".join(data).encode(), self._id) if data else None
