# SPDX-License-Identifier: Apache-2.0
"""The envelope of an integration event: CloudEvents 1.0 in its JSON format.

See <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>. `correlationid` and
`namespace` are extension attributes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import derived

# What CloudEvents forbids in a string: control characters, lone surrogates, noncharacters.
_FORBIDDEN: Final = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")

Identity = tuple[str, str, str]
Key = tuple[str, str]


class Event(msgspec.Struct, frozen=True, kw_only=True, rename={"correlation_id": "correlationid"}):
    """One thing that happened, told to whoever is interested.

    Two events of the same `identity` are the same event: the second is passed over wherever the
    first is known. So the id is fixed when the act happens, and kept with the act.

    Args:
        id: Names the act, unique within namespace and source.
        type: A name of the catalogue (`agent.created`).
        source: The service that tells it (`/agents`).
        subject: What it is about (`agent_1`). Events of one subject are delivered in order.
        time: When it happened; kept in UTC.
        data: The fields that the catalogue lists for the type; what JSON has words for.
        namespace: Whose it is.
        correlation_id: The chain of acts that it belongs to; by default it begins one.

    Raises:
        InvalidInput: An attribute is empty or has a character that CloudEvents forbids, or `time`
            has no offset.
    """

    id: str
    type: str
    source: str
    subject: str
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    data: dict[str, Any]
    namespace: str
    correlation_id: str = ""
    specversion: Literal["1.0"] = "1.0"
    datacontenttype: Literal["application/json"] = "application/json"

    def __post_init__(self) -> None:
        for field in ("id", "type", "source", "subject", "namespace"):
            _check(field, getattr(self, field))
        if self.correlation_id:
            _check("correlationid", self.correlation_id)
        else:
            msgspec.structs.force_setattr(self, "correlation_id", self.id)
        if self.time.tzinfo is None:
            raise InvalidInput("time", "must have an offset, as in 2026-01-31T12:00:00Z")
        msgspec.structs.force_setattr(self, "time", self.time.astimezone(UTC))

    @property
    def identity(self) -> Identity:
        """(namespace, source, id): equal for the same event, however often it is told."""
        return self.namespace, self.source, self.id

    @property
    def key(self) -> Key:
        """(namespace, subject): events of one key are delivered in the order of the log."""
        return self.namespace, self.subject

    def follow(
        self,
        type: str,  # noqa: A002 - the attribute's name in CloudEvents
        *,
        source: str,
        subject: str,
        time: datetime,
        data: dict[str, Any],
        ordinal: int = 0,
    ) -> Event:
        """The event of an act that this one led to, in the same chain and namespace.

        Its id is derived, so that a handler that runs twice tells the same event.

        Args:
            ordinal: Sets apart several of the same type and subject.
        """
        return Event(
            id=derived(*self.identity, source, type, subject, str(ordinal)),
            type=type,
            source=source,
            subject=subject,
            time=time,
            data=data,
            namespace=self.namespace,
            correlation_id=self.correlation_id,
        )


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Event)


def to_json(event: Event) -> bytes:
    """The event in the JSON format of CloudEvents, UTF-8.

    Raises:
        InvalidInput: Its data holds what JSON has no word for.
    """
    try:
        return _encoder.encode(event)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidInput("data", f"must be what JSON has words for: {error}") from error


def from_json(json: bytes | str) -> Event:
    """The event that `to_json`, or another CloudEvents producer, wrote. Unknown extensions go.

    Raises:
        InvalidInput: It is no event in this format.
    """
    try:
        return _decoder.decode(json)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidInput("event", f"is no CloudEvents 1.0 event in JSON: {error}") from error


def _check(field: str, value: str) -> None:
    if not value:
        raise InvalidInput(field, "must not be empty")
    found = _FORBIDDEN.search(value)
    if found is not None:
        raise InvalidInput(field, f"must not hold the character U+{ord(found[0]):04X}")
