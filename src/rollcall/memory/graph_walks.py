# SPDX-License-Identifier: Apache-2.0
"""Neighbourhoods and paths, by recursive queries of bounded depth and width."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, Text, and_, case, cast, exists, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.memory.graph_models import (
    EntityNotFound,
    Neighbour,
    Neighbourhood,
    NoPath,
    Path,
    Relationship,
    View,
)
from rollcall.memory.graph_reads import canonical, entities_of, relationships_among, visible
from rollcall.memory.graph_tables import FACTS, RELATIONSHIPS
from rollcall.memory.graph_writes import chunks

WIDEST: Final = 20_000
"""Steps that are taken from each end in search of a path."""
MAX_SHOWN: Final = 5_000
"""Relationships that a neighbourhood shows."""


class Reached(NamedTuple):
    """How many steps away what is, and whether there is more than was looked at."""

    depths: dict[str, int]
    truncated: bool


def walk(view: View, start: str, depth: int, most: int) -> Select[Any, Any]:
    """Ids of entities and the number of steps to them, the nearest first, at most `most` rows.

    An entity comes once for each number of steps that lead to it. So a walk round a circle ends
    at `depth`, and one through somebody whom everybody knows ends at `most`.
    """
    ends = RELATIONSHIPS.c
    begin = select(cast(literal(start), Text).label("id"), literal(0).label("depth"))
    steps = begin.cte("steps", recursive=True)
    other = case((ends.source_id == steps.c.id, ends.target_id), else_=ends.source_id)
    further = select(other, steps.c.depth + 1).where(
        steps.c.depth < depth,
        or_(
            and_(ends.namespace == view.namespace, ends.source_id == steps.c.id),
            and_(ends.namespace == view.namespace, ends.target_id == steps.c.id),
        ),
        ends.source_id != ends.target_id,
        exists().where(FACTS.c.about == ends.id, visible(view)),
    )
    steps = steps.union(further)
    return select(steps.c.id, steps.c.depth).limit(most)


async def reach(
    connection: AsyncConnection, view: View, start: str, depth: int, most: int
) -> Reached:
    """What is up to `depth` steps away from `start`, itself among it."""
    rows = (await connection.execute(walk(view, start, depth, most))).all()
    depths: dict[str, int] = {}
    for row in rows:
        depths[row.id] = min(row.depth, depths.get(row.id, row.depth))
    return Reached(depths, len(rows) == most)


async def neighbourhood(
    connection: AsyncConnection, view: View, entity_id: str, depth: int, limit: int
) -> Neighbourhood:
    """What is around an entity.

    Raises:
        EntityNotFound: There is none, or the view has no fact about it.
    """
    start = await canonical(connection, view, entity_id)
    # All of what is within the limit, once for each number of steps, and one more.
    most = (limit + 1) * (depth + 1) + 1
    reached = await reach(connection, view, start, depth, most)
    nearest = sorted(reached.depths, key=lambda one: (reached.depths[one], one))[: limit + 1]
    entities = await entities_of(connection, view, nearest)
    if start not in entities:
        raise EntityNotFound(entity_id)
    relationships = await relationships_among(connection, view, nearest, limit=MAX_SHOWN + 1)
    return Neighbourhood(
        entity=entities[start],
        neighbours=[
            Neighbour(depth=reached.depths[one], entity=entities[one])
            for one in nearest
            if one != start and one in entities
        ],
        relationships=relationships[:MAX_SHOWN],
        truncated=reached.truncated
        or len(reached.depths) > len(nearest)
        or len(relationships) > MAX_SHOWN,
    )


async def path(
    connection: AsyncConnection, view: View, source: str, target: str, depth: int
) -> Path:
    """A shortest path of up to `depth` steps, looked for from both ends.

    Raises:
        EntityNotFound: There is no such entity, or the view has no fact about it.
        NoPath: There is no path, or only one longer than that or through too many entities.
    """
    first = await canonical(connection, view, source)
    last = await canonical(connection, view, target)
    there = await entities_of(connection, view, [first, last])
    for asked, one in ((source, first), (target, last)):
        if one not in there:
            raise EntityNotFound(asked)
    forth = await reach(connection, view, first, (depth + 1) // 2, WIDEST)
    back = await reach(connection, view, last, depth // 2, WIDEST)
    both = forth.depths.keys() & back.depths.keys()
    if not both:
        raise NoPath(source, target, depth)
    meeting = min(both, key=lambda one: (forth.depths[one] + back.depths[one], one))
    ids = [
        *reversed(await _homewards(connection, view, meeting, forth.depths)),
        meeting,
        *await _homewards(connection, view, meeting, back.depths),
    ]
    entities = await entities_of(connection, view, ids)
    said = await relationships_among(connection, view, ids, limit=MAX_SHOWN)
    steps = [_between(said, *pair) for pair in pairwise(ids)]
    return Path(entities=[entities[one] for one in ids], relationships=steps, length=len(steps))


async def _homewards(
    connection: AsyncConnection, view: View, start: str, depths: Mapping[str, int]
) -> list[str]:
    """The entities from `start` (left out) back to where `depths` were counted from."""
    way: list[str] = []
    here = start
    for depth in range(depths[start] - 1, -1, -1):
        nearer = sorted(one for one, steps in depths.items() if steps == depth)
        here = await _next_to(connection, view, here, nearer)
        way.append(here)
    return way


async def _next_to(connection: AsyncConnection, view: View, here: str, among: list[str]) -> str:
    """The first of `among` to which a relationship leads from here."""
    ends = RELATIONSHIPS.c
    for some in chunks(among):
        for mine, other in ((ends.source_id, ends.target_id), (ends.target_id, ends.source_id)):
            found = await connection.scalar(
                select(other)
                .where(
                    ends.namespace == view.namespace,
                    mine == here,
                    other.in_(some),
                    exists().where(FACTS.c.about == ends.id, visible(view)),
                )
                .order_by(other)
                .limit(1)
            )
            if found is not None:
                return str(found)
    # Written in between, where a transaction sees what others commit.
    raise NoPath(here, among[0] if among else here, 1)


def _between(said: list[Relationship], one: str, other: str) -> Relationship:
    """The surest relationship between two entities, whichever way it leads."""
    ends = {one, other}
    between = [step for step in said if {step.source_entity_id, step.target_entity_id} == ends]
    if not between:
        raise NoPath(one, other, 1)
    return max(between, key=lambda step: step.confidence)
