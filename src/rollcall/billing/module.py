# SPDX-License-Identifier: Apache-2.0
"""How billing plugs into an application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fastapi import APIRouter

from rollcall.billing import api_billing, api_budgets, api_pricing, api_usage
from rollcall.billing.feed import GROUP, TYPES, UsageFeed
from rollcall.billing.metrics import UsageMetrics
from rollcall.billing.problems import PROBLEMS
from rollcall.events.subscriptions import Batch
from rollcall.web.background import BackgroundTask
from rollcall.web.metrics import Collector
from rollcall.web.module import Module
from rollcall.web.problems import Kind


@dataclass(frozen=True)
class BooksParts:
    """What the books add to billing: invoices, payments and the ledger.

    Args:
        routers: Their routes.
        public_routers: Their routes for everybody.
        tasks: What runs beside the requests.
        problems: Their errors.
        collectors: Their figures.
    """

    routers: Sequence[APIRouter] = ()
    public_routers: Sequence[APIRouter] = ()
    tasks: Sequence[BackgroundTask] = ()
    problems: Mapping[type[Exception], Kind] = field(default_factory=dict[type[Exception], Kind])
    collectors: Sequence[Collector] = ()


def module(feed: UsageFeed, books: BooksParts | None = None) -> Module:
    """Billing: its routes, over `billing_service`, and what it hears of usage and agents.

    Args:
        feed: Records what events tell.
        books: Invoices, payments and the ledger; None: nobody keeps them.
    """
    books = books or BooksParts()
    return Module(
        name="billing",
        routers=(
            api_usage.router(),
            api_pricing.router(),
            api_budgets.router(),
            api_billing.router(),
            *books.routers,
        ),
        public_routers=books.public_routers,
        subscriptions=(Batch(GROUP, TYPES, feed.handle),),
        tasks=books.tasks,
        problems={**PROBLEMS, **books.problems},
        collectors=(UsageMetrics(feed.metering), *books.collectors),
    )
