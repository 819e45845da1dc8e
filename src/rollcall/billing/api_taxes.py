# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks for the tax rates of agents."""

from fastapi import APIRouter

from rollcall.billing import books_wire as wire
from rollcall.billing.amounts import decimal_text, optional_decimal
from rollcall.billing.api_parts import AgentId, Billing
from rollcall.billing.books_parts import Books, amount_of
from rollcall.web.callers import Administrator, Reader
from rollcall.web.strict import StrictRoute


def router() -> APIRouter:
    """The routes of agents' tax rates."""
    routes = APIRouter(
        prefix="/api/billing/tax-rates/agents", route_class=StrictRoute, tags=["billing"]
    )

    @routes.get("/{agent_id}")
    async def get(
        caller: Reader, books: Books, billing: Billing, agent_id: AgentId
    ) -> wire.TaxRateView:
        """The rate by which an agent's usage is taxed, and whether it is its own."""
        own = await books.tax_rates.get(caller.namespace, agent_id)
        account = await billing.accounts.get(caller.namespace)
        return wire.TaxRateView(
            agent_id=agent_id,
            tax_rate=optional_decimal(own),
            effective_tax_rate=decimal_text(account.tax_rate if own is None else own),
        )

    @routes.put("/{agent_id}")
    async def put(
        caller: Administrator,
        books: Books,
        billing: Billing,
        agent_id: AgentId,
        body: wire.TaxRateIn,
    ) -> wire.TaxRateView:
        """Tax an agent's usage by a rate of its own, or by the account's again. Invoices that are
        final stay as they are.
        """
        rate = amount_of(body.tax_rate, "tax_rate")
        await books.tax_rates.put(caller.namespace, agent_id, rate)
        return await get(caller, books, billing, agent_id)

    return routes
