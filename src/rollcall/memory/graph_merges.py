# SPDX-License-Identifier: Apache-2.0
"""Entities that are one: merges form trees, and facts stay where they were.

A merged entity points to the one it was merged into (`merged_into`); the root of the tree is the
entity that is shown for all of them (`canonical_id`). Facts and what relationships say
(`source_said`, `target_said`) are never touched, so each merge can be undone, in any order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.memory.graph_models import EntityNotFound, NotMergeable
from rollcall.memory.graph_tables import ENTITIES, RELATIONSHIPS

_ENDS: Final = (
    (RELATIONSHIPS.c.source_said, "source_id"),
    (RELATIONSHIPS.c.target_said, "target_id"),
)
MAX_MERGED: Final = 500
"""Entities that may be one."""


class _Member(NamedTuple):
    id: str
    owner: str
    canonical_id: str
    merged_into: str | None


async def merge(
    connection: AsyncConnection, namespace: str, into: str, entity_id: str
) -> list[str]:
    """Make two entities one, `into`; the ids of all that are one now.

    Raises:
        EntityNotFound: There is no such entity.
        NotMergeable: They are one already, of different owners, or too many.
    """
    kept = await _member(connection, namespace, into)
    gone = await _member(connection, namespace, entity_id)
    if kept.canonical_id == gone.canonical_id:
        raise NotMergeable(entity_id, f"is the same entity as {into!r} already")
    if kept.owner != gone.owner:
        raise NotMergeable(entity_id, f"belongs to somebody else than {into!r}")
    members = [
        *await _group(connection, namespace, kept.canonical_id),
        *await _group(connection, namespace, gone.canonical_id),
    ]
    if len(members) > MAX_MERGED:
        raise NotMergeable(entity_id, f"would make more than {MAX_MERGED} entities one")
    await _point(connection, namespace, gone.canonical_id, kept.canonical_id)
    await _arrange(connection, namespace, {one.id: one for one in members})
    return sorted(one.id for one in members)


async def split(connection: AsyncConnection, namespace: str, entity_id: str) -> str:
    """Undo that an entity was merged into another; the id of the one that it leaves.

    Raises:
        EntityNotFound: There is no such entity.
        NotMergeable: It was merged into none.
    """
    member = await _member(connection, namespace, entity_id)
    if member.merged_into is None:
        raise NotMergeable(entity_id, "was merged into no other")
    members = await _group(connection, namespace, member.canonical_id)
    await _point(connection, namespace, entity_id, None)
    await _arrange(connection, namespace, {one.id: one for one in members})
    return member.canonical_id


async def lift_out(connection: AsyncConnection, namespace: str, ids: Sequence[str]) -> None:
    """Take entities, which are about to go, out of their trees.

    What was merged into one of them is merged into what that one was merged into; where it was
    the root, the first of them (by id) is the root from now on.
    """
    if not ids:
        return
    columns = ENTITIES.c
    inside = select(columns.id).where(
        columns.namespace == namespace, columns.id.in_(ids), columns.merged_into.is_not(None)
    )
    above = select(columns.merged_into).where(
        columns.namespace == namespace, columns.merged_into.in_(ids)
    )
    concerned = {*await connection.scalars(inside), *await connection.scalars(above)}
    for one in sorted(str(id_) for id_ in concerned):
        member = await _member(connection, namespace, one)
        members = await _group(connection, namespace, member.canonical_id)
        below = sorted(other.id for other in members if other.merged_into == one)
        heir = member.merged_into
        for child in below:
            await _point(connection, namespace, child, heir)
            heir = heir or child
        await _point(connection, namespace, one, None)
        await _arrange(connection, namespace, {other.id: other for other in members})


async def _member(connection: AsyncConnection, namespace: str, entity_id: str) -> _Member:
    wanted = select(*(ENTITIES.c[name] for name in _Member._fields)).where(
        ENTITIES.c.namespace == namespace, ENTITIES.c.id == entity_id
    )
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        raise EntityNotFound(entity_id)
    return _Member(*row)


async def _group(connection: AsyncConnection, namespace: str, canonical_id: str) -> list[_Member]:
    wanted = select(*(ENTITIES.c[name] for name in _Member._fields)).where(
        ENTITIES.c.namespace == namespace, ENTITIES.c.canonical_id == canonical_id
    )
    return [_Member(*row) for row in await connection.execute(wanted)]


async def _point(
    connection: AsyncConnection, namespace: str, entity_id: str, into: str | None
) -> None:
    await connection.execute(
        update(ENTITIES)
        .where(ENTITIES.c.namespace == namespace, ENTITIES.c.id == entity_id)
        .values(merged_into=into)
    )


async def _arrange(
    connection: AsyncConnection, namespace: str, before: Mapping[str, _Member]
) -> None:
    """Bring roots, and the ends of relationships, in line with what points where."""
    wanted = select(ENTITIES.c.id, ENTITIES.c.merged_into).where(
        ENTITIES.c.namespace == namespace, ENTITIES.c.id.in_(list(before))
    )
    pointers = {row.id: row.merged_into for row in await connection.execute(wanted)}
    moved: dict[str, list[str]] = {}
    for one in sorted(before):
        root = root_of(one, pointers)
        if root != before[one].canonical_id:
            moved.setdefault(root, []).append(one)
    for root, ids in moved.items():
        await connection.execute(
            update(ENTITIES)
            .where(ENTITIES.c.namespace == namespace, ENTITIES.c.id.in_(ids))
            .values(canonical_id=root)
        )
        for said, end in _ENDS:
            await connection.execute(
                update(RELATIONSHIPS)
                .where(RELATIONSHIPS.c.namespace == namespace, said.in_(ids))
                .values({end: root})
            )


def root_of(entity_id: str, pointers: Mapping[str, str | None]) -> str:
    """Where the pointers lead from an entity."""
    root = entity_id
    while (above := pointers.get(root)) is not None:
        root = above
    return root
