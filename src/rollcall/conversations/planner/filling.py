# SPDX-License-Identifier: Apache-2.0
"""Arguments from the user's words, by the type, the name and the description of each parameter.

Parameters are served in order of how much they ask for: an address can only be an address, "text"
can be anything that is left. What one parameter took, no other gets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rollcall.conversations.planner import concepts
from rollcall.conversations.planner.amounts import assigned
from rollcall.conversations.planner.choices import mentioned, switched
from rollcall.conversations.planner.languages import language
from rollcall.conversations.planner.quantities import currency_code
from rollcall.conversations.planner.reading import Reading, Span
from rollcall.conversations.planner.schema import Parameter, Tool
from rollcall.conversations.planner.subjects import blanked, ends, items, place, subject
from rollcall.conversations.planner.words import spoken, stems

Likeness = Callable[[str, str], float]
"""How near two words are in meaning, 0 to 1."""


@dataclass
class Filling:
    """What a tool would be called with.

    Args:
        arguments: By parameter.
        missing: What is required, and not in the text.
        used: The pieces of the text that arguments were made of, as from and to.
        facts: What was used of what stands in the text: `expression`, `change`, `url`.
    """

    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    missing: list[Parameter] = field(default_factory=list[Parameter])
    used: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    facts: set[str] = field(default_factory=set[str])


def fill(tool: Tool, reading: Reading, likeness: Likeness | None = None, skip: int = 0) -> Filling:
    """Fill a tool's arguments from a text. Never raises; each argument fits its schema.

    Args:
        tool: Whose arguments.
        reading: The text.
        likeness: How near words are in meaning; None: only words that are the same count.
        skip: How many ways to fill a free text are passed over, for a second attempt.
    """
    filler = _Filler(tool, reading, likeness, skip)
    filler.run()
    return filler.filling


class _Filler:
    def __init__(
        self, tool: Tool, reading: Reading, likeness: Likeness | None, skip: int
    ) -> None:
        self.tool = tool
        self.reading = reading
        self.likeness = likeness
        self.skip = skip
        self.filling = Filling()
        self._explained = tool.all_stems

    def run(self) -> None:
        if self.tool.open:
            name = self.tool.parameters[0].name if self.tool.parameters else "input"
            self.filling.arguments[name] = self.reading.text.strip()
            return
        self._two_sides()
        self._changed()
        for rule in _RULES:
            for parameter in self.tool.parameters:
                if parameter.name not in self.filling.arguments:
                    rule(self, parameter)
        self._amounts()
        for rule in (_Filler.free_list, _Filler.free_text, _Filler.quotation):
            for parameter in self.tool.parameters:
                if parameter.name not in self.filling.arguments:
                    rule(self, parameter)
        self._defaults()
        self.filling.missing = [
            one for one in self.tool.required if one.name not in self.filling.arguments
        ]
        order = [one.name for one in self.tool.parameters]
        self.filling.arguments = {
            name: self.filling.arguments[name] for name in order if name in self.filling.arguments
        }

    # What is used, and what is left.

    def _give(self, parameter: Parameter, value: Any, *spans: tuple[int, int]) -> bool:
        if not parameter.takes(value):
            return False
        self.filling.arguments[parameter.name] = value
        self.filling.used.extend(spans)
        return True

    def _free(self, spans: Sequence[Span]) -> list[Span]:
        return [span for span in spans if self._is_free(span.start, span.end)]

    def _is_free(self, start: int, end: int) -> bool:
        return all(end <= first or start >= last for first, last in self.filling.used)

    @property
    def _left(self) -> str:
        return blanked(self.reading.text, self.filling.used)

    # Two numbers and what to do with them; an amount and two units.

    def _two_sides(self) -> None:
        found = self.reading.expression
        if found is None or found.parts is None:
            return
        left, operator, right = found.parts
        sides = [one for one in self.tool.parameters if one.kind in {"number", "integer"}]
        sides = [one for one in sides if one.required] or sides
        if len(sides) != 2:
            return
        acts = [
            (one, choice)
            for one in self.tool.parameters
            if one.kind in {"string", "any"}
            for choice in one.choices
            if str(choice).lower() in concepts.OPERATORS[operator]
            or concepts.OPERATORS[operator] & _stems_of(str(choice))
        ]
        names = concepts.OPERATORS[operator] & self.tool.stems
        if not acts and not (names and not any(one.choices for one in self.tool.required)):
            return
        values = [_number(left), _number(right)]
        if not all(side.takes(value) for side, value in zip(sides, values, strict=True)):
            return
        for side, value in zip(sides, values, strict=True):
            self._give(side, value, (found.start, found.end))
        for parameter, choice in acts[:1]:
            self._give(parameter, choice)
        self.filling.facts.add("expression")

    def _changed(self) -> None:
        found = self.reading.change
        if found is None:
            return
        amounts = [one for one in self.tool.parameters if one.kind in {"number", "integer"}]
        texts = [
            one for one in self.tool.parameters if one.kind in {"string", "any"} and one.required
        ]
        sides = {concepts.role(one): one for one in reversed(texts)}
        if not amounts or "from" not in sides or "to" not in sides or len(texts) != 2:
            return
        number = found.number
        span = (number.start, number.end)
        values = {"from": found.given, "to": found.wanted}
        for which, value in values.items():
            side = sides[which]
            if found.kind == "money" and _wants_code(side):
                value = currency_code(value)
            chosen = value
            if side.choices:
                said = mentioned(side.choices, value.lower().split(), self.likeness)
                chosen = said[0] if said else value
            if not self._give(side, chosen, *self._places(values[which])):
                return
        self._give(amounts[0], number.json, span)
        self.filling.facts.add("change")

    def _places(self, value: str) -> list[tuple[int, int]]:
        at = self.reading.text.lower().find(value.lower())
        return [(at, at + len(value))] if at >= 0 else []

    # What can be only one thing.

    def url(self, parameter: Parameter) -> None:
        one = _single(parameter)
        if one is None or not concepts.is_url(one if one.words else parameter):
            return
        spans = self._free(self.reading.urls)
        if not spans and (named := [f for f in self.reading.files if "/" not in f.value[:1]]):
            # "example.com/about" is meant as an address where one is asked for.
            spans = [] if parameter.name_words == ["file"] else self._domains(named)
        self._put(parameter, spans, "url")

    def _domains(self, spans: list[Span]) -> list[Span]:
        return [Span(one.start, one.end, f"https://{one.value}") for one in self._free(spans)]

    def email(self, parameter: Parameter) -> None:
        if concepts.is_email(parameter) or (parameter.item and concepts.is_email(parameter.item)):
            self._put(parameter, self._free(self.reading.emails), "email")

    def ip(self, parameter: Parameter) -> None:
        if concepts.is_ip(parameter):
            self._put(parameter, self._free(self.reading.ips), "ip")

    def moment(self, parameter: Parameter) -> None:
        if not concepts.is_moment(parameter) or parameter.kind != "string":
            return
        days, times = self._free(self.reading.dates), self._free(self.reading.times)
        if days:
            value = f"{days[0].value}T{times[0].value if times else '00:00'}:00Z"
            spans = [(one.start, one.end) for one in (*days[:1], *times[:1])]
            self._give(parameter, value, *spans)

    def date(self, parameter: Parameter) -> None:
        if parameter.kind == "string" and concepts.is_date(parameter):
            self._put(parameter, self._free(self.reading.dates), "date")

    def time(self, parameter: Parameter) -> None:
        if parameter.kind == "string" and concepts.is_time(parameter):
            self._put(parameter, self._free(self.reading.times), "time")

    def expression(self, parameter: Parameter) -> None:
        found = self.reading.expression
        if found is None or not self._asks_arithmetic(parameter):
            return
        symbols = found.symbols
        if "^" in parameter.description and "**" not in parameter.description:
            symbols = symbols.replace("**", "^")
        if self._give(parameter, symbols, (found.start, found.end)):
            self.filling.facts.add("expression")

    def _asks_arithmetic(self, parameter: Parameter) -> bool:
        if parameter.choices or parameter.kind not in {"string", "any"}:
            return False
        if concepts.is_expression(parameter):
            return True
        only = [one for one in self.tool.required if one.kind in {"string", "any"}]
        return only == [parameter] and concepts.is_arithmetic(self.tool)

    def choice(self, parameter: Parameter) -> None:
        item = parameter.item
        words = self._free(self.reading.words)
        said = [word.value for word in words]
        if item is not None and item.choices:
            several = [one for choice in item.choices if (one := mentioned([choice], said, None))]
            several.sort(key=lambda one: one[1])
            if several:
                spans = [(words[at].start, words[at].end) for _, places in several for at in places]
                self._give(parameter, [choice for choice, _ in several], *spans)
            return
        if not parameter.choices:
            return
        found = mentioned(parameter.choices, said, self.likeness if parameter.required else None)
        if found is not None:
            self._give(parameter, found[0], *((words[at].start, words[at].end) for at in found[1]))

    def switch(self, parameter: Parameter) -> None:
        if parameter.kind == "boolean":
            said = switched(parameter, self.reading.text)
            if said is not None:
                self._give(parameter, said)

    def language(self, parameter: Parameter) -> None:
        if parameter.kind == "string" and concepts.is_language(parameter):
            code = "code" in parameter.words or "iso" in parameter.words
            found = language(self._left, concepts.role(parameter), code=code)
            if found is not None:
                self._put(parameter, [found], "language")

    def trip(self, parameter: Parameter) -> None:
        if parameter.kind != "string" or parameter.choices or not concepts.role(parameter):
            return
        other = [
            one
            for one in self.tool.parameters
            if one is not parameter and one.kind == "string" and not one.choices
        ]
        roles = {concepts.role(one) for one in other} | {concepts.role(parameter)}
        if not roles >= {"from", "to"} or self.reading.change is not None:
            return
        found = ends(self.reading.text)
        if found is not None:
            span = found[0] if concepts.role(parameter) == "from" else found[1]
            self._put(parameter, self._free([span]), "trip")

    def file(self, parameter: Parameter) -> None:
        if parameter.kind == "string" and concepts.is_file(parameter):
            self._put(parameter, self._free(self.reading.files), "file")

    def code(self, parameter: Parameter) -> None:
        if parameter.kind != "string" or not concepts.is_code(parameter):
            return
        spans = self._free(self.reading.codes)
        if not parameter.required:
            spans = [span for span in spans if self._named(parameter, span)]
        self._put(parameter, spans, "code")

    def place(self, parameter: Parameter) -> None:
        if parameter.kind == "string" and parameter.required and concepts.is_place(parameter):
            found = place(self._left, self._free(self.reading.names))
            if found is not None:
                self._put(parameter, [found], "place")

    def _put(self, parameter: Parameter, spans: Sequence[Span], fact: str) -> None:
        if not spans:
            return
        if parameter.kind == "array":
            value: Any = [span.value for span in spans]
            given = self._give(parameter, value, *((one.start, one.end) for one in spans))
        else:
            value = spans[0].value
            given = self._give(parameter, value, (spans[0].start, spans[0].end))
        if given:
            self.filling.facts.add(fact)

    def _named(self, parameter: Parameter, span: Span) -> bool:
        """Whether a word of the parameter's name stands right before a piece."""
        before = self.reading.text[: span.start].lower().split()[-3:]
        generic = {"id", "number", "code", "name"}
        return any(word.strip(".,:#") in set(parameter.name_words) - generic for word in before)

    # Numbers, and what is left.

    def _amounts(self) -> None:
        free = [n for n in self.reading.numbers if self._is_free(n.start, n.end)]
        open_ = [one for one in self.tool.parameters if one.name not in self.filling.arguments]
        arrays = [
            one
            for one in open_
            if one.kind == "array" and one.item and one.item.kind in {"number", "integer"}
        ]
        if arrays:
            listed = [n for n in self.reading.listed if n in free] or [n for n in free if n.certain]
            values = [number.json for number in listed]
            if values and self._give(
                arrays[0], values, *((number.start, number.end) for number in listed)
            ):
                self.filling.facts.add("list")
                free = [number for number in free if number not in listed]
        wanted = [one for one in open_ if one.kind in {"number", "integer"} and not one.choices]
        for parameter, number in assigned(wanted, free, self.reading.text):
            self._give(parameter, number.json, (number.start, number.end))

    def free_list(self, parameter: Parameter) -> None:
        item = parameter.item
        if parameter.kind != "array" or item is None or not parameter.required:
            return
        if item.kind not in {"string", "any"} or item.choices:
            return
        quotes = self._free(self.reading.quoted)
        if quotes:
            self._put(parameter, quotes, "quoted")
            return
        found = subject(self._left, self._explained | {"have", "with"}, query=True)
        if found is not None:
            self._give(parameter, items(found), (found.start, found.end))

    def free_text(self, parameter: Parameter) -> None:
        if parameter.kind not in {"string", "any"} or parameter.choices or not parameter.required:
            return
        if _is_only_one_thing(parameter) or self._asks_arithmetic(parameter):
            return
        if concepts.is_code(parameter) and not {"symbol", "ticker"} & set(parameter.name_words):
            return
        sides = {concepts.role(one) for one in self.tool.required if not one.choices}
        if concepts.role(parameter) and sides >= {"from", "to"}:
            return
        ways = self._texts(parameter)
        if len(ways) > self.skip:
            span = ways[self.skip]
            self._give(parameter, span.value, (span.start, span.end))

    def _texts(self, parameter: Parameter) -> list[Span]:
        ways = self._free(self.reading.quoted)
        query = concepts.is_query(parameter) or not concepts.is_prose(parameter)
        found = subject(self._left, self._explained, query=query)
        if found is not None:
            ways = [*ways, found]
        pages = [
            Span(one.start, one.end, self.reading.text[one.start : one.end])
            for one in self._free(self.reading.urls)
        ]
        return [*pages, *ways] if not self._free(self.reading.quoted) else [*ways, *pages]

    def quotation(self, parameter: Parameter) -> None:
        """What is quoted and nobody took is for an optional text, where there is one."""
        quotes = self._free(self.reading.quoted)
        special = _is_only_one_thing(parameter) or concepts.is_code(parameter)
        if quotes and not special and parameter.kind == "string" and not parameter.choices:
            self._put(parameter, quotes, "quoted")

    def _defaults(self) -> None:
        for parameter in self.tool.required:
            if parameter.name in self.filling.arguments:
                continue
            if parameter.default is not None:
                self._give(parameter, parameter.default)
            elif len(parameter.choices) == 1:
                self._give(parameter, parameter.choices[0])
            elif parameter.kind == "boolean":
                self._give(parameter, value=False)
            elif parameter.kind == "object" and not parameter.schema.get("properties"):
                self._give(parameter, {})


def _is_only_one_thing(parameter: Parameter) -> bool:
    """Whether a parameter cannot be made of just any words."""
    tests = (
        concepts.is_url, concepts.is_email, concepts.is_ip, concepts.is_moment, concepts.is_date,
        concepts.is_time, concepts.is_language, concepts.is_file, concepts.is_place,
    )  # fmt: skip
    return any(test(parameter) for test in tests)


def _single(parameter: Parameter) -> Parameter | None:
    if parameter.kind == "array":
        return parameter.item if parameter.item and parameter.item.kind in {"string", "any"} else None
    return parameter if parameter.kind in {"string", "any"} else None


def _wants_code(parameter: Parameter) -> bool:
    return bool({"code", "iso", "4217"} & set(parameter.words)) or bool(parameter.choices)


def _number(digits: str) -> int | float:
    value = float(digits)
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _stems_of(text: str) -> frozenset[str]:
    return stems(spoken(text))


_RULES: Final[tuple[Callable[[_Filler, Parameter], None], ...]] = (
    _Filler.url,
    _Filler.email,
    _Filler.ip,
    _Filler.moment,
    _Filler.date,
    _Filler.time,
    _Filler.expression,
    _Filler.choice,
    _Filler.switch,
    _Filler.language,
    _Filler.trip,
    _Filler.file,
    _Filler.code,
    _Filler.place,
)
"""In this order: what can be only one thing comes before what can be many."""
