# SPDX-License-Identifier: Apache-2.0
"""Answers out of what is remembered of the user. Pure.

Who asks about themselves ("what is my name?", "where do I live?") is answered with the notes that
have the words of the question; who asks what is known of them, with all notes. The notes are shown
as what they are, words of the user's: nothing is concluded from them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from rollcall.conversations.briefs import Notes
from rollcall.conversations.planner.telling import clean
from rollcall.conversations.planner.words import STOP, spoken, stem, stems

_ABOUT_ME: Final = re.compile(
    r"\b(?:i|me|my|mine|myself|i['\u2019]\w+|we|us|our|ours|ich|mich|mir|meine?[rmns]?)\b",
    re.IGNORECASE,
)
_ASKS: Final = re.compile(
    r"\?\s*$|^\W*(?:(?:please|hey|hi|hello|and|so|ok|okay)\W+)*(?:what|which|who|whom|whose|where"
    r"|when|why|how|do|did|does|am|are|is|can|could|was|were|have|has|tell\s+me|remind\s+me|say"
    r"|was|wer|wie|wo|wann|welche[rs]?|bin|habe)\b",
    re.IGNORECASE,
)
_ALL: Final = re.compile(
    r"\bwho\s+am\s+i\b|\b(?:know|remember|recall|learn(?:ed|t)|noted?)\s+(?:\w+\s+){0,2}?"
    r"(?:about|of)\s+(?:me|us)\b|\b(?:remember|know)\s+(?:me|us)\b"
    r"|\bwhat\s+(?:did|have)\s+(?:i|we)\s+(?:ever\s+|already\s+)?(?:tell|told)\s+you\W*$",
    re.IGNORECASE,
)
_SAID: Final = re.compile(r"\b(?:did|have|had)\s+(?:i|we)\b", re.IGNORECASE)
"""What was said word by word is for a search in messages, where there is one."""
_MEMORY: Final = stems("remember remind recall told tell said say know call called".split())
_ENOUGH: Final = 0.5
_MOST: Final = 3
_LONGEST: Final = 300


def answer(words: str, notes: Notes, *, sure: bool) -> str | None:
    """What the notes say to a request; None: they have no answer.

    Args:
        words: The request.
        notes: What is remembered.
        sure: Whether to answer only what is plainly asked of the notes; else also what they answer
            in part.
    """
    if not notes.recalled or not _ASKS.search(words):
        return None
    if _ALL.search(words):
        return _told(notes.recalled)
    asked = stems(word for word in spoken(words) if word not in STOP) - _MEMORY
    about_me = _ABOUT_ME.search(words) is not None
    if not asked or (sure and (not about_me or _SAID.search(words))):
        return None
    scores = [(_share(asked, note), note) for note in notes.recalled]
    best = max(score for score, _ in scores)
    # What is not asked about oneself must be what a note speaks of, and nothing else.
    if best < (1.0 if sure or not about_me else _ENOUGH):
        return None
    return _told([note for score, note in scores if score == best][:_MOST])


def kept(notes: Notes) -> str | None:
    """That what a message says is remembered; None: nothing of it is."""
    if not notes.noted:
        return None
    return f"I will remember: {_quoted(notes.noted)}."


def _share(asked: frozenset[str], note: str) -> float:
    there = {stem(word) for word in spoken(note)}
    return len(asked & there) / len(asked)


def _told(notes: Sequence[str]) -> str:
    return f"You told me: {_quoted(notes)}."


def _quoted(notes: Sequence[str]) -> str:
    return "; ".join(f"\u201c{clean(note, _LONGEST)}\u201d" for note in notes)
