"""What becomes of definitions that were kept before their priority had a column of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from rollcall.agents.models import Priority, Wanted
from rollcall.agents.repository import SqlAgentStore
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.migrate import upgrade

BEFORE = "0017"
_ROW = text(
    "INSERT INTO agent_definitions (namespace, id, version, revision, status, owner, created_at,"
    " updated_at, name, search, content) VALUES ('default', :id, 1, 1, 'active', 'anna', 1, 1, 'n',"
    " 'n', :content)"
)
CONTENTS = {
    "said": '{"name": "n", "priority": "critical"}',
    "unsaid": '{"name": "n"}',
    "within": '{"name": "n", "configuration": {"priority": "low"}, "description": "priority"}',
}


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
async def test_priorities_that_were_kept_before_are_found_by(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if engine == "sqlite":
        url = f"sqlite:///{tmp_path}/x.db"
    else:
        url = request.getfixturevalue("postgres").create("priorities")
    dialect = dialect_of(url)
    old = dialect.open()
    async with old.begin() as connection:
        await connection.run_sync(lambda sync: upgrade(sync, BEFORE))
        for id_, content in CONTENTS.items():
            await connection.execute(_ROW, {"id": id_, "content": content})
    await old.dispose()
    dialect.close()

    database = Database(dialect_of(url))
    await database.open()
    store = SqlAgentStore(database)
    found = {
        priority: [
            one.id
            for one in await store.find("default", Wanted(priority=priority), limit=9, after=None)
        ]
        for priority in Priority
    }
    assert found[Priority.CRITICAL] == ["said"]
    assert found[Priority.MEDIUM] == ["within", "unsaid"]
    assert found[Priority.LOW] == found[Priority.HIGH] == []
    await database.close()
