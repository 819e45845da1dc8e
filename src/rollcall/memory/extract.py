# SPDX-License-Identifier: Apache-2.0
"""What can be found in a text by rule: pure, and the same for the same text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from rollcall.memory.entities import (
    ORGANISATION,
    PERSON,
    USER,
    Extraction,
    Found,
    Known,
    Link,
    cleaned,
    key_of,
    merged,
    words_of,
)
from rollcall.memory.extract_names import Span, name_before, name_behind
from rollcall.memory.extract_rules import (
    INTRODUCTIONS,
    IS_NAMED,
    MINE,
    OWN,
    RULES,
    SINCE,
    SPELL,
    SUFFIX,
    THEIRS,
    UNTIL,
    Rule,
)
from rollcall.memory.extract_values import values

LONGEST: Final = 100_000
"""Characters of a text that are looked at."""
_WORD: Final = re.compile(r"[^\W_]+")
_BEFORE: Final = 60
"""Characters before an address in which its owner is looked for."""
_KNOWN: Final = 0.8
_LONGEST_KNOWN: Final = 10
"""Words of a known name."""


def extract(text: str, known: Sequence[Known] = (), speaker: str | None = None) -> Extraction:
    """The entities of a text and how they stand to one another.

    Args:
        text: Of any language; sentences are understood in English and German. Of more than
            `LONGEST` characters the beginning is looked at.
        known: Entities that are found wherever their name stands.
        speaker: The id of who says it; "I" is them. None: whoever says their name in it.
    """
    # One for one, so that spans stay.
    reading = _Reading(text[:LONGEST].replace("\u2019", "'"), speaker)
    reading.take_values()
    reading.take_introductions()
    reading.take_relations()
    reading.take_organisations()
    reading.take_known(known)
    return merged(Extraction(reading.entities, reading.links))


def beginnings(text: str) -> list[str]:
    """The distinct words of a text, at any of which a known name may begin."""
    return list(dict.fromkeys(one.casefold() for one in _WORD.findall(text[:LONGEST])))


class _Reading:
    def __init__(self, text: str, speaker: str | None) -> None:
        self.entities: list[Found] = []
        self.links: list[Link] = []
        self._text = text
        self._speaker = cleaned(speaker) if speaker is not None else ""
        self._named: int | None = None
        self._values: list[int] = []
        self._me: int | None = None

    def take_values(self) -> None:
        for one in values(self._text):
            self._values.append(self._add(one))

    def take_introductions(self) -> None:
        for pattern, confidence, least in INTRODUCTIONS:
            for match in pattern.finditer(self._text):
                span = name_behind(self._text, match.end(), least=least)
                if span is None:
                    continue
                one = self._add(self._name(span, PERSON, confidence))
                if self._named is None:
                    self._named = one
                if self._speaker:
                    self._link(self._myself(), one, IS_NAMED, confidence)

    def take_relations(self) -> None:
        for rule in RULES:
            for match in rule.pattern.finditer(self._text):
                self._relate(rule, match)
        for place in self._values:
            value = self.entities[place]
            if value.type in OWN and value.span is not None:
                self._own(place, value.type, value.span[0])

    def take_organisations(self) -> None:
        for match in SUFFIX.finditer(self._text):
            span = name_before(self._text, match.start())
            if span is not None:
                self._add(self._name((span[0], match.end()), ORGANISATION, 0.85))

    def take_known(self, known: Iterable[Known]) -> None:
        names: dict[tuple[str, ...], list[Known]] = {}
        firsts: dict[str, int] = {}
        for one in known:
            words = tuple(words_of(one.key))
            if 0 < len(words) <= _LONGEST_KNOWN:
                names.setdefault(words, []).append(one)
                firsts[words[0]] = max(len(words), firsts.get(words[0], 0))
        if not names:
            return
        text = [(match[0].casefold(), match.span()) for match in _WORD.finditer(self._text)]
        for place, (word, span) in enumerate(text):
            for length in range(firsts.get(word, 0), 0, -1):
                run = text[place : place + length]
                for one in names.get(tuple(part for part, _ in run), ()):
                    name = cleaned(self._text[span[0] : run[-1][1][1]])
                    # Words may stand apart in a text that belong together in a name.
                    if key_of(one.type, name) == one.key:
                        where = (span[0], run[-1][1][1])
                        self._add(Found(name, one.type, _KNOWN, {}, where))

    def _relate(self, rule: Rule, match: re.Match[str]) -> None:
        behind = name_behind(self._text, match.end())
        if behind is None:
            return
        if rule.speaker:
            source = self._myself()
        else:
            before = name_before(self._text, match.start())
            source = None
            if before is not None:
                source = self._add(self._name(before, PERSON, rule.confidence))
        if source is None:
            return
        target = self._add(self._name(behind, rule.target, rule.confidence))
        role = match.groupdict().get("role")
        since, until = _spell(self._text, behind[1])
        attributes = {} if role is None else {"role": cleaned(role)}
        if rule.past and until is None:
            attributes["past"] = "true"
        self.links.append(
            Link(source, target, rule.relation, rule.confidence, attributes, since, until)
        )

    def _own(self, place: int, type_: str, start: int) -> None:
        """Whose an address or a number is, where that stands before it."""
        relation, confidence = OWN[type_]
        before = self._text[max(0, start - _BEFORE) : start]
        theirs = THEIRS.search(before)
        if MINE.search(before) is not None:
            self._link(self._myself(), place, relation, confidence)
        elif theirs is not None:
            span = name_before(self._text, start - len(before) + theirs.start())
            if span is not None:
                owner = self._add(self._name(span, PERSON, confidence))
                self._link(owner, place, relation, confidence)

    def _myself(self) -> int | None:
        """Who speaks: by their id, else by the name that they say."""
        if not self._speaker:
            return self._named
        if self._me is None:
            self._me = self._add(Found(self._speaker, USER, 1.0))
        return self._me

    def _link(self, source: int | None, target: int, type_: str, confidence: float) -> None:
        if source is not None:
            self.links.append(Link(source, target, type_, confidence))

    def _add(self, one: Found) -> int:
        self.entities.append(one)
        return len(self.entities) - 1

    def _name(self, span: Span, type_: str, confidence: float) -> Found:
        return Found(cleaned(self._text[slice(*span)]), type_, confidence, {}, span)


def _spell(text: str, start: int) -> tuple[float | None, float | None]:
    """From and until when, as the text goes on at `start`."""
    for pattern in (SPELL, SINCE, UNTIL):
        match = pattern.match(text, start)
        if match is not None:
            found = match.groupdict()
            return _year(found.get("from"), 0), _year(found.get("to"), 1)
    return None, None


def _year(year: str | None, later: int) -> float | None:
    """The beginning of a year, or its end where it is the last one."""
    return None if year is None else datetime(int(year) + later, 1, 1, tzinfo=UTC).timestamp()
