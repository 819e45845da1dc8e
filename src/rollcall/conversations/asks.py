# SPDX-License-Identifier: Apache-2.0
"""What must hold of a message before it is kept, and how the same one is told again. Pure."""

from __future__ import annotations

from typing import Final

from rollcall.conversations.models import Ask
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import derived

_LONGEST: Final = 200
"""Characters of a session's name and the like."""


def check(ask: Ask, longest: int) -> None:
    """Refuse a message that cannot be kept.

    Args:
        ask: The message.
        longest: Characters that it may have.

    Raises:
        InvalidInput: Names the field.
    """
    if not ask.user_input.strip():
        raise InvalidInput("user_input", "must say something")
    if len(ask.user_input) > longest:
        raise InvalidInput("user_input", f"must have at most {longest} characters")
    for field in ("session_id", "agent_id", "user_id", "model", "idempotency_key"):
        text: str | None = getattr(ask, field)
        if text is not None and not (0 < len(text) <= _LONGEST and text.isprintable()):
            raise InvalidInput(field, f"must have 1 to {_LONGEST} printable characters")
    texts = [ask.user_input, ask.instructions]
    texts += [text for one in ask.history or () for text in (one.user_input, one.response)]
    for text in texts:
        if "\0" in text or not _encodes(text):
            raise InvalidInput("user_input", "must be text without NUL and lone surrogates")


def fingerprint_of(ask: Ask) -> str:
    """What is the same for the same message, and else not."""
    said = (part for one in ask.history or () for part in (one.user_input, one.response))
    asked = derived(
        ask.session_id,
        ask.user_input,
        ask.user_id or "",
        ask.model or "",
        ask.instructions,
        *said,
    )
    return asked if ask.agent_id is None else derived(asked, ask.agent_id)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
