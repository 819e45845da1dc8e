# SPDX-License-Identifier: Apache-2.0
"""Entities and relationships as they are found in a text, and what their names amount to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import derived

PERSON: Final = "person"
ORGANISATION: Final = "organisation"
PLACE: Final = "place"
USER: Final = "user"
"""Who speaks, where only an id is known of them."""
EMAIL: Final = "email"
URL: Final = "url"
DATE: Final = "date"
AMOUNT: Final = "amount"
PHONE: Final = "phone"

VALUES: Final = frozenset({EMAIL, URL, DATE, AMOUNT, PHONE})
"""Types whose names are values that are written in one way."""

MAX_NAME: Final = 200
MAX_TYPE: Final = 50
MAX_ENTITIES: Final = 200
"""Entities that are taken from one memory."""
MAX_RELATIONSHIPS: Final = 400
MAX_ATTRIBUTES: Final = 4_000
"""Bytes that the attributes of one fact may have as JSON."""

_TYPE: Final = re.compile(r"[a-z][a-z0-9_]*")
_ROUNDS: Final = 8


@dataclass(frozen=True, slots=True)
class Found:
    """An entity in a text.

    Args:
        name: As it stands there; a value in its one way of writing.
        type: A word such as `person`.
        attributes: What the text says of it.
        confidence: From 0 to 1.
        span: Where it stands first, as characters [start, end); None: that is not known.
    """

    name: str
    type: str
    confidence: float = 1.0
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A relationship in a text.

    Args:
        source: The entity's place in the list of those found.
        target: As `source`.
        valid_from: In seconds since the epoch; None: the text does not say.
        valid_to: As `valid_from`.
    """

    source: int
    target: int
    type: str
    confidence: float = 1.0
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    valid_from: float | None = None
    valid_to: float | None = None


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a text speaks of."""

    entities: Sequence[Found] = ()
    relationships: Sequence[Link] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """An entity that the graph has already, by one of its names."""

    key: str
    type: str


def cleaned(name: str) -> str:
    """`name` as one printable line of at most `MAX_NAME` characters; empty: nothing is left."""
    composed = unicodedata.normalize("NFC", name)
    # Marks that turn the direction of writing around, lone surrogates and NUL are unprintable.
    seen = "".join(one if one.isprintable() else " " for one in composed)
    return " ".join(seen.split())[:MAX_NAME].strip()


def key_of(type_: str, name: str) -> str:
    """What makes names of one type the same: neither case, nor width, nor blanks, nor a last dot.

    Values are the same only where they are written the same way. Done twice it changes nothing.
    """
    if type_ in VALUES:
        return cleaned(name)
    for _ in range(_ROUNDS):
        folded = unicodedata.normalize("NFKC", cleaned(name).casefold())
        folded = cleaned(folded).strip(" .,;:!?\"'") or cleaned(folded)
        if folded == name:
            break
        name = folded
    return name


def words_of(key: str) -> list[str]:
    """The words by which an entity is found, in order."""
    return re.findall(r"[^\W_]+", key.casefold())


def entity_id(namespace: str, owner: str, type_: str, key: str) -> str:
    """The id of the entity: the same entity of an owner always has the same one."""
    return "ent_" + derived(namespace, owner, type_, key, digits=24)


def relationship_id(source: str, type_: str, target: str) -> str:
    """The id of the relationship between two entities, by their ids."""
    return "rel_" + derived(source, type_, target, digits=24)


def slug(type_: str) -> str:
    """A type as the graph writes it (`WORKS AT` -> `works_at`); empty: nothing is left."""
    plain = unicodedata.normalize("NFKD", type_[: 4 * MAX_TYPE]).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_0123456789")[:MAX_TYPE].rstrip("_")


def merged(extraction: Extraction) -> Extraction:
    """The same with each entity and each relationship once, within the limits.

    Of two entities with one type and key the first stays, with the surer one's confidence and
    whatever attributes only the second has; likewise relationships. What leads to itself goes.
    """
    places: dict[tuple[str, str], int] = {}
    found: list[Found] = []
    moved: dict[int, int] = {}
    for index, one in enumerate(extraction.entities):
        key = (one.type, key_of(one.type, one.name))
        place = places.get(key)
        if place is None:
            if len(found) == MAX_ENTITIES or not key[1]:
                continue
            places[key] = moved[index] = len(found)
            found.append(one)
            continue
        moved[index] = place
        first = found[place]
        found[place] = replace(
            first,
            confidence=max(first.confidence, one.confidence),
            attributes={**one.attributes, **first.attributes},
        )
    links: dict[tuple[Any, ...], Link] = {}
    for one in extraction.relationships:
        source, target = moved.get(one.source), moved.get(one.target)
        if source is None or target is None or source == target:
            continue
        identity = (source, one.type, target, one.valid_from, one.valid_to)
        first = links.get(identity)
        if first is None:
            if len(links) < MAX_RELATIONSHIPS:
                links[identity] = replace(one, source=source, target=target)
            continue
        links[identity] = replace(
            first,
            confidence=max(first.confidence, one.confidence),
            attributes={**one.attributes, **first.attributes},
        )
    return Extraction(tuple(found), tuple(links.values()))


def check_found(field_: str, one: Found) -> Found:
    """An entity that somebody else made, with its name cleaned.

    Raises:
        InvalidInput: It has no name, a type that is no word in lower case, a confidence out of
            range, or attributes that are too long or no JSON.
    """
    name = cleaned(one.name)
    if not name:
        raise InvalidInput(f"{field_}.name", "must hold something that can be seen")
    check_kind(f"{field_}.type", one.type)
    _check_rest(field_, one.confidence, one.attributes)
    return replace(one, name=name)


def check_link(field_: str, one: Link, entities: int) -> Link:
    """A relationship that somebody else made.

    Raises:
        InvalidInput: It names an entity that is not there, or as for `check_found`.
    """
    for end in ("source", "target"):
        if not 0 <= getattr(one, end) < entities:
            raise InvalidInput(f"{field_}.{end}", "names none of the entities")
    check_kind(f"{field_}.type", one.type)
    _check_rest(field_, one.confidence, one.attributes)
    return one


def check_kind(field_: str, type_: str) -> str:
    """`type_`, which is a type of entities or relationships.

    Raises:
        InvalidInput: It is none.
    """
    if len(type_) > MAX_TYPE or not _TYPE.fullmatch(type_):
        raise InvalidInput(
            field_, f"must be a word of a-z, 0-9 and _, up to {MAX_TYPE} characters long"
        )
    return type_


def _check_rest(field_: str, confidence: float, attributes: Mapping[str, Any]) -> None:
    if not 0 <= confidence <= 1:
        raise InvalidInput(f"{field_}.confidence", "must be from 0 to 1")
    try:
        size = len(msgspec.json.encode(attributes))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidInput(f"{field_}.attributes", "must be what JSON has words for") from error
    if size > MAX_ATTRIBUTES:
        raise InvalidInput(f"{field_}.attributes", f"must be at most {MAX_ATTRIBUTES} bytes long")
