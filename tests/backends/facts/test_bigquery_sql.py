# SPDX-License-Identifier: Apache-2.0
"""What is said to BigQuery: bound values, bounded days."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import LargeBinary, literal, select

from rollcall.analytics.models import AgentFact, Kind, UsageFact, quarter_of
from rollcall.analytics.queries import statement
from rollcall.analytics.questions import (
    Agents,
    ById,
    Export,
    Listing,
    Percentiles,
    Question,
    Sessions,
    Shift,
    Span,
    Sums,
)
from rollcall.analytics.tables import TABLES
from rollcall.backends.facts.bigquery_sql import (
    FIRST,
    TURN,
    Parameter,
    additions,
    columns,
    compiled,
    merging,
    removing,
    tables,
    views,
)
from rollcall.kernel.money import LARGEST

WORDS = "o'brien`; DROP -- @x"
AT = datetime(2026, 3, 28, 12, tzinfo=UTC)
SPAN = Span(100, 200)
COMMON: Any = {"namespace": WORDS, "span": SPAN, "agent_id": WORDS}
QUESTIONS: list[Question] = [
    Sums(source="usages", by=("day", "currency"), shifts=(Shift(0, 4), Shift(9, 8)), **COMMON),
    Percentiles(by_agent=True, **COMMON),
    Sessions(**COMMON),
    Listing(before=(5, WORDS), session=7, **COMMON),
    ById(kind=Kind.USAGE, namespace=WORDS, ids=(WORDS, "b")),
    Agents(namespace=WORDS),
    *(Export(kind=kind, **COMMON) for kind in Kind),
]
amounts = st.decimals(-LARGEST + 1, LARGEST - 1, places=12).filter(lambda one: abs(one) < LARGEST)


@pytest.mark.parametrize("question", QUESTIONS, ids=repr)
def test_no_value_is_written_into_a_statement(question: Question) -> None:
    asked = compiled(statement(question, rolled=False))
    assert WORDS not in asked.sql
    assert "'" not in asked.sql
    assert set(re.findall(r"@(\w+)", asked.sql)) == set(asked.parameters)
    assert Parameter("STRING", WORDS) in asked.parameters.values()


@pytest.mark.parametrize("question", QUESTIONS, ids=repr)
def test_what_is_asked_of_a_time_reads_the_days_of_it(question: Question) -> None:
    asked = compiled(statement(question, rolled=False))
    if not hasattr(question, "span"):
        return
    reads = len(re.findall(r"FROM `analytics_", asked.sql))
    assert reads >= 1
    assert len(re.findall(r"`analytics_\w+`\.`quarter` >= @", asked.sql)) == reads
    assert len(re.findall(r"`analytics_\w+`\.`quarter` < @", asked.sql)) == reads


def test_a_list_of_ids_is_one_parameter() -> None:
    ids = tuple(f"id-{n}" for n in range(1000))
    asked = compiled(statement(ById(kind=Kind.CHARGE, namespace="n", ids=ids)))
    assert len(asked.parameters) == 3
    assert Parameter("STRING", list(ids)) in asked.parameters.values()
    assert "IN UNNEST(@" in asked.sql


def test_a_type_that_has_no_name_in_bigquery_is_refused() -> None:
    with pytest.raises(TypeError, match="LargeBinary"):
        compiled(select(literal(b"x", LargeBinary)))


def test_the_table_has_a_column_for_everything_and_refuses_to_be_read_without_days() -> None:
    known = {one.name for table in TABLES.values() for one in table.columns}
    assert set(columns()) == {"kind", *known}
    assert "require_partition_filter = TRUE" in tables()
    assert "CLUSTER BY `namespace`, `kind`, `agent_id`" in tables()
    assert columns()["cost"] == "BIGNUMERIC(27, 12)"
    (agents,) = [view for view in views() if "analytics_agents" in view]
    assert f"`quarter` = {FIRST}" in agents


def test_only_columns_that_are_missing_are_added_and_may_be_empty() -> None:
    assert additions(columns()) == []
    added = additions(set(columns()) - {"cost", "namespace"})
    assert [re.sub(r".*EXISTS ", "", one) for one in added] == [
        "`namespace` STRING",
        "`cost` BIGNUMERIC(27, 12)",
    ]


@given(amounts)
def test_amounts_are_sent_as_whole_ones_and_trillionths(amount: Decimal) -> None:
    told = UsageFact(namespace="n", id="u", at=AT, agent_id="a", cost=amount)
    rows = msgspec.json.decode(merging([told], 4).parameters["rows"].value)
    whole, parts = rows[0]["cost"]
    assert int(whole) + int(parts) * Decimal("0.000000000001") == amount
    assert abs(int(whole)) < 2**63
    assert abs(int(parts)) < 10**12


def test_a_merge_reads_the_days_around_its_facts_and_takes_its_turn() -> None:
    told = [
        UsageFact(namespace="n", id="u", at=AT, agent_id="a"),
        UsageFact(namespace="n", id="v", at=AT.replace(day=29), agent_id="a"),
    ]
    asked = merging(told, 4)
    assert asked.parameters["since"] == Parameter("INT64", quarter_of(AT) - 4)
    assert asked.parameters["until"] == Parameter("INT64", quarter_of(AT) + 96 + 4)
    kinds = [row["kind"] for row in msgspec.json.decode(asked.parameters["rows"].value)]
    assert kinds == ["usages", "usages", TURN]


def test_agents_are_kept_where_they_are_asked_for() -> None:
    asked = merging([AgentFact(namespace="n", id="a", at=AT)], 0)
    assert msgspec.json.decode(asked.parameters["rows"].value)[0]["quarter"] == FIRST


def test_what_is_removed_is_named_by_parameters() -> None:
    asked = removing(Kind.USAGE, WORDS, [WORDS])
    assert WORDS not in asked.sql
    assert asked.parameters["ids"] == Parameter("STRING", [WORDS])
