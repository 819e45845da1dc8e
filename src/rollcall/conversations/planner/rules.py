# SPDX-License-Identifier: Apache-2.0
"""How parameters are filled that can be only one thing: an address, a date, one of some values.

Each rule looks at one parameter that has no value yet, and fills it or leaves it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rollcall.conversations.planner import concepts, languages, subjects
from rollcall.conversations.planner.choices import mentioned, switched
from rollcall.conversations.planner.reading import Span
from rollcall.conversations.planner.schema import Parameter
from rollcall.conversations.planner.work import Work, asks_arithmetic


def url(work: Work, parameter: Parameter) -> None:
    """The address of a page."""
    holder = parameter.item if parameter.kind == "array" else parameter
    if holder is None or holder.kind not in {"string", "any"}:
        return
    if not (concepts.is_url(parameter) or concepts.is_url(holder)):
        return
    spans = work.free(work.reading.urls)
    if not spans and (named := [f for f in work.reading.files if "/" not in f.value[:1]]):
        # "example.com/about" is meant as an address where one is asked for.
        spans = [] if parameter.name_words == ["file"] else _domains(work, named)
    work.put(parameter, spans, "url")


def _domains(work: Work, spans: list[Span]) -> list[Span]:
    return [Span(one.start, one.end, f"https://{one.value}") for one in work.free(spans)]


def email(work: Work, parameter: Parameter) -> None:
    """The address of a mailbox."""
    if concepts.is_email(parameter) or (parameter.item and concepts.is_email(parameter.item)):
        work.put(parameter, work.free(work.reading.emails), "email")


def ip(work: Work, parameter: Parameter) -> None:
    """An address of the internet protocol."""
    if concepts.is_ip(parameter):
        work.put(parameter, work.free(work.reading.ips), "ip")


def moment(work: Work, parameter: Parameter) -> None:
    """A day with a time."""
    if not concepts.is_moment(parameter) or parameter.kind != "string":
        return
    days, times = work.free(work.reading.dates), work.free(work.reading.times)
    days = [day for day in days if parameter.required or _led(work, parameter, day)]
    if days:
        value = f"{days[0].value}T{times[0].value if times else '00:00'}:00Z"
        spans = [(one.start, one.end) for one in (*days[:1], *times[:1])]
        work.give(parameter, value, *spans)


def date(work: Work, parameter: Parameter) -> None:
    """A day."""
    if parameter.kind == "string" and concepts.is_date(parameter):
        days = work.free(work.reading.dates)
        days = [day for day in days if parameter.required or _led(work, parameter, day)]
        work.put(parameter, days, "date")


def time(work: Work, parameter: Parameter) -> None:
    """A time of day."""
    if parameter.kind == "string" and concepts.is_time(parameter):
        work.put(parameter, work.free(work.reading.times), "time")


def expression(work: Work, parameter: Parameter) -> None:
    """Arithmetic, in symbols."""
    found = work.reading.expression
    if found is None or not asks_arithmetic(work, parameter):
        return
    symbols = found.symbols
    if "^" in parameter.description and "**" not in parameter.description:
        symbols = symbols.replace("**", "^")
    if work.give(parameter, symbols, (found.start, found.end)):
        work.filling.facts.add("expression")


def choice(work: Work, parameter: Parameter) -> None:
    """One of some values, or several of them."""
    apart = (*work.reading.urls, *work.reading.emails, *work.reading.files)
    words = [
        word
        for word in work.free(work.reading.words)
        if not any(one.start <= word.start < one.end for one in apart)
    ]
    if not parameter.required:
        about = _looked_for(work)
        words = [word for word in words if not about or not about.start <= word.start < about.end]
    said = [word.value for word in words]
    item = parameter.item
    if item is not None:
        found = _several(parameter, item, said)
    else:
        meaning = work.likeness if parameter.required else None
        one = mentioned(parameter.choices, said, meaning) if parameter.choices else None
        found = [] if one is None else [one]
    if not found:
        return
    values = [value for value, _ in found]
    places = [at for _, several in found for at in several]
    value = values if item is not None else values[0]
    spans = [(words[at].start, words[at].end) for at in places]
    if work.give(parameter, value, *spans):
        work.filling.chosen.extend(spans)


def _looked_for(work: Work) -> Span | None:
    """What is to be looked for, whose words say nothing else."""
    if not any(one.required and concepts.is_query(one) for one in work.tool.parameters):
        return None
    return subjects.subject(work.left, work.explained, query=True)


def _several(parameter: Parameter, item: Parameter, said: list[str]) -> list[tuple[Any, list[int]]]:
    """The values of a list that words say, in their order: by schema, or by description."""
    names: dict[Any, list[str]] = {choice: [] for choice in item.choices}
    if not names and item.kind in {"string", "any"}:
        names = dict(parameter.suggested)
    found: list[tuple[Any, list[int]]] = []
    for value, others in names.items():
        for name in (value, *others):
            if one := mentioned([name], said, None):
                found.append((value, one[1]))
                break
    # "geometric mean" is one thing.
    whole = [one for one in found if not any(set(one[1]) < set(other[1]) for other in found)]
    return sorted(whole, key=lambda one: one[1])


def switch(work: Work, parameter: Parameter) -> None:
    """Yes or no, where the text speaks of it."""
    if parameter.kind == "boolean":
        said = switched(parameter, work.reading.text)
        if said is not None:
            work.give(parameter, said)


def language(work: Work, parameter: Parameter) -> None:
    """A language of people."""
    if parameter.kind == "string" and concepts.is_language(parameter):
        code = "code" in parameter.words or "iso" in parameter.words
        found = languages.language(work.left, concepts.role(parameter), code=code)
        if found is not None:
            work.put(parameter, [found], "language")


def trip(work: Work, parameter: Parameter) -> None:
    """Where something starts, or ends."""
    if parameter.kind != "string" or parameter.choices or not concepts.role(parameter):
        return
    other = [
        one
        for one in work.tool.parameters
        if one is not parameter and one.kind == "string" and not one.choices
    ]
    roles = {concepts.role(one) for one in other} | {concepts.role(parameter)}
    if not roles >= {"from", "to"} or work.reading.change is not None:
        return
    found = subjects.ends(work.reading.text)
    if found is not None:
        span = found[0] if concepts.role(parameter) == "from" else found[1]
        work.put(parameter, work.free([span]), "trip")


def file(work: Work, parameter: Parameter) -> None:
    """A file's name."""
    if parameter.kind == "string" and concepts.is_file(parameter):
        work.put(parameter, work.free(work.reading.files), "file")


def code(work: Work, parameter: Parameter) -> None:
    """A code that names something."""
    if parameter.kind != "string" or not concepts.is_code(parameter):
        return
    spans = work.free(work.reading.codes)
    if not parameter.required:
        spans = [span for span in spans if _named(work, parameter, span)]
    work.put(parameter, spans, "code")


def version(work: Work, parameter: Parameter) -> None:
    """A version: numbers with points between them."""
    if parameter.kind == "string" and "version" in parameter.name_words:
        work.put(parameter, work.free(work.reading.versions), "code")


def place(work: Work, parameter: Parameter) -> None:
    """A place."""
    if parameter.kind == "string" and parameter.required and concepts.is_place(parameter):
        found = subjects.place(work.left, work.free(work.reading.names))
        if found is not None:
            work.put(parameter, [found], "place")


def _led(work: Work, parameter: Parameter, span: Span) -> bool:
    """Whether what stands before a day says that it is for this parameter, or it has no rival."""
    before = work.reading.text[: span.start].lower().split()[-1:]
    name = set(parameter.name_words)
    rivals = [
        one for one in work.tool.parameters if concepts.is_date(one) or concepts.is_moment(one)
    ]
    return len(rivals) == 1 or any(name & way and set(before) & way for way in _WAYS)


_WAYS: Final = (
    frozenset({"since", "after", "from", "start", "begin", "earliest"}),
    frozenset({"until", "before", "to", "end", "till", "by", "latest"}),
)


def _named(work: Work, parameter: Parameter, span: Span) -> bool:
    """Whether a word of the parameter's name stands right before a piece."""
    before = work.reading.text[: span.start].lower().split()[-3:]
    generic = {"id", "number", "code", "name"}
    return any(word.strip(".,:#") in set(parameter.name_words) - generic for word in before)


RULES: Final[tuple[Callable[[Work, Parameter], None], ...]] = (
    url,
    email,
    ip,
    moment,
    date,
    time,
    expression,
    choice,
    switch,
    language,
    trip,
    file,
    version,
    code,
    place,
)
"""In this order: what can be only one thing comes before what can be many."""
