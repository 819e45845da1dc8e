"""Metering on SQLite and on PostgreSQL: usage becomes what is charged for it, once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from sqlalchemy import update

from rollcall.backends.sql.database import Database
from rollcall.billing.accounts import AccountChange
from rollcall.billing.errors import KeyReused, PriceUnknown
from rollcall.billing.metering import Recorded, Told
from rollcall.billing.models import BUILT_IN, Item, Unit, Unpriced
from rollcall.billing.pricing import reworked
from rollcall.billing.quantities import quantities, told_of
from rollcall.billing.rate_cards import NewVersion
from rollcall.billing.service import BillingService
from rollcall.billing.tables import PERIODS
from rollcall.kernel.errors import InvalidInput
from rollcall.testing.clock import FrozenClock
from support.billing import MIDDAY, MODEL, NAMESPACE, give_card, priced, record, tiered, told, usage


async def totals(billing: BillingService, agent_id: str = "a") -> tuple[int, Decimal]:
    """How many usages there are, and their amounts, by the period and by their own sum."""
    found = await billing.agent_usage(NAMESPACE, agent_id, limit=1000)
    rows = [one.amount for one in found.usages]
    assert (found.totals.usages, found.totals.amount) == (len(rows), sum(rows, Decimal(0)))
    return found.totals.usages, found.totals.amount


async def test_without_a_card_what_the_provider_asks_for_is_charged(
    billing: BillingService, database: Database
) -> None:
    (one,) = await record(
        billing.metering,
        usage(model=MODEL, input_tokens=1000, output_tokens=100, reported_cost=Decimal("99.99")),
    )
    assert one.amount == one.provider_cost == Decimal("0.0013")
    assert (one.rate_card_id, one.rate_card_version) == (BUILT_IN, 1)
    assert one.reported_cost == Decimal("99.99")
    assert one.price_source == "a list in the drawer"
    assert await billing.usage(NAMESPACE, one.id) == one
    (event,) = await told(database, "usage.charged")
    assert (event.data["usage_id"], event.data["amount"]) == (one.id, "0.0013")
    assert (event.subject, event.data["period"]) == ("a", "per_2025-06")


async def test_a_model_without_a_price_is_recorded_and_marked(billing: BillingService) -> None:
    (one,) = await record(billing.metering, usage(model="offline", tokens_used=10))
    assert (one.amount, one.provider_cost) == (0, None)
    assert [line.note for line in one.lines] == ["no provider price is known: nothing is charged"]
    assert one.quantities.estimated


async def test_every_amount_can_be_worked_out_again_from_its_row(billing: BillingService) -> None:
    await give_card(
        billing,
        tiered(Unit.TOKEN, (1000, "0.001"), (None, "0.0005")),
        priced(Unit.FLAT, "3"),
        priced(Unit.CONVERSATION, "0.02"),
    )
    usages = await record(
        billing.metering,
        *(
            usage(tokens_used=400, conversation_id=f"t{number % 3}", conversation=True)
            for number in range(5)
        ),
    )
    for one in usages:
        assert sum((line.amount for line in one.lines), Decimal(0)) == one.amount
        assert reworked(one.lines) == one.lines
        counts = bool(one.quantities.conversations)
        version = (await billing.cards.get(NAMESPACE, one.rate_card_id)).versions[0]
        assert quantities(told_of(one.raw), version.unsplit, counts=counts) == one.quantities
    # 1,000 of 2,000 tokens at each price, three conversations, the flat price once.
    assert (await totals(billing))[1] == 1000 * Decimal("0.0015") + 3 + 3 * Decimal("0.02")


async def test_the_same_key_charges_once_and_other_content_is_refused(
    billing: BillingService, database: Database
) -> None:
    first = Told(usage=usage(model=MODEL, input_tokens=10), key="k")
    other = Told(usage=usage(model=MODEL, input_tokens=11), key="k")
    outcomes = await billing.metering.record(NAMESPACE, [first, first, other])
    assert isinstance(outcomes[0], Recorded)
    assert isinstance(outcomes[1], Recorded)
    assert (outcomes[0].new, outcomes[1].new) == (True, False)
    assert isinstance(outcomes[2], KeyReused)
    (again,) = await billing.metering.record(NAMESPACE, [first])
    assert again == Recorded(outcomes[0].usage, new=False)
    (refused,) = await billing.metering.record(NAMESPACE, [other])
    assert isinstance(refused, KeyReused)
    assert (refused.key, refused.known) == ("k", outcomes[0].usage.id)
    assert (await totals(billing))[0] == 1
    assert len(await told(database, "usage.charged")) == 1


async def test_of_32_who_tell_the_same_at_once_one_is_charged(billing: BillingService) -> None:
    one = Told(usage=usage(model=MODEL, input_tokens=10), key="k")
    done = await asyncio.gather(*(billing.metering.record(NAMESPACE, [one]) for _ in range(32)))
    recorded = [outcome for (outcome,) in done]
    assert sum(isinstance(each, Recorded) and each.new for each in recorded) == 1
    assert all(isinstance(each, Recorded) for each in recorded)
    assert (await totals(billing))[0] == 1


async def test_of_16_who_tell_different_things_by_one_key_one_is_heard(
    billing: BillingService,
) -> None:
    # Each of another agent, so that they do not wait for one another before the key shows.
    told = [Told(usage=usage(f"a{n}", model=MODEL, input_tokens=n), key="k") for n in range(16)]
    done = await asyncio.gather(*(billing.metering.record(NAMESPACE, [one]) for one in told))
    outcomes = [outcome for (outcome,) in done]
    assert sum(isinstance(one, Recorded) for one in outcomes) == 1
    assert sum(isinstance(one, KeyReused) for one in outcomes) == 15


async def test_tiers_hold_however_many_spend_at_once(billing: BillingService) -> None:
    await give_card(billing, tiered(Unit.TOKEN, (1000, "0.01"), (None, "0.001")))
    await asyncio.gather(*(record(billing.metering, usage(tokens_used=50)) for _ in range(40)))
    assert await totals(billing) == (40, 10 + 1)


async def test_the_neighbours_of_a_bad_usage_stand(billing: BillingService) -> None:
    card = NewVersion(items=(Item(unit=Unit.TOKEN, markup=Decimal(0)),), unpriced=Unpriced.REFUSE)
    made, _ = await billing.cards.create(NAMESPACE, "strict", card)
    await billing.cards.assign(NAMESPACE, "agents", "a", made.id)
    outcomes = await billing.metering.record(
        NAMESPACE,
        [
            Told(usage=usage(model=MODEL, input_tokens=1)),
            Told(usage=usage(model="unknown", input_tokens=1)),
            Told(usage=usage(input_tokens=-1)),
            Told(usage=usage("a/b", input_tokens=1)),
            Told(usage=usage(model=MODEL, input_tokens=2)),
        ],
    )
    kinds = [type(one) for one in outcomes]
    assert kinds == [Recorded, PriceUnknown, InvalidInput, InvalidInput, Recorded]
    assert (await totals(billing))[0] == 2


async def test_a_price_is_the_one_in_force_when_it_was_used(billing: BillingService) -> None:
    card_id = await give_card(billing, priced(Unit.REQUEST, "1"))
    change = MIDDAY - timedelta(days=1)
    await billing.cards.add_version(
        NAMESPACE, card_id, NewVersion(items=(priced(Unit.REQUEST, "5"),), effective_from=change)
    )
    before, at, after = await record(
        billing.metering,
        usage(at=change - timedelta(seconds=1)),
        usage(at=change),
        usage(),
    )
    assert [(one.amount, one.rate_card_version) for one in (before, at, after)] == [
        (1, 1),
        (5, 2),
        (5, 2),
    ]


async def test_the_cards_of_agent_plan_and_account_come_in_that_order(
    billing: BillingService,
) -> None:
    async def card(price: str) -> str:
        version = NewVersion(items=(priced(Unit.REQUEST, price),))
        return (await billing.cards.create(NAMESPACE, price, version))[0].id

    agents, plans, account = await card("1"), await card("2"), await card("3")

    async def charged() -> Decimal:
        return (await record(billing.metering, usage()))[0].amount

    assert await charged() == 0
    await billing.accounts.change(NAMESPACE, AccountChange(rate_card_id=account, plan="gold"))
    assert await charged() == 3
    await billing.cards.assign(NAMESPACE, "plans", "gold", plans)
    assert await charged() == 2
    await billing.cards.assign(NAMESPACE, "agents", "a", agents)
    assert await charged() == 1
    await billing.cards.assign(NAMESPACE, "agents", "a", BUILT_IN)
    assert await charged() == 2


async def test_a_period_ends_at_midnight_where_the_account_is(billing: BillingService) -> None:
    await billing.accounts.change(NAMESPACE, AccountChange(time_zone="Europe/Berlin"))
    midnight = datetime(2025, 5, 31, 22, tzinfo=UTC)
    before, after = await record(
        billing.metering,
        usage(at=midnight - timedelta(microseconds=1)),
        usage(at=midnight),
    )
    assert (before.period_id, after.period_id) == ("per_2025-05", "per_2025-06")
    assert not before.late


async def test_what_comes_after_its_period_was_closed_is_billed_in_the_next_and_marked(
    billing: BillingService, database: Database
) -> None:
    april = datetime(2025, 4, 10, tzinfo=UTC)
    await give_card(billing, tiered(Unit.REQUEST, (1, "10"), (None, "1")), agents=("a", "b"))
    await record(billing.metering, usage(at=april), usage("b", at=april))
    async with database.begin() as work:
        closed = update(PERIODS).where(PERIODS.c.agent_id == "a").values(invoice_id="inv")
        await work.connection.execute(closed)
    late, other = await record(billing.metering, usage(at=april), usage("b", at=april))
    assert (late.period_id, late.late, late.served_at) == ("per_2025-06", True, april)
    assert (other.period_id, other.late) == ("per_2025-04", False)
    # It counts in the period in which it is billed, where nothing was before.
    assert (late.amount, other.amount) == (10, 1)
    april_total = await billing.period(NAMESPACE, "per_2025-04")
    assert {one.agent_id: one.usages for one in april_total.agents} == {"a": 1, "b": 2}


async def test_a_conversation_is_counted_once(billing: BillingService) -> None:
    await give_card(billing, priced(Unit.CONVERSATION, "1"))
    same = usage(conversation_id="t", conversation=True)
    amounts = [one.amount for one in await record(billing.metering, same, same)]
    amounts += [one.amount for one in await record(billing.metering, same)]
    assert amounts == [1, 0, 0]


async def test_of_conversations_told_at_once_each_is_counted_once(billing: BillingService) -> None:
    await give_card(billing, priced(Unit.CONVERSATION, "1"))
    same = usage(conversation_id="t", conversation=True)
    await asyncio.gather(*(record(billing.metering, same) for _ in range(16)))
    assert await totals(billing) == (16, 1)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"at": MIDDAY + timedelta(hours=2)}, "timestamp"),
        ({"at": datetime(1960, 1, 1, tzinfo=UTC)}, "timestamp"),
        ({"model": "a\nb"}, "model"),
        ({"conversation_id": " "}, "conversation_id"),
    ],
)
async def test_what_cannot_be_is_refused(
    small: BillingService, said: dict[str, object], field: str
) -> None:
    (outcome,) = await small.metering.record(NAMESPACE, [Told(usage=usage(**said))])
    assert isinstance(outcome, InvalidInput)
    assert outcome.field == field


async def test_accounts_are_kept_apart(billing: BillingService) -> None:
    one = Told(usage=usage(), key="k")
    (mine,) = await billing.metering.record(NAMESPACE, [one])
    (theirs,) = await billing.metering.record("other", [one])
    assert isinstance(mine, Recorded)
    assert isinstance(theirs, Recorded)
    assert mine.new
    assert theirs.new
    assert (await billing.period("other")).usages == 1


async def test_any_order_of_batches_and_duplicates_comes_to_the_same(
    billing: BillingService, clock: FrozenClock
) -> None:
    rng = Random(7)
    await give_card(
        billing,
        tiered(Unit.TOKEN, (10_000, "0.001"), (50_000, "0.0004"), (None, "0.0001")),
        priced(Unit.REQUEST, "0.01"),
        agents=("a", "b"),
    )
    every = [
        Told(
            usage=usage(
                rng.choice("ab"),
                tokens_used=rng.randrange(2000),
                at=MIDDAY - timedelta(hours=rng.randrange(300)),
            ),
            key=f"k{number}",
        )
        for number in range(150)
    ]
    twice = [*every, *rng.sample(every, 40)]
    rng.shuffle(twice)
    while twice:
        size = rng.randrange(1, 30)
        await record(billing.metering, *twice[:size])
        twice = twice[size:]
    for agent in "ab":
        tokens = sum(one.usage.tokens_used or 0 for one in every if one.usage.agent_id == agent)
        count = sum(one.usage.agent_id == agent for one in every)
        expected = Decimal(count) / 100
        expected += Decimal(min(tokens, 10_000)) / 1000
        expected += max(0, min(tokens, 50_000) - 10_000) * Decimal("0.0004")
        expected += max(0, tokens - 50_000) * Decimal("0.0001")
        assert await totals(billing, agent) == (count, expected)
