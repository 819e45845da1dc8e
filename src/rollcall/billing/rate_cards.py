# SPDX-License-Identifier: Apache-2.0
"""Rate cards: their versions, and whom they are given to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from rollcall.billing.accounts import LONGEST_NAME, Accounts, check_moment
from rollcall.billing.card_checks import check_items
from rollcall.billing.currencies import exponent
from rollcall.billing.errors import (
    KeyReused,
    PricesCharged,
    RateCardExists,
    RateCardNotFound,
)
from rollcall.billing.models import (
    BUILT_IN,
    Account,
    CardVersion,
    Item,
    RateCard,
    Unit,
    Unpriced,
    Unsplit,
)
from rollcall.billing.ports import BillingStore, Cards
from rollcall.billing.retelling import settled
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import IdSource, derived
from rollcall.web.lines import check_id, check_line

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
KINDS: Final = ("agents", "plans")


class NewVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What a version is to say; `effective_from` of the first one may be None: always."""

    items: tuple[Item, ...]
    effective_from: datetime | None = None
    unsplit: Unsplit = Unsplit.INPUT
    unpriced: Unpriced = Unpriced.FREE


def built_in(currency: str) -> RateCard:
    """The card of those who have none: what the provider asks for, and no markup."""
    version = CardVersion(
        card_id=BUILT_IN,
        version=1,
        effective_from=None,
        items=(Item(unit=Unit.TOKEN, markup=Decimal(0)),),
        created_at=BEGINNING,
        author="rollcall",
    )
    return RateCard(
        namespace="",
        id=BUILT_IN,
        name="What the provider asks for",
        currency=currency,
        created_at=BEGINNING,
        versions=(version,),
    )


def in_force(cards: Cards, account: Account, agent_id: str, at: datetime) -> CardVersion:
    """The version that prices an agent's usage of a moment.

    The card of the agent comes before the one of the plan, and that before the account's. One that
    was not in force yet, or is in another currency than the account, is passed over.
    """
    for card_id in (
        cards.of_agents.get(agent_id),
        cards.of_plans.get(account.plan) if account.plan is not None else None,
        account.rate_card_id,
    ):
        card = None if card_id is None else cards.by_id.get(card_id)
        if card is not None and card.currency == account.currency:
            version = card.at(at)
            if version is not None:
                return version
    return built_in(account.currency).versions[0]


class RateCards:
    """Keeps rate cards. A version that is there never changes; what was charged stays charged.

    Args:
        store: The tables.
        accounts: In which currency accounts are billed.
        ids: Draws the ids of cards that bring none.
    """

    def __init__(self, store: BillingStore, accounts: Accounts, ids: IdSource) -> None:
        self._store = store
        self._accounts = accounts
        self._ids = ids

    async def create(
        self,
        namespace: str,
        name: str,
        first: NewVersion,
        *,
        currency: str | None = None,
        card_id: str | None = None,
        key: str | None = None,
        author: str = "local",
    ) -> tuple[RateCard, bool]:
        """Make a card; it, and whether it is new.

        Args:
            currency: None: the account's.
            card_id: None: one is drawn.
            key: The same key and content make one card.

        Raises:
            InvalidInput: Names the field.
            RateCardExists: There is one of this id.
            KeyReused: The key stands for another card.
        """
        check_line("name", name, LONGEST_NAME)
        if card_id is None:
            drawn = self._ids.hex(16) if key is None else derived("card", key, digits=16)
            card_id = f"rc_{drawn}"
        if check_id("id", card_id) == BUILT_IN:
            raise RateCardExists(BUILT_IN)
        if currency is None:
            currency = (await self._accounts.get(namespace)).currency
        exponent(currency)
        check_items(first.items, currency)
        now = self._accounts.now()
        card = RateCard(
            namespace=namespace,
            id=card_id,
            name=name,
            currency=currency,
            created_at=now,
            versions=(_version(card_id, 1, first, now, author),),
        )

        async def once() -> tuple[RateCard, bool]:
            async with self._store.begin() as work:
                there = await work.card(namespace, card.id)
                if there is None:
                    await work.add_card(card)
                    return card, True
                if key is None:
                    raise RateCardExists(card.id)
                if _said(there) != _said(card):
                    raise KeyReused(key, card.id)
                return there, False

        return await settled(once)

    async def add_version(
        self, namespace: str, card_id: str, new: NewVersion, *, author: str = "local"
    ) -> tuple[RateCard, bool]:
        """Have a card say something else from a moment on; the card, and whether that is new.

        The same version again, word for word, changes nothing.

        Raises:
            InvalidInput: Names the field.
            RateCardNotFound: There is none.
            PricesCharged: It would take effect before another version does, or before something
                that the card has charged.
        """
        if new.effective_from is None:
            raise InvalidInput("effective_from", "must be a moment: a card begins once")
        now = self._accounts.now()
        async with self._store.begin() as work:
            card = await work.card(namespace, card_id)
            if card is None:
                raise RateCardNotFound(card_id)
            check_items(new.items, card.currency)
            last = card.versions[-1]
            version = _version(card_id, last.version + 1, new, now, author)
            if _content(version) == _content(last):
                return card, False
            begins = new.effective_from
            if last.effective_from is not None and begins <= last.effective_from:
                why = f"version {last.version} takes effect then"
                raise PricesCharged(card_id, last.effective_from, why)
            charged = await work.charged_since(namespace, card_id, begins)
            if charged is not None:
                raise PricesCharged(card_id, charged, "usage was charged by the old prices")
            await work.add_version(namespace, version)
            return msgspec.structs.replace(card, versions=(*card.versions, version)), True

    async def get(self, namespace: str, card_id: str) -> RateCard:
        """A card with its versions.

        Raises:
            RateCardNotFound: There is none.
        """
        if card_id == BUILT_IN:
            return built_in((await self._accounts.get(namespace)).currency)
        card = await self._store.card(namespace, card_id)
        if card is None:
            raise RateCardNotFound(card_id)
        return card

    async def find(
        self, namespace: str, *, limit: int, after: str | None = None
    ) -> tuple[Sequence[RateCard], str | None]:
        """Cards by their ids, and behind which id the next page begins, if there is one."""
        page = await self._store.list_cards(namespace, limit=limit + 1, after=after)
        return page[:limit], page[limit - 1].id if len(page) > limit else None

    async def assign(self, namespace: str, kind: str, key: str, card_id: str) -> None:
        """Give a card to an agent or a plan. It prices what is recorded from now on.

        Raises:
            InvalidInput: It is neither, or the card is in another currency than the account.
            RateCardNotFound: There is no such card.
        """
        if kind not in KINDS:
            raise InvalidInput("kind", f"must be {' or '.join(KINDS)}")
        check_line("id", key)
        account = await self._accounts.get(namespace)
        async with self._store.begin() as work:
            if card_id == BUILT_IN:
                await work.unassign(namespace, kind, key)
                return
            card = await work.card(namespace, card_id)
            if card is None:
                raise RateCardNotFound(card_id)
            if card.currency != account.currency:
                raise InvalidInput(
                    "rate_card_id", f"is in {card.currency}, and the account in {account.currency}"
                )
            await work.assign(namespace, kind, key, card_id)


def _version(card_id: str, number: int, new: NewVersion, now: datetime, author: str) -> CardVersion:
    return CardVersion(
        card_id=card_id,
        version=number,
        effective_from=check_moment("effective_from", new.effective_from),
        items=new.items,
        unsplit=new.unsplit,
        unpriced=new.unpriced,
        created_at=now,
        author=author,
    )


def _content(version: CardVersion) -> tuple[object, ...]:
    return version.effective_from, version.items, version.unsplit, version.unpriced


def _said(card: RateCard) -> tuple[object, ...]:
    return card.name, card.currency, _content(card.versions[0])
