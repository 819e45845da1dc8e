# SPDX-License-Identifier: Apache-2.0
"""How the agent service behaves."""

from __future__ import annotations

import msgspec

from rollcall.conversations.models import Limits


class ConversationOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the agent service.

    Args:
        limits: What a turn may use.
        at_once: Turns that are answered at the same time.
        waiting: Turns of one session that may wait for those before them.
        input_chars: The longest message.
        history_turns: Earlier turns that a model is told.
        history_chars: Characters of them at the most, the oldest left out first.
        memory_seconds: How long memories may keep a turn waiting, to be recalled and to be kept.
        shared: Whether other processes answer turns on the same database.
        beat: Seconds between two signs of life of a process that answers.
        silence: Seconds without one after which its turns are taken over.
    """

    limits: Limits = Limits()
    at_once: int = 64
    waiting: int = 32
    input_chars: int = 100_000
    history_turns: int = 40
    history_chars: int = 60_000
    memory_seconds: float = 3.0
    shared: bool = False
    beat: float = 2.0
    silence: float = 15.0
