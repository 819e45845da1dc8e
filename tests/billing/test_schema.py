"""Generated requests against what billing says of itself: no 500, nothing undescribed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
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
from rollcall.billing.models import Unit
from rollcall.billing.rate_cards import NewVersion
from rollcall.testing.clock import FrozenClock
from support.billing import MIDDAY, NAMESPACE, app_of, priced, record, service_of, usage
from support.hosting import hosted

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[ASGIApp]:
        database = Database(dialect_of(f"sqlite:///{tmp_path}/x.db"))
        await database.open()
        clock = FrozenClock(MIDDAY.timestamp())
        billing = service_of(database, clock)
        # What the simplest ids that are generated name.
        version = NewVersion(items=(priced(Unit.TOKEN, "1"),))
        await billing.cards.create(NAMESPACE, "card", version, card_id="0")
        await billing.cards.assign(NAMESPACE, "agents", "0", "0")
        await billing.budgets.create(NAMESPACE, Decimal(100), hard=True)
        await record(billing.metering, usage("0", tokens_used=1))
        yield app_of(database, clock, billing)
        await database.close()

    with hosted(opened) as url:
        yield url


@pytest.mark.timeout(300)
def test_no_generated_request_finds_a_fault(server: str, subtests: pytest.Subtests) -> None:
    schema = schemathesis.openapi.from_url(f"{server}/openapi.json")
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()

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
    assert asked >= 25
