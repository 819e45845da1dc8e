# SPDX-License-Identifier: Apache-2.0
"""Seals what is personal in events on their way to Kafka, and opens it for readers.

A key is made for a subject when something personal about it is sent first, and deleted with what is
known of the subject (`EventRedaction`). It is made only while the outbox still tells it: so nothing
that was redacted meanwhile is sent under a new key.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from rollcall.backends.eventlog import kafka_tables
from rollcall.backends.eventlog.kafka_seal import (
    KEY_SIZE,
    NONCE_SIZE,
    opened,
    personal,
    seal_of,
    sealed,
)
from rollcall.backends.eventlog.kafka_wire import value_of
from rollcall.backends.sql import event_keys, outbox
from rollcall.backends.sql.database import Database
from rollcall.backends.sql.redaction import Blanks, redacted
from rollcall.events.envelope import Event, Key
from rollcall.events.log import Entry, Held


class Sealing:
    """Has the keys.

    Args:
        database: Where they are, with the outbox.
        blanks: What is personal in which events.
        random: Draws so many bytes that nobody can guess.
    """

    def __init__(
        self,
        database: Database,
        blanks: Blanks,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._database = database
        self._blanks = blanks
        self._random = random

    async def values(self, entries: Sequence[Entry]) -> Mapping[int, bytes]:
        """The messages for events of the outbox, by position.

        Raises:
            Unavailable: The database does not answer.
        """
        secret = {one.position: one.event for one in entries if personal(one.event, self._blanks)}
        values = {
            one.position: value_of(one.event) for one in entries if one.position not in secret
        }
        if not secret:
            return values
        async with self._database.reading() as connection:
            keys = await event_keys.find(connection, {one.key for one in secret.values()})
        new = [position for position, event in secret.items() if event.key not in keys]
        if new:
            now, made = await self._make(new)
            # Of those that are gone from the outbox nothing personal is left to be told.
            secret |= {
                place: now.get(place, redacted(secret[place], self._blanks)) for place in new
            }
            keys |= made
        for position, event in secret.items():
            key = keys.get(event.key) if personal(event, self._blanks) else None
            if key is None:
                values[position] = value_of(redacted(event, self._blanks))
            else:
                nonce = self._random(NONCE_SIZE)
                values[position] = sealed(event, self._blanks, key, nonce)
        return values

    async def events(self, told: Sequence[tuple[Event, bytes]]) -> list[Event]:
        """Events with what is sealed beside them; with blanks, where there is no key any more.

        Args:
            told: Each event as its message holds it, and the message.

        Raises:
            Unavailable: The database does not answer.
        """
        seals = {place: seal for place, (_, value) in enumerate(told) if (seal := seal_of(value))}
        events = [event for event, _ in told]
        if seals:
            async with self._database.reading() as connection:
                about = {events[place].key for place in seals}
                keys = await event_keys.find(connection, about)
            for place, seal in seals.items():
                key = keys.get(events[place].key)
                if key is not None:
                    events[place] = opened(events[place], seal, key)
        return events

    async def held(self, group: str, partition: int | None = None) -> list[Held]:
        """What a group holds, as `kafka_tables.held`."""
        async with self._database.reading() as connection:
            rows = await kafka_tables.held(connection, group, partition)
        events = await self.events([(held.event, value) for held, value in rows])
        return [
            msgspec.structs.replace(held, event=event)
            for (held, _), event in zip(rows, events, strict=True)
        ]

    async def _make(self, positions: Collection[int]) -> tuple[dict[int, Event], dict[Key, bytes]]:
        """What the outbox tells at these positions now, and the keys of what is personal there."""
        async with self._database.begin() as work:
            # Locked: who redacts them waits until the keys are there, and deletes them after that.
            entries = await outbox.locked(work.connection, positions)
            about = {one.event.key for one in entries if personal(one.event, self._blanks)}
            drawn = {key: self._random(KEY_SIZE) for key in about}
            await event_keys.add(work.connection, drawn)
            keys = await event_keys.find(work.connection, about)
        return {one.position: one.event for one in entries}, keys
