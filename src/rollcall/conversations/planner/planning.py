# SPDX-License-Identifier: Apache-2.0
"""What to do with a request: call a tool, or say why none is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from rollcall.conversations.briefs import NO_NOTES, Notes
from rollcall.conversations.planner import remembering, telling
from rollcall.conversations.planner.choosing import Candidate, candidates
from rollcall.conversations.planner.filling import fill
from rollcall.conversations.planner.followups import continued
from rollcall.conversations.planner.index import ToolIndex
from rollcall.conversations.planner.reading import Reading
from rollcall.conversations.planner.schema import Tool
from rollcall.conversations.planner.telling import clean

_NAMED: Final = 6
_NEAR: Final = 0.45
_REMEMBERED: Final = 8
_OTHER_WAYS: Final = 3
_SPEAKS: Final = (
    "I am the offline planner: no model is configured here, so I pick one registered tool by your"
    " words and fill in its arguments."
)
_CANNOT: Final = (
    "I cannot hold a conversation, reason over several steps, or answer from general knowledge."
)


@dataclass(frozen=True)
class Call:
    """A call to be made.

    Args:
        tool: The tool's name.
        arguments: What it is called with.
    """

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What is next: a call, or, where there is none, an answer."""

    call: Call | None = None
    text: str = ""


class Planner:
    """Decides. Pure: the same words and tools always give the same.

    Args:
        help_text: How a model is set up, for people.
    """

    def __init__(self, help_text: str) -> None:
        self._help = help_text.strip()

    def first(
        self,
        index: ToolIndex,
        words: str,
        today: date,
        *,
        before: Sequence[str] = (),
        notes: Notes = NO_NOTES,
    ) -> Plan:
        """What to do with a request.

        Args:
            index: The tools there are.
            words: The request.
            today: The day.
            before: The requests before it, the oldest first.
            notes: What is remembered.
        """
        known = remembering.answer(words, notes, sure=True)
        if known is not None:
            return Plan(text=known)
        found = candidates(index, Reading(words, today))
        if not (found and found[0].callable) and before:
            earlier = ""
            for one in before[-_REMEMBERED:]:
                earlier = continued(one, earlier, today) or one
            whole = continued(words, earlier, today)
            if whole is not None:
                again = candidates(index, Reading(whole, today))
                found = again if again and again[0].callable else found
        if found and found[0].callable:
            return Plan(Call(found[0].tool.name, found[0].filling.arguments))
        known = remembering.answer(words, notes, sure=False) or remembering.kept(notes)
        if known is not None:
            return Plan(text=known)
        return Plan(text=self._declined(index.tools, found))

    def again(
        self,
        index: ToolIndex,
        words: str,
        today: date,
        *,
        tool: str,
        why: str,
        tried: Sequence[Mapping[str, Any]],
    ) -> Plan:
        """What to do when a tool does not take the arguments: one other way to fill them, once.

        Args:
            index: The tools there are.
            words: The request.
            today: The day.
            tool: Which one refused.
            why: What it said.
            tried: The arguments of all calls so far.
        """
        known = next((one for one in index.tools if one.name == tool), None)
        if known is None or len(tried) > 1:
            return Plan(text=telling.refused(tool, why))
        reading = Reading(words, today)
        for skip in range(1, _OTHER_WAYS):
            filling = fill(known, reading, index.likeness, skip)
            if not filling.missing and filling.arguments not in tried:
                return Plan(Call(tool, filling.arguments))
        return Plan(text=telling.refused(tool, why))

    def _declined(self, tools: Sequence[Tool], found: Sequence[Candidate]) -> str:
        lines = [_SPEAKS]
        near = max(found, key=lambda one: one.nearness, default=None)
        if near is not None and near.nearness >= _NEAR and near.filling.missing:
            lines.append(
                f"The tool {clean(near.tool.name, 100)!r} comes nearest, but I did not find in"
                f" your words what it needs: {_needed(near)}."
            )
        elif tools:
            lines.append("None of the tools registered now fits what you ask.")
        if tools:
            lines.append(f"I can use: {_listed(tools)}.")
        else:
            lines.append("No tool is registered now, so there is nothing that I can do.")
        lines.append(_CANNOT)
        return "\n".join(line for line in (*lines, self._help) if line)


def _needed(candidate: Candidate) -> str:
    return ", ".join(
        f"{clean(one.name, 60)} ({clean(one.description, 80)})"
        if one.description
        else clean(one.name, 60)
        for one in candidate.filling.missing[:4]
    )


def _listed(tools: Sequence[Tool]) -> str:
    shown = [
        f"{clean(one.name, 60)} ({_about(one)})" if one.description else clean(one.name, 60)
        for one in tools[:_NAMED]
    ]
    more = len(tools) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def _about(tool: Tool) -> str:
    sentence = clean(tool.description.split("\n", 1)[0], 400).split(". ", 1)[0].rstrip(".")
    return clean(sentence, 90)
