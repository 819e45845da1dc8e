"""Generated requests against what the books say of themselves: no 500, nothing undescribed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.billing.books_tables import INVOICES, LINES, PAYMENTS
from support.books import Shop
from support.generated import asked_of_all
from support.hosting import hosted

OURS = (
    "/api/invoices",
    "/api/payments",
    "/api/billing/ledger",
    "/api/billing/tax-rates",
    "/api/reports",
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[ASGIApp]:
        database = Database(dialect_of(f"sqlite:///{tmp_path}/x.db"))
        await database.open()
        shop = Shop(database)
        await shop.open()
        await shop.use()
        invoice = await shop.sent()
        await shop.pay(invoice, "1.00")
        # What the simplest ids that are generated name.
        await shop.tamper(INVOICES, {"id": "0"})
        await shop.tamper(LINES, {"invoice_id": "0"})
        await shop.tamper(PAYMENTS, {"id": "0", "invoice_id": "0"})
        yield shop.app()
        await database.close()

    with hosted(opened) as url:
        yield url


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_generated_request_finds_a_fault(server: str, subtests: pytest.Subtests) -> None:
    asked = asked_of_all(server, subtests, ours=OURS, examples=25)
    assert len(asked) == 19
