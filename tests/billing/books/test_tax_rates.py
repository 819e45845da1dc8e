"""Agents whose usage is taxed by a rate of their own."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rollcall.billing.errors import AgentNotTracked
from support.books import HERE, Shop

PATH = "/api/billing/tax-rates/agents"


async def test_a_rate_of_its_own_is_for_what_is_not_final_yet(shop: Shop) -> None:
    await shop.use()
    first = await shop.sent()
    await shop.books.tax_rates.put(HERE, "writer", Decimal("0.19"))
    await shop.use()
    await shop.use("painter")
    second, other = await shop.sent(), await shop.sent("painter")
    rates = [one.terms.tax_rate for one in (first, second, other)]
    assert rates == [Decimal("0.08"), Decimal("0.19"), Decimal("0.08")]
    assert second.tax_amount == Decimal("1.02")
    assert (await shop.shown(first)).invoice.tax_amount == Decimal("0.43")
    for one in (first, second, other):
        report = await shop.books.verifying.verify(HERE, one.id)
        assert report.verified, report.differences
    assert await shop.balances()


async def test_a_draft_follows_the_rate(small: Shop) -> None:
    await small.use()
    draft = await small.draft()
    await small.books.tax_rates.put(HERE, "writer", Decimal(0))
    exempt = await small.draft()
    assert (draft.id, draft.tax_amount) == (exempt.id, Decimal("0.43"))
    assert (exempt.tax_amount, exempt.revision) == (0, draft.revision + 1)
    await small.books.tax_rates.put(HERE, "writer", None)
    assert (await small.draft()).tax_amount == draft.tax_amount


async def test_an_agent_that_is_told_of_again_keeps_its_rate(small: Shop) -> None:
    await small.use()
    await small.books.tax_rates.put(HERE, "writer", Decimal("0.19"))
    await small.use()
    assert await small.books.tax_rates.get(HERE, "writer") == Decimal("0.19")


async def test_rates_over_http(small: Shop) -> None:
    await small.use()
    async with small.client() as client:
        said = await client.put(f"{PATH}/writer", json={"tax_rate": "0.190"})
        whole = {"agent_id": "writer", "tax_rate": "0.19", "effective_tax_rate": "0.19"}
        assert (said.status_code, said.json()) == (200, whole)
        said = await client.put(f"{PATH}/writer", json={"tax_rate": None})
        assert said.json() == {**whole, "tax_rate": None, "effective_tax_rate": "0.08"}
        for wrong in ("1.01", "-0.1", "0.1234567", "NaN", "much", 10**400):
            answer = await client.put(f"{PATH}/writer", json={"tax_rate": wrong})
            assert answer.status_code == 422, wrong
            assert answer.json()["errors"][0]["field"].startswith("tax_rate")
        assert (await client.put(f"{PATH}/writer", json={})).status_code == 422
        assert (await client.get(f"{PATH}/writer")).json()["tax_rate"] is None
        for unknown in (client.get(f"{PATH}/x"), client.put(f"{PATH}/x", json={"tax_rate": "0"})):
            assert (await unknown).status_code == 404


async def test_accounts_have_their_own_agents(small: Shop) -> None:
    await small.use()
    with pytest.raises(AgentNotTracked):
        await small.books.tax_rates.put("elsewhere", "writer", Decimal("0.19"))
