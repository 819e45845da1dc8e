# SPDX-License-Identifier: Apache-2.0
"""Which of the offered tools a request asks for, if any.

A tool is asked for when the words of the request that it does not take as arguments speak of it,
by the registry's search, or when what stands in the request (arithmetic, an address, an amount and
two units) is what it says that it works with. A tool is out when something that it requires is not
in the request, and when it would leave aside what the request is plainly about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rollcall.conversations.planner import concepts
from rollcall.conversations.planner.filling import Filling, fill
from rollcall.conversations.planner.hints import also, turns
from rollcall.conversations.planner.index import ToolIndex
from rollcall.conversations.planner.reading import Reading, Span
from rollcall.conversations.planner.schema import Tool
from rollcall.conversations.planner.words import FAINT, STOP, spoken, stem

THRESHOLD: Final = 0.4
"""The lowest score at which a tool is called. Chosen on the development half of the wordings."""

_BLUR: Final = 0.5
_FAINT: Final = 0.35
_NAME: Final = 0.4
_NEAR: Final = (0.24, 0.52)
_TURN: Final = 0.8
_CHOSEN: Final = 1.2
_HINTED: Final = 0.9
_BY_MEANING: Final = 0.85
_WHOLE: Final = 0.25
_NAMED: Final = 2.0
_FACT: Final[dict[str, float]] = {
    "expression": 2.0, "change": 1.5, "url": 1.2, "list": 0.3, "email": 1.0, "ip": 1.2, "trip": 0.5,
    "file": 0.4, "date": 0.4, "time": 0.2, "language": 0.8, "place": 0.1, "code": 0.5,
}  # fmt: skip
_SAMPLE: Final = 0.7
_TELLING: Final = 0.3
_DOUBTFUL: Final = 0.6
_OTHER: Final = 0.4
_ALL: Final = 0.6
_SPOKEN_OF: Final = 0.5
_ORDER: Final = re.compile(
    r"^\W*(?:(?:please|hey|hi|hello|ok|okay|now|just|can|could|would|will|you|kindly)\W+)*"
    r"(?P<verb>[^\W\d_]{3,})\s+(?:my|the|a|an|this|that|these|those|all|it|some|our|your|his|her|their)\b",
    re.IGNORECASE,
)
_PLAIN: Final = frozenset({"expression", "change", "url", "email", "ip"})
_TAKEN: Final = frozenset({"expression", "url"})
_AS_WORDS: Final = 0.5
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
    taken = {fact for one in found if one.callable for fact in one.filling.facts & _TAKEN}
    if not _is_sum(reading):
        taken.discard("expression")

    def rank(one: Candidate) -> tuple[bool, float, float]:
        # An address is rather opened than taken as words, arithmetic rather done than listed.
        amiss = bool(taken - one.filling.facts)
        return one.callable, one.score - _AS_WORDS * amiss, one.nearness

    found.sort(key=rank, reverse=True)
    return found


def _judged(index: ToolIndex, at: int, reading: Reading) -> Candidate:
    tool = index.tools[at]
    filling = fill(tool, reading, index.likeness)
    words = [word for word in _asking(reading) if _is_free(filling, word.start, word.end)]
    phrases = [one for one in turns(reading.text) if _is_free(filling, one[0], one[1])]
    words = [one for one in words if not any(a <= one.start < b for a, b, _ in phrases)]
    names = {(name.start, name.end) for name in reading.names}
    support = total = telling = 0.0
    for word in words:
        weight = _FAINT if word.value in FAINT else 1.0
        if any(start <= word.start < end for start, end in names):
            weight = _NAME
        met = weight * _meets(index, at, word.value, also(word.value))
        support += met
        telling += 0.0 if word.value in FAINT else met
        total += weight
    chosen = [one for one in _asking(reading) if (one.start, one.end) in filling.chosen]
    support += _CHOSEN * len(chosen)
    telling += _CHOSEN * len(chosen)
    total += _CHOSEN * len(chosen)
    for _, _, meant in phrases:
        met = _TURN * max(_meets(index, at, word, ()) for word in meant)
        support += met
        telling += met
        total += _TURN
    support += _NAMED * _is_named(tool, reading)
    total += _NAMED * _is_named(tool, reading)
    nearness = support / (total + _BLUR)
    if filling.missing or _is_out(tool, filling, reading, support / total if total else 0.0):
        return Candidate(tool, filling, 0.0, nearness)
    bonus = sum(_FACT.get(fact, 0.0) for fact in filling.facts)
    if "list" in filling.facts and concepts.is_sample(tool):
        # Numbers alone do not say what is to be done with them.
        said = telling > 0.0 or len(filling.arguments) > 1
        bonus += _SAMPLE if said else -_FACT["list"]
    score = (support + bonus) / (total + bonus + _BLUR)
    if wanted := " ".join(word.value for word in (*words, *chosen)):
        score += _WHOLE * index.by_meaning(at, wanted)
    if telling + bonus + _NAMED * _is_named(tool, reading) < _TELLING:
        score *= _DOUBTFUL
    if not filling.facts & _PLAIN and _wants_other(index, at, reading):
        score *= _OTHER
    # What takes no argument from the request must be all that the request is about.
    beside = support < _ALL * total or _left_aside(filling, reading)
    if not filling.arguments and beside:
        score *= _DOUBTFUL
    # Half of a sum, or of an amount, is a wrong answer.
    if filling.facts & {"expression", "change"} and _left_aside(filling, reading):
        score *= _OTHER
    score -= _LEFT_ASIDE * _left_aside(filling, reading)
    # Of equals, the one with less to say beside the point.
    score -= 0.004 * len(tool.parameters) + 0.0002 * len(spoken(tool.description))
    return Candidate(tool, filling, max(score, 0.0), nearness)


def _asking(reading: Reading) -> list[Span]:
    """The words that say what is wanted."""
    apart = [(one.start, one.end) for one in (*reading.urls, *reading.emails, *reading.files)]
    signs = [
        Span(sign, sign + 1, "percentage")
        for number in reading.numbers
        if (sign := reading.text.find("%", number.end, number.end + 2)) >= 0
    ]
    return [
        word
        for word in (*reading.words, *signs)
        if word.value not in STOP and not word.value.isdigit() and len(word.value) > 1
        if not any(start <= word.start < end for start, end in apart)
    ]


def _is_free(filling: Filling, start: int, end: int) -> bool:
    return all(end <= first or start >= last for first, last in filling.used)


def _meets(index: ToolIndex, at: int, word: str, hints: Sequence[str]) -> float:
    """How well a tool meets a word, or what the word is about, 0 to 1."""
    hinted = max((_HINTED * _meets(index, at, one, ()) for one in hints), default=0.0)
    by_words = index.by_words(at, word)
    if by_words:
        return max(hinted, min(1.0, by_words + 0.15))
    low, high = _NEAR
    near = (index.by_meaning(at, word) - low) / (high - low)
    return max(hinted, _BY_MEANING * min(1.0, max(0.0, near)))


def _wants_other(index: ToolIndex, at: int, reading: Reading) -> bool:
    """Whether the request begins with an order ("delete my ...") of which a tool does not speak."""
    found = _ORDER.match(reading.text)
    if found is None:
        return False
    verb = found["verb"].lower()
    if verb in STOP or verb in FAINT:
        return False
    return _meets(index, at, verb, also(verb)) < _SPOKEN_OF


def _is_named(tool: Tool, reading: Reading) -> bool:
    """Whether the request has the tool's name as it is written, and that is no common word."""
    plain = tool.name.replace("-", "").replace("_", "")
    return plain.isalnum() and plain != tool.name and tool.name.lower() in reading.text.lower()


def _is_out(tool: Tool, filling: Filling, reading: Reading, explained: float) -> bool:
    """Whether a tool would leave aside, or mistake, what a request is plainly about."""
    if (
        reading.urls
        and not tool.open
        and not _covers(filling, [(one.start, one.end) for one in reading.urls[:1]])
    ):
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
