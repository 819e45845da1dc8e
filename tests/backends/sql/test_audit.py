# SPDX-License-Identifier: Apache-2.0
"""Every audit log keeps the same promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import event

from rollcall.backends.sql.audit import SqlAuditLog
from rollcall.backends.sql.database import Database
from rollcall.kernel.errors import Closed
from rollcall.web.audit import AuditEntry, AuditLog, AuditQuestion, InMemoryAuditLog


def entry(number: int, namespace: str = "acme") -> AuditEntry:
    return AuditEntry(
        float(number), "key:1", namespace, "POST /register", f"agent-{number}", 200, f"r{number}"
    )


@pytest.fixture(params=["memory", "sql"])
def log(request: pytest.FixtureRequest) -> AuditLog:
    if request.param == "memory":
        return InMemoryAuditLog()
    return SqlAuditLog(request.getfixturevalue("database"))


async def test_entries_come_back_the_newest_first_and_of_one_namespace(log: AuditLog) -> None:
    for one in (entry(1), entry(2, "globex"), entry(3)):
        await log.append(one)
    assert await log.entries("acme") == [entry(3), entry(1)]
    assert await log.entries("acme", limit=1) == [entry(3)]


async def test_what_is_older_is_forgotten(log: AuditLog) -> None:
    for number in range(1, 5):
        await log.append(entry(number))
    assert await log.forget(3.0) == 2
    assert await log.entries("acme") == [entry(4), entry(3)]


async def test_entries_of_the_same_moment_are_all_kept(log: AuditLog) -> None:
    await asyncio.gather(*(log.append(entry(number)) for number in range(64)))
    assert len(await log.entries("acme", limit=100)) == 64


async def test_pages_follow_each_other_while_more_comes(log: AuditLog) -> None:
    for number in range(1, 8):
        await log.append(entry(number))
    first = await log.entries("acme", limit=3)
    await log.append(entry(8))
    second = await log.entries("acme", AuditQuestion(before=first[-1].number), limit=3)
    third = await log.entries("acme", AuditQuestion(before=second[-1].number), limit=3)
    assert [one.at for one in (*first, *second, *third)] == [7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (AuditQuestion(caller="key:2"), [3]),
        (AuditQuestion(action="DELETE /agents/{agent_id}"), [2]),
        (AuditQuestion(subject="AGENT-2"), [2]),
        (AuditQuestion(subject="agent_"), []),
        (AuditQuestion(subject="%"), []),
        (AuditQuestion(since=2.0, until=4.0), [3, 2]),
        (AuditQuestion(caller="key:1", since=2.0), [4, 2]),
    ],
)
async def test_entries_are_chosen_by_what_is_asked(
    wanted: AuditQuestion, numbers: list[int], log: AuditLog
) -> None:
    for one in (
        entry(1),
        replace(entry(2), action="DELETE /agents/{agent_id}"),
        replace(entry(3), caller="key:2"),
        entry(4),
    ):
        await log.append(one)
    assert [one.at for one in await log.entries("acme", wanted)] == numbers


async def test_entries_that_wait_are_written_together(database: Database) -> None:
    log = SqlAuditLog(database)
    commits = 0

    def count(_: object) -> None:
        nonlocal commits
        commits += 1

    engine = database._open_engine().sync_engine
    event.listen(engine, "commit", count)
    await asyncio.gather(*(log.append(entry(number)) for number in range(64)))
    assert commits <= 2


async def test_each_that_waits_is_told_when_its_entry_could_not_be_kept(
    database: Database,
) -> None:
    log = SqlAuditLog(database)
    await database.close()
    outcomes = await asyncio.gather(
        *(log.append(entry(number)) for number in range(3)), return_exceptions=True
    )
    assert [type(one) for one in outcomes] == [Closed] * 3
