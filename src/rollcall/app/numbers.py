# SPDX-License-Identifier: Apache-2.0
"""Analytics and billing: what each is made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rollcall.agents.repository import SqlAgentStore
from rollcall.analytics.feed import Feed
from rollcall.analytics.metrics import CountedFacts, FactMetrics
from rollcall.analytics.module import module as analytics
from rollcall.analytics.ports import FactStore
from rollcall.analytics.repository import SqlTexts
from rollcall.analytics.service import AnalyticsService
from rollcall.app.bigquery_settings import bigquery_of
from rollcall.app.described import DescribedAgents
from rollcall.app.own import Registration
from rollcall.app.settings import Settings, named
from rollcall.backends.facts import fact_store
from rollcall.backends.facts.duckdb import DuckdbFactStore, DuckdbSettings
from rollcall.billing import books_module
from rollcall.billing.accounts import AccountDefaults, Accounts
from rollcall.billing.books_reads import BooksReads
from rollcall.billing.books_service import BooksService
from rollcall.billing.feed import UsageFeed
from rollcall.billing.issuers import Issuer, issuer_of
from rollcall.billing.module import module as billing
from rollcall.billing.provider_prices import ListPrices
from rollcall.billing.repository import SqlBillingStore
from rollcall.billing.service import BillingService
from rollcall.billing.webhooks import Secrets, secrets_of
from rollcall.kernel.errors import InvalidInput
from rollcall.web.module import Module

if TYPE_CHECKING:
    from rollcall.app.compose import Platform

ANALYTICS: Final = Registration(
    "analytics-service",
    "api",
    "What was said, by whom, how well and at what cost, in numbers",
    capabilities=("conversation analytics", "agent performance", "usage statistics", "export"),
    tags=("analytics",),
)
BILLING: Final = Registration(
    "billing-service",
    "api",
    "What was used, what it costs, and who has paid for it",
    capabilities=("usage metering", "rate cards", "budgets", "invoices", "payments"),
    tags=("billing",),
)
_SIZE: Final = re.compile(r"[0-9]+(?:\.[0-9]+)? ?(?:[KMGT](?:i?B)?|%)", re.IGNORECASE)
_VARIABLES: Final = {
    "time_zone": "ROLLCALL_TIME_ZONE",
    "currency": "ROLLCALL_CURRENCY",
    "tax_rate": "ROLLCALL_TAX_RATE",
    "terms_days": "ROLLCALL_TERMS_DAYS",
    "webhook_secrets": "ROLLCALL_WEBHOOK_SECRETS",
    "invoice_issuer": "ROLLCALL_INVOICE_ISSUER",
    "invoice_tax_id": "ROLLCALL_INVOICE_TAX_ID",
}
"""By the name of a setting of billing: the variable that sets it."""


def account_defaults(settings: Settings) -> AccountDefaults:
    """How accounts are billed of which nobody has said anything.

    Raises:
        InvalidInput: That cannot be; the error names the variable.
    """
    with named(_VARIABLES):
        return AccountDefaults(
            time_zone=settings.time_zone,
            currency=settings.currency,
            tax_rate=settings.tax_rate,
            terms_days=settings.terms_days,
        )


def webhook_secrets(settings: Settings) -> Secrets:
    """What payment providers sign with.

    Raises:
        InvalidInput: It cannot be read; the error names the variable.
    """
    secrets = settings.webhook_secrets
    with named(_VARIABLES):
        return secrets_of("" if secrets is None else secrets.get_secret_value())


def invoice_issuer(settings: Settings) -> Issuer:
    """Who sends invoices.

    Raises:
        InvalidInput: It cannot be printed; the error names the variable.
    """
    with named(_VARIABLES):
        return issuer_of(settings.invoice_issuer, settings.invoice_tax_id)


def duckdb_settings(settings: Settings) -> DuckdbSettings:
    """How much of the machine DuckDB may use.

    Raises:
        InvalidInput: The memory is no size.
    """
    if not _SIZE.fullmatch(settings.duckdb_memory):
        raise InvalidInput("ROLLCALL_DUCKDB_MEMORY", "must be a size such as 512MB or 2GB")
    return DuckdbSettings(memory=settings.duckdb_memory, threads=settings.duckdb_threads)


def accounts_of(platform: Platform) -> Accounts:
    """How each account is billed.

    Raises:
        InvalidInput: A setting makes no sense.
    """
    store = SqlBillingStore(platform.database)
    return Accounts(store, platform.clock, account_defaults(platform.settings))


def analytics_service(platform: Platform) -> Sequence[Module]:
    """Analytics (document 4).

    Raises:
        InvalidInput: A setting makes no sense.
    """
    settings, database = platform.settings, platform.database
    figures = FactMetrics(platform.clock)
    store = CountedFacts(_facts(platform), figures)
    texts = SqlTexts(database)
    accounts = accounts_of(platform)
    service = AnalyticsService(
        store, texts, accounts, platform.clock, platform.ids, settings.currency
    )
    platform.parts.register("analytics_service", service)
    feed = Feed(store, texts, DescribedAgents(SqlAgentStore(database)))
    return (analytics(store, feed, (figures,)),)


def _facts(platform: Platform) -> FactStore:
    """Where facts are kept; a file that only this process can read is added to backups."""
    settings, where = platform.settings, platform.places
    bigquery = bigquery_of(settings)
    duckdb = duckdb_settings(settings)
    if bigquery is None and where.facts is not None:
        store = DuckdbFactStore(where.facts, duckdb)
        platform.copies[where.facts.name] = store.copy
        return store
    return fact_store(platform.database, where.database, None, duckdb, bigquery)


def billing_service(platform: Platform) -> Sequence[Module]:
    """Billing (document 4).

    Raises:
        InvalidInput: A setting makes no sense.
    """
    settings, database = platform.settings, platform.database
    clock, ids = platform.clock, platform.ids
    store = SqlBillingStore(database)
    service = BillingService(
        store, ListPrices(clock), clock, ids, account_defaults(settings), BooksReads(database)
    )
    secrets, issuer = webhook_secrets(settings), invoice_issuer(settings)
    books = BooksService(database, service.accounts.get, clock, ids, secrets, issuer)
    platform.parts.register("billing_service", service)
    platform.parts.register("books_service", books)
    feed = UsageFeed(store, service.metering)
    return (billing(feed, books_module.parts(books, clock)),)
