# SPDX-License-Identifier: Apache-2.0
"""How facts get into SQL stores that keep rollups: one way for all of them.

`merging` and `removing` are generators: they yield what is to be executed, in one transaction, and
are sent the rows that it gave. So a store that blocks and one that awaits drive the same steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Executable,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
)

from rollcall.analytics.models import AnyFact, Kind, key_of
from rollcall.analytics.ports import Row
from rollcall.analytics.rows import row_of
from rollcall.analytics.tables import CONVERSATIONS, ROLLUPS, SESSIONS, TABLES

CHUNK: Final = 2_000
"""Facts that are merged by one statement."""


class Rows(NamedTuple):
    """Rows to insert into a table, of what JSON has words for."""

    table: Table
    rows: Sequence[Mapping[str, Any]]


Step = Executable | Rows
Steps = Generator[Step, list[Row], None]
_Talk = tuple[str, str, int]
"""Namespace, agent and session."""


def merging(facts: Sequence[AnyFact]) -> Steps:
    """Keep facts: of each the latest revision, once."""
    by_kind: dict[Kind, dict[tuple[str, str], AnyFact]] = defaultdict(dict)
    for fact in facts:
        mine, name = by_kind[fact.kind], (fact.namespace, fact.id)
        if name not in mine or mine[name].revision < fact.revision:
            mine[name] = fact
    for kind, newest in by_kind.items():
        rows = [row_of(fact) for fact in newest.values()]
        for start in range(0, len(rows), CHUNK):
            yield from _merge(kind, rows[start : start + CHUNK])


def removing(kind: Kind, namespace: str, ids: Sequence[str]) -> Steps:
    """Let go of facts."""
    known = yield _known(kind, [key_of(namespace, one) for one in ids])
    gone = [row for row in known if row["namespace"] == namespace and row["id"] in ids]
    if gone:
        yield _without(kind, gone)
        yield from _roll(kind, gone)
        if kind is Kind.CONVERSATION:
            yield from _look_again(gone)


def _merge(kind: Kind, rows: Sequence[Row]) -> Steps:
    known = yield _known(kind, [row["key"] for row in rows])
    there = {(row["namespace"], row["id"]): row for row in known}
    fresh: list[Row] = []
    stale: list[Row] = []
    for row in rows:
        old = there.get((row["namespace"], row["id"]))
        if old is None or old["revision"] < row["revision"]:
            fresh.append(row)
            stale += [] if old is None else [old]
    if not fresh:
        return
    if stale:
        yield _without(kind, stale)
    # In the order of time, so that a stretch of time stands together.
    yield Rows(TABLES[kind], sorted(fresh, key=lambda row: row["time_us"]))
    yield from _roll(kind, [*fresh, *stale])
    if kind is Kind.CONVERSATION:
        yield from _look_again(stale)
        yield from _widen(fresh)


def _known(kind: Kind, keys: Sequence[int]) -> Executable:
    columns = TABLES[kind].c
    more = (columns.agent_id, columns.session) if kind is Kind.CONVERSATION else ()
    return select(
        columns.namespace, columns.id, columns.key, columns.revision, columns.quarter, *more
    ).where(_among(columns.key, keys))


def _without(kind: Kind, rows: Sequence[Row]) -> Executable:
    table = TABLES[kind]
    return delete(table).where(
        # Keys are what is quickly found, ids what is meant.
        _among(table.c.key, [row["key"] for row in rows]),
        _among(table.c.id, [row["id"] for row in rows]),
        _among(table.c.namespace, sorted({row["namespace"] for row in rows})),
    )


def _among(column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """Whether a column has one of many values: one parameter for all of them, which is read far
    quicker than one for each.
    """
    given = bindparam(None, list(values), ARRAY(column.type), unique=True)
    return column.in_(select(func.unnest(given)))


def _roll(kind: Kind, rows: Iterable[Row]) -> Steps:
    """Sum up the quarters of these rows anew."""
    rollup = ROLLUPS.get(kind)
    if rollup is None:
        return
    touched: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        touched[row["namespace"]].add(row["quarter"])
    for namespace, quarters in touched.items():
        kept, source = rollup.table.c, rollup.source.c
        these = sorted(quarters)
        yield delete(rollup.table).where(kept.namespace == namespace, kept.quarter.in_(these))
        anew = rollup.rows(source.namespace == namespace, source.quarter.in_(these))
        yield insert(rollup.table).from_select(rollup.columns, anew)


def _widen(rows: Iterable[Row]) -> Steps:
    """Have the sessions of new rows reach from their first to their last."""
    spans: dict[_Talk, tuple[int, int]] = {}
    for row in rows:
        if row["session"] is not None:
            talk, quarter = _talk(row), row["quarter"]
            first, last = spans.get(talk, (quarter, quarter))
            spans[talk] = (min(first, quarter), max(last, quarter))
    if not spans:
        return
    known = yield select(SESSIONS).where(_among(SESSIONS.c.session, sorted(_numbers(spans))))
    there = {_talk(row): (row["first"], row["last"]) for row in known}
    changed: dict[_Talk, tuple[int, int]] = {}
    for talk, (first, last) in spans.items():
        was = there.get(talk)
        now = (first, last) if was is None else (min(was[0], first), max(was[1], last))
        if now != was:
            changed[talk] = now
    yield from _forget(talk for talk in changed if talk in there)
    if changed:
        yield Rows(
            SESSIONS,
            [
                {"namespace": n, "agent_id": a, "session": s, "first": first, "last": last}
                for (n, a, s), (first, last) in changed.items()
            ],
        )


def _look_again(gone: Iterable[Row]) -> Steps:
    """Find from when to when the sessions of rows reach that are not there any more."""
    talks = {_talk(row) for row in gone if row["session"] is not None}
    yield from _forget(talks)
    columns = (CONVERSATIONS.c.namespace, CONVERSATIONS.c.agent_id, CONVERSATIONS.c.session)
    if not talks:
        return
    quarter = CONVERSATIONS.c.quarter
    left = yield (
        select(*columns, func.min(quarter).label("first"), func.max(quarter).label("last"))
        .where(_among(CONVERSATIONS.c.session, sorted(_numbers(talks))))
        .group_by(*columns)
    )
    again = [dict(row) for row in left if _talk(row) in talks]
    if again:
        yield Rows(SESSIONS, again)


def _forget(talks: Iterable[_Talk]) -> Steps:
    by_agent: dict[tuple[str, str], list[int]] = defaultdict(list)
    for namespace, agent_id, session in talks:
        by_agent[namespace, agent_id].append(session)
    for (namespace, agent_id), numbers in by_agent.items():
        yield delete(SESSIONS).where(
            SESSIONS.c.namespace == namespace,
            SESSIONS.c.agent_id == agent_id,
            _among(SESSIONS.c.session, sorted(numbers)),
        )


def _talk(row: Row) -> _Talk:
    return row["namespace"], row["agent_id"], row["session"]


def _numbers(talks: Iterable[_Talk]) -> set[int]:
    return {session for _, _, session in talks}
