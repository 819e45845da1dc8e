"""What the databases make of the questions of a list: among 100,000 agents, by index."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import Select, text

from rollcall.agents.mine.repository import changed, counted, last_moves, page
from rollcall.agents.models import Priority, Status, Wanted
from rollcall.backends.sql.database import Database
from rollcall.kernel.cursors import Place

AGENTS = 100_000
PLACE = Place(50_000.0, "a50000")
# Every tenth is paused, every twentieth critical, every fiftieth in law.
_FILL = f"""
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {AGENTS})
INSERT INTO agent_definitions (namespace, id, version, revision, status, owner, created_at,
 updated_at, name, industry, priority, search, content)
SELECT 'default', 'a' || i, 1, 1, CASE WHEN i % 10 = 0 THEN 'paused' ELSE 'active' END, 'anna', i,
 i, 'agent', CASE WHEN i % 50 = 0 THEN 'legal' ELSE 'retail' END,
 CASE WHEN i % 20 = 0 THEN 'critical' ELSE 'medium' END, 'agent', '{{"name": "agent"}}' FROM n
"""  # noqa: S608 - a number of our own
_MOVES = f"""
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {AGENTS})
INSERT INTO agent_status_moves (namespace, agent_id, revision, new, author, reason, at)
SELECT 'default', 'a' || i, 1, 'active', 'anna', '', i FROM n
"""  # noqa: S608 - a number of our own


async def plans(database: Database, asked: dict[str, Select[Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    async with database.reading() as connection:
        dialect = connection.dialect
        explain = "EXPLAIN QUERY PLAN" if dialect.name == "sqlite" else "EXPLAIN"
        for name, one in asked.items():
            compiled = one.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
            # Not as a text of SQLAlchemy's, in which a colon means something.
            rows = await connection.exec_driver_sql(f"{explain} {compiled}")
            found[name] = "\n".join(str(row[-1]) for row in rows)
    return found


@pytest.mark.timeout(120)
async def test_lists_of_many_agents_are_read_by_index(database: Database) -> None:
    async with database.begin() as work:
        await work.connection.execute(text(_FILL))
        await work.connection.execute(text(_MOVES))
    async with database.begin() as work:
        await work.connection.execute(text("ANALYZE"))
    paused = Wanted(status=Status.PAUSED)
    critical = Wanted(priority=Priority.CRITICAL)
    legal = Wanted(industry="legal")
    told = await plans(
        database,
        {
            "all": page("default", Wanted(), PLACE).limit(51),
            "status": page("default", paused, PLACE).limit(51),
            "priority": page("default", critical, PLACE).limit(51),
            "industry": page("default", legal, None).limit(51),
            "both": page("default", Wanted(status=Status.PAUSED, industry="legal"), None).limit(51),
            "recent": changed("default").limit(10),
            "moves": last_moves("default", [f"a{number}" for number in range(200)]),
            "count": counted("default", critical),
        },
    )
    for name, plan in told.items():
        assert not re.search(r"Seq Scan|SCAN agent_(?!definitions USING)", plan), f"{name}: {plan}"
    for name, indices in {
        "all": "created",
        "status": "status|created",
        "priority": "priority|created",
        "industry": "industry|created",
        "both": "status|industry|created",
        "recent": "updated",
        "count": "priority",
    }.items():
        assert re.search(rf"ix_agent_definitions_({indices})", told[name]), f"{name}: {told[name]}"
        # What comes in the order of an index is not sorted.
        assert "TEMP B-TREE FOR ORDER BY" not in told[name], f"{name}: {told[name]}"
    for name in ("all", "status", "priority"):
        # Nor are the pages before this one read again.
        assert re.search(r"(USING INDEX|Index Cond:).*created_at", told[name]), told[name]
    assert re.search("agent_status_moves_1|pk_agent_status_moves", told["moves"]), told["moves"]
