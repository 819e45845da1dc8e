"""Generated requests against what billing says of itself: no 500, nothing undescribed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.billing.models import Unit
from rollcall.billing.rate_cards import NewVersion
from rollcall.testing.clock import FrozenClock
from support.billing import MIDDAY, NAMESPACE, app_of, priced, record, service_of, usage
from support.generated import asked_of_all
from support.hosting import hosted


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
    asked = asked_of_all(server, subtests, examples=25)
    assert len(asked) >= 25
