# SPDX-License-Identifier: Apache-2.0
"""Notes among the messages that pydantic-ai sends. Importing it takes about a second."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic_ai.messages import UserPromptPart

from rollcall.conversations.briefs import NO_NOTES, Notes
from rollcall.conversations.recollection import shown


@dataclass(repr=False)
class NotesPart(UserPromptPart):
    """Notes, in front of what the user says. Providers are sent its text; the planner reads
    `notes`, so that no words of a user's are ever taken for them.
    """

    notes: Notes = NO_NOTES


def notes_part(notes: Notes) -> NotesPart:
    """The part that tells of notes."""
    return NotesPart(content=shown(notes), notes=notes)
