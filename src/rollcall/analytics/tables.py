# SPDX-License-Identifier: Apache-2.0
"""The tables of facts, and the sums that are kept of them.

Rollups hold per quarter of an hour what `Sums` asks for, so that an answer costs what its stretch
of time holds in quarters, not in conversations. They are made of the facts of their quarter by
`Rollup.rows`, and made anew whenever one of these changes; a store that keeps none is asked the
same questions over `Rollup.rows` itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    MetaData,
    Numeric,
    Select,
    Table,
    Text,
    and_,
    case,
    func,
    literal_column,
    select,
)

from rollcall.analytics.models import Kind, Status

METADATA: Final = MetaData()
TEXTS_METADATA: Final = MetaData()

MONEY: Final = Numeric(27, 12)
"""Every amount of `kernel.money`, exactly."""
PREFIX: Final = "analytics_"


def _table(kind: Kind, *columns: Column[Any] | Index) -> Table:
    name = f"{PREFIX}{kind.value}"
    return Table(
        name,
        METADATA,
        Column("namespace", Text, nullable=False),
        Column("id", Text, nullable=False),
        Column("key", BigInteger, nullable=False, comment="stands for namespace and id"),
        Column("revision", BigInteger, nullable=False),
        Column("time_us", BigInteger, nullable=False, comment="microseconds since the epoch"),
        Column("quarter", Integer, nullable=False, comment="of an hour, since the epoch"),
        *columns,
        Index(f"uq_{name}_id", "namespace", "id", unique=True),
        Index(f"ix_{name}_time", "namespace", "quarter"),
        Index(f"ix_{name}_key", "key"),
    )


CONVERSATIONS: Final = _table(
    Kind.CONVERSATION,
    Column("agent_id", Text, nullable=False),
    Column("agent_version", Text),
    Column("session", BigInteger, comment="stands for a session"),
    Column("model", Text),
    Column("status", Text, nullable=False),
    Column("error_type", Text),
    Column("response_us", BigInteger, comment="microseconds"),
    Column("bucket", Integer, comment="of the response time; longer ones are in higher ones"),
    Column("satisfaction", Integer, comment="1 to 5"),
    Column("hidden", Boolean, nullable=False),
    Index("ix_analytics_conversations_session", "session"),
    Index("ix_analytics_conversations_newest", "namespace", "time_us", "id"),
    Index("ix_analytics_conversations_agent", "namespace", "agent_id", "time_us", "id"),
)
USAGES: Final = _table(
    Kind.USAGE,
    Column("agent_id", Text, nullable=False),
    Column("agent_version", Text),
    Column("model", Text),
    Column("provider", Text),
    Column("requests", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cached_tokens", BigInteger),
    Column("estimated", Boolean, nullable=False),
    Column("cost", MONEY),
    Column("currency", Text),
)
CHARGES: Final = _table(
    Kind.CHARGE,
    Column("agent_id", Text, nullable=False),
    Column("conversation_id", Text),
    Column("model", Text),
    Column("period", Text),
    Column("amount", MONEY, nullable=False),
    Column("currency", Text),
    Column("provider_cost", MONEY),
    Column("estimated", Boolean, nullable=False),
)
INVOICE_LINES: Final = _table(
    Kind.INVOICE_LINE,
    Column("invoice_id", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("line", Integer, nullable=False),
    Column("agent_id", Text),
    Column("period", Text),
    Column("unit", Text),
    Column("model", Text),
    Column("quantity", MONEY),
    Column("amount", MONEY, nullable=False),
    Column("currency", Text),
)
AGENTS: Final = _table(
    Kind.AGENT,
    Column("name", Text),
    Column("industry", Text),
    Column("status", Text),
    Column("deleted", Boolean, nullable=False),
)

TABLES: Final[Mapping[Kind, Table]] = {
    Kind.CONVERSATION: CONVERSATIONS,
    Kind.USAGE: USAGES,
    Kind.CHARGE: CHARGES,
    Kind.INVOICE_LINE: INVOICE_LINES,
    Kind.AGENT: AGENTS,
}

SESSIONS: Final = Table(
    f"{PREFIX}sessions",
    METADATA,
    Column("namespace", Text, nullable=False),
    Column("agent_id", Text, nullable=False),
    Column("session", BigInteger, nullable=False),
    Column("first", Integer, nullable=False, comment="quarter in which something was said"),
    Column("last", Integer, nullable=False, comment="quarter in which something was said"),
    Index("ix_analytics_sessions_session", "session"),
    Index("ix_analytics_sessions_first", "namespace", "first"),
)
"""From when to when agents were talked to in sessions."""


class Rollup(NamedTuple):
    """Sums per quarter of an hour.

    Args:
        table: Where they are kept.
        source: The facts.
        keys: The columns besides namespace and quarter that they are told apart by.
        sums: What is summed, by name.
        latest: Columns of which the largest is kept, by name.
    """

    table: Table
    source: Table
    keys: tuple[str, ...]
    sums: Mapping[str, ColumnElement[Any]]
    latest: Mapping[str, ColumnElement[Any]]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table, and of `rows`."""
        return ("namespace", "quarter", *self.keys, *self.sums, *self.latest)

    def rows(self, *conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
        """The sums of the facts that fit, as they are kept."""
        named = [self.source.c[name] for name in ("namespace", "quarter", *self.keys)]
        return (
            select(
                *named,
                *(func.sum(what).label(name) for name, what in self.sums.items()),
                *(func.max(what).label(name) for name, what in self.latest.items()),
            )
            .where(*conditions)
            .group_by(*named)
        )


_ONE: Final = literal_column("1", Integer)
_ZERO: Final = literal_column("0", Integer)


def _given(column: Column[Any]) -> ColumnElement[Any]:
    return case((column.is_not(None), _ONE), else_=_ZERO)


def _rollup(
    source: Table,
    keys: tuple[str, ...],
    sums: Mapping[str, ColumnElement[Any]],
    latest: Mapping[str, ColumnElement[Any]] | None = None,
    money: tuple[str, ...] = (),
) -> Rollup:
    name = f"{source.name.removesuffix('s')}_quarters"
    latest = latest or {}
    table = Table(
        name,
        METADATA,
        Column("namespace", Text, nullable=False),
        Column("quarter", Integer, nullable=False, comment="of an hour, since the epoch"),
        *(Column(key, Text) for key in keys),
        *(Column(one, Numeric(38, 12) if one in money else BigInteger) for one in (*sums, *latest)),
        Index(f"ix_{name}", "namespace", "quarter"),
    )
    return Rollup(table, source, keys, sums, latest)


_C, _U = CONVERSATIONS.c, USAGES.c

CONVERSATION_QUARTERS: Final = _rollup(
    CONVERSATIONS,
    ("agent_id", "agent_version", "status"),
    {
        "conversations": _ONE,
        "failed": case((_C.status == literal_column(f"'{Status.FAILED}'"), _ONE), else_=_ZERO),
        "responses": _given(_C.response_us),
        "response_us": _C.response_us,
        "ratings": _given(_C.satisfaction),
        "satisfaction": _C.satisfaction,
    },
    {"last_us": _C.time_us},
)
USAGE_QUARTERS: Final = _rollup(
    USAGES,
    ("agent_id", "agent_version", "model", "provider", "currency"),
    {
        "usages": _ONE,
        "requests": _U.requests,
        "tokens": _U.tokens,
        "input_tokens": _U.input_tokens,
        "output_tokens": _U.output_tokens,
        "cached_tokens": _U.cached_tokens,
        "estimated_tokens": case((_U.estimated, _U.tokens), else_=_ZERO),
        "priced": _given(_U.cost),
        "cost": _U.cost,
    },
    money=("cost",),
)
CHARGE_QUARTERS: Final = _rollup(
    CHARGES,
    ("agent_id", "period", "currency"),
    {"charges": _ONE, "amount": CHARGES.c.amount},
    money=("amount",),
)

ROLLUPS: Final[Mapping[Kind, Rollup]] = {
    Kind.CONVERSATION: CONVERSATION_QUARTERS,
    Kind.USAGE: USAGE_QUARTERS,
    Kind.CHARGE: CHARGE_QUARTERS,
}

TEXTS: Final = Table(
    f"{PREFIX}texts",
    TEXTS_METADATA,
    Column("namespace", Text, primary_key=True),
    Column("conversation_id", Text, primary_key=True),
    Column("agent_id", Text, nullable=False),
    Column("session_id", Text),
    Column("user_id", Text),
    Column("user_message", Text, comment="null: erased"),
    Column("agent_response", Text),
    Column("time_us", BigInteger, nullable=False, comment="microseconds since the epoch"),
    Column("digest", Text, comment="of what was posted; null: told by an event, or erased"),
    Index("ix_analytics_texts_session", "namespace", "session_id"),
    Index("ix_analytics_texts_user", "namespace", "user_id"),
    Index("ix_analytics_texts_agent", "namespace", "agent_id"),
)
"""What people have said, and who: the one place that has it, in the services' database. What was
erased leaves its id, so that it does not come back with an event that is late.
"""


def in_span(table: Table, namespace: str, since: int, until: int) -> ColumnElement[bool]:
    """Whether something of the table is of a namespace and a stretch of time."""
    return and_(table.c.namespace == namespace, table.c.quarter >= since, table.c.quarter < until)
