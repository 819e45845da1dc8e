"""Whether the books balance, as `rollcall doctor` says it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from rollcall.app.books_check import books
from rollcall.app.findings import Grade
from rollcall.app.places import Places
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.billing.books_tables import ENTRIES
from support.books import Shop


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/services.db"
    else:
        yield request.getfixturevalue("fresh_database")()


async def test_books_are_read_whether_or_not_somebody_keeps_them(url: str) -> None:
    where = Places(records=url, database=url)
    database = Database(dialect_of(url))
    await database.open()
    shop = Shop(database)
    await shop.open()
    await shop.use()
    await shop.sent()
    (well,) = await books(where)
    assert (well.subject, well.grade) == ("books", Grade.OK)

    async with database.begin() as work:
        await work.connection.execute(update(ENTRIES).values(account="cash", amount=1))
    await database.close()
    (damaged,) = await books(where)
    assert damaged.grade is Grade.ERROR
    assert "txn_" in damaged.text


async def test_what_is_no_database_has_no_books(tmp_path: Path) -> None:
    nothing = f"sqlite:///{tmp_path}/nothing.db"
    assert await books(Places(records=nothing, database=nothing)) == []
    assert not (tmp_path / "nothing.db").exists()
    diary = tmp_path / "services.db"
    diary.write_text("Dear diary", encoding="utf-8")
    where = Places(records="memory:", database=f"sqlite:///{diary}")
    assert await books(where) == []
    assert diary.read_text(encoding="utf-8") == "Dear diary"
