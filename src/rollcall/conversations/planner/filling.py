# SPDX-License-Identifier: Apache-2.0
"""Arguments from the user's words, by the type, the name and the description of each parameter.

Parameters are served in order of how much they ask for: an address can only be an address, "text"
can be anything that is left. What one parameter took, no other gets.
"""

from __future__ import annotations

from rollcall.conversations.planner import concepts
from rollcall.conversations.planner.loose import LOOSE, amounts, defaults
from rollcall.conversations.planner.reading import Reading
from rollcall.conversations.planner.rules import RULES
from rollcall.conversations.planner.schema import Tool
from rollcall.conversations.planner.sides import changed, two_sides
from rollcall.conversations.planner.work import Filling, Likeness, Work


def fill(tool: Tool, reading: Reading, likeness: Likeness | None = None, skip: int = 0) -> Filling:
    """Fill a tool's arguments from a text. Never raises; each argument fits its schema.

    Args:
        tool: Whose arguments.
        reading: The text.
        likeness: How near words are in meaning; None: only words that are the same count.
        skip: How many ways to fill a free text are passed over, for a second attempt.
    """
    work = Work(tool, reading, likeness, skip)
    filling = work.filling
    if tool.open:
        name = tool.parameters[0].name if tool.parameters else "input"
        filling.arguments[name] = (reading.text + reading.rest).strip()
        _take_words(tool, reading, filling)
        return filling
    two_sides(work)
    changed(work)
    for rule in RULES:
        for parameter in work.open:
            rule(work, parameter)
    amounts(work)
    for rule in LOOSE:
        for parameter in work.open:
            rule(work, parameter)
    defaults(work)
    filling.missing = [one for one in work.open if one.required]
    given = filling.arguments
    filling.arguments = {one.name: given[one.name] for one in tool.parameters if one.name in given}
    return filling


def _take_words(tool: Tool, reading: Reading, filling: Filling) -> None:
    """Note what a tool that is given all the words will understand of them, by what it says."""
    if reading.expression is not None and concepts.is_arithmetic(tool):
        filling.facts.add("expression")
        filling.used.append((reading.expression.start, reading.expression.end))
        filling.used.extend((one.start, one.end) for one in reading.numbers)
    found = reading.change
    fits = concepts.is_money if found and found.kind == "money" else concepts.is_measure
    if found is not None and fits(tool):
        filling.facts.add("change")
        filling.used.append((found.number.start, found.number.end))
        for unit in (found.given, found.wanted):
            at = max(0, reading.text.find(unit))
            filling.used.append((at, min(at + len(unit), len(reading.text))))
    if reading.urls and concepts.is_web(tool):
        filling.facts.add("url")
        filling.used.extend((one.start, one.end) for one in reading.urls)
