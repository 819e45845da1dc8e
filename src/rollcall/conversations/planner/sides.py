# SPDX-License-Identifier: Apache-2.0
"""How tools with two sides are filled: two numbers to work with, or an amount and two units."""

from __future__ import annotations

from typing import Any

from rollcall.conversations.planner import concepts
from rollcall.conversations.planner.choices import mentioned
from rollcall.conversations.planner.quantities import Change
from rollcall.conversations.planner.schema import Parameter
from rollcall.conversations.planner.units import currency_code, same_unit
from rollcall.conversations.planner.words import spoken, stems
from rollcall.conversations.planner.work import Work


def two_sides(work: Work) -> None:
    """Fill a tool that takes two numbers, and is told, or says itself, what to do with them."""
    found = work.reading.expression
    if found is None or found.parts is None:
        return
    left, operator, right = found.parts
    sides = [one for one in work.tool.parameters if one.kind in {"number", "integer"}]
    sides = [one for one in sides if one.required] or sides
    if len(sides) != 2:
        return
    acts = [
        (one, choice)
        for one in work.tool.parameters
        if one.kind in {"string", "any"}
        for choice in one.choices
        if str(choice).lower() in concepts.OPERATORS[operator]
        or concepts.OPERATORS[operator] & stems(spoken(str(choice)))
    ]
    names = concepts.OPERATORS[operator] & work.tool.stems
    if not acts and not (names and not any(one.choices for one in work.tool.required)):
        return
    values = [_number(left), _number(right)]
    if not all(side.takes(value) for side, value in zip(sides, values, strict=True)):
        return
    for side, value in zip(sides, values, strict=True):
        work.give(side, value, (found.start, found.end))
    for parameter, choice in acts[:1]:
        work.give(parameter, choice)
    work.filling.facts.add("expression")


def changed(work: Work) -> None:
    """Fill a tool that changes an amount from one unit, or currency, to another."""
    found = work.reading.change
    if found is None:
        return
    amounts = [one for one in work.tool.parameters if one.kind in {"number", "integer"}]
    texts = [one for one in work.tool.parameters if one.kind in {"string", "any"}]
    # The first one of a role counts, and what is required stands first.
    sides = {concepts.role(one): one for one in reversed(texts)}
    if not sides.keys() >= {"from", "to"}:
        _one_way(work, found, amounts)
        return
    if not amounts:
        return
    said = {"from": found.given, "to": found.wanted}
    values = {which: _unit(work, sides[which], unit) for which, unit in said.items()}
    number = found.number
    fits = amounts[0].takes(number.json)
    if not fits or not all(sides[which].takes(value) for which, value in values.items()):
        return
    for which, value in values.items():
        work.give(sides[which], value, *_places(work, said[which]))
    work.give(amounts[0], number.json, (number.start, number.end))
    for parameter in texts:
        if found.quantity and parameter.required and found.quantity in parameter.choices:
            work.give(parameter, found.quantity)
    work.filling.facts.add("change")


def _one_way(work: Work, found: Change, amounts: list[Parameter]) -> None:
    """Fill a tool that knows one pair of units: kilometres in, miles out."""
    told = [*spoken(work.tool.name), *spoken(work.tool.description)]
    wanted = any(same_unit(found.wanted, word) for word in told)
    for parameter in amounts if wanted and found.kind != "unknown" else []:
        given = any(same_unit(found.given, word) for word in parameter.words)
        span = (found.number.start, found.number.end)
        if given and work.give(parameter, found.number.json, span):
            for said in (found.given, found.wanted):
                work.filling.used.extend(_places(work, said))
            work.filling.facts.add("change")
            return


def _unit(work: Work, side: Parameter, unit: str) -> Any:
    """A unit as its parameter wants it."""
    found = work.reading.change
    if found is not None and found.kind == "money" and _wants_code(side):
        unit = currency_code(unit)
    if not side.choices:
        return unit
    for choice in side.choices:
        if same_unit(str(choice).replace("_", " "), unit):
            return choice
    chosen = mentioned(side.choices, unit.lower().split(), work.likeness)
    return chosen[0] if chosen else unit


def _places(work: Work, value: str) -> list[tuple[int, int]]:
    at = work.reading.text.lower().find(value.lower())
    return [(at, at + len(value))] if at >= 0 else []


def _wants_code(parameter: Parameter) -> bool:
    return bool({"code", "iso", "4217"} & set(parameter.words)) or bool(parameter.choices)


def _number(digits: str) -> int | float:
    value = float(digits)
    return int(value) if value.is_integer() and abs(value) < 1e15 else value
