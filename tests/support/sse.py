# SPDX-License-Identifier: Apache-2.0
"""Server-sent events, read as they come over the wire."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

PATIENCE = 30.0
"""Seconds without a word after which a stream counts as dead."""


@dataclass(frozen=True)
class Told:
    """One event."""

    id: str | None
    name: str
    data: dict[str, Any]

    @property
    def record(self) -> str:
        return str(self.data.get("record_id"))


def parsed(lines: Iterable[str]) -> Iterator[Told]:
    """The events in lines that have come already."""
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
            continue
        if "data" in fields:
            yield Told(fields.get("id"), fields.get("event", ""), json.loads(fields["data"]))
        fields = {}


class Stream:
    """A stream that is open."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()

    async def next(self) -> Told | None:
        """The next event; None: the stream has ended as it should."""
        block: list[str] = []
        async for line in self._lines:
            block.append(line)
            if not line:
                found = next(parsed(block), None)
                if found is not None:
                    return found
                block = []
        return None

    async def take(self, count: int) -> list[Told]:
        """The next so many."""
        found = [await self.next() for _ in range(count)]
        assert None not in found, "the stream ended"
        return [one for one in found if one is not None]


@asynccontextmanager
async def stream(
    client: httpx.AsyncClient, url: str, after: str | None = None, **params: str
) -> AsyncGenerator[Stream]:
    """Follow `url`; whatever happens from now on is told."""
    headers = {} if after is None else {"Last-Event-ID": after}
    async with client.stream(
        "GET", url, params=params, headers=headers, timeout=PATIENCE
    ) as answer:
        if answer.status_code != 200:
            await answer.aread()
        answer.raise_for_status()
        yield Stream(answer)
