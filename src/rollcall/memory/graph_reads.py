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
_BEHIND_ALL: Final = "\U0010ffff"

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
    view: View, *, name: str | None, type_: str | None, limit: int, after: Place | None
) -> Select[Any, Any]:
    """Ids and keys of entities in the order of their names.

    Args:
        name: Words, each of which begins a word of one of the entity's names; None: any.
    """
    root = ENTITIES.alias("root")
    wanted = select(root.c.id, root.c.key).where(
        root.c.namespace == view.namespace, root.c.id == root.c.canonical_id
    )
    # Of a user all is the user's own; what is in a session may be its user's.
    owner = view.scope.owner if view.scope.user_id is not None else None
    if owner is not None:
        wanted = wanted.where(root.c.owner == owner)
    if type_ is not None:
        wanted = wanted.where(root.c.type == type_)
    if after is not None:
        key, id_ = after
        wanted = wanted.where(
            or_(root.c.key > key, and_(root.c.key == key, root.c.id > id_)), root.c.key >= key
        )
    terms = words_of(key_of("", name))[:MAX_TERMS] if name is not None else []
    for term in terms:
        wanted = wanted.where(root.c.id.in_(_called(view, term, owner)))
    if not terms:
        member = ENTITIES.alias("member")
        wanted = wanted.where(
            exists().where(
                member.c.namespace == view.namespace,
                member.c.canonical_id == root.c.id,
                FACTS.c.about == member.c.id,
                visible(view),
            )
        )
        if name is not None:
            key = key_of("", name)
            wanted = wanted.where(root.c.key >= key, root.c.key < key + _BEHIND_ALL)
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
    """One page of `search`."""
    asked = search(view, name=name, type_=type_, limit=limit + 1, after=after)
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
    root, member = ENTITIES.alias("root"), ENTITIES.alias("member")
    found: dict[str, list[Row[Any]]] = {}
    for some in chunks(ids):
        facts = (
            select(root.c.id, root.c.type, FACTS, *_latest(root.c.id))
            .join(member, and_(member.c.namespace == root.c.namespace, _is(member, root)))
            .join(FACTS, FACTS.c.about == member.c.id)
            .where(root.c.namespace == view.namespace, root.c.id.in_(some), visible(view))
        ).subquery()
        wanted = select(facts).where(facts.c.place <= LOOKED_AT).order_by(facts.c.number)
        for row in await connection.execute(wanted):
            found.setdefault(row.id, []).append(row)
    return {id_: entity_of(rows) for id_, rows in found.items()}


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
    rows: list[Row[Any]] = []
    # Not by the index: a database may else look up every pair.
    inside = func.coalesce(RELATIONSHIPS.c.target_id, "").in_(ids)
    for some in chunks(ids):
        wanted = _said(view, and_(RELATIONSHIPS.c.source_id.in_(some), inside), limit)
        rows += (await connection.execute(wanted)).all()
    return _together(rows)[:limit]


async def relationships_after(
    connection: AsyncConnection, view: View, after: str, limit: int
) -> tuple[list[Relationship], str | None]:
    """Relationships in the order of their ids, and the last id looked at; None: that was all."""
    columns = RELATIONSHIPS.c
    ids = (
        select(columns.id)
        .where(
            columns.namespace == view.namespace,
            columns.id > after,
            columns.source_id != columns.target_id,
            exists().where(FACTS.c.about == columns.id, visible(view)),
        )
        .order_by(columns.id)
        .limit(limit)
    )
    found = list(await connection.scalars(ids))
    rows: list[Row[Any]] = []
    for some in chunks(found):
        rows += (await connection.execute(_said(view, columns.id.in_(some), None))).all()
    return _together(rows), found[-1] if len(found) == limit else None


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


def _called(view: View, term: str, owner: str | None) -> Select[Any]:
    """Canonical ids of the entities that a visible fact calls by a word that `term` begins."""
    wanted = select(ENTITIES.c.canonical_id).where(
        WORDS.c.namespace == view.namespace,
        WORDS.c.word >= term,
        WORDS.c.word < term + _BEHIND_ALL,
        ENTITIES.c.namespace == WORDS.c.namespace,
        ENTITIES.c.id == WORDS.c.entity_id,
        exists().where(FACTS.c.about == ENTITIES.c.id, visible(view)),
    )
    return wanted if owner is None else wanted.where(WORDS.c.owner == owner)


def _is(member: FromClause, root: FromClause) -> ColumnElement[bool]:
    return member.c.canonical_id == root.c.id


def _latest(whole: ColumnElement[str]) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """The fact's place among those of one thing, the last one first, and how many there are."""
    return (
        func.row_number().over(partition_by=whole, order_by=FACTS.c.number.desc()).label("place"),
        func.count().over(partition_by=whole).label("facts"),
    )


def _said(view: View, which: ColumnElement[bool], limit: int | None) -> Select[Any]:
    """Relationships with their facts, in the order of their ids."""
    columns = RELATIONSHIPS.c
    facts = (
        select(
            *(columns.id, columns.type, columns.source_id, columns.target_id),
            FACTS,
            *_latest(columns.id),
        )
        .join(FACTS, FACTS.c.about == columns.id)
        .where(
            columns.namespace == view.namespace,
            which,
            columns.source_id != columns.target_id,
            visible(view),
        )
    ).subquery()
    # Each relationship asked for has a fact at least.
    most = None if limit is None else limit * LOOKED_AT
    wanted = select(facts).where(facts.c.place <= LOOKED_AT)
    return wanted.order_by(facts.c.id, facts.c.number).limit(most)


def _together(rows: Sequence[Row[Any]]) -> list[Relationship]:
    """Relationships of their facts; those that merges have made the same are one."""
    found: dict[tuple[str, str, str], list[Row[Any]]] = {}
    for row in rows:
        found.setdefault((row.source_id, row.type, row.target_id), []).append(row)
    return [relationship_of(facts) for facts in found.values()]
