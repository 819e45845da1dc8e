# SPDX-License-Identifier: Apache-2.0
"""Messages as JSON lines: one object a line, read piece by piece.

    {"id": "m-1", "conversation_id": "c-7", "sender_id": "anna", "text": "The invoice is late",
     "sent_at": "2026-01-31T12:00:00Z", "metadata": {"mailbox": "office"}}

`text` and `sent_at` (RFC 3339, with an offset) are needed. Without an `id` it is derived from the
rest but the metadata, so that the same line is the same message whenever it comes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import derived
from rollcall.tools.messages.models import (
    MAX_METADATA,
    MAX_TEXT,
    Message,
    Source,
    check_name,
    in_utc,
)

LONGEST: Final = 1 << 20
"""Bytes of a line."""
_BOM: Final = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line and its number, from 1. Its content is None where it is longer than `LONGEST`."""

    number: int
    content: bytes | None


class _Fields(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    sent_at: Annotated[datetime, msgspec.Meta(tz=True)]
    id: str | None = None
    conversation_id: str | None = None
    sender_id: str | None = None
    metadata: dict[str, Any] | None = None


_decoder: Final = msgspec.json.Decoder(_Fields)
_encoder: Final = msgspec.json.Encoder()


async def split(content: AsyncIterable[bytes], longest: int = LONGEST) -> AsyncGenerator[Line]:
    """The lines of a stream that are not blank; no more than one is held in memory."""
    number = 1
    rest = bytearray()
    overlong = False
    async for piece in content:
        at = 0
        while (end := piece.find(b"\n", at)) >= 0:
            if not overlong:
                rest += piece[at:end]
            if overlong or len(rest) > longest:
                yield Line(number, None)
            elif line := _stripped(rest, number):
                yield Line(number, line)
            rest.clear()
            overlong = False
            number += 1
            at = end + 1
        if not overlong:
            rest += piece[at:]
            if len(rest) > longest:
                rest.clear()
                overlong = True
    if overlong:
        yield Line(number, None)
    elif line := _stripped(rest, number):
        yield Line(number, line)


def _stripped(line: bytearray, number: int) -> bytes:
    return bytes(line.removeprefix(_BOM) if number == 1 else line).strip()


def message_of(line: bytes, namespace: str) -> Message:
    """The message that a line says.

    Raises:
        InvalidInput: It says none that can be kept.
    """
    try:
        fields = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidInput("line", f"is no message: {error}") from None
    if not fields.text.strip():
        raise InvalidInput("text", "must not be blank")
    if len(fields.text) > MAX_TEXT:
        raise InvalidInput(
            "text", f"must have at most {MAX_TEXT:,} characters, not {len(fields.text):,}"
        )
    if "\0" in fields.text:
        raise InvalidInput("text", "must not hold the character NUL")
    for field in ("id", "conversation_id", "sender_id"):
        name: str | None = getattr(fields, field)
        if name is not None:
            check_name(field, name)
    if fields.metadata is not None and len(_encoder.encode(fields.metadata)) > MAX_METADATA:
        raise InvalidInput("metadata", f"must have at most {MAX_METADATA:,} bytes as JSON")
    sent_at = in_utc("sent_at", fields.sent_at)
    return Message(
        id=fields.id if fields.id is not None else _derived(fields, sent_at),
        namespace=namespace,
        text=fields.text,
        sent_at=sent_at,
        source=Source.IMPORT,
        conversation_id=fields.conversation_id,
        sender_id=fields.sender_id,
        metadata=fields.metadata,
    )


def _derived(fields: _Fields, sent_at: datetime) -> str:
    # Who has no name is told apart from who has one.
    names = (
        "" if name is None else f"={name}" for name in (fields.conversation_id, fields.sender_id)
    )
    return "msg_" + derived(*names, sent_at.isoformat(), fields.text)
