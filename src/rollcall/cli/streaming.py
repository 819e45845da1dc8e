# SPDX-License-Identifier: Apache-2.0
"""Streams of events on a terminal, which go on over the restarts of a registry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from rollcall.cli.exits import errors_told
from rollcall.cli.remote import Row, connected
from rollcall.cli.told import as_json_line, cells, note
from rollcall.client.connection import Connection
from rollcall.client.errors import RegistryUnavailable
from rollcall.client.streams import StreamedEvent, events_of
from rollcall.kernel.clock import Clock, SystemClock
from rollcall.kernel.errors import Compacted

PAUSE: Final = 1.0
"""Seconds between two looks whether a registry that went away is back."""


def followed(
    url: str,
    key: str | None,
    path: str,
    params: Mapping[str, Any],
    *,
    machine: bool,
    follow: bool,
    after: str | None = None,
) -> None:
    """Print the events of a stream until it ends, or, to `follow` it, until Ctrl-C."""

    async def run() -> None:
        async with connected(url, key) as registry:
            events = (
                lasting(registry, path, params, after, SystemClock())
                if follow
                else events_of(registry, path, params=params, after=after)
            )
            async for event in events:
                _print(event, machine=machine)

    with errors_told():
        asyncio.run(run())


async def lasting(
    registry: Connection,
    path: str,
    params: Mapping[str, Any],
    after: str | None,
    clock: Clock,
) -> AsyncGenerator[StreamedEvent]:
    """The events of a stream; when the registry ends it or goes away, from its return on.

    Raises:
        RegistryUnavailable: It was not there in the first place.
        Compacted: What follows `after` is no longer kept.
        RollcallError: As for `Connection.call`.
    """
    last, there, away = after, False, False
    while True:
        try:
            async for event in events_of(registry, path, params=params, after=last):
                there, away = True, False
                last = event.id or last
                yield event
            there = True
        except RegistryUnavailable:
            if not there:
                raise
        except Compacted:
            # After a restart this is no wrong argument, but what happened meanwhile and is lost.
            if not there:
                raise
            last = None
            note("some events were missed while the registry was away; going on with new ones")
            continue
        if not away:
            note("the registry ended the stream: waiting until it is back (Ctrl-C ends this)")
            away = True
        await clock.sleep(PAUSE)


def _print(event: StreamedEvent, *, machine: bool) -> None:
    data = msgspec.json.decode(event.data, type=dict[str, Any])
    if machine:
        as_json_line({"id": event.id, "event": event.event, "data": data})
    elif event.event == "lagged":
        note(f"{data['missed']} events were missed: they came faster than they were read")
    else:
        name = data["name"] if data["name"] != data["record_id"] else None
        cells([_local(data["at"]), event.event, data["record_id"], name, *_change(data)])


def _change(data: Row) -> tuple[str, str, str]:
    """What an event says of a status, and why."""
    if "status" in data:
        status = data["status"]
    elif data["old"] and data["new"] and data["old"] != data["new"]:
        status = f"{data['old']} -> {data['new']}"
    else:
        status = data["new"]
    return status, data["cause"], data["detail"]


def _local(moment: str) -> str:
    """The time of the day here."""
    return datetime.fromisoformat(moment).astimezone().strftime("%H:%M:%S")
