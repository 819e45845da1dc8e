# SPDX-License-Identifier: Apache-2.0
"""Events as messages of Kafka: CloudEvents in structured mode. Pure.

See <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md>.
"""

from __future__ import annotations

import base64
from typing import Final, NamedTuple

from rollcall.events.envelope import Event, Key, from_json, to_json
from rollcall.events.log import UNREADABLE
from rollcall.kernel.clock import utc
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import derived

HEADERS: Final = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
_SHOWN: Final = 4096
"""Bytes of a message that cannot be read that operators are shown."""


class Message(NamedTuple):
    """A message as it was read.

    Args:
        type: The type of events that its topic is for.
        partition: Of its topic.
        offset: In its partition.
        timestamp: Milliseconds since the epoch.
        value: What it holds; None: nothing.
    """

    type: str
    partition: int
    offset: int
    timestamp: int
    value: bytes | None


def key_of(key: Key) -> bytes:
    """The key of messages about a subject of a namespace. Neither has control characters."""
    namespace, subject = key
    return f"{namespace}\n{subject}".encode()


def value_of(event: Event) -> bytes:
    """The event as a message holds it."""
    return to_json(event)


def decoded(message: Message) -> tuple[Event, str]:
    """The event of a message, and what is wrong with it; then the event only stands in for it."""
    try:
        event = from_json(message.value or b"")
    except InvalidInput as error:
        return _stand_in(message), error.problem
    if event.type != message.type:
        return _stand_in(message), f"is of type {event.type} in the topic of {message.type}"
    return event, ""


def _stand_in(message: Message) -> Event:
    place = f"{message.type}/{message.partition}/{message.offset}"
    value = message.value or b""
    return Event(
        id=derived("kafka", place, str(message.timestamp)),
        type=UNREADABLE,
        source="/kafka",
        # Of its own, so that it blocks nothing.
        subject=place,
        time=utc(max(0, message.timestamp) / 1000),
        data={"base64": base64.b64encode(value[:_SHOWN]).decode(), "bytes": len(value)},
        namespace="default",
    )
