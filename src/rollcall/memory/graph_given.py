# SPDX-License-Identifier: Apache-2.0
"""Entities and relationships as callers give them: dicts, as document 3 has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.memory.entities import (
    MAX_ENTITIES,
    MAX_RELATIONSHIPS,
    Extraction,
    Found,
    Link,
    check_found,
    check_link,
    key_of,
    merged,
    slug,
)

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
MAX_GIVEN: Final = 10_000
"""Characters of a name that somebody gives, before it is cleaned."""
GivenT = TypeVar("GivenT")


class GivenEntity(msgspec.Struct, frozen=True, kw_only=True):
    """An entity. What else document 3 lists of one is worked out here, and passed over."""

    name: Annotated[str, msgspec.Meta(max_length=MAX_GIVEN)]
    type: str
    attributes: dict[str, Any] = {}
    confidence: float = 1.0


class GivenRelationship(msgspec.Struct, frozen=True, kw_only=True):
    """A relationship between two of the entities, by their names or places in the list."""

    source: str | int
    target: str | int
    type: str
    attributes: dict[str, Any] = {}
    confidence: float = 1.0
    valid_from: Moment | None = None
    valid_to: Moment | None = None


def extraction_of(
    entities: Sequence[Mapping[str, Any]], relationships: Sequence[Mapping[str, Any]]
) -> Extraction:
    """What a caller gave, checked, each entity once.

    Raises:
        InvalidInput: One of them cannot be used; names the field.
    """
    for field, given, most in (
        ("entities", entities, MAX_ENTITIES),
        ("relationships", relationships, MAX_RELATIONSHIPS),
    ):
        if len(given) > most:
            raise InvalidInput(field, f"must be at most {most}")
    found: list[Found] = []
    for place, given in enumerate(entities):
        field = f"entities.{place}"
        one = _read(field, given, GivenEntity)
        type_ = slug(one.type) or one.type
        found.append(check_found(field, Found(one.name, type_, one.confidence, one.attributes)))
    names: dict[str, int] = {}
    for place, one in enumerate(found):
        names.setdefault(key_of("", one.name), place)
    links: list[Link] = []
    for place, given in enumerate(relationships):
        field = f"relationships.{place}"
        one = _read(field, given, GivenRelationship)
        link = Link(
            _place(f"{field}.source", one.source, names),
            _place(f"{field}.target", one.target, names),
            slug(one.type) or one.type,
            one.confidence,
            one.attributes,
            None if one.valid_from is None else one.valid_from.timestamp(),
            None if one.valid_to is None else one.valid_to.timestamp(),
        )
        links.append(check_link(field, link, len(found)))
    return merged(Extraction(found, links))


def _place(field: str, end: str | int, names: Mapping[str, int]) -> int:
    if isinstance(end, int):
        return end
    place = names.get(key_of("", end))
    if place is None:
        raise InvalidInput(field, "names none of the entities")
    return place


def _read(field: str, given: Mapping[str, Any], type_: type[GivenT]) -> GivenT:
    try:
        return msgspec.convert(given, type_)
    except msgspec.ValidationError as error:
        raise InvalidInput(field, f"cannot be used: {error}") from error
