# SPDX-License-Identifier: Apache-2.0
"""Accounts: how a namespace is billed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict, replace

from rollcall.billing.currencies import exponent
from rollcall.billing.errors import AccountChanged, CurrencyInUse, RateCardNotFound
from rollcall.billing.models import BUILT_IN, Account
from rollcall.billing.periods import LAST_YEAR, zone_of
from rollcall.billing.ports import BillingStore, BillingWork
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.money import DIGITS, non_negative, quantised
from rollcall.web.lines import check_line

MOST_DAYS: Final = 365
LONGEST_NAME: Final = 200
LONG_PAST: Final = 2000
"""The last year in which nothing is used: whoever counts what was charged begins behind it."""
_TAX_DIGITS: Final = 6


class AccountDefaults(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of an account of which nobody has said anything (document 4).

    Raises:
        InvalidInput: One of them cannot be.
    """

    time_zone: str = "UTC"
    currency: str = "USD"
    tax_rate: Decimal = Decimal("0.08")
    terms_days: int = 15

    def __post_init__(self) -> None:
        check_account(self.of(""))

    def of(self, namespace: str) -> Account:
        """The account of a namespace."""
        return Account(namespace=namespace, **asdict(self))


class AccountChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be changed; the rest stays."""

    time_zone: str | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    tax_rate: Decimal | UnsetType = UNSET
    terms_days: int | UnsetType = UNSET
    plan: str | UnsetType | None = UNSET
    rate_card_id: str | UnsetType | None = UNSET
    business_name: str | UnsetType | None = UNSET


class Accounts:
    """Accounts, and the periods that their time zones make.

    Args:
        store: The tables.
        clock: Time.
        defaults: For accounts that have not been changed.
    """

    def __init__(self, store: BillingStore, clock: Clock, defaults: AccountDefaults) -> None:
        self._store = store
        self._clock = clock
        self._defaults = defaults

    async def get(self, namespace: str) -> Account:
        """How a namespace is billed."""
        return await self._store.account(namespace) or self._defaults.of(namespace)

    async def zone(self, namespace: str) -> ZoneInfo:
        """The time zone whose midnights part an account's days and months."""
        return zone_of((await self.get(namespace)).time_zone)

    async def within(self, work: BillingWork, namespace: str) -> Account:
        """How a namespace is billed, as a unit of work sees it."""
        return await work.account(namespace) or self._defaults.of(namespace)

    async def change(
        self,
        namespace: str,
        change: AccountChange,
        accepted: Collection[int] | None = None,
    ) -> Account:
        """Change an account. Another time zone is for what is recorded from now on.

        Args:
            accepted: The revisions that may be found; None: any.

        Raises:
            InvalidInput: Names the field.
            RateCardNotFound: There is no such card.
            CurrencyInUse: There are amounts in the old currency.
            AccountChanged: It is at none of the revisions that are accepted.
        """
        said = {name: value for name, value in asdict(change).items() if value is not UNSET}
        if said.get("rate_card_id") == BUILT_IN:
            said["rate_card_id"] = None
        async with self._store.begin() as work:
            old = await work.account(namespace, locked=True) or self._defaults.of(namespace)
            if accepted is not None and old.revision not in accepted:
                raise AccountChanged(max(accepted, default=0), old.revision)
            new = replace(old, **said)
            check_account(new)
            if replace(new, revision=old.revision) == old:
                return old
            if new.currency != old.currency:
                if await work.charged(namespace):
                    raise CurrencyInUse(old.currency, "usage charged")
                if await work.budgets(namespace):
                    raise CurrencyInUse(old.currency, "budgets")
            await _check_card(work, new)
            new = replace(new, revision=old.revision + 1)
            await work.put_account(new)
            return new

    def now(self) -> datetime:
        """The moment at which this is asked."""
        return utc(self._clock.now())


def check_account(account: Account) -> None:
    """See that an account can be billed.

    Raises:
        InvalidInput: Names the field.
    """
    zone_of(account.time_zone)
    exponent(account.currency)
    check_tax_rate(account.tax_rate)
    if not 0 <= account.terms_days <= MOST_DAYS:
        raise InvalidInput("terms_days", f"must be from 0 to {MOST_DAYS}")
    for field in ("plan", "business_name"):
        text = getattr(account, field)
        if text is not None:
            check_line(field, text, LONGEST_NAME)


def check_tax_rate(rate: Decimal) -> Decimal:
    """A rate of tax, as a share.

    Raises:
        InvalidInput: It is none.
    """
    rate = non_negative(rate, "tax_rate")
    if rate > 1 or rate != quantised(rate, _TAX_DIGITS):
        raise InvalidInput(
            "tax_rate", f"must be a share from 0 to 1 with at most {_TAX_DIGITS} digits: 0.08"
        )
    return rate


async def _check_card(work: BillingWork, account: Account) -> None:
    if account.rate_card_id is None:
        return
    card = await work.card(account.namespace, account.rate_card_id)
    if card is None:
        raise RateCardNotFound(account.rate_card_id)
    if card.currency != account.currency:
        raise InvalidInput(
            "rate_card_id", f"is in {card.currency}, and the account in {account.currency}"
        )


def check_moment(field: str, at: datetime | None) -> datetime | None:
    """A moment that every time zone has a word for.

    Raises:
        InvalidInput: It has no offset, or lies too far back or too far ahead.
    """
    if at is None:
        return None
    if at.tzinfo is None:
        raise InvalidInput(field, "must have an offset, as in 2026-01-31T12:00:00Z")
    if not LONG_PAST < at.year < LAST_YEAR:
        raise InvalidInput(field, f"must be after {LONG_PAST} and before {LAST_YEAR}")
    return at


def check_amount(field: str, amount: Decimal) -> Decimal:
    """An amount above zero that needs no rounding.

    Raises:
        InvalidInput: It is not.
    """
    exact = non_negative(amount, field)
    if not exact:
        raise InvalidInput(field, "must be above 0")
    if exact != amount:
        raise InvalidInput(field, f"must have at most {DIGITS} digits behind the point")
    return exact
