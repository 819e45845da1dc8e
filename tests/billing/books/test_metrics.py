"""What Prometheus is told of billing."""

from __future__ import annotations

import re

import httpx

from rollcall.billing.books_tables import ENTRIES
from rollcall.billing.feed import USED
from rollcall.billing.ledger_accounts import Account
from rollcall.billing.metrics import INTERVAL, BooksMetrics
from rollcall.events.envelope import Event
from rollcall.kernel.clock import utc
from support.books import HERE, Shop


async def figures(client: httpx.AsyncClient) -> dict[str, float]:
    """The figures by their names with labels."""
    answer = await client.get("/metrics")
    return {
        name: float(value)
        for name, value in re.findall(r"^(rollcall_\S+) (\S+)$", answer.text, re.MULTILINE)
    }


async def test_usage_counts_by_what_became_of_it(small: Shop) -> None:
    async with small.client() as client:
        body = {"agent_id": "a", "requests": 1, "idempotency_key": "one"}
        for _ in range(2):
            await client.post("/api/usage", json=body)
        await client.post("/api/usage", json={**body, "requests": 2})
        batch = {"items": [{"agent_id": "a"}, {"agent_id": "a", "idempotency_key": "one"}, {}]}
        await client.post("/api/usage/batch", json=batch)
        found = await figures(client)
    # What cannot be read is refused before it is usage.
    assert found['rollcall_usages_total{outcome="recorded"}'] == 2
    assert found['rollcall_usages_total{outcome="known"}'] == 2
    assert found['rollcall_usages_total{outcome="refused"}'] == 1


async def test_usage_that_events_tell_counts_too(small: Shop) -> None:
    event = Event(
        id="e",
        type=USED,
        source="/conversations",
        subject="c",
        time=utc(small.clock.now()),
        data={
            "conversation_id": "c",
            "agent_id": "a",
            "model_used": "gpt-5-mini",
            "provider": "openai",
            "input_tokens": 1,
            "output_tokens": 1,
            "cached_tokens": 0,
            "requests": 1,
            "estimated": False,
        },
        namespace=HERE,
    )
    async with small.client() as client:
        for _ in range(2):
            async with small.database.begin() as work:
                await small.feed.handle([event], work)
        found = await figures(client)
    assert found['rollcall_usages_total{outcome="recorded"}'] == 1
    assert found['rollcall_usages_total{outcome="known"}'] == 1


async def test_the_books_say_how_they_are_once_somebody_has_looked(shop: Shop) -> None:
    metrics = BooksMetrics(shop.books.reads.figures, shop.clock)
    assert list(metrics.collect()) == []
    await shop.use()
    await shop.sent()
    await shop.use("painter")
    await shop.draft("painter")
    await metrics.look()
    invoices, unbalanced = metrics.collect()
    counts = {one.labels["status"]: one.value for one in invoices.samples}
    assert counts == {"draft": 1, "sent": 1, "paid": 0, "overdue": 0, "void": 0}
    assert [one.value for one in unbalanced.samples] == [0]

    receivable = ENTRIES.c.account == Account.RECEIVABLE.value
    await shop.tamper(ENTRIES, {"amount": 1}, receivable)
    await metrics.look()
    _, unbalanced = metrics.collect()
    assert [one.value for one in unbalanced.samples] == [1]


async def test_the_service_looks_at_the_books_by_itself(small: Shop) -> None:
    await small.use()
    await small.sent()
    app = small.app()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://localhost"
        ) as client,
    ):
        while (found := await figures(client)).get('rollcall_invoices{status="sent"}') != 1:
            await small.clock.advance(INTERVAL)
    assert found["rollcall_books_unbalanced"] == 0
