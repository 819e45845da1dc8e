# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks for accounts and periods."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from rollcall.billing import wire, wire_accounts
from rollcall.billing.accounts import AccountChange
from rollcall.billing.amounts import amount_text, optional_amount
from rollcall.billing.api_parts import Billing, Id, answer, id_of, word_of
from rollcall.web.callers import Administrator, Reader
from rollcall.web.paging import following
from rollcall.web.preconditions import IfMatch, accepted, etag
from rollcall.web.strict import StrictRoute

PREFIX = "/api/billing"
_BUDGETS = 100


def router() -> APIRouter:
    """The routes of accounts and periods."""
    routes = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["billing"])
    _add_account(routes)
    _add_periods(routes)
    return routes


def _add_account(routes: APIRouter) -> None:
    @routes.get("", response_model=wire_accounts.OverviewView)
    async def overview(caller: Reader, billing: Billing) -> Response:
        """The account at one look."""
        account = await billing.accounts.get(caller.namespace)
        current = await billing.period(caller.namespace)
        due = await billing.outstanding(caller.namespace)
        budgets, _ = await billing.budgets.find(caller.namespace, limit=_BUDGETS)
        return answer(
            wire_accounts.OverviewView(
                account=wire_accounts.account_view(account),
                current_period=wire_accounts.period_view(current),
                month_to_date=amount_text(current.amount, current.currency),
                outstanding=optional_amount(due, account.currency),
                currency=account.currency,
                budgets=[wire_accounts.budget_view(*one) for one in budgets],
            )
        )

    @routes.get("/account", response_model=wire_accounts.AccountView)
    async def get(caller: Reader, billing: Billing) -> Response:
        """How the account is billed; its entity tag is for `If-Match`."""
        account = await billing.accounts.get(caller.namespace)
        return answer(wire_accounts.account_view(account), headers={"ETag": etag(account.revision)})

    @routes.patch("/account", response_model=wire_accounts.AccountView)
    async def change(
        caller: Administrator, billing: Billing, body: wire.AccountPatch, if_match: IfMatch = None
    ) -> Response:
        """Change how the account is billed; what is left out stays."""
        said = {name: getattr(body, name) for name in body.model_fields_set}
        account = await billing.accounts.change(
            caller.namespace, AccountChange(**said), accepted(if_match)
        )
        return answer(wire_accounts.account_view(account), headers={"ETag": etag(account.revision)})

    @routes.get("/summary", response_model=wire_accounts.SummaryView)
    async def summary(caller: Reader, billing: Billing) -> Response:
        """What the period that runs comes to, by agent."""
        due = await billing.outstanding(caller.namespace)
        current = await billing.period(caller.namespace)
        # What comes late, or is ahead of its time, may be billed in a month that is yet to come.
        every = await billing.periods(caller.namespace)
        before = [one for one in every if one.period.id < current.period.id]
        return answer(
            wire_accounts.SummaryView(
                current_period=wire_accounts.period_view(current),
                previous_period=wire_accounts.period_view(before[0]) if before else None,
                month_to_date=amount_text(current.amount, current.currency),
                outstanding=optional_amount(due, current.currency),
                currency=current.currency,
                agents=[
                    wire_accounts.AgentTotalsView(
                        agent_id=one.agent_id,
                        usages=one.usages,
                        tokens=one.tokens,
                        amount=amount_text(one.amount, current.currency),
                        invoice_id=one.invoice_id,
                    )
                    for one in current.agents
                ],
            )
        )


def _add_periods(routes: APIRouter) -> None:
    @routes.get("/periods")
    async def several(
        caller: Reader,
        billing: Billing,
        asked: Annotated[wire.PageQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[wire_accounts.PeriodView]:
        """The period that runs and all in which something was used, the newest first."""
        before = id_of(asked.cursor)
        every = await billing.periods(caller.namespace)
        page = [one for one in every if before is None or one.period.id < before]
        last = page[asked.limit - 1].period.id if len(page) > asked.limit else None
        response.headers.update(following(request.url, word_of(last)))
        return [wire_accounts.period_view(one) for one in page[: asked.limit]]

    @routes.get("/periods/current", response_model=wire_accounts.PeriodView)
    async def current(caller: Reader, billing: Billing) -> Response:
        """The period that runs. Asking makes none."""
        return answer(wire_accounts.period_view(await billing.period(caller.namespace)))

    # Behind the one with a name in its place.
    @routes.get("/periods/{id}", response_model=wire_accounts.PeriodView)
    async def one(caller: Reader, billing: Billing, id: Id) -> Response:
        """A period."""
        return answer(wire_accounts.period_view(await billing.period(caller.namespace, id)))
