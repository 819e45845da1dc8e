from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.billing.books_tables import LINES
from support.books import Shop
from support.hosting import hosted
from support.typed import Shell


@contextmanager
def selling(folder: Path, *, wrong: bool = False) -> Iterator[Shell]:
    """A terminal whose variable names a billing service with an invoice that is sent and a draft.

    Args:
        wrong: Whether somebody has changed a line of the invoice.
    """

    @asynccontextmanager
    async def opened() -> AsyncGenerator[ASGIApp]:
        database = Database(dialect_of(f"sqlite:///{folder}/x.db"))
        await database.open()
        shop = Shop(database)
        await shop.open(business_name="Green Leaf")
        await shop.use()
        await shop.sent()
        if wrong:
            await shop.tamper(LINES, {"quantity": "7"}, LINES.c.number == 1)
        await shop.use("painter")
        await shop.draft("painter")
        yield shop.app()
        await database.close()

    with hosted(opened) as url:
        yield Shell({"BILLING_SERVICE_URL": url})


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with selling(tmp_path) as one:
        yield one


def test_invoices_are_listed(shell: Shell) -> None:
    answer = shell("billing", "invoices")
    assert answer.out.splitlines()[0].split("\t")[:4] == ["number", "agent", "period", "status"]
    assert "INV-000001\twriter\t2026-11\tsent\t5.78\t5.78\tUSD" in answer.out
    rows = json.loads(shell("billing", "invoices", "--status", "draft", "--json").out)
    assert [one["agent_id"] for one in rows] == ["painter"]


def test_an_invoice_is_shown_by_its_number_or_its_id(shell: Shell) -> None:
    answer = shell("billing", "invoice", "INV-000001")
    assert "Green Leaf" in answer.out
    assert "Output tokens\t500\t0.0063\t3.15" in answer.out
    found = json.loads(shell("billing", "invoice", "INV-000001", "--json").out)
    assert shell("billing", "invoice", found["id"]).out == answer.out
    assert shell("billing", "invoice", "INV-000009").code == 3


def test_verify_says_what_was_worked_out_and_that_it_is_right(shell: Shell) -> None:
    answer = shell("billing", "verify", "INV-000001")
    assert answer.code == 0, answer.err
    assert "ok\tusages\t1\teach usage is priced again" in answer.out
    assert answer.out.endswith("the same to the last digit.\n")


def test_verify_names_what_is_wrong(tmp_path: Path) -> None:
    with selling(tmp_path, wrong=True) as shell:
        answer = shell("billing", "verify", "INV-000001")
    assert answer.code == 1
    assert "failed\tlines" in answer.out
    assert "must be 1000" in answer.out
    assert "but is  7" in answer.out


def test_an_invoice_is_saved_as_a_pdf(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "x.pdf"
    assert shell("billing", "pdf", "INV-000001", str(path)).code == 0
    assert path.read_bytes().startswith(b"%PDF-")


def test_the_ledger_balances(shell: Shell) -> None:
    answer = shell("billing", "ledger")
    assert "receivable\tUSD\t5.78\t0.00\t5.78" in answer.out
    assert "USD: debits less credits are 0.00: the books balance" in answer.out
