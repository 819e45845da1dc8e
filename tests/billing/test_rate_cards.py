"""Rate cards and accounts, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from rollcall.backends.sql.database import Database
from rollcall.billing.accounts import AccountChange, AccountDefaults
from rollcall.billing.card_checks import check_items
from rollcall.billing.errors import (
    AccountChanged,
    CurrencyInUse,
    KeyReused,
    PricesCharged,
    RateCardExists,
    RateCardNotFound,
)
from rollcall.billing.metering import Recorded, Told
from rollcall.billing.models import BUILT_IN, Item, Mode, TrackedAgent, Unit
from rollcall.billing.rate_cards import NewVersion
from rollcall.billing.repository import SqlBillingStore
from rollcall.billing.service import BillingService
from rollcall.kernel.errors import InvalidInput
from support.billing import MIDDAY, NAMESPACE, give_card, priced, record, tiered, usage

REQUESTS = NewVersion(items=(priced(Unit.REQUEST, "1"),))


def from_(at: datetime, price: str = "2") -> NewVersion:
    return NewVersion(items=(priced(Unit.REQUEST, price),), effective_from=at)


async def test_a_version_that_would_change_what_was_charged_is_refused(
    billing: BillingService,
) -> None:
    card_id = await give_card(billing, *REQUESTS.items)
    await record(billing.metering, usage(at=MIDDAY - timedelta(days=2)), usage())
    with pytest.raises(PricesCharged) as refused:
        await billing.cards.add_version(NAMESPACE, card_id, from_(MIDDAY - timedelta(days=1)))
    assert refused.value.after == MIDDAY
    card, new = await billing.cards.add_version(
        NAMESPACE, card_id, from_(MIDDAY + timedelta(seconds=1))
    )
    assert new
    assert [one.version for one in card.versions] == [1, 2]


async def test_versions_follow_one_another(billing: BillingService) -> None:
    card, _ = await billing.cards.create(NAMESPACE, "c", REQUESTS)
    await billing.cards.add_version(NAMESPACE, card.id, from_(MIDDAY))
    for at in (MIDDAY, MIDDAY - timedelta(days=1)):
        with pytest.raises(PricesCharged, match="version 2 takes effect then"):
            await billing.cards.add_version(NAMESPACE, card.id, from_(at, "3"))
    _, new = await billing.cards.add_version(NAMESPACE, card.id, from_(MIDDAY))
    assert not new
    with pytest.raises(InvalidInput, match="a card begins once"):
        await billing.cards.add_version(NAMESPACE, card.id, REQUESTS)
    assert len((await billing.cards.get(NAMESPACE, card.id)).versions) == 2


async def test_no_usage_slips_between_a_new_version_and_its_check(billing: BillingService) -> None:
    card_id = await give_card(billing, *REQUESTS.items)

    async def change() -> datetime | None:
        try:
            await billing.cards.add_version(NAMESPACE, card_id, from_(MIDDAY))
        except PricesCharged:
            return None
        return MIDDAY

    results = await asyncio.gather(
        *(record(billing.metering, usage()) for _ in range(8)),
        change(),
        *(record(billing.metering, usage()) for _ in range(8)),
    )
    changed = results[8]
    usages = [one for made in (*results[:8], *results[9:]) for one in made]
    assert {one.rate_card_version for one in usages} == {1 if changed is None else 2}


async def test_the_same_key_makes_one_card(billing: BillingService) -> None:
    one, new = await billing.cards.create(NAMESPACE, "c", REQUESTS, key="k")
    again, newer = await billing.cards.create(NAMESPACE, "c", REQUESTS, key="k")
    assert (new, newer, one) == (True, False, again)
    with pytest.raises(KeyReused):
        await billing.cards.create(NAMESPACE, "other", REQUESTS, key="k")
    with pytest.raises(RateCardExists):
        await billing.cards.create(NAMESPACE, "c", REQUESTS, card_id=one.id)
    with pytest.raises(RateCardExists):
        await billing.cards.create(NAMESPACE, "c", REQUESTS, card_id=BUILT_IN)
    with pytest.raises(RateCardNotFound):
        await billing.cards.assign(NAMESPACE, "agents", "a", "nothing")


async def test_of_those_who_make_a_card_by_one_key_at_once_all_get_it(
    billing: BillingService,
) -> None:
    first = NewVersion(items=(priced(Unit.REQUEST, "1"),))
    made = await asyncio.gather(
        *(billing.cards.create(NAMESPACE, "card", first, key="k") for _ in range(8))
    )
    assert len({one.id for one, _ in made}) == sum(new for _, new in made) == 1


async def test_a_card_can_be_given_to_an_agent_with_the_longest_id(
    billing: BillingService,
) -> None:
    await give_card(billing, priced(Unit.REQUEST, "1"), agents=["a" * 256])


async def test_an_account_begins_with_the_defaults(billing: BillingService) -> None:
    account = await billing.accounts.get(NAMESPACE)
    assert (account.time_zone, account.currency, account.tax_rate, account.terms_days) == (
        "UTC",
        "USD",
        Decimal("0.08"),
        15,
    )
    changed = await billing.accounts.change(NAMESPACE, AccountChange(terms_days=30, plan="gold"))
    assert (changed.terms_days, changed.plan, changed.revision) == (30, "gold", 1)
    assert await billing.accounts.change(NAMESPACE, AccountChange(terms_days=30)) == changed
    with pytest.raises(AccountChanged):
        await billing.accounts.change(NAMESPACE, AccountChange(terms_days=9), {7})
    assert await billing.accounts.get(NAMESPACE) == changed


async def test_usage_is_charged_in_the_currency_of_its_account_also_while_that_is_changed(
    billing: BillingService, database: Database
) -> None:
    tracked = TrackedAgent(namespace="", agent_id="a", name="a", tracked_since=MIDDAY)

    async def change(namespace: str) -> None:
        with suppress(CurrencyInUse):
            await billing.accounts.change(namespace, AccountChange(currency="EUR"))

    for namespace in map(str, range(12)):
        async with SqlBillingStore(database).begin() as work:
            await work.agents(namespace, [tracked])
        (used,), _ = await asyncio.gather(
            billing.metering.record(namespace, [Told(usage=usage())]), change(namespace)
        )
        assert isinstance(used, Recorded)
        assert used.usage.currency == (await billing.accounts.get(namespace)).currency


async def test_a_currency_with_amounts_in_it_stays(billing: BillingService) -> None:
    euros = await billing.accounts.change(NAMESPACE, AccountChange(currency="EUR"))
    assert euros.currency == "EUR"
    (one,) = await record(billing.metering, usage(model="house-1", tokens_used=9))
    # Providers' prices are in dollars, and nobody knows a rate.
    assert (one.currency, one.amount) == ("EUR", 0)
    assert one.provider_cost == Decimal("0.000009")
    assert one.lines[0].note
    with pytest.raises(CurrencyInUse):
        await billing.accounts.change(NAMESPACE, AccountChange(currency="USD"))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"currency": "XYZ"}, "currency"),
        ({"tax_rate": Decimal("-0.01")}, "tax_rate"),
        ({"tax_rate": Decimal("1.5")}, "tax_rate"),
        ({"tax_rate": Decimal("0.12345678")}, "tax_rate"),
        ({"terms_days": -1}, "terms_days"),
        ({"terms_days": 10**6}, "terms_days"),
        ({"business_name": "a\nb"}, "business_name"),
    ],
)
async def test_an_account_that_cannot_be_billed_is_refused(
    small: BillingService, change: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await small.accounts.change(NAMESPACE, AccountChange(**change))
    assert refused.value.field == field
    with pytest.raises(InvalidInput):
        AccountDefaults(currency="usd")


async def test_asking_for_periods_makes_none(billing: BillingService) -> None:
    await record(billing.metering, usage(at=datetime(2025, 3, 31, 23, 59, tzinfo=UTC)))
    for _ in range(5):
        await billing.period(NAMESPACE)
    periods = await billing.periods(NAMESPACE)
    assert [(one.period.id, one.status) for one in periods] == [
        ("per_2025-06", "open"),
        ("per_2025-03", "closed"),
    ]


TOKEN = Unit.TOKEN


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (Item(unit=TOKEN), "items.0"),
        (priced(TOKEN, "1", markup=Decimal(1)), "items.0"),
        (priced(TOKEN, "-1"), "items.0.price"),
        (priced(TOKEN, "NaN"), "items.0.price"),
        (priced(TOKEN, "1e-13"), "items.0.price"),
        (priced(TOKEN, "0.0000001", per=1_000_000), "items.0.price"),
        (priced(TOKEN, "1e30"), "items.0.price"),
        (priced(Unit.MINUTE, "0.0000001"), "items.0.price"),
        (priced(TOKEN, "1", per=7), "items.0.per"),
        (priced(TOKEN, "1", mode=Mode.VOLUME), "items.0.mode"),
        (priced(TOKEN, "1", fallback=Decimal(1)), "items.0.fallback"),
        (priced(TOKEN, "1", model="a\nb"), "items.0.model"),
        (priced(Unit.FLAT, "1", model="m"), "items.0"),
        (tiered(TOKEN, (10, "1")), "items.0.tiers.0.up_to"),
        (tiered(TOKEN, (None, "1"), (None, "1")), "items.0.tiers.0.up_to"),
        (tiered(TOKEN, (10, "1"), (10, "1"), (None, "1")), "items.0.tiers.1.up_to"),
        (tiered(TOKEN, (-1, "1"), (None, "1")), "items.0.tiers.0.up_to"),
        (tiered(TOKEN, (10, "-1"), (None, "1")), "items.0.tiers.0.price"),
        (Item(unit=Unit.REQUEST, markup=Decimal(1)), "items.0.unit"),
        (Item(unit=TOKEN, markup=Decimal("-0.1")), "items.0.markup"),
        (Item(unit=TOKEN, markup=Decimal(1), per=1000), "items.0.per"),
    ],
)
def test_what_makes_no_price_is_refused(item: Item, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_items([item], "USD")
    assert refused.value.field == field


def test_an_item_is_there_once_and_a_markup_is_in_dollars() -> None:
    with pytest.raises(InvalidInput, match="has a price already"):
        check_items([priced(TOKEN, "1"), priced(TOKEN, "2")], "USD")
    with pytest.raises(InvalidInput, match="cannot be had in EUR"):
        check_items([Item(unit=TOKEN, markup=Decimal("0.2"))], "EUR")
    with pytest.raises(InvalidInput, match="must be 1 to"):
        check_items([], "USD")
    check_items([priced(TOKEN, "0.15", per=1_000_000)], "EUR")
