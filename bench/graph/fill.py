# SPDX-License-Identifier: Apache-2.0
"""A knowledge graph of one user, written as the service would, but many rows in a statement."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from sqlalchemy import insert, text

from rollcall.backends.sql.database import Database
from rollcall.memory.entities import entity_id, relationship_id, words_of
from rollcall.memory.graph_models import Scope, View
from rollcall.memory.graph_tables import ENTITIES, FACTS, RELATIONSHIPS, WORDS

VIEW: Final = View("default", Scope(user_id="anna"))
DEGREE: Final = 3
"""Others whom everybody knows; as many know them, on average."""
_OWNER, _TYPE = "user:anna", "person"
_ROWS: Final = 5_000


def name_of(number: int) -> str:
    """The name of an entity."""
    return f"person {number}"


def id_of(number: int) -> str:
    """The id of an entity."""
    return entity_id("default", _OWNER, _TYPE, name_of(number))


async def fill(database: Database, entities: int, *, analyze: bool) -> None:
    """Write people who know each other, from a fixed seed.

    Args:
        entities: How many people.
        analyze: Whether the database is told to look at what it has, as PostgreSQL does by itself
            a while later.
    """
    random = Random(entities)
    ids = [id_of(number) for number in range(entities)]
    rows: dict[Any, list[dict[str, Any]]] = {
        table: [] for table in (ENTITIES, WORDS, RELATIONSHIPS, FACTS)
    }
    for number, own in enumerate(ids):
        key = name_of(number)
        said = {
            "namespace": "default",
            "user_id": "anna",
            "memory_id": f"mem_{number}",
            "attributes": "{}",
            "confidence": 1.0,
            "recorded_at": 0.0,
        }
        rows[ENTITIES].append(
            {
                "namespace": "default",
                "id": own,
                "owner": _OWNER,
                "type": _TYPE,
                "key": key,
                "canonical_id": own,
            }
        )
        rows[WORDS] += [
            {
                "namespace": "default",
                "owner": _OWNER,
                "word": word,
                "entity_id": own,
                "place": place,
            }
            for place, word in enumerate(words_of(key))
        ]
        rows[FACTS].append({**said, "about": own, "name": key})
        for other in {random.randrange(entities) for _ in range(DEGREE)} - {number}:
            known = relationship_id(own, "knows", ids[other])
            rows[RELATIONSHIPS].append(
                {
                    "namespace": "default",
                    "id": known,
                    "type": "knows",
                    "source_id": own,
                    "target_id": ids[other],
                    "source_said": own,
                    "target_said": ids[other],
                }
            )
            rows[FACTS].append({**said, "about": known, "name": None})
    for table, all_rows in rows.items():
        for start in range(0, len(all_rows), _ROWS):
            async with database.begin() as work:
                await work.connection.execute(insert(table), all_rows[start : start + _ROWS])
    if analyze:
        async with database.begin() as work:
            await work.connection.execute(text("ANALYZE"))
