# SPDX-License-Identifier: Apache-2.0
"""An invoice of many usages on SQLite: how long its draft, its finalisation and its verification
take, and how much memory the process needs for them. Linux only: it reads /proc.
"""

from __future__ import annotations

import asyncio
import gc
import re
import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

from bench.report import below, markdown

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.billing.accounts import AccountChange, AccountDefaults
from rollcall.billing.books_service import BooksService
from rollcall.billing.invoices import InvoiceStatus
from rollcall.billing.metering import MOST_AT_ONCE, Told
from rollcall.billing.models import Item, Tier, Unit, UsageInput
from rollcall.billing.provider_prices import ListPrices
from rollcall.billing.rate_cards import NewVersion
from rollcall.billing.repository import SqlBillingStore
from rollcall.billing.service import BillingService
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds

AIM: Final = 60.0
"""Seconds that finalising may take."""
HERE: Final = "default"
MODELS: Final = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4-0")
ITEMS: Final = (
    Item(unit=Unit.INPUT_TOKEN, price=Decimal("2.5"), per=1_000_000),
    Item(unit=Unit.OUTPUT_TOKEN, price=Decimal(10), per=1_000_000),
    Item(
        unit=Unit.REQUEST,
        tiers=(Tier(Decimal(10_000), Decimal("0.001")), Tier(None, Decimal("0.0005"))),
    ),
)


class Found(NamedTuple):
    """What was measured.

    Args:
        usages: How many the invoice charges.
        recorded: Seconds to record them.
        draft: Seconds to make its draft.
        final: Seconds to finalise it.
        verify: Seconds to work it out again.
        verified: Whether it was found right.
        memory: Bytes that the process had at most from the draft on, less those before it.
    """

    usages: int
    recorded: float
    draft: float
    final: float
    verify: float
    verified: bool
    memory: int


def measured(usages: int) -> Found:
    """What an invoice over so many usages takes."""
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
        return asyncio.run(_measured(Path(folder), usages))


def page(found: Found) -> str:
    """The table and what the aim says to it, as Markdown."""
    columns = ["usages", "recorded in", "draft", "finalised", "verified", "memory"]
    row = [
        f"{found.usages:,}",
        *(f"{one:.1f} s" for one in (found.recorded, found.draft, found.final, found.verify)),
        f"{found.memory / 2**20:,.0f} MiB",
    ]
    aim = f"an invoice of {found.usages:,} usages is finalised in at most {AIM:g} s"
    verdict = below(aim, found.final, AIM, f"{found.final:.1f} s")
    right = "every usage verifies" if found.verified else "THE INVOICE DOES NOT VERIFY"
    return f"{markdown(columns, [row])}\n\n- {verdict}\n- {right}\n"


async def _measured(folder: Path, usages: int) -> Found:
    database = Database(dialect_of(f"sqlite:///{folder}/billing.db"))
    await database.open()
    try:
        clock, ids = SystemClock(), RandomIds()
        store = SqlBillingStore(database)
        billing = BillingService(store, ListPrices(clock), clock, ids, AccountDefaults())
        books = BooksService(database, billing.accounts.get, clock, ids, {})
        await billing.cards.create(HERE, "Bench", NewVersion(items=ITEMS), card_id="bench")
        await billing.accounts.change(HERE, AccountChange(rate_card_id="bench"))
        begun = time.perf_counter()
        await _record(billing, usages)
        recorded = time.perf_counter()
        before = _begin()
        (draft,) = await books.invoicing.generate(HERE)
        drafted = time.perf_counter()
        final = await books.settling.move(HERE, draft.id, InvoiceStatus.SENT)
        finalised = time.perf_counter()
        report = await books.verifying.verify(HERE, final.id)
        return Found(
            usages=final.usages,
            recorded=recorded - begun,
            draft=drafted - recorded,
            final=finalised - drafted,
            verify=time.perf_counter() - finalised,
            verified=report.verified,
            memory=_bytes("VmHWM") - before,
        )
    finally:
        await database.close()


async def _record(billing: BillingService, usages: int) -> None:
    first = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for start in range(0, usages, MOST_AT_ONCE):
        numbers = range(start, min(start + MOST_AT_ONCE, usages))
        told = [
            Told(
                key=f"usage-{number}",
                usage=UsageInput(
                    agent_id="writer",
                    model=MODELS[number % len(MODELS)],
                    input_tokens=100 + number % 977,
                    output_tokens=50 + number % 499,
                    at=first + timedelta(milliseconds=number),
                ),
            )
            for number in numbers
        ]
        for outcome in await billing.metering.record(HERE, told):
            if isinstance(outcome, Exception):
                raise outcome


def _begin() -> int:
    """Forget the most memory that the process has had, which recording took; what it has now."""
    gc.collect()
    # See proc_pid_clear_refs(5).
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _bytes("VmRSS")


def _bytes(name: str) -> int:
    """A size that the kernel tells of this process."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.findall(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)[0]) * 1024
