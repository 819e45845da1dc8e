# SPDX-License-Identifier: Apache-2.0
"""What is read of the knowledge graph. Every statement looks at the facts of one view alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    Select,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.memory.entities import VALUES, Known, key_of, words_of
from rollcall.memory.graph_models import (
    Entity,
    EntityDetail,
    EntityNotFound,
    Fact,
    Relationship,
    View,
)
from rollcall.memory.graph_rows import LOOKED_AT, entity_of, fact_of, relationship_of
from rollcall.memory.graph_tables import ENTITIES, FACTS, RELATIONSHIPS, WORDS
from rollcall.memory.graph_writes import chunks

MAX_TERMS: Final = 8
MAX_FACTS: Final = 200
"""Facts that are listed of one entity."""
MAX_KNOWN: Final = 2000
"""Known entities that a text is compared with."""
_COUNTED: Final = 1000
_BEHIND_ALL: Final = "\U0010ffff"

_Said = Row[Any, Any, Any, Any]

Place = tuple[str, str]
"""Key and id of a page's last entity."""


class Page(NamedTuple):
    """Entities in the order of their names, and where the next page begins; None: nowhere."""

    entities: list[Entity]
    following: Place | None


def visible(view: View, facts: FromClause = FACTS) -> ColumnElement[bool]:
    """The condition that a fact belongs to a view."""
    columns = facts.c
    wanted: list[ColumnElement[bool]] = [columns.namespace == view.namespace]
    wanted += [columns[name] == value for name, value in view.scope.items.items()]
    if view.as_of is None:
        wanted.append(columns.retracted_at.is_(None))
    else:
        wanted.append(columns.recorded_at <= view.as_of)
        wanted.append(or_(columns.retracted_at.is_(None), columns.retracted_at > view.as_of))
    if view.valid_at is not None:
        wanted.append(or_(columns.valid_from.is_(None), columns.valid_from <= view.valid_at))
        wanted.append(or_(columns.valid_to.is_(None), columns.valid_to > view.valid_at))
    return and_(*wanted)


def search(
    view: View,
    *,
    terms: Sequence[str] | None,
    type_: str | None,
    limit: int,
    after: Place | None,
) -> Select[Any, Any]:
    """Ids and keys of entities in the order of their names.

    Args:
        terms: Beginnings of words of one of the entity's names, the rarest first; None: any name.
    """
    root = ENTITIES.alias("root")
    wanted = select(root.c.id, root.c.key).where(
        root.c.namespace == view.namespace, root.c.id == root.c.canonical_id
    )
    # Of a user all is the user's own; what is in a session may be its user's.
    owner = view.scope.owner if view.scope.user_id is not None else None
    if type_ is not None:
        wanted = wanted.where(root.c.type == type_)
    if after is not None:
        key, id_ = after
        wanted = wanted.where(
            or_(root.c.key > key, and_(root.c.key == key, root.c.id > id_)), root.c.key >= key
        )
    if terms is not None:
        # A join, since a list would be looked through for every name in their order.
        called = _called(view, terms, owner).distinct().subquery("called")
        wanted = wanted.join(called, called.c.canonical_id == root.c.id)
    else:
        member = ENTITIES.alias("member")
        wanted = wanted.where(
            exists().where(
                member.c.namespace == view.namespace,
                member.c.canonical_id == root.c.id,
                FACTS.c.about == member.c.id,
                visible(view),
            )
        )
        if owner is not None:
            wanted = wanted.where(root.c.owner == owner)
    return wanted.order_by(root.c.key, root.c.id).limit(limit)


async def page(
    connection: AsyncConnection,
    view: View,
    *,
    name: str | None = None,
    type_: str | None = None,
    limit: int,
    after: Place | None = None,
) -> Page:
    """Entities in the order of their names.

    Args:
        name: Words, each of which begins a word of one of the entity's names; None: any.
    """
    terms = None
    if name is not None:
        terms = list(dict.fromkeys(words_of(key_of("", name))))[:MAX_TERMS]
        if not terms:
            return Page([], None)
        terms = await _rarest_first(connection, view, terms)
    asked = search(view, terms=terms, type_=type_, limit=limit + 1, after=after)
    rows = (await connection.execute(asked)).all()
    shown = rows[:limit]
    entities = await entities_of(connection, view, [row.id for row in shown])
    following = (shown[-1].key, shown[-1].id) if len(rows) > limit else None
    return Page([entities[row.id] for row in shown if row.id in entities], following)


async def canonical(connection: AsyncConnection, view: View, entity_id: str) -> str:
    """The id of the entity that is shown for another one, or of itself.

    Raises:
        EntityNotFound: There is none, or the view has no fact about it.
    """
    found = await connection.scalar(
        select(ENTITIES.c.canonical_id).where(
            ENTITIES.c.namespace == view.namespace, ENTITIES.c.id == entity_id
        )
    )
    if found is None:
        raise EntityNotFound(entity_id)
    return str(found)


async def entities_of(
    connection: AsyncConnection, view: View, ids: Sequence[str]
) -> dict[str, Entity]:
    """The entities of these canonical ids of which the view has facts."""
    members: dict[str, str] = {}
    types: dict[str, str] = {}
    for some in chunks(ids):
        wanted = select(ENTITIES.c.id, ENTITIES.c.canonical_id, ENTITIES.c.type).where(
            ENTITIES.c.namespace == view.namespace, ENTITIES.c.canonical_id.in_(some)
        )
        for row in await connection.execute(wanted):
            members[row.id] = row.canonical_id
            types[row.id] = row.type
    facts: dict[str, list[Row[Any]]] = {}
    for row in await _facts(connection, view, list(members)):
        facts.setdefault(members[row.about], []).append(row)
    return {id_: entity_of(id_, types[id_], rows) for id_, rows in facts.items()}


async def detail(connection: AsyncConnection, view: View, entity_id: str) -> EntityDetail:
    """An entity, the last of its facts, and what was merged into it.

    Raises:
        EntityNotFound: There is none, or the view has no fact about it.
    """
    id_ = await canonical(connection, view, entity_id)
    entity = (await entities_of(connection, view, [id_])).get(id_)
    if entity is None:
        raise EntityNotFound(entity_id)
    said = (
        select(FACTS, ENTITIES.c.id.label("said"))
        .join(ENTITIES, FACTS.c.about == ENTITIES.c.id)
        .where(
            ENTITIES.c.namespace == view.namespace, ENTITIES.c.canonical_id == id_, visible(view)
        )
        .order_by(FACTS.c.number.desc())
        .limit(MAX_FACTS)
    )
    rows = list(reversed((await connection.execute(said)).all()))
    facts: list[Fact] = [fact_of(row) for row in rows]
    return EntityDetail(
        entity=entity, facts=facts, merged=sorted({row.said for row in rows} - {id_})
    )


async def relationships_among(
    connection: AsyncConnection, view: View, ids: Sequence[str], *, limit: int
) -> list[Relationship]:
    """The relationships between any two of the entities, as far as the view has facts."""
    ends = RELATIONSHIPS.c
    rows: list[_Said] = []
    # Not by the index: a database may else look up every pair.
    inside = func.coalesce(ends.target_id, "").in_(ids)
    for some in chunks(ids):
        wanted = _said(view).where(ends.source_id.in_(some), inside).limit(limit)
        rows += (await connection.execute(wanted)).all()
    return (await _with_facts(connection, view, rows))[:limit]


async def relationships_after(
    connection: AsyncConnection, view: View, after: str, limit: int
) -> tuple[list[Relationship], str | None]:
    """Relationships in the order of their ids, and the last id looked at; None: that was all."""
    ends = RELATIONSHIPS.c
    wanted = _said(view).where(ends.id > after).order_by(ends.id).limit(limit)
    rows = (await connection.execute(wanted)).all()
    return await _with_facts(connection, view, rows), rows[-1].id if len(rows) == limit else None


async def known(
    connection: AsyncConnection, namespace: str, owner: str, words: Sequence[str]
) -> list[Known]:
    """Entities of an owner whose names begin with one of the words."""
    found: dict[Known, None] = {}
    for some in chunks(words):
        rows = await connection.execute(
            select(ENTITIES.c.key, ENTITIES.c.type)
            .join(
                WORDS,
                and_(
                    WORDS.c.namespace == ENTITIES.c.namespace,
                    WORDS.c.entity_id == ENTITIES.c.id,
                ),
            )
            .where(
                WORDS.c.namespace == namespace,
                WORDS.c.owner == owner,
                WORDS.c.word.in_(some),
                WORDS.c.place == 0,
                ENTITIES.c.type.not_in(VALUES),
            )
            .order_by(ENTITIES.c.key, ENTITIES.c.type)
            .limit(MAX_KNOWN)
        )
        found.update(dict.fromkeys(Known(row.key, row.type) for row in rows))
    return list(found)[:MAX_KNOWN]


def _called(view: View, terms: Sequence[str], owner: str | None) -> Select[Any]:
    """Canonical ids of entities that a visible fact calls by words that all the terms begin."""
    wanted = select(ENTITIES.c.canonical_id).where(
        _begins(view, terms[0], owner),
        ENTITIES.c.namespace == view.namespace,
        ENTITIES.c.id == WORDS.c.entity_id,
        exists().where(FACTS.c.about == ENTITIES.c.id, visible(view)),
    )
    for number, term in enumerate(terms[1:]):
        other = WORDS.alias(f"word_{number}")
        wanted = wanted.where(
            exists(literal(1)).where(
                other.c.namespace == view.namespace,
                other.c.entity_id == WORDS.c.entity_id,
                other.c.word >= term,
                other.c.word < term + _BEHIND_ALL,
            )
        )
    return wanted


def _begins(view: View, term: str, owner: str | None) -> ColumnElement[bool]:
    columns = WORDS.c
    wanted = [
        columns.namespace == view.namespace,
        columns.word >= term,
        columns.word < term + _BEHIND_ALL,
    ]
    return and_(*wanted, *([] if owner is None else [columns.owner == owner]))


async def _rarest_first(connection: AsyncConnection, view: View, terms: Sequence[str]) -> list[str]:
    """The terms by the number of words that they begin, as far as it is worth counting."""
    if len(terms) == 1:
        return list(terms)
    owner = view.scope.owner if view.scope.user_id is not None else None
    counts: dict[str, int] = {}
    for term in terms:
        some = select(literal(1)).where(_begins(view, term, owner)).limit(_COUNTED)
        counted = select(func.count()).select_from(some.subquery())
        counts[term] = await connection.scalar(counted) or 0
    return sorted(terms, key=lambda term: (counts[term], -len(term)))


async def _facts(connection: AsyncConnection, view: View, ids: Sequence[str]) -> list[Row[Any]]:
    """The last facts about each of the ids, in their order, with how many there are (`facts`)."""
    rows: list[Row[Any]] = []
    about = FACTS.c.about
    for some in chunks(ids):
        facts = (
            select(
                FACTS,
                func.row_number()
                .over(partition_by=about, order_by=FACTS.c.number.desc())
                .label("place"),
                func.count().over(partition_by=about).label("facts"),
            ).where(about.in_(some), visible(view))
        ).subquery()
        wanted = select(facts).where(facts.c.place <= LOOKED_AT).order_by(facts.c.number)
        rows += (await connection.execute(wanted)).all()
    return rows


def _said(view: View) -> Select[Any, Any, Any, Any]:
    """Relationships of which the view has facts; not those that a merge has made a loop of."""
    ends = RELATIONSHIPS.c
    return select(ends.id, ends.type, ends.source_id, ends.target_id).where(
        ends.namespace == view.namespace,
        ends.source_id != ends.target_id,
        exists().where(FACTS.c.about == ends.id, visible(view)),
    )


async def _with_facts(
    connection: AsyncConnection, view: View, rows: Sequence[_Said]
) -> list[Relationship]:
    """Relationships of their rows; those that merges have made the same are one."""
    facts: dict[str, list[Row[Any]]] = {}
    for row in await _facts(connection, view, [row.id for row in rows]):
        facts.setdefault(row.about, []).append(row)
    alike: dict[tuple[str, str, str], list[Row[Any]]] = {}
    for row in rows:
        # What was retracted in between has none.
        if row.id in facts:
            ends = (row.source_id, row.type, row.target_id)
            alike.setdefault(ends, []).extend(facts[row.id])
    return [relationship_of(*ends, said) for ends, said in alike.items()]
