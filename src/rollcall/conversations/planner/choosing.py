# SPDX-License-Identifier: Apache-2.0
"""Which of the offered tools a request asks for, if any.

A tool is asked for when the words of the request that it does not take as arguments speak of it,
by the registry's search, or when what stands in the request (arithmetic, an address, an amount and
two units) is what it says that it works with. A tool is out when something that it requires is not
in the request, and when it would leave aside what the request is plainly about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rollcall.conversations.planner import concepts
from rollcall.conversations.planner.filling import Filling, fill
from rollcall.conversations.planner.index import ToolIndex
from rollcall.conversations.planner.reading import Reading, Span
from rollcall.conversations.planner.schema import Tool
from rollcall.conversations.planner.words import FAINT, STOP, spoken, stem

THRESHOLD: Final = 0.46
"""The lowest score at which a tool is called. Chosen on the development half of the wordings."""

_BLUR: Final = 0.5
_FAINT: Final = 0.35
_NAME: Final = 0.4
_NEAR: Final = (0.32, 0.62)
_BY_MEANING: Final = 0.85
_WHOLE: Final = 0.25
_NAMED: Final = 2.0
_FACT: Final[dict[str, float]] = {
    "expression": 1.5, "change": 1.5, "url": 0.6, "list": 0.5, "email": 0.5, "ip": 0.8, "trip": 0.5,
    "file": 0.4, "date": 0.2, "time": 0.2, "language": 0.4, "place": 0.1, "code": 0.2,
}  # fmt: skip
_LEFT_ASIDE: Final = 0.25


@dataclass(frozen=True)
class Candidate:
    """A tool, and what speaks for it.

    Args:
        tool: Which.
        filling: What it would be called with.
        score: How well it fits, 0 to about 1; 0 where it is out.
        nearness: How much speaks for it before its arguments are looked at.
    """

    tool: Tool
    filling: Filling
    score: float
    nearness: float

    @property
    def callable(self) -> bool:
        """Whether it is to be called."""
        return self.score >= THRESHOLD and not self.filling.missing


def candidates(index: ToolIndex, reading: Reading) -> list[Candidate]:
    """All tools, the one that fits best first."""
    found = [_judged(index, at, reading) for at in range(len(index.tools))]
    found.sort(key=lambda one: (one.callable, one.score, one.nearness), reverse=True)
    return found


def _judged(index: ToolIndex, at: int, reading: Reading) -> Candidate:
    tool = index.tools[at]
    filling = fill(tool, reading, index.likeness)
    words = [
        word
        for word in _asking(reading)
        if all(word.end <= start or word.start >= end for start, end in filling.used)
    ]
    names = {(name.start, name.end) for name in reading.names}
    support = total = 0.0
    for word in words:
        weight = _FAINT if word.value in FAINT else 1.0
        if any(start <= word.start < end for start, end in names):
            weight = _NAME
        support += weight * _meets(index, at, word.value)
        total += weight
    support += _NAMED * _is_named(tool, reading)
    total += _NAMED * _is_named(tool, reading)
    nearness = support / (total + _BLUR)
    if filling.missing or _is_out(tool, filling, reading, support / total if total else 0.0):
        return Candidate(tool, filling, 0.0, nearness)
    bonus = sum(_FACT.get(fact, 0.0) for fact in filling.facts)
    score = (support + bonus) / (total + bonus + _BLUR)
    if words:
        score += _WHOLE * index.by_meaning(at, " ".join(word.value for word in words))
    score -= _LEFT_ASIDE * _left_aside(filling, reading)
    # Of equals, the one with less to say beside the point.
    score -= 0.004 * len(tool.parameters) + 0.0005 * len(spoken(tool.description))
    return Candidate(tool, filling, max(score, 0.0), nearness)


def _asking(reading: Reading) -> list[Span]:
    """The words that say what is wanted."""
    return [
        word
        for word in reading.words
        if word.value not in STOP and not word.value.isdigit() and len(word.value) > 1
    ]


def _meets(index: ToolIndex, at: int, word: str) -> float:
    """How well a tool meets a word, 0 to 1."""
    by_words = index.by_words(at, word)
    if by_words:
        return min(1.0, by_words + 0.15)
    low, high = _NEAR
    near = (index.by_meaning(at, word) - low) / (high - low)
    return _BY_MEANING * min(1.0, max(0.0, near))


def _is_named(tool: Tool, reading: Reading) -> bool:
    """Whether the request has the tool's name as it is written, and that is no common word."""
    plain = tool.name.replace("-", "").replace("_", "")
    return plain.isalnum() and plain != tool.name and tool.name.lower() in reading.text.lower()


def _is_out(tool: Tool, filling: Filling, reading: Reading, explained: float) -> bool:
    """Whether a tool would leave aside, or mistake, what a request is plainly about."""
    if reading.urls and not _covers(filling, [(one.start, one.end) for one in reading.urls[:1]]):
        return True
    for spans in (reading.emails, reading.ips):
        if spans and not tool.open and not _covers(filling, [(spans[0].start, spans[0].end)]):
            return True
    if _is_sum(reading) and not _works_out(tool, filling, reading, explained):
        return True
    found = reading.change
    if found is not None and found.kind != "unknown":
        fits = concepts.is_money(tool) if found.kind == "money" else concepts.is_measure(tool)
        other = concepts.is_measure(tool) if found.kind == "money" else concepts.is_money(tool)
        if "change" not in filling.facts or (other and not fits):
            return True
    if len(reading.listed) > 2 and not tool.open:
        return "list" not in filling.facts and "expression" not in filling.facts
    return False


def _works_out(tool: Tool, filling: Filling, reading: Reading, explained: float) -> bool:
    """Whether a tool does the arithmetic that it is given."""
    if "expression" in filling.facts:
        return True
    if tool.open:
        return concepts.is_arithmetic(tool)
    used = [(number.start, number.end) for number in reading.numbers]
    return explained > 0.5 and _covers(filling, used)


def _is_sum(reading: Reading) -> bool:
    """Whether the request is arithmetic and nothing else, but for the words that ask for it."""
    found = reading.expression
    if found is None:
        return False
    beside = [
        word for word in _asking(reading)
        if not (found.start <= word.start < found.end) and word.value not in FAINT
    ]  # fmt: skip
    if not found.certain:
        return not beside
    return len(beside) <= 1


def _covers(filling: Filling, spans: list[tuple[int, int]]) -> bool:
    return all(
        any(start <= first and last <= end for start, end in filling.used) for first, last in spans
    )


def _left_aside(filling: Filling, reading: Reading) -> int:
    """How many numbers and quotations are not used."""
    pieces = [(one.start, one.end) for one in reading.quoted]
    pieces += [(one.start, one.end) for one in reading.numbers if one.certain]
    return min(2, sum(not _covers(filling, [piece]) for piece in pieces))


def speaks_of(tool: Tool, word: str) -> bool:
    """Whether a word, in any form, stands in a tool's name or description."""
    return stem(word) in tool.stems
