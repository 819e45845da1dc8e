"""What the databases make of the questions: by index, whatever the size of the graph."""

from __future__ import annotations

import re

import pytest
import pytest_asyncio
from sqlalchemy import Select, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.backends.sql.database import Database
from rollcall.memory.entities import entity_id, relationship_id, words_of
from rollcall.memory.graph_models import Scope, View
from rollcall.memory.graph_reads import search
from rollcall.memory.graph_tables import ENTITIES, FACTS, RELATIONSHIPS, WORDS
from rollcall.memory.graph_walks import walk

VIEW = View("default", Scope(user_id="u7"))
USERS = 20
EACH = 100


async def fill(database: Database) -> None:
    """A graph of so many entities that a database would rather not read them all."""
    entities, words, relationships, facts = [], [], [], []
    for user in range(USERS):
        owner, scope = f"user:u{user}", {"user_id": f"u{user}", "namespace": "default"}
        ids = [entity_id("default", owner, "person", f"p {n}") for n in range(EACH)]
        for number, id_ in enumerate(ids):
            key = f"p {number}"
            about = {"namespace": "default", "owner": owner}
            entities.append({**about, "id": id_, "type": "person", "key": key, "canonical_id": id_})
            words += [
                {**about, "word": word, "entity_id": id_, "place": place}
                for place, word in enumerate(words_of(key))
            ]
            said = {**scope, "memory_id": f"mem_{user}_{number}", "attributes": "{}"}
            said |= {"confidence": 1.0, "recorded_at": 0.0}
            facts.append({**said, "about": id_, "name": key})
            for step in (1, 7):
                other = ids[(number + step) % EACH]
                rel = relationship_id(id_, "knows", other)
                relationships.append(
                    {
                        "namespace": "default",
                        "id": rel,
                        "type": "knows",
                        "source_id": id_,
                        "target_id": other,
                        "source_said": id_,
                        "target_said": other,
                    }
                )
                facts.append({**said, "about": rel, "name": None})
    async with database.begin() as work:
        for table, rows in (
            (ENTITIES, entities),
            (WORDS, words),
            (RELATIONSHIPS, relationships),
            (FACTS, facts),
        ):
            await work.connection.execute(insert(table), rows)
    async with database.begin() as work:
        await work.connection.execute(text("ANALYZE"))


@pytest_asyncio.fixture
async def filled(database: Database) -> Database:
    await fill(database)
    return database


async def plan(connection: AsyncConnection, asked: Select[object]) -> str:
    dialect = connection.dialect
    compiled = asked.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    explain = "EXPLAIN QUERY PLAN" if dialect.name == "sqlite" else "EXPLAIN"
    # Not as a text of SQLAlchemy's, in which a colon means something.
    rows = await connection.exec_driver_sql(f"{explain} {compiled}")
    return "\n".join(str(row[-1]) for row in rows)


def scanned(plan: str) -> list[str]:
    """Tables that are read from one end to the other."""
    found = re.findall(r"Seq Scan on (graph_\w+)|SCAN (graph_\w+|root|member)(?! USING)", plan)
    return [one or other for one, other in found]


async def test_a_neighbourhood_is_read_by_index(filled: Database) -> None:
    start = entity_id("default", "user:u7", "person", "p 1")
    async with filled.reading() as connection:
        told = await plan(connection, walk(VIEW, start, 2, 303))
    assert scanned(told) == [], told
    assert "ix_graph_relationships_source" in told
    assert "ix_graph_relationships_target" in told
    assert "ix_graph_facts_about" in told


@pytest.mark.parametrize("terms", [["1", "p"], None])
async def test_a_search_reads_what_is_the_users(filled: Database, terms: list[str] | None) -> None:
    asked = search(VIEW, terms=terms, type_="person", limit=10, after=("p 1", "ent_"))
    async with filled.reading() as connection:
        if connection.dialect.name == "postgresql":
            # Tables as small as these are quicker read whole.
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        told = await plan(connection, asked)
    assert scanned(told) == [], told
    assert re.search(r"ix_graph_entities_(owner|type|canonical)|pk_graph_entities|PRIMARY", told)
    if terms is not None:
        assert re.search(r"graph_words", told)
