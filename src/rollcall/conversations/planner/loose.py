# SPDX-License-Identifier: Apache-2.0
"""How parameters are filled from what is left: numbers, lists, and texts that can be anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rollcall.conversations.planner import concepts
from rollcall.conversations.planner.amounts import assigned
from rollcall.conversations.planner.reading import Span
from rollcall.conversations.planner.schema import Parameter
from rollcall.conversations.planner.subjects import items, narrowed, subject
from rollcall.conversations.planner.work import Work, asks_arithmetic


def amounts(work: Work) -> None:
    """Fill every parameter that takes numbers."""
    free = [n for n in work.reading.numbers if work.is_free(n.start, n.end)]
    open_ = [one for one in work.tool.parameters if one.name not in work.filling.arguments]
    arrays = [
        one
        for one in open_
        if one.kind == "array" and one.item and one.item.kind in {"number", "integer"}
    ]
    if arrays:
        listed = [n for n in work.reading.listed if n in free] or [n for n in free if n.certain]
        values = [number.json for number in listed]
        if values and work.give(
            arrays[0], values, *((number.start, number.end) for number in listed)
        ):
            work.filling.facts.add("list")
            free = [number for number in free if number not in listed]
    wanted = [one for one in open_ if one.kind in {"number", "integer"} and not one.choices]
    for parameter, number in assigned(wanted, free, work.reading.text):
        work.give(parameter, number.json, (number.start, number.end))


def free_list(work: Work, parameter: Parameter) -> None:
    """Things that are counted up."""
    item = parameter.item
    if parameter.kind != "array" or item is None or not parameter.required:
        return
    if item.kind not in {"string", "any"} or item.choices:
        return
    quotes = work.free(work.reading.quoted)
    if quotes:
        work.put(parameter, quotes, "quoted")
        return
    found = subject(work.left, work.explained | {"have", "with"}, query=True)
    if found is not None:
        work.give(parameter, items(found), (found.start, found.end))


def free_text(work: Work, parameter: Parameter) -> None:
    """A text that can be anything: what is quoted, or what the request is about."""
    if parameter.kind not in {"string", "any"} or parameter.choices or not parameter.required:
        return
    if _is_only_one_thing(parameter) or asks_arithmetic(work, parameter):
        return
    if concepts.is_code(parameter) and not {"symbol", "ticker"} & set(parameter.name_words):
        return
    sides = {concepts.role(one) for one in work.tool.required if not one.choices}
    if concepts.role(parameter) and sides >= {"from", "to"}:
        return
    ways = _texts(work, parameter)
    if len(ways) > work.skip:
        span = ways[work.skip]
        last = not work.reading.text[span.end :].strip()
        value = span.value + work.reading.rest if last else span.value
        work.give(parameter, value, (span.start, span.end))


def _texts(work: Work, parameter: Parameter) -> list[Span]:
    ways = work.free(work.reading.quoted)
    query = concepts.is_query(parameter) or not concepts.is_prose(parameter)
    found = subject(work.left, work.explained, query=query)
    if found is not None and query and not concepts.is_query(parameter):
        found = narrowed(found, frozenset(parameter.name_words) | {"named", "called"})
    if found is not None:
        ways = [*ways, found]
    pages = [
        Span(one.start, one.end, work.reading.text[one.start : one.end])
        for one in work.free(work.reading.urls)
    ]
    return [*pages, *ways] if not work.free(work.reading.quoted) else [*ways, *pages]


def quotation(work: Work, parameter: Parameter) -> None:
    """What is quoted and nobody took, for an optional text."""
    quotes = work.free(work.reading.quoted)
    if parameter.required:
        return
    special = _is_only_one_thing(parameter) or concepts.is_code(parameter)
    if quotes and not special and parameter.kind == "string" and not parameter.choices:
        work.put(parameter, quotes, "quoted")


def defaults(work: Work) -> None:
    """Fill what is required, was not found, and goes without saying."""
    for parameter in work.tool.required:
        if parameter.name in work.filling.arguments:
            continue
        if parameter.default is not None:
            work.give(parameter, parameter.default)
        elif len(parameter.choices) == 1:
            work.give(parameter, parameter.choices[0])
        elif parameter.kind == "boolean":
            work.give(parameter, value=False)
        elif parameter.kind == "object" and not parameter.schema.get("properties"):
            work.give(parameter, {})


def _is_only_one_thing(parameter: Parameter) -> bool:
    """Whether a parameter cannot be made of just any words."""
    return any(test(parameter) for test in _TESTS)


_TESTS: Final[tuple[Callable[[Parameter], bool], ...]] = (
    concepts.is_url,
    concepts.is_email,
    concepts.is_ip,
    concepts.is_moment,
    concepts.is_date,
    concepts.is_time,
    concepts.is_language,
    concepts.is_file,
    concepts.is_place,
)

LOOSE: Final[tuple[Callable[[Work, Parameter], None], ...]] = (free_list, free_text, quotation)
"""In this order."""
