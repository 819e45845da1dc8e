# SPDX-License-Identifier: Apache-2.0
"""Which number is meant for which parameter: by the words around it, then by order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from rollcall.conversations.planner.concepts import is_percent
from rollcall.conversations.planner.numbers import Number
from rollcall.conversations.planner.schema import Parameter
from rollcall.conversations.planner.words import FAINT, STOP, stem, stems

_BY_NAME: Final = 3.0
_BY_DESCRIPTION: Final = 1.5
_BEFORE: Final = 4
_BEHIND: Final = 2
_BREAK: Final = re.compile(r",|;|\band\b|\bund\b|\bwith\b|\.\s", re.IGNORECASE)
_MOST: Final = frozenset("most maximum limit first top max up".split())
_WORDS: Final = re.compile(r"[^\W\d_]+")


def assigned(
    parameters: Sequence[Parameter], numbers: Sequence[Number], text: str
) -> list[tuple[Parameter, Number]]:
    """Pairs of a parameter and the number that it gets, each at most once.

    What is optional only gets a number whose neighbours speak of it.
    """
    pairs = [
        (_affinity(parameter, at, numbers, text), -place, -at, parameter, number)
        for place, parameter in enumerate(parameters)
        for at, number in enumerate(numbers)
        if parameter.takes(number.json)
    ]
    pairs.sort(key=lambda one: one[:3], reverse=True)
    given: dict[str, tuple[Parameter, Number]] = {}
    taken: set[int] = set()
    for affinity, _, _, parameter, number in pairs:
        if affinity < _BY_DESCRIPTION or parameter.name in given or number.start in taken:
            continue
        given[parameter.name] = (parameter, number)
        taken.add(number.start)
    rest = [number for number in numbers if number.start not in taken and number.certain]
    for parameter in parameters:
        if not parameter.required or parameter.name in given:
            continue
        fitting = [one for one in rest if parameter.takes(one.json)]
        if fitting:
            given[parameter.name] = (parameter, fitting[0])
            rest.remove(fitting[0])
    return list(given.values())


def _affinity(parameter: Parameter, at: int, numbers: Sequence[Number], text: str) -> float:
    number = numbers[at]
    name = stems(word for word in parameter.name_words if word not in STOP)
    about = stems(word for word in parameter.words if word not in FAINT | STOP) - name
    behind_end = numbers[at + 1].start if at + 1 < len(numbers) else len(text)
    before_start = numbers[at - 1].end if at else 0
    before = [*_WORDS.findall(_last(text[before_start : number.start]))][-_BEFORE:]
    behind = _WORDS.findall(_first(text[number.end : behind_end]))[:_BEHIND]
    score = 0.0
    if {stem(word) for word in (*before, *behind)} & name:
        score += _BY_NAME
    elif {stem(word) for word in (*before[-2:], *behind)} & about:
        score += _BY_DESCRIPTION
    if number.percent:
        score += 3.0 if is_percent(parameter) else -2.0
    elif is_percent(parameter):
        score -= 0.5
    if {word.lower() for word in before} & _MOST and set(parameter.words) & _MOST:
        score += 2.0
    # What stands right behind a number is what it counts.
    if behind and stem(behind[0]) in name:
        score += 1.0
    return score


def _first(text: str) -> str:
    return _BREAK.split(text, maxsplit=1)[0]


def _last(text: str) -> str:
    return _BREAK.split(text)[-1]
