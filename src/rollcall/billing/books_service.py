# SPDX-License-Identifier: Apache-2.0
"""The books as one service: what routes ask for as `books_service`."""

from __future__ import annotations

from rollcall.billing.books_reads import BooksReads
from rollcall.billing.invoicing import Accounts, Invoicing
from rollcall.billing.issuers import NOBODY, Issuer
from rollcall.billing.paying import Paying
from rollcall.billing.pdf import Papers
from rollcall.billing.settling import Settling
from rollcall.billing.tax_rates import TaxRates
from rollcall.billing.usage_reports import UsageReports
from rollcall.billing.verify import Verifying
from rollcall.billing.webhooks import Secrets
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import IdSource
from rollcall.sql import Sql


class BooksService:
    """Invoices, payments and the ledger of all namespaces.

    Args:
        database: The SQL database of the services.
        accounts: How a namespace is billed.
        clock: Time.
        ids: Names payments.
        secrets: What providers sign their webhooks with.
        issuer: Who sends invoices.

    Its parts: `reads`, `invoicing`, `settling`, `paying`, `verifying`, `reports`, `tax_rates`
    and `papers`.
    """

    def __init__(
        self,
        database: Sql,
        accounts: Accounts,
        clock: Clock,
        ids: IdSource,
        secrets: Secrets,
        issuer: Issuer = NOBODY,
    ) -> None:
        self.reads = BooksReads(database)
        self.invoicing = Invoicing(database, accounts, clock, issuer)
        self.settling = Settling(database, self.invoicing, clock)
        self.paying = Paying(database, self.settling, clock, ids)
        self.verifying = Verifying(database)
        self.reports = UsageReports(database, accounts, clock)
        self.tax_rates = TaxRates(database)
        self.papers = Papers()
        self.secrets = secrets
