"""One spelling of amounts for readers; what is kept stays as it was told."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import select

from rollcall.billing.tables import USAGE
from support.books import Shop


async def test_what_is_shown_has_one_spelling_and_what_is_kept_its_own(small: Shop) -> None:
    body = {
        "agent_id": "writer",
        "model_used": "gpt-5-mini",
        "input_tokens": 1000,
        "output_tokens": 500,
        "cost": "0.0550000",
        "timestamp": "2026-11-10T11:00:00Z",
    }
    columns = USAGE.c
    wanted = select(columns.id, columns.amount, columns.reported_cost, columns.content_hash)
    async with small.client() as client:
        key = {"Idempotency-Key": "one"}
        made = await client.post("/api/usage", json=body, headers=key)
        assert made.status_code == 201, made.text
        usage = made.json()
        assert (usage["amount"], usage["reported_cost"]) == ("5.35", "0.055")
        lines = [(line["unit_price"], line["amount"]) for line in usage["lines"]]
        assert ("0.0021", "2.10") in lines
        async with small.database.reading() as connection:
            (row,) = await connection.execute(wanted)
        assert row.amount != usage["amount"]
        assert Decimal(row.amount) == Decimal(usage["amount"])

        again = await client.post("/api/usage", json=body, headers=key)
        assert (again.status_code, again.json()) == (200, usage)
        dearer = {**body, "cost": "0.056"}
        assert (await client.post("/api/usage", json=dearer, headers=key)).status_code == 409
        async with small.database.reading() as connection:
            assert (await connection.execute(wanted)).one() == row

        invoice = await small.sent()
        report = (await client.get(f"/api/invoices/{invoice.id}/verify")).json()
        assert report["verified"], report["differences"]
        (charged,) = await small.told("usage.charged")
        assert charged.data["amount"] == "5.35"
