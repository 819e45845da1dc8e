"""Generated requests against what the books say of themselves: no 500, nothing undescribed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.types import ASGIApp

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.billing.books_tables import INVOICES, LINES, PAYMENTS
from support.books import Shop
from support.hosting import hosted

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
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
    schema = schemathesis.openapi.from_url(f"{server}/openapi.json")
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if not operation.path.startswith(OURS):
            continue

        @settings(
            max_examples=25,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            answer = case.call(base_url=server)
            assert answer.status_code < 500, answer.text
            case.validate_response(answer, checks=CHECKS, excluded_checks=[not_a_server_error])

        with subtests.test(operation=operation.label):
            ask()
        asked += 1
    assert asked == 19
