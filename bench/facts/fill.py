# SPDX-License-Identifier: Apache-2.0
"""A store of facts with millions of conversations, made by DuckDB itself: thirty days of them, with
20 agents, 5 models, about three conversations a session, and response times around two seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb
from sqlalchemy.dialects.postgresql import asyncpg

from rollcall.analytics.models import QUARTER_SECONDS, microseconds
from rollcall.analytics.tables import CONVERSATIONS, ROLLUPS, SESSIONS, USAGES

NOW: Final = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAYS: Final = 30
NAMESPACE: Final = "default"

_SPAN_US: Final = DAYS * 86_400 * 1_000_000
_QUARTER_US: Final = QUARTER_SECONDS * 1_000_000
# Log-normal times: the exponent is the sum of a few even ones.
_RESPONSE: Final = (
    "round(exp(14.3 + (((h & 1023) + ((h >> 10) & 1023) + ((h >> 20) & 1023)) / 1023.0 - 1.5)))"
    "::BIGINT"
)
_BUCKET: Final = (
    "CASE WHEN r < 128 THEN r ELSE ((floor(log2(r))::BIGINT - 7) << 7)"
    " + (r >> (floor(log2(r))::BIGINT - 7)) END"
)


def fill(file: Path, count: int) -> None:
    """Put so many conversations with their usages into a store that has its tables."""
    with duckdb.connect(str(file)) as connection:
        for statement in _statements(count):
            connection.execute(statement)


def _statements(count: int) -> Iterator[str]:
    # Nothing in them comes from outside.
    first = microseconds(NOW) - _SPAN_US
    time_us = f"{first} + (i * {_SPAN_US}::HUGEINT // {count})::BIGINT"
    columns = f"i, (hash(i) >> 1)::BIGINT AS h, {time_us} AS time_us"
    yield f"CREATE TEMP TABLE made AS SELECT {columns} FROM range({count}) t(i)"  # noqa: S608
    common = (
        f"'{NAMESPACE}' AS namespace, 'turn_' || i AS id, (hash(i + 1) >> 1)::BIGINT AS key,"
        f" 1 AS revision, time_us, time_us // {_QUARTER_US} AS quarter,"
        " 'agent_' || (hash(i // 3) % 20) AS agent_id, '1' AS agent_version,"
        " 'model_' || (h % 5) AS model"
    )
    talk = (
        "(hash(i // 3) >> 1)::BIGINT AS session,"
        " CASE WHEN h % 50 = 0 THEN 'failed' ELSE 'completed' END AS status,"
        f" r AS response_us, {_BUCKET} AS bucket,"
        " CASE WHEN h % 10 = 0 THEN 1 + h // 10 % 5 END AS satisfaction, FALSE AS hidden"
    )
    timed = f"(SELECT *, {_RESPONSE} AS r FROM made)"  # noqa: S608
    yield f"INSERT INTO {CONVERSATIONS.name} BY NAME SELECT {common}, {talk} FROM {timed}"  # noqa: S608
    used = (
        "'provider' AS provider, 1 AS requests, h % 3000 AS tokens, h % 2000 AS input_tokens,"
        " h % 3000 - h % 2000 AS output_tokens, 0 AS cached_tokens, FALSE AS estimated,"
        " (h % 3000)::DECIMAL(27, 12) * 0.000001 AS cost, 'USD' AS currency"
    )
    yield f"INSERT INTO {USAGES.name} BY NAME SELECT {common}, {used} FROM made"  # noqa: S608
    for rollup in ROLLUPS.values():
        rows = rollup.rows().compile(dialect=asyncpg.dialect())
        yield f"INSERT INTO {rollup.table.name} ({', '.join(rollup.columns)}) {rows}"
    span = "namespace, agent_id, session, min(quarter), max(quarter)"
    yield f"INSERT INTO {SESSIONS.name} SELECT {span} FROM {CONVERSATIONS.name} GROUP BY ALL"  # noqa: S608
    yield "CHECKPOINT"
