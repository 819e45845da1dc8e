"""A list costs as many statements however long it is."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from support.books import HERE, Shop


@contextmanager
def statements() -> Generator[list[str]]:
    """The statements that any database is asked meanwhile."""
    found: list[str] = []

    def heard(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    event.listen(Engine, "before_cursor_execute", heard)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", heard)


@pytest.mark.parametrize(
    "path",
    [
        "/api/invoices",
        "/api/payments",
        "/api/billing/ledger/entries",
        "/api/billing/summary",
        "/api/reports/usage",
    ],
)
async def test_ten_agents_are_asked_for_at_once(small: Shop, path: str) -> None:
    counts: list[int] = []
    for more in (["a"], [f"agent-{number}" for number in range(9)]):
        for agent in more:
            await small.use(agent)
            await small.pay(await small.sent(agent), "1.00")
        async with small.client() as client:
            with statements() as asked:
                answer = await client.get(path)
            assert answer.status_code == 200, answer.text
        counts.append(len(asked))
    assert 0 < counts[0] == counts[1]


async def test_an_invoice_is_the_sum_of_its_lines_also_while_its_draft_is_made_anew(
    shop: Shop,
) -> None:
    await shop.use()
    draft = await shop.draft()
    done = asyncio.Event()

    async def use() -> None:
        for _ in range(25):
            await shop.use()
            await shop.draft()
        done.set()

    async def read() -> None:
        while not done.is_set():
            shown = (await shop.shown(draft)).invoice
            assert sum(one.amount for one in shown.lines) == shown.subtotal
            (listed,), _ = await shop.books.reads.invoices(HERE, limit=10)
            assert sum(one.amount for one in listed.invoice.lines) == listed.invoice.subtotal

    await asyncio.gather(use(), read(), read())
