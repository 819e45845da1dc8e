# SPDX-License-Identifier: Apache-2.0
"""What is said to BigQuery: the questions of all stores in its dialect, and statements of its own.

All facts are in one table, because one statement on one table is what BigQuery does as a whole or
not at all. Its partitions are the days of UTC, as quarters of an hour, and within a day rows of a
namespace and an agent stand together. Views, one for each kind of facts, have the names and columns
that the questions know; what a question says of `quarter` decides which days are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Boolean, Integer, Numeric, Select, String
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.compiler import GenericTypeCompiler, IdentifierPreparer, SQLCompiler
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, Cast
from sqlalchemy.types import TypeEngine

from rollcall.analytics.models import QUARTER_SECONDS, AnyFact, Kind, quarter_of
from rollcall.analytics.rows import row_of
from rollcall.analytics.tables import TABLES

FACTS: Final = "facts"
"""The table."""
FIRST: Final = quarter_of(datetime(2015, 1, 1, tzinfo=UTC))
"""The first partition: agents, which are asked for without a time, are kept in it."""
_DAY: Final = 96
_LAST: Final = FIRST + 9_999 * _DAY
"""Behind the last partition (2042): BigQuery allows 10,000. Facts beyond are kept together."""
TURN: Final = "turn"
"""The kind of the one row that every merge changes. BigQuery lets two merges that only insert go
on side by side, and both would insert what both were told; of two that change the same row, one
waits for the other.
"""
_TYPES: Final[Sequence[tuple[type[TypeEngine[Any]], str]]] = (
    (Integer, "INT64"),
    (Boolean, "BOOL"),
    (Numeric, "BIGNUMERIC"),
    (String, "STRING"),
)
_TRILLIONTH: Final = Decimal("0.000000000001")
_ROWS: Final = "UNNEST(JSON_QUERY_ARRAY(@rows)) AS r"


class Parameter(NamedTuple):
    """A value that is bound, never written into a statement.

    Args:
        type: BigQuery's name of its type.
        value: It, or a list of values of the type.
    """

    type: str
    value: Any


class Statement(NamedTuple):
    """What is sent.

    Args:
        sql: In GoogleSQL.
        parameters: The values of its `@names`.
    """

    sql: str
    parameters: Mapping[str, Parameter]


def compiled(question: Select[Any]) -> Statement:
    """A statement of SQLAlchemy's in BigQuery's dialect."""
    made = question.compile(dialect=_DIALECT)
    return Statement(
        made.string,
        {
            name: Parameter(type_name(made.binds[name].type), value)
            for name, value in made.construct_params().items()
        },
    )


def type_name(type_: TypeEngine[Any]) -> str:
    """What BigQuery calls a type of ours."""
    for ours, name in _TYPES:
        if isinstance(type_, ours):
            return name
    raise TypeError(f"there is no type in BigQuery for {type_!r}")


def columns() -> Mapping[str, str]:
    """The columns of the table, with their types as they are created."""
    found = {"kind": "STRING NOT NULL"}
    every = [column for table in TABLES.values() for column in table.columns]
    common = set[str].intersection(*(set(table.columns.keys()) for table in TABLES.values()))
    for column in every:
        name = type_name(column.type)
        if isinstance(column.type, Numeric):
            name = f"{name}({column.type.precision}, {column.type.scale})"
        if column.name in common:
            name += " NOT NULL"
        before = found.setdefault(column.name, name)
        assert before == name, f"{column.name} is {before} and {name}"
    return found


def tables() -> str:
    """Makes the table."""
    listed = ", ".join(f"`{name}` {type_}" for name, type_ in columns().items())
    return (
        f"CREATE TABLE IF NOT EXISTS `{FACTS}` ({listed}) PARTITION BY"
        f" RANGE_BUCKET(`quarter`, GENERATE_ARRAY({FIRST}, {_LAST}, {_DAY}))"
        " CLUSTER BY `namespace`, `kind`, `agent_id` OPTIONS (require_partition_filter = TRUE)"
    )


def additions(there: Iterable[str]) -> list[str]:
    """Adds the columns that a table does not have yet."""
    missing = set(columns()).difference(there)
    return [
        # Of rows that are there already nothing can be asked.
        f"ALTER TABLE `{FACTS}` ADD COLUMN IF NOT EXISTS `{name}` {type_.removesuffix(' NOT NULL')}"
        for name, type_ in columns().items()
        if name in missing
    ]


def views() -> list[str]:
    """Makes the views, or makes them anew."""
    found: list[str] = []
    for kind, table in TABLES.items():
        names = [f"`{column.name}`" for column in table.columns]
        where = f"`kind` = '{kind.value}'"
        if kind is Kind.AGENT:
            where += f" AND `quarter` = {FIRST}"
            own = f"DIV(`time_us`, {QUARTER_SECONDS * 1_000_000}) AS `quarter`"
            names = [own if name == "`quarter`" else name for name in names]
        listed = ", ".join(names)
        found.append(
            # Of names and numbers of ours alone, here and below: values are parameters.
            f"CREATE OR REPLACE VIEW `{table.name}` AS SELECT {listed} FROM `{FACTS}` WHERE {where}"
        )
    return found


def first_turn() -> str:
    """Makes the row that every merge changes, where it is not there."""
    given = {
        **dict.fromkeys(("namespace", "id"), "''"),
        **dict.fromkeys(("key", "revision", "time_us"), "0"),
        "kind": f"'{TURN}'",
        "quarter": str(FIRST),
    }
    listed = ", ".join(f"`{name}`" for name in given)
    return (
        f"MERGE `{FACTS}` AS t USING (SELECT '{TURN}' AS `kind`) AS s"
        f" ON t.`kind` = s.`kind` AND t.`quarter` = {FIRST}"
        f" WHEN NOT MATCHED THEN INSERT ({listed}) VALUES ({', '.join(given.values())})"
    )


def merging(facts: Sequence[AnyFact], around: int) -> Statement:
    """Keeps facts: of each the latest revision, once.

    Args:
        facts: None of them twice.
        around: How many quarters of an hour earlier or later another revision may be.
    """
    rows = [_stored(fact) for fact in facts]
    quarters = [row["quarter"] for row in rows]
    turn = {"kind": TURN, "namespace": "", "id": "", "key": 0, "time_us": 0, "quarter": FIRST}
    rows.append({**turn, "revision": 0})
    names = list(columns())
    changed = ", ".join(f"`{name}` = s.`{name}`" for name in names)
    listed = ", ".join(f"`{name}`" for name in names)
    told = ", ".join(f"s.`{name}`" for name in names)
    read = ", ".join(_read(name, type_) for name, type_ in columns().items())
    sql = (
        f"MERGE `{FACTS}` AS t USING (SELECT {read} FROM {_ROWS}) AS s"
        f" ON (t.`quarter` = {FIRST} OR t.`quarter` BETWEEN @since AND @until)"
        " AND t.`key` = s.`key` AND t.`kind` = s.`kind` AND t.`namespace` = s.`namespace`"
        " AND t.`id` = s.`id`"
        f" WHEN MATCHED AND (s.`revision` > t.`revision` OR s.`kind` = '{TURN}')"
        f" THEN UPDATE SET {changed}"
        f" WHEN NOT MATCHED THEN INSERT ({listed}) VALUES ({told})"
    )
    return Statement(
        sql,
        {
            "rows": Parameter("STRING", msgspec.json.encode(rows).decode()),
            "trillionth": Parameter("BIGNUMERIC", _TRILLIONTH),
            "since": Parameter("INT64", min(quarters) - around),
            "until": Parameter("INT64", max(quarters) + around),
        },
    )


def removing(kind: Kind, namespace: str, ids: Sequence[str]) -> Statement:
    """Lets go of facts, whenever they are of."""
    return Statement(
        f"DELETE FROM `{FACTS}` WHERE `quarter` >= 0 AND `kind` = @kind"
        " AND `namespace` = @namespace AND `id` IN UNNEST(@ids)",
        {
            "kind": Parameter("STRING", kind.value),
            "namespace": Parameter("STRING", namespace),
            "ids": Parameter("STRING", list(ids)),
        },
    )


def _stored(fact: AnyFact) -> dict[str, Any]:
    row = {"kind": fact.kind.value, **row_of(fact)}
    if fact.kind is Kind.AGENT:
        row["quarter"] = FIRST
    for name, type_ in columns().items():
        if type_.startswith("BIGNUMERIC") and row.get(name) is not None:
            amount = Decimal(row[name])
            whole = int(amount)
            row[name] = [str(whole), str(int((amount - whole).scaleb(12)))]
    return row


def _read(name: str, type_: str) -> str:
    """How a column is read from a row in JSON. Numbers are text there, so that none is rounded."""
    text = f"JSON_VALUE(r, '$.{name}')"
    if type_.startswith("STRING"):
        return f"{text} AS `{name}`"
    if type_.startswith("BIGNUMERIC"):
        # Whole ones and trillionths: the emulator rounds text that is cast, and literals.
        whole, parts = (f"CAST(JSON_VALUE(r, '$.{name}[{n}]') AS INT64)" for n in (0, 1))
        return f"{whole} + {parts} * @trillionth AS `{name}`"
    return f"CAST({text} AS {type_.split(maxsplit=1)[0]}) AS `{name}`"


class _Compiler(SQLCompiler):
    def bindparam_string(self, name: str, *_: Any, **__: Any) -> str:
        return f"@{name}"

    def visit_in_op_binary(self, binary: BinaryExpression[Any], operator: Any, **kw: Any) -> str:
        # A list is one parameter, which stands in parentheses already.
        assert isinstance(binary.right, BindParameter), "only lists of values"
        left, right = self.process(binary.left, **kw), self.process(binary.right, **kw)
        return f"{left} IN UNNEST{right}"

    def visit_cast(self, cast: Cast[Any], **kw: Any) -> str:
        # Sums of exact numbers are of their type here, and a cast takes no digits.
        if isinstance(cast.type, Numeric):
            return self.process(cast.clause, **kw)
        return str(super().visit_cast(cast, **kw))  # pyright: ignore[reportUnknownMemberType]


class _Types(GenericTypeCompiler):
    def process(self, type_: TypeEngine[Any], **_: Any) -> str:
        return type_name(type_)


class _Names(IdentifierPreparer):
    def _requires_quotes(self, value: str) -> bool:
        return True


class _Dialect(DefaultDialect):
    name = "bigquery"
    paramstyle = "named"
    supports_statement_cache = True
    supports_native_boolean = True
    statement_compiler = _Compiler
    type_compiler_cls = _Types

    def __init__(self) -> None:
        super().__init__(paramstyle="named")
        self.identifier_preparer = _Names(self, initial_quote="`")


_DIALECT: Final = _Dialect()
