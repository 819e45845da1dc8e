# SPDX-License-Identifier: Apache-2.0
"""Makes searchable what is said with agents, as the agent service tells of it.

A message and its answer become two messages. All events of a session have one subject, so they
come in their order: nothing that was said before a session was deleted comes after that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Final

from rollcall.events.envelope import Event
from rollcall.events.log import WorkT
from rollcall.events.subscriptions import Batch
from rollcall.tools.messages.models import MAX_TEXT, Message, Source
from rollcall.tools.messages.ports import MessageIndex

GROUP: Final = "message-search"
COMPLETED: Final = "conversation.completed"
FAILED: Final = "conversation.failed"
DELETED: Final = "conversation.deleted"
USER: Final = "user"
"""Who says what nobody's name is on."""


def feed(index: MessageIndex[WorkT]) -> Batch[WorkT]:
    """The subscription that keeps an index current, exactly once for each event."""

    async def handle(events: Sequence[Event], work: WorkT) -> None:
        for deleted, some in groupby(events, lambda event: event.type == DELETED):
            if deleted:
                for event in some:
                    await index.forget(work, event.namespace, event.data["session_id"])
            else:
                await index.add(work, [one for event in some for one in messages_of(event)])

    return Batch(GROUP, frozenset({COMPLETED, FAILED, DELETED}), handle)


def messages_of(event: Event) -> Iterator[Message]:
    """What was said, by an event of type `COMPLETED` or `FAILED`: the message, then the answer.

    Their ids are derived from the `conversation_id`. Of what is too long the beginning is kept.
    """
    data = event.data
    agent_id: str = data["agent_id"]
    asked_at = event.time - timedelta(milliseconds=data.get("response_time_ms") or 0)
    said = (
        (USER, data.get("user_id") or USER, data["user_message"], asked_at),
        ("agent", agent_id, data.get("agent_response") or "", event.time),
    )
    for role, sender_id, text, sent_at in said:
        if text:
            yield Message(
                id=f"{data['conversation_id']}:{role}",
                namespace=event.namespace,
                text=_kept(text[:MAX_TEXT]),
                sent_at=sent_at,
                source=Source.CONVERSATION,
                conversation_id=data["session_id"],
                sender_id=_kept(sender_id),
                metadata={
                    "conversation_id": data["conversation_id"],
                    "agent_id": agent_id,
                    "role": role,
                    "failed": event.type == FAILED,
                },
            )


def _kept(text: str) -> str:
    """Without the one character that not every engine can keep."""
    return text.replace("\0", "\ufffd")
