"""Books that somebody has changed behind the service's back."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from rollcall.billing.books_tables import ENTRIES, TRANSACTIONS
from rollcall.billing.ledger_accounts import Account
from support.books import Shop

RECEIVABLE = ENTRIES.c.account == Account.RECEIVABLE.value


def damage(answer: httpx.Response) -> tuple[int, str, Any]:
    said = answer.json()
    return answer.status_code, said["type"].removeprefix("urn:rollcall:problem:"), said.get("where")


@pytest.mark.parametrize(
    "change",
    [
        (ENTRIES, {"amount": 577}, RECEIVABLE),
        (ENTRIES, {"account": "biscuits"}, RECEIVABLE),
        (ENTRIES, {"currency": "XXX"}, RECEIVABLE),
        (TRANSACTIONS, {"act": "theft"}),
        (TRANSACTIONS, {"currency": "XXX"}),
        (TRANSACTIONS, {"at": 1e300}),
    ],
)
async def test_entries_that_cannot_be_are_named_and_nobody_guesses(
    small: Shop, change: tuple[Any, ...]
) -> None:
    await small.use()
    invoice = await small.sent()
    await small.tamper(*change)
    async with small.client() as client:
        answer = await client.get("/api/billing/ledger/entries")
        status, problem, where = damage(answer)
        assert (status, problem) == (500, "books-damaged")
        assert where.startswith("transaction txn_")
        assert answer.json()["problem"]
        # What tells of the damage still does.
        report = (await client.get(f"/api/invoices/{invoice.id}/verify")).json()
        assert not report["verified"] or change[0] is TRANSACTIONS


async def test_a_ledger_with_an_entry_too_little_does_not_balance(small: Shop) -> None:
    await small.use()
    await small.sent()
    await small.tamper(ENTRIES, {"amount": 577}, RECEIVABLE)
    async with small.client() as client:
        said = (await client.get("/api/billing/ledger")).json()
        assert not said["balanced"]
        assert [one["difference"] for one in said["trial_balance"]] == ["-0.01"]


async def test_accounts_that_nobody_knows_are_named_wherever_they_are_read(small: Shop) -> None:
    await small.use()
    invoice = await small.sent()
    await small.tamper(ENTRIES, {"account": "biscuits"}, RECEIVABLE)
    async with small.client() as client:
        ledger = await client.get("/api/billing/ledger")
        assert damage(ledger) == (500, "books-damaged", "an entry")
        shown = await client.get(f"/api/invoices/{invoice.id}")
        assert damage(shown) == (500, "books-damaged", f"invoice {invoice.id}")
