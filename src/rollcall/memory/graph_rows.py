# SPDX-License-Identifier: Apache-2.0
"""What the rows of facts amount to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Row

from rollcall.kernel.clock import utc
from rollcall.memory.graph_models import Entity, Fact, Relationship

LOOKED_AT: Final = 50
"""Facts that an entity or a relationship is made of, the last ones."""

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def entity_of(id_: str, type_: str, rows: Sequence[Row[Any]]) -> Entity:
    """The entity that facts speak of."""
    surest = _surest(rows)
    return Entity(
        id=id_,
        name=surest.name,
        type=type_,
        attributes=_attributes(rows),
        source_memory_id=surest.memory_id,
        confidence=surest.confidence,
        aliases=sorted({row.name for row in rows} - {surest.name}),
        facts=_count(rows),
    )


def relationship_of(source: str, type_: str, target: str, rows: Sequence[Row[Any]]) -> Relationship:
    """The relationship that facts speak of; of several that became one by merges, the first."""
    surest = _surest(rows)
    return Relationship(
        id=min(row.about for row in rows),
        source_entity_id=source,
        target_entity_id=target,
        type=type_,
        attributes=_attributes(rows),
        source_memory_id=surest.memory_id,
        confidence=surest.confidence,
        valid_from=_time(surest.valid_from),
        valid_to=_time(surest.valid_to),
        facts=_count(rows),
    )


def fact_of(row: Row[Any]) -> Fact:
    """The fact of a row."""
    return Fact(
        source_memory_id=row.memory_id,
        confidence=row.confidence,
        recorded_at=utc(row.recorded_at),
        name=row.name,
        attributes=_decode(row.attributes),
        valid_from=_time(row.valid_from),
        valid_to=_time(row.valid_to),
        retracted_at=_time(row.retracted_at),
    )


def _surest(rows: Sequence[Row[Any]]) -> Row[Any]:
    return max(rows, key=lambda row: (row.confidence, -row.number))


def _attributes(rows: Sequence[Row[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in sorted(rows, key=lambda row: row.number):
        found |= _decode(row.attributes)
    return found


def _count(rows: Sequence[Row[Any]]) -> int:
    return sum({row.about: row.facts for row in rows}.values())


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else utc(seconds)
