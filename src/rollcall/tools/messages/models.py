# SPDX-License-Identifier: Apache-2.0
"""What message search is about: messages, what narrows a search down, and what it finds."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

from rollcall.kernel.errors import InvalidInput

MAX_TEXT: Final = 100_000
"""Characters of a message."""
MAX_NAME: Final = 256
"""Characters of the id of a message, a conversation or a sender."""
MAX_METADATA: Final = 16_384
"""Bytes of a message's metadata as JSON."""


class Source(StrEnum):
    """Where a message is from."""

    CONVERSATION = "conversation"
    """It was said in a conversation with an agent."""
    IMPORT = "import"
    """Somebody imported it."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message.

    Args:
        id: Names it in its namespace.
        namespace: Whose it is.
        text: What was said; no NUL.
        sent_at: When, in UTC.
        source: Where it is from.
        conversation_id: What it belongs to, in the agent service a session; None: nothing.
        sender_id: Who said it; None: nobody knows.
        metadata: What else is known of it, an object in JSON.
    """

    id: str
    namespace: str
    text: str
    sent_at: datetime
    source: Source
    conversation_id: str | None = None
    sender_id: str | None = None
    metadata: dict[str, Any] | None = None


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What messages must be like, all of it. None: whatever they are.

    Args:
        conversation_id: What they belong to.
        sender_id: Who said them.
        since: The earliest time that counts; has an offset.
        until: The first time that does not count any more; has an offset.
        source: Where they are from.
    """

    conversation_id: str | None = None
    sender_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    source: Source | None = None


class Hit(NamedTuple):
    """A message that was found. Scores are compared within one answer only: more is better."""

    message: Message
    score: float


def check_name(field: str, name: str) -> str:
    """`name`, which is the id of something: one printable line.

    Raises:
        InvalidInput: It is empty or too long, or holds what cannot be seen.
    """
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidInput(field, f"must have 1 to {MAX_NAME} characters, not {len(name)}")
    if not name.isprintable() or name.isspace():
        raise InvalidInput(field, "must be printable and not blank")
    return name


def in_utc(field: str, moment: datetime) -> datetime:
    """`moment`, which has an offset, in UTC.

    Raises:
        InvalidInput: There is no such year in UTC.
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(field, "must be in the years 1 to 9999, in UTC too") from None
