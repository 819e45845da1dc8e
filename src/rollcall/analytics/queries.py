# SPDX-License-Identifier: Apache-2.0
"""Every question in SQL, once for all stores: what DuckDB, PostgreSQL and BigQuery agree on.

There is no division (they do not agree on it), no function of dates or zones (the days of a zone
are made here, of its offsets), and no percentile of an engine's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Numeric,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy import cast as sql_cast

from rollcall.analytics.models import Kind, key_of
from rollcall.analytics.questions import (
    Agents,
    ById,
    Export,
    Listing,
    Percentiles,
    Question,
    Sessions,
    Shift,
    Sums,
)
from rollcall.analytics.tables import (
    AGENTS,
    CONVERSATIONS,
    ROLLUPS,
    SESSIONS,
    TABLES,
    Rollup,
    in_span,
)

_QUARTERS_OF_A_DAY: Final = 96
_ZERO: Final = literal_column("0", Integer)
_HIDDEN: Final = frozenset(
    ("namespace", "key", "quarter", "bucket", "session", "hidden", "revision")
)

EXPORTED: Final[Mapping[Kind, tuple[str, ...]]] = {
    kind: tuple(column.name for column in table.columns if column.name not in _HIDDEN)
    for kind, table in TABLES.items()
}
"""The columns that exports show, in their order."""


def statement(question: Question, *, rolled: bool = True) -> Select[*tuple[Any, ...]]:
    """A question as a statement, whose columns are the names of its rows.

    Args:
        rolled: Whether the store keeps rollups and sessions; else it is asked over the facts.
    """
    match question:
        case Sums():
            return _sums(question, rolled=rolled)
        case Percentiles():
            return _percentiles(question)
        case Sessions():
            return _sessions(question) if rolled else _counted_sessions(question)
        case Listing():
            return _listing(question)
        case ById():
            table = TABLES[question.kind]
            # Keys are what is quickly found, ids what is meant.
            keys = [key_of(question.namespace, one) for one in question.ids]
            named = (table.c.key.in_(keys), table.c.id.in_(question.ids))
            return select(table).where(table.c.namespace == question.namespace, *named)
        case Agents():
            mine = AGENTS.c.namespace == question.namespace
            there = true() if question.deleted else AGENTS.c.deleted.is_(False)
            return select(AGENTS).where(mine, there)
        case Export():
            return _export(question)


def _sums(question: Sums, *, rolled: bool) -> Select[*tuple[Any, ...]]:
    rollup = ROLLUPS[Kind(question.source)]
    span, table = question.span, rollup.table if rolled else rollup.source
    wanted = [in_span(table, question.namespace, span.since, span.until)]
    wanted += _of_agents(table, question)
    if rolled:
        kept = select(*(table.c[name] for name in rollup.columns)).where(*wanted)
    else:
        kept = rollup.rows(*wanted)
    rows = kept.subquery("kept")
    # A day is made below what groups by it: the same parameters twice are not the same to a server.
    inner = select(
        *(
            _day(rows.c.quarter, question.shifts) if name == "day" else rows.c[name]
            for name in question.by
        ),
        *(rows.c[name] for name in (*rollup.sums, *rollup.latest)),
    ).subquery("sums")
    by = [inner.c[name] for name in question.by]
    asked = select(*by, *_totals(rollup, inner))
    return asked.group_by(*by) if by else asked


def _totals(rollup: Rollup, rows: FromClause) -> list[ColumnElement[Any]]:
    totals: list[ColumnElement[Any]] = []
    for name in rollup.sums:
        type_ = rollup.table.c[name].type
        # Sums of whole numbers are decimals in one store and longer numbers in another.
        of_type = type_ if isinstance(type_, Numeric) else BigInteger()
        totals.append(sql_cast(func.coalesce(func.sum(rows.c[name]), _ZERO), of_type).label(name))
    return totals + [func.max(rows.c[name]).label(name) for name in rollup.latest]


def _day(quarter: ColumnElement[Any], shifts: Sequence[Shift]) -> ColumnElement[Any]:
    """The local day of a quarter, times 96."""
    ahead: ColumnElement[Any] = _whole(shifts[0].ahead)
    if len(shifts) > 1:
        later = [(quarter >= _whole(shift.since), _whole(shift.ahead)) for shift in shifts[:0:-1]]
        ahead = case(*later, else_=ahead)
    local = quarter + ahead
    return (local - func.mod(local, _whole(_QUARTERS_OF_A_DAY))).label("day")


def _whole(number: int) -> ColumnElement[Any]:
    return bindparam(None, number, Integer, unique=True)


def _percentiles(question: Percentiles) -> Select[*tuple[Any, ...]]:
    """Buckets are counted first; then only the values of the buckets in question are sorted."""
    by = ["agent_id"] if question.by_agent else []
    known = _of_agents(CONVERSATIONS, question)
    span = question.span
    wanted = (
        in_span(CONVERSATIONS, question.namespace, span.since, span.until),
        CONVERSATIONS.c.bucket.is_not(None),
        *known,
    )
    buckets = (
        select(*_named(CONVERSATIONS, by), CONVERSATIONS.c.bucket, func.count().label("n"))
        .where(*wanted)
        .group_by(*_named(CONVERSATIONS, by), CONVERSATIONS.c.bucket)
        .cte("buckets")
    )
    groups = _named(buckets, by)
    upto = func.sum(buckets.c.n).over(partition_by=groups or None, order_by=buckets.c.bucket)
    counted = select(
        *buckets.c,
        upto.label("upto"),
        func.sum(buckets.c.n).over(partition_by=groups or None).label("total"),
    ).cte("counted")
    permilles = union_all(
        *(select(_whole(one).label("permille")) for one in question.permilles)
    ).cte("permilles")
    # Of n values the p-th permille has rank r = ceil(p n / 1000): 1000 (r - 1) < p n <= 1000 r.
    place = permilles.c.permille * counted.c.total
    inside = and_(
        (counted.c.upto - counted.c.n) * _whole(1000) < place,
        place <= counted.c.upto * _whole(1000),
    )
    targets = (
        select(
            *_named(counted, by),
            counted.c.bucket,
            permilles.c.permille,
            (counted.c.upto - counted.c.n).label("below"),
            place.label("place"),
        )
        .join_from(counted, permilles, inside)
        .cte("targets")
    )
    same = and_(
        targets.c.bucket == CONVERSATIONS.c.bucket,
        *(targets.c[name] == CONVERSATIONS.c[name] for name in by),
    )
    rank = func.row_number().over(
        partition_by=[*_named(targets, by), targets.c.permille],
        order_by=CONVERSATIONS.c.response_us,
    )
    ranked = (
        select(
            *_named(targets, by),
            targets.c.permille,
            targets.c.place,
            CONVERSATIONS.c.response_us,
            (targets.c.below + rank).label("rank"),
        )
        .join_from(CONVERSATIONS, targets, same)
        .where(*wanted)
        .cte("ranked")
    )
    hit = and_(
        (ranked.c.rank - _whole(1)) * _whole(1000) < ranked.c.place,
        ranked.c.place <= ranked.c.rank * _whole(1000),
    )
    columns = [*_named(ranked, by), ranked.c.permille]
    return select(*columns, ranked.c.response_us).where(hit)


def _sessions(question: Sessions) -> Select[*tuple[Any, ...]]:
    """Most sessions lie within the span as a whole; only those over its edges are looked into."""
    span, talk = question.span, CONVERSATIONS.c
    said = exists().where(
        in_span(CONVERSATIONS, question.namespace, span.since, span.until),
        talk.agent_id == SESSIONS.c.agent_id,
        talk.session == SESSIONS.c.session,
    )
    within = and_(SESSIONS.c.first >= span.since, SESSIONS.c.last < span.until)
    over = and_(
        SESSIONS.c.first < span.until,
        SESSIONS.c.last >= span.since,
        or_(SESSIONS.c.first < span.since, SESSIONS.c.last >= span.until),
    )
    mine = (SESSIONS.c.namespace == question.namespace, *_of_agents(SESSIONS, question))
    there = union_all(
        select(SESSIONS.c.agent_id).where(*mine, within),
        select(SESSIONS.c.agent_id).where(*mine, over, said),
    ).subquery("there")
    return _count(there, by_agent=question.by_agent)


def _counted_sessions(question: Sessions) -> Select[*tuple[Any, ...]]:
    talk, span = CONVERSATIONS.c, question.span
    there = (
        select(talk.agent_id, talk.session)
        .where(
            in_span(CONVERSATIONS, question.namespace, span.since, span.until),
            talk.session.is_not(None),
            *_of_agents(CONVERSATIONS, question),
        )
        .distinct()
        .subquery("there")
    )
    return _count(there, by_agent=question.by_agent)


def _count(there: FromClause, *, by_agent: bool) -> Select[*tuple[Any, ...]]:
    number = func.count().label("sessions")
    if not by_agent:
        return select(number).select_from(there)
    return select(there.c.agent_id, number).group_by(there.c.agent_id)


def _listing(question: Listing) -> Select[*tuple[Any, ...]]:
    talk = CONVERSATIONS.c
    wanted = [talk.namespace == question.namespace, talk.hidden.is_(False)]
    wanted += _of_agent(CONVERSATIONS, question.agent_id)
    if question.span is not None:
        wanted.append(
            in_span(CONVERSATIONS, question.namespace, question.span.since, question.span.until)
        )
    if question.session is not None:
        wanted.append(talk.session == question.session)
    if question.before is not None:
        time_us, id_ = question.before
        wanted.append(or_(talk.time_us < time_us, and_(talk.time_us == time_us, talk.id < id_)))
    asked = select(CONVERSATIONS).where(*wanted).order_by(talk.time_us.desc(), talk.id.desc())
    asked = asked.limit(literal_column(str(question.limit), Integer))
    return asked.offset(literal_column(str(question.offset), Integer)) if question.offset else asked


def _export(question: Export) -> Select[*tuple[Any, ...]]:
    table, span = TABLES[question.kind], question.span
    wanted = [in_span(table, question.namespace, span.since, span.until)]
    if question.agent_id is not None and "agent_id" in table.c:
        wanted.append(table.c.agent_id == question.agent_id)
    if question.kind is Kind.CONVERSATION:
        wanted.append(CONVERSATIONS.c.hidden.is_(False))
    columns = (table.c[name] for name in EXPORTED[question.kind])
    return select(*columns).where(*wanted).order_by(table.c.time_us, table.c.id)


def _of_agent(table: FromClause, agent_id: str | None) -> list[ColumnElement[bool]]:
    return [] if agent_id is None else [table.c.agent_id == literal(agent_id)]


def _of_agents(
    table: FromClause, question: Sums | Percentiles | Sessions
) -> list[ColumnElement[bool]]:
    these = _of_agent(table, question.agent_id)
    return (
        these if question.agent_ids is None else [*these, table.c.agent_id.in_(question.agent_ids)]
    )


def _named(table: FromClause, names: Sequence[str]) -> list[ColumnElement[Any]]:
    return [cast("ColumnElement[Any]", table.c[name]) for name in names]
