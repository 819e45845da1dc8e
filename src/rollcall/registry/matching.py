# SPDX-License-Identifier: Apache-2.0
"""What answers a query: the pure oracle, of which the index is the fast equivalent.

How well a capability matches words comes in a few discrete levels, so that the best can be had
first without a look at the rest. A match never crosses from one field, or tag, into another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.models import Capability, Record
from rollcall.registry.query import Query, Reason, TextHit
from rollcall.registry.status import Status
from rollcall.registry.text import fold, whole, words

MAX_TEXT: Final = 1000
"""Characters that the words of a query may have."""


class Level(NamedTuple):
    """How well a capability matches: the score, why, and that as a sentence for people."""

    score: float
    reason: Reason
    detail: str = ""


EXACT_NAME: Final = Level(1.0, Reason.EXACT)
EXACT_TAG: Final = Level(0.95, Reason.EXACT, "one of its tags is the query")
PHRASE_IN_NAME: Final = Level(0.9, Reason.PHRASE, "its name has the query as whole words")
PHRASE_IN_TAG: Final = Level(0.85, Reason.PHRASE, "a tag has the query as whole words")
PHRASE_IN_DESCRIPTION: Final = Level(
    0.8, Reason.PHRASE, "its description has the query as whole words"
)
WORDS_IN_NAME: Final = Level(0.75, Reason.WORDS, "its name has all words of the query")
WORDS_ANYWHERE: Final = Level(
    0.7, Reason.WORDS, "its name, tags and description together have all words of the query"
)
PART_OF_NAME: Final = Level(0.6, Reason.SUBSTRING, "the query is a part of its name")
PART_OF_TAG: Final = Level(0.55, Reason.SUBSTRING, "the query is a part of a tag")
PART_OF_DESCRIPTION: Final = Level(0.5, Reason.SUBSTRING, "the query is a part of its description")
LISTED: Final = Level(1.0, Reason.LISTED)


class Folded(NamedTuple):
    """The searchable fields of a capability, folded."""

    name: str
    tags: tuple[str, ...]
    description: str


class Rule(msgspec.Struct, frozen=True):
    """What one filter of a query says of one record.

    Args:
        name: The field of `Query`.
        passed: Whether the record passes.
        detail: Why, as a sentence for people.
    """

    name: str
    passed: bool
    detail: str


def folded(capability: Capability) -> Folded:
    """The searchable fields of a capability, folded."""
    return Folded(
        fold(capability.name), tuple(map(fold, capability.tags)), fold(capability.description)
    )


def folded_text(query: Query) -> str:
    """The words of a query, folded; empty: it has none, and lists.

    Raises:
        InvalidInput: They are too long, or hold a NUL.
    """
    text = query.text
    if not text:
        return ""
    if len(text) > MAX_TEXT:
        raise InvalidInput("text", f"must have at most {MAX_TEXT} characters, not {len(text)}")
    if "\0" in text:
        raise InvalidInput("text", "must not hold the NUL character")
    return fold(text)


PhraseKey = tuple[str, str, tuple[str, ...]]


def phrase_key(capability: Capability) -> PhraseKey:
    """Capabilities with equal keys are one phrase: they read the same, whatever else differs."""
    return capability.name, capability.description, capability.tags


def phrases(record: Record) -> list[Capability]:
    """Its capabilities, each phrase once, in its own order."""
    distinct: dict[PhraseKey, Capability] = {}
    for capability in record.capabilities:
        distinct.setdefault(phrase_key(capability), capability)
    return list(distinct.values())


def level(fields: Folded, text: str, wanted: frozenset[str]) -> Level | None:
    """How well folded fields match a folded text that has the words `wanted`; None: not at all."""
    name, tags, description = fields
    if name == text:
        return EXACT_NAME
    if text in tags:
        return EXACT_TAG
    places = (
        _stands_in(name, text),
        max((_stands_in(tag, text) for tag in tags), default=_NOWHERE),
        _stands_in(description, text),
    )
    if _WHOLE in places:
        return _AS_PHRASE[places.index(_WHOLE)]
    # A query that is one word stands nowhere as a word: that was looked at as a phrase.
    if wanted and text not in wanted:
        missing = wanted.difference(words(name))
        if not missing:
            return WORDS_IN_NAME
        if not missing.difference(words(description), *map(words, tags)):
            return WORDS_ANYWHERE
    return _AS_PART[places.index(_PART)] if _PART in places else None


_AS_PHRASE: Final = (PHRASE_IN_NAME, PHRASE_IN_TAG, PHRASE_IN_DESCRIPTION)
_AS_PART: Final = (PART_OF_NAME, PART_OF_TAG, PART_OF_DESCRIPTION)
_NOWHERE: Final = 0
_PART: Final = 1
_WHOLE: Final = 2


def _stands_in(field: str, text: str) -> int:
    at = field.find(text)
    if at < 0:
        return _NOWHERE
    while at >= 0:
        if whole(field, at, at + len(text)):
            return _WHOLE
        at = field.find(text, at + 1)
    return _PART


def capability_hit(capability: Capability, text: str) -> TextHit | None:
    """How a capability matches a folded, non-empty text; None: not at all."""
    found = level(folded(capability), text, frozenset(words(text)))
    return None if found is None else TextHit(capability, *found)


def hits(record: Record, status: Status, query: Query) -> list[TextHit]:
    """The phrases of a record that answer a query, best first; without words, all of them."""
    if not passes(record, status, query):
        return []
    return text_hits(record, folded_text(query))


def text_hits(record: Record, text: str) -> list[TextHit]:
    """The phrases of a record that match a folded text, best first; an empty one lists them all."""
    if not text:
        return [TextHit(capability, *LISTED) for capability in phrases(record)]
    found = [hit for c in phrases(record) if (hit := capability_hit(c, text)) is not None]
    found.sort(key=lambda hit: -hit.score)
    return found


def matches(record: Record, status: Status, query: Query) -> bool:
    """Whether a record of this effective status answers a query."""
    text = folded_text(query)
    return passes(record, status, query) and (not text or bool(text_hits(record, text)))


def passes(record: Record, status: Status, query: Query) -> bool:
    """Whether a record of this effective status passes all filters of a query but its words."""
    if query.statuses is not None and status not in query.statuses:
        return False
    return all(check(record) for check in filters(query).values())


Check = Callable[[Record], bool]


def filters(query: Query) -> dict[str, Check]:
    """The filters that a query has, without words and statuses: the field's name to its check."""
    checks: dict[str, Check] = {}
    if query.kinds is not None:
        kinds = query.kinds
        checks["kinds"] = lambda record: record.kind in kinds
    if query.runtime is not None:
        runtime = query.runtime
        checks["runtime"] = lambda record: record.runtime == runtime
    if query.addressed is not None:
        addressed = query.addressed
        checks["addressed"] = lambda record: (record.address is not None) is addressed
    if query.reported is not None:
        reported = query.reported
        checks["reported"] = lambda record: record.reported in reported
    if query.metadata:
        wanted = query.metadata
        checks["metadata"] = lambda record: _has(record, wanted)
    if query.capabilities:
        capabilities = wanted_capabilities(query)
        checks["capabilities"] = lambda record: capabilities <= _names(record)
    if query.tags:
        tags = wanted_tags(query)
        checks["tags"] = lambda record: tags <= _tags(record)
    if query.name and (name := fold(query.name)):
        checks["name"] = lambda record: name in fold(record.name)
    return checks


def wanted_capabilities(query: Query) -> frozenset[str]:
    """The capabilities that a query asks for, folded."""
    return frozenset(map(fold, query.capabilities))


def wanted_tags(query: Query) -> frozenset[str]:
    """The tags that a query asks for, folded."""
    return frozenset(map(fold, query.tags))


def why_not(record: Record, status: Status, query: Query) -> list[Rule]:
    """What each filter that a query has says of a record, in the order of `Query`'s fields."""
    text = folded_text(query)
    rules: dict[str, Rule] = {}
    if text:
        best = next(iter(text_hits(record, text)), None)
        rules["text"] = Rule("text", best is not None, _about_text(query.text, best))
    if query.statuses is not None:
        asked = _listed(s.value for s in query.statuses)
        detail = f"it is {status.value}; asked for: {asked}"
        rules["statuses"] = Rule("statuses", status in query.statuses, detail)
    for name, check in filters(query).items():
        rules[name] = Rule(name, check(record), _about(name, record, query))
    return [rules[name] for name in Query.__struct_fields__ if name in rules]


def _about_text(text: str, best: TextHit | None) -> str:
    if best is None:
        return f"none of its capabilities has {text!r} in its name, tags or description"
    why = best.detail or "its name is the query"
    return f"capability {best.capability.name!r}: {why}"


def _about(name: str, record: Record, query: Query) -> str:
    match name:
        case "kinds":
            asked = _listed(kind.value for kind in query.kinds or ())
            return f"it is of kind {record.kind.value}; asked for: {asked}"
        case "runtime":
            return f"it lives in runtime {record.runtime!r}; asked for: {query.runtime!r}"
        case "addressed":
            return "it has an address" if record.address is not None else "it has no address"
        case "reported":
            asked = _listed(status.value for status in query.reported or ())
            return f"it reported {record.reported.value}; asked for: {asked}"
        case "metadata":
            given = record.metadata or {}
            wrong = [
                k for k, v in (query.metadata or {}).items() if k not in given or given[k] != v
            ]
            return f"metadata that differ: {_listed(wrong)}" if wrong else "its metadata are equal"
        case "capabilities":
            return _missing("capabilities", query.capabilities, _names(record))
        case "tags":
            return _missing("tags", query.tags, _tags(record))
        case _:
            return f"its name is {record.name!r}; asked for a part: {query.name!r}"


def _missing(what: str, asked: Iterable[str], there: set[str]) -> str:
    lacking = [word for word in asked if fold(word) not in there]
    return f"{what} that it lacks: {_listed(lacking)}" if lacking else f"it has all these {what}"


def _listed(words_: Iterable[str]) -> str:
    return ", ".join(sorted(words_)) or "none"


def _names(record: Record) -> set[str]:
    return {fold(capability.name) for capability in record.capabilities}


def _tags(record: Record) -> set[str]:
    own = set(map(fold, record.tags))
    return own.union(*(map(fold, capability.tags) for capability in record.capabilities))


def _has(record: Record, wanted: dict[str, object]) -> bool:
    there = record.metadata
    return there is not None and all(k in there and there[k] == v for k, v in wanted.items())
