# SPDX-License-Identifier: Apache-2.0
"""What is personal in an event, sealed beside it. Pure, but for what is drawn at random.

In the message of such an event its personal fields are blank, as after a redaction, and the
extension attribute `sealed` holds them in base64: a nonce of 12 bytes, and behind it the fields as
a JSON object, under AES-256-GCM (NIST SP 800-38D). The seal goes with the event's identity, type
and subject, so that it opens in no other message. Whoever has no key reads an event like all
others, with blanks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from rollcall.backends.sql.redaction import Blanks, redacted
from rollcall.events.envelope import Event

KEY_SIZE: Final = 32
NONCE_SIZE: Final = 12
_MARK: Final = b'"sealed"'


class _SealedEvent(Event, frozen=True, kw_only=True, rename={"correlation_id": "correlationid"}):
    sealed: bytes


class _Seal(msgspec.Struct):
    sealed: bytes = b""


_seals: Final = msgspec.json.Decoder(_Seal)
_fields: Final = msgspec.json.Decoder(dict[str, Any])


def personal(event: Event, blanks: Blanks) -> dict[str, Any]:
    """The fields of the event that tell something, by name."""
    mine = blanks.get(event.type, {})
    return {
        name: value for name, value in event.data.items() if name in mine and value != mine[name]
    }


def sealed(event: Event, blanks: Blanks, key: bytes, nonce: bytes) -> bytes:
    """The event as a message holds it that tells what is personal to none but who has the key.

    Args:
        key: `KEY_SIZE` bytes.
        nonce: `NONCE_SIZE` bytes, never the same twice under one key.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    fields = msgspec.json.encode(personal(event, blanks))
    seal = nonce + AESGCM(key).encrypt(nonce, fields, _place(event))
    told = msgspec.structs.asdict(redacted(event, blanks))
    return msgspec.json.encode(_SealedEvent(**told, sealed=seal))


def seal_of(value: bytes) -> bytes:
    """The seal in a message that holds an event; empty: it has none."""
    if _MARK not in value:
        return b""
    try:
        return _seals.decode(value).sealed
    except msgspec.MsgspecError:
        # Somebody else's attribute of that name.
        return b""


def opened(event: Event, seal: bytes, key: bytes) -> Event:
    """The event with what its seal holds; as it is, where the seal is none of this key."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce, hidden = seal[:NONCE_SIZE], seal[NONCE_SIZE:]
    try:
        fields = AESGCM(key).decrypt(nonce, hidden, _place(event))
    except (InvalidTag, ValueError):
        return event
    data: Mapping[str, Any] = {**event.data, **_fields.decode(fields)}
    return msgspec.structs.replace(event, data=data)


def _place(event: Event) -> bytes:
    # None of these has a control character.
    return "\n".join((*event.identity, event.type, event.subject)).encode()
