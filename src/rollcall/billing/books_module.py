# SPDX-License-Identifier: Apache-2.0
"""What the books add to billing's module."""

from __future__ import annotations

from rollcall.billing import api_invoices, api_ledger, api_payments, api_taxes
from rollcall.billing.books_problems import PROBLEMS
from rollcall.billing.books_service import BooksService
from rollcall.billing.metrics import BooksMetrics
from rollcall.billing.module import BooksParts
from rollcall.kernel.clock import Clock
from rollcall.web.background import BackgroundTask


def parts(books: BooksService, clock: Clock) -> BooksParts:
    """The routes of invoices, payments and the ledger, over `books_service`, and what turns
    invoices overdue.

    Args:
        books: The service that is registered under that name.
        clock: Says whether a webhook is of now, and when to look at the books.
    """
    figures = BooksMetrics(books.reads.figures, clock)
    return BooksParts(
        routers=(
            api_invoices.router(),
            api_payments.router(),
            api_ledger.router(),
            api_taxes.router(),
        ),
        public_routers=(api_payments.public_router(clock),),
        tasks=(
            BackgroundTask("invoices-overdue", books.settling.look_after),
            BackgroundTask("books-figures", figures.run),
        ),
        problems=PROBLEMS,
        collectors=(figures,),
    )
