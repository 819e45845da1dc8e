# SPDX-License-Identifier: Apache-2.0
"""What is written into the knowledge graph: what a memory says, and that it says so no longer.

All writers of a namespace take turns, which makes every look before a write a safe one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Table, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.kernel.errors import InvalidInput
from rollcall.memory.entities import Extraction, entity_id, key_of, relationship_id, words_of
from rollcall.memory.graph_merges import lift_out
from rollcall.memory.graph_models import Scope
from rollcall.memory.graph_tables import ENTITIES, FACTS, RELATIONSHIPS, SOURCES, WORDS
from rollcall.sql import on_postgresql

CHUNK: Final = 500
_MAX_WORDS: Final = 20
"""Words of a name by which it is found."""


class Changed(NamedTuple):
    """Ids of entities and relationships of which something else is believed now."""

    entities: list[str]
    relationships: list[str]


class _Saying(NamedTuple):
    """What one fact says; two that say the same are the same fact."""

    about: str
    name: str | None
    attributes: str
    confidence: float
    valid_from: float | None
    valid_to: float | None


@dataclass(frozen=True, slots=True)
class _Said:
    """What a memory says, as rows."""

    entities: dict[str, dict[str, Any]]
    relationships: dict[str, tuple[str, str, str]]
    sayings: dict[_Saying, None]


async def take_turn(connection: AsyncConnection, namespace: str) -> None:
    """Wait until no other transaction writes to the namespace's graph."""
    # SQLite has one writer at a time as it is.
    if on_postgresql(connection):
        turn = func.hashtextextended(f"rollcall graph {namespace}", 0)
        await connection.execute(select(func.pg_advisory_xact_lock(turn)))


async def record(
    connection: AsyncConnection,
    namespace: str,
    memory_id: str,
    scope: Scope,
    extraction: Extraction,
    at: float,
    *,
    instead: bool,
) -> Changed:
    """Write down what a memory says; what it says already stays as it is.

    Args:
        scope: The memory's own filters.
        extraction: Checked, and each entity once.
        at: Now, in seconds since the epoch.
        instead: Whether it says nothing else any more: other facts of it are retracted.

    Raises:
        InvalidInput: The scope names nobody.
    """
    await take_turn(connection, namespace)
    said = _said(namespace, scope, extraction)
    kept = select(FACTS).where(
        *_of(namespace, FACTS.c.memory_id, memory_id), FACTS.c.retracted_at.is_(None)
    )
    current = {
        _Saying(*(getattr(row, name) for name in _Saying._fields)): row.number
        for row in await connection.execute(kept)
    }
    new = [one for one in said.sayings if one not in current]
    stale = {one: number for one, number in current.items() if one not in said.sayings}
    await _introduce(connection, namespace, said)
    if new:
        about = {"namespace": namespace, "memory_id": memory_id, "recorded_at": at}
        whose = {"user_id": scope.user_id, "agent_id": scope.agent_id}
        rows = [{**about, **whose, "session_id": scope.session_id, **one._asdict()} for one in new]
        await connection.execute(insert(FACTS), rows)
    if instead:
        for numbers in chunks(list(stale.values())):
            await connection.execute(
                update(FACTS).where(FACTS.c.number.in_(numbers)).values(retracted_at=at)
            )
    touched = dict.fromkeys(one.about for one in (*new, *(stale if instead else ())))
    return Changed(
        [one for one in touched if one.startswith("ent_")],
        [one for one in touched if one.startswith("rel_")],
    )


async def forget(
    connection: AsyncConnection, namespace: str, memory_ids: Sequence[str]
) -> dict[str, int]:
    """Remove what the memories say, and what nothing else speaks of; how many rows of each."""
    await take_turn(connection, namespace)
    about: dict[str, None] = {}
    facts = 0
    for some in chunks(list(dict.fromkeys(memory_ids))):
        mine = _of(namespace, FACTS.c.memory_id, some)
        rows = await connection.scalars(select(FACTS.c.about).where(*mine).distinct())
        about.update(dict.fromkeys(rows))
        facts += (await connection.execute(delete(FACTS).where(*mine))).rowcount
        await connection.execute(delete(SOURCES).where(*_of(namespace, SOURCES.c.memory_id, some)))
        await connection.execute(
            insert(SOURCES),
            [{"namespace": namespace, "memory_id": one, "event_id": None} for one in some],
        )
    gone = {"graph_facts": facts, "graph_entities": 0, "graph_relationships": 0}
    for some in chunks(list(about)):
        held = await connection.scalars(
            select(FACTS.c.about).where(*_of(namespace, FACTS.c.about, some)).distinct()
        )
        left = sorted(set(some) - set(held))
        relationships = [one for one in left if one.startswith("rel_")]
        entities = [one for one in left if one.startswith("ent_")]
        gone["graph_relationships"] += await _drop(
            connection, RELATIONSHIPS, namespace, RELATIONSHIPS.c.id, relationships
        )
        await lift_out(connection, namespace, entities)
        await _drop(connection, WORDS, namespace, WORDS.c.entity_id, entities)
        gone["graph_entities"] += await _drop(
            connection, ENTITIES, namespace, ENTITIES.c.id, entities
        )
    return gone


async def count(
    connection: AsyncConnection, namespace: str, memory_ids: Sequence[str]
) -> dict[str, int]:
    """What `forget` would remove."""
    facts = 0
    about: set[str] = set()
    for some in chunks(list(dict.fromkeys(memory_ids))):
        mine = _of(namespace, FACTS.c.memory_id, some)
        facts += await connection.scalar(select(func.count()).where(*mine)) or 0
        about.update(await connection.scalars(select(FACTS.c.about).where(*mine).distinct()))
    going = frozenset(memory_ids)
    kept: set[str] = set()
    for some in chunks(sorted(about)):
        rows = await connection.execute(
            select(FACTS.c.about, FACTS.c.memory_id)
            .where(*_of(namespace, FACTS.c.about, some))
            .distinct()
        )
        kept.update(about for about, memory_id in rows if memory_id not in going)
    left = about - kept
    entities = sum(one.startswith("ent_") for one in left)
    return {
        "graph_facts": facts,
        "graph_entities": entities,
        "graph_relationships": len(left) - entities,
    }


async def admit(connection: AsyncConnection, namespace: str, memory_id: str, event_id: str) -> bool:
    """Note that an event about the memory is taken in. False: it was, or the memory is forgotten.

    From here on it is this transaction's turn to write.
    """
    await take_turn(connection, namespace)
    mine = _of(namespace, SOURCES.c.memory_id, memory_id)
    known = (await connection.execute(select(SOURCES.c.event_id).where(*mine))).one_or_none()
    if known is None:
        await connection.execute(
            insert(SOURCES).values(namespace=namespace, memory_id=memory_id, event_id=event_id)
        )
        return True
    if known.event_id is None or known.event_id == event_id:
        return False
    await connection.execute(update(SOURCES).where(*mine).values(event_id=event_id))
    return True


async def forgotten(connection: AsyncConnection, namespace: str, memory_id: str) -> bool:
    """Whether the memory was forgotten; asked in one's own turn."""
    mine = _of(namespace, SOURCES.c.memory_id, memory_id)
    known = (await connection.execute(select(SOURCES.c.event_id).where(*mine))).one_or_none()
    return known is not None and known.event_id is None


async def settle(connection: AsyncConnection, namespace: str, memory_id: str) -> None:
    """Note that nothing about the memory is on its way here any more."""
    await connection.execute(delete(SOURCES).where(*_of(namespace, SOURCES.c.memory_id, memory_id)))


async def _introduce(connection: AsyncConnection, namespace: str, said: _Said) -> None:
    """Make rows for what is new of the entities and relationships."""
    canonical: dict[str, str] = {}
    for some in chunks(list(said.entities)):
        found = select(ENTITIES.c.id, ENTITIES.c.canonical_id)
        rows = await connection.execute(found.where(*_of(namespace, ENTITIES.c.id, some)))
        canonical.update({row.id: row.canonical_id for row in rows})
    new = [row for id_, row in said.entities.items() if id_ not in canonical]
    if new:
        await connection.execute(insert(ENTITIES), new)
        words = [
            {
                "namespace": namespace,
                "owner": row["owner"],
                "word": word,
                "entity_id": row["id"],
                "place": place,
            }
            for row in new
            for place, word in enumerate(words_of(row["key"])[:_MAX_WORDS])
        ]
        if words:
            await connection.execute(insert(WORDS), words)
    known: set[str] = set()
    for some in chunks(list(said.relationships)):
        known.update(
            await connection.scalars(
                select(RELATIONSHIPS.c.id).where(*_of(namespace, RELATIONSHIPS.c.id, some))
            )
        )
    rows = [
        {
            "namespace": namespace,
            "id": id_,
            "type": type_,
            "source_id": canonical.get(source, source),
            "target_id": canonical.get(target, target),
            "source_said": source,
            "target_said": target,
        }
        for id_, (source, type_, target) in said.relationships.items()
        if id_ not in known
    ]
    if rows:
        await connection.execute(insert(RELATIONSHIPS), rows)


def _said(namespace: str, scope: Scope, extraction: Extraction) -> _Said:
    owner = scope.owner
    if owner is None:
        raise InvalidInput("filters", "must name a user, an agent or a session")
    said = _Said({}, {}, {})
    ids: list[str] = []
    for one in extraction.entities:
        key = key_of(one.type, one.name)
        id_ = entity_id(namespace, owner, one.type, key)
        ids.append(id_)
        said.entities[id_] = {
            "namespace": namespace,
            "id": id_,
            "owner": owner,
            "type": one.type,
            "key": key,
            "canonical_id": id_,
            "merged_into": None,
        }
        said.sayings[_Saying(id_, one.name, _json(one.attributes), one.confidence, None, None)] = (
            None
        )
    for link in extraction.relationships:
        source, target = ids[link.source], ids[link.target]
        id_ = relationship_id(source, link.type, target)
        said.relationships[id_] = (source, link.type, target)
        saying = _Saying(
            *(id_, None, _json(link.attributes), link.confidence),
            *(link.valid_from, link.valid_to),
        )
        said.sayings[saying] = None
    return said


def _json(attributes: Any) -> str:
    return msgspec.json.encode(attributes, order="sorted").decode()


def chunks(ids: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """`ids` in lists that a statement can name."""
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]


async def _drop(
    connection: AsyncConnection,
    table: Table,
    namespace: str,
    column: ColumnElement[str],
    ids: Sequence[str],
) -> int:
    if not ids:
        return 0
    return (await connection.execute(delete(table).where(*_of(namespace, column, ids)))).rowcount


def _of(
    namespace: str, column: Any, ids: str | Collection[str]
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    mine = column == ids if isinstance(ids, str) else column.in_(ids)
    return column.table.c.namespace == namespace, mine
