# SPDX-License-Identifier: Apache-2.0
"""What parameters and tools are about, told from the words of their descriptions."""

from __future__ import annotations

import re
from typing import Final

from rollcall.conversations.planner.schema import Parameter, Tool
from rollcall.conversations.planner.words import spoken, stem, stems


def _set(words: str) -> frozenset[str]:
    return stems(words.split())


_ARITHMETIC: Final = _set(
    "arithmetic math maths mathematics mathematical formula equation calculation calculator "
    "operand algebra algebraic sqrt trigonometry numeric_expression rechner rechnen"
)
_FOUR: Final = (
    _set("add addition"),
    _set("subtract subtraction"),
    _set("multiply multiplication"),
    _set("divide division"),
)
_EXPRESSION: Final = stem("expression")
_REGULAR: Final = re.compile(
    r"\bregular\s+expression|\bregex|\bfacial\b|\bface\b|\bcron\b", re.IGNORECASE
)
_MEASURE: Final = _set(
    "unit units measure measurement metric imperial length mass weight temperature distance "
    "volume kilometre mile"
)
_MONEY: Final = _set("currency currencies money forex monetary cash fiat") | {"4217"}
_SAMPLE: Final = _set(
    "mean median average deviation variance percentile series sample observation distribution "
    "minimum maximum total"
)
_WEB: Final = _set("web website webpage page site internet html url link")

OPERATORS: Final[dict[str, frozenset[str]]] = {
    "+": _set("+ add adds addition plus sum") | {"+"},
    "-": _set("subtract subtraction minus difference sub") | {"-"},
    "*": _set("multiply multiplication times product mul") | {"*", "x", "\u00d7"},
    "/": _set("divide division quotient div over") | {"/", "÷", ":"},
    "**": _set("power pow exponent exponentiation raise") | {"**", "^"},
    "%": _set("modulo remainder mod") | {"%"},
}
"""What an arithmetic operator is called."""

ALIKE: Final = tuple(
    _set(group)
    for group in (
        "average mean durchschnitt",
        "maximum max largest biggest highest greatest",
        "minimum min smallest lowest least",
        "sum total",
        "stdev standard_deviation std stddev",
        "count size",
        "urgent critical",
        "walking foot walk",
        "cycling bike bicycle cycle",
        "driving car drive",
    )
)
"""Words that choose the same of several values."""


def is_arithmetic(tool: Tool) -> bool:
    """Whether a tool says that it works with arithmetic."""
    said = tool.all_stems
    if said & _ARITHMETIC or sum(bool(said & one) for one in _FOUR) >= 2:
        return True
    return (
        _EXPRESSION in said
        and not _REGULAR.search(tool.description)
        and any(is_expression(parameter) for parameter in tool.parameters)
    )


def is_measure(tool: Tool) -> bool:
    """Whether a tool says that it works with units of measurement."""
    return bool(tool.all_stems & _MEASURE)


def is_money(tool: Tool) -> bool:
    """Whether a tool says that it works with currencies."""
    return bool(tool.all_stems & _MONEY)


def is_sample(tool: Tool) -> bool:
    """Whether a tool says that it describes many numbers."""
    return bool(tool.stems & _SAMPLE)


def is_web(tool: Tool) -> bool:
    """Whether a tool says that it works with pages of the web."""
    return bool(tool.stems & _WEB)


def is_expression(parameter: Parameter) -> bool:
    """Whether a string parameter takes arithmetic in symbols."""
    said = parameter.stems
    if _REGULAR.search(parameter.description):
        return False
    return parameter.kind in {"string", "any"} and bool(said & _ARITHMETIC or _EXPRESSION in said)


def is_url(parameter: Parameter) -> bool:
    """Whether a parameter is the address of a page."""
    if parameter.format in {"uri", "url", "iri", "uri-reference"}:
        return True
    name, words = set(parameter.name_words), set(parameter.words)
    if name & {"url", "uri", "link", "href", "website", "webpage", "urls", "links"}:
        return True
    if words & {"url", "uri"} and "url" in words | name:
        return True
    return bool(
        name & {"address", "page", "site", "source", "location"}
        and words & {"web", "website", "http", "https", "internet"}
    )


def is_email(parameter: Parameter) -> bool:
    """Whether a parameter is an address of mail."""
    if parameter.format in {"email", "idn-email"}:
        return True
    name, words = set(parameter.name_words), set(parameter.words)
    if name & {"email", "emails", "mail"} and not name & {"body", "subject", "text"}:
        return True
    return bool(
        name
        & {"to", "recipient", "recipients", "cc", "bcc", "from", "address", "attendee", "attendees"}
        and words & {"mail", "email", "recipient"}
    )


def is_ip(parameter: Parameter) -> bool:
    """Whether a parameter is an address of the internet protocol."""
    return parameter.format in {"ipv4", "ipv6", "ip"} or "ip" in parameter.name_words


def is_moment(parameter: Parameter) -> bool:
    """Whether a parameter is a day and a time in one."""
    name = set(parameter.name_words)
    return parameter.format == "date-time" or bool(name & {"datetime", "timestamp"})


def is_date(parameter: Parameter) -> bool:
    """Whether a parameter is a day."""
    name = set(parameter.name_words)
    return parameter.format == "date" or bool(name & {"date", "day", "deadline", "due", "birthday"})


def is_time(parameter: Parameter) -> bool:
    """Whether a parameter is a time of day."""
    name, words = set(parameter.name_words), set(parameter.words)
    return parameter.format == "time" or (
        "time" in name and not words & {"zone", "timezone", "place", "city"}
    )


def is_place(parameter: Parameter) -> bool:
    """Whether a parameter is a place."""
    wanted = {
        "city",
        "town",
        "place",
        "location",
        "country",
        "timezone",
        "region",
        "zone",
        "destination",
        "village",
        "airport",
    }
    return bool(wanted & set(parameter.name_words)) or bool(
        {"city", "town", "place"} & set(parameter.words)
    )


def is_language(parameter: Parameter) -> bool:
    """Whether a parameter is a language of people."""
    return (
        bool({"language", "lang", "locale"} & set(parameter.words))
        and "programming" not in parameter.words
    )


def is_file(parameter: Parameter) -> bool:
    """Whether a parameter is a file's name."""
    return bool(
        {"file", "filename", "path", "filepath", "picture", "image", "photo"}
        & set(parameter.name_words)
    )


def is_code(parameter: Parameter) -> bool:
    """Whether a parameter is a code that names something: an id, a number, a symbol."""
    name = set(parameter.name_words)
    return bool(
        name
        & {
            "id",
            "number",
            "code",
            "symbol",
            "ticker",
            "isbn",
            "iban",
            "sku",
            "identifier",
            "reference",
            "no",
        }
    )


def is_query(parameter: Parameter) -> bool:
    """Whether a parameter is what to look for."""
    name, words = set(parameter.name_words), set(parameter.words)
    asked = {
        "query",
        "q",
        "search",
        "keyword",
        "keywords",
        "terms",
        "term",
        "topic",
        "question",
        "word",
        "phrase",
    }
    return bool(name & asked) or {"look", "for"} <= words or "keywords" in words


def is_prose(parameter: Parameter) -> bool:
    """Whether a parameter is a text of its own, of which no word may be lost."""
    prose = {
        "text",
        "message",
        "body",
        "content",
        "note",
        "sentence",
        "paragraph",
        "item",
        "task",
        "comment",
        "description",
        "prompt",
        "title",
        "subject",
        "summary",
        "reminder",
        "sample",
    }
    return bool(prose & set(parameter.name_words)) or bool({"text"} & set(parameter.words))


def is_percent(parameter: Parameter) -> bool:
    """Whether a parameter is a share in percent."""
    return bool(
        {"percent", "percentage", "pct", "rate", "discount", "vat", "tax"} & set(parameter.words)
    )


_FROM: Final = frozenset("from source src base origin start given old input in current".split())
_TO: Final = frozenset(
    "to target tgt dest destination wanted quote out output into new end desired".split()
)
_SAID_FROM: Final = frozenset("source origin given starts".split())
_SAID_TO: Final = frozenset("target destination wanted desired ends".split())


def role(parameter: Parameter) -> str:
    """`from` or `to`, for what is changed or travelled; empty: neither, or it does not say."""
    name, said = set(parameter.name_words), spoken(parameter.description)
    for given, wanted in (
        (_FROM & name, _TO & name),
        (_SAID_FROM & set(said), _SAID_TO & set(said)),
        (said[-1:] == ["from"], said[-1:] == ["to"]),
    ):
        if bool(given) != bool(wanted):
            return "from" if given else "to"
    return ""
