# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks for the ledger and for reports on usage."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from rollcall.billing import books_wire as wire
from rollcall.billing.api_parts import place_of
from rollcall.billing.books_parts import Books
from rollcall.billing.books_views import (
    ledger_view,
    transaction_view,
    usage_report_csv,
    usage_report_view,
)
from rollcall.web.callers import Reader
from rollcall.web.lines import check_line
from rollcall.web.paging import following
from rollcall.web.strict import StrictRoute

_REPORT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The report", "content": {"text/csv": {"schema": {"type": "string"}}}}
}


def router() -> APIRouter:
    """The routes of the ledger and of reports."""
    routes = APIRouter(prefix="/api", route_class=StrictRoute, tags=["ledger"])

    @routes.get("/billing/ledger")
    async def balances(caller: Reader, books: Books) -> wire.LedgerView:
        """The accounts with their balances, and whether the books balance."""
        return ledger_view(await books.reads.balances(caller.namespace))

    @routes.get("/billing/ledger/entries")
    async def entries(
        caller: Reader,
        books: Books,
        asked: Annotated[wire.EntriesQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[wire.TransactionView]:
        """What was written into the ledger, the newest first; `Link` leads to more."""
        if asked.invoice_id is not None:
            check_line("invoice_id", asked.invoice_id)
        found, after = await books.reads.transactions(
            caller.namespace,
            invoice_id=asked.invoice_id,
            limit=asked.limit,
            after=place_of(asked.cursor),
        )
        response.headers.update(following(request.url, after))
        return [transaction_view(one) for one in found]

    @routes.get("/reports/usage", response_model=wire.UsageReportView, responses=_REPORT)
    async def usage(
        caller: Reader, books: Books, asked: Annotated[wire.UsageReportQuery, Query()]
    ) -> Response:
        """What was used, and what it was charged, by agent, model or day."""
        report = await books.reports.report(
            caller.namespace, asked.group_by, asked.from_day, asked.to_day
        )
        if asked.format == "csv":
            name = f"usage-{report.from_day}-{report.to_day}.csv"
            headers = {"Content-Disposition": f'attachment; filename="{name}"'}
            content = usage_report_csv(report)
            return Response(content, 200, headers, "text/csv; charset=utf-8")
        view = usage_report_view(report)
        return Response(view.model_dump_json(by_alias=True), 200, None, "application/json")

    return routes
