# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with facts."""

from __future__ import annotations

from rollcall.kernel.errors import RollcallError


class ConversationNotFound(RollcallError, LookupError):
    """Nobody has told of such a conversation in the namespace, or it was deleted."""

    def __init__(self, conversation_id: str) -> None:
        super().__init__(f"there is no conversation {conversation_id!r}")
        self.conversation_id = conversation_id


class ConversationExists(RollcallError):
    """A conversation of this id was told already, with another content.

    Args:
        conversation_id: Its id, which an idempotency key stands for as well.
        key: The idempotency key that was given, if any.
    """

    def __init__(self, conversation_id: str, key: str | None = None) -> None:
        named = f"conversation {conversation_id!r}"
        if key is not None:
            named = f"the idempotency key {key!r}"
        super().__init__(f"{named} was used already, for something else")
        self.conversation_id = conversation_id
        self.key = key


class AgentUnknown(RollcallError, LookupError):
    """Nobody has told of such an agent in the namespace."""

    def __init__(self, agent_id: str) -> None:
        super().__init__(f"nothing is known of an agent {agent_id!r}")
        self.agent_id = agent_id
