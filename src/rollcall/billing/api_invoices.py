# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks for invoices and credit notes (document 4)."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as PathParameter

from rollcall.billing import books_wire as wire
from rollcall.billing.api_parts import IdempotencyKey, key_of, place_of
from rollcall.billing.books_parts import (
    Books,
    InvoiceId,
    amount_of,
)
from rollcall.billing.books_reads import Amounts, Shown
from rollcall.billing.books_views import (
    credit_note_view,
    invoice_view,
    line_usage_view,
    report_view,
)
from rollcall.billing.currencies import major
from rollcall.billing.invoices import Invoice
from rollcall.billing.pdf import MEDIA_TYPE
from rollcall.kernel.errors import InvalidInput
from rollcall.web.audit import audit_subject
from rollcall.web.callers import Administrator, Reader
from rollcall.web.lines import check_id, check_line
from rollcall.web.paging import following, link
from rollcall.web.strict import StrictRoute

LineNumber = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]
KNOWN: dict[int | str, dict[str, Any]] = {200: {"description": "It was done before, once."}}
_PDF: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The invoice on paper",
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


def router() -> APIRouter:
    """The routes of invoices."""
    routes = APIRouter(prefix="/api/invoices", route_class=StrictRoute, tags=["invoices"])
    _add_whole(routes)
    _add_single(routes)
    _add_credit(routes)
    return routes


def _add_whole(routes: APIRouter) -> None:
    @routes.post("/generate")
    async def generate(
        caller: Administrator, books: Books, body: wire.Generate | None = None
    ) -> list[wire.InvoiceView]:
        """Make drafts of what was used and is on no invoice yet: one for each agent and period.
        Those that are there are brought up to date, so that twice is once.
        """
        asked = body or wire.Generate()
        if asked.agent_id is not None:
            check_id("agent_id", asked.agent_id)
        made = await books.invoicing.generate(
            caller.namespace,
            period_id=asked.billing_period_id,
            agent_id=asked.agent_id,
            dry_run=asked.dry_run,
        )
        return [invoice_view(_draft(one)) for one in made]

    @routes.get("")
    async def several(
        caller: Reader,
        books: Books,
        asked: Annotated[wire.InvoicesQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[wire.InvoiceView]:
        """Invoices, the newest first; `Link` leads to more."""
        for field in ("agent_id", "number"):
            text: str | None = getattr(asked, field)
            if text is not None:
                check_line(field, text)
        found, after = await books.reads.invoices(
            caller.namespace,
            status=asked.status,
            agent_id=asked.agent_id,
            number=asked.number,
            limit=asked.limit,
            after=place_of(asked.cursor),
        )
        response.headers.update(following(request.url, after))
        return [invoice_view(one) for one in found]


def _add_single(routes: APIRouter) -> None:
    @routes.get("/{invoice_id}")
    async def one(caller: Reader, books: Books, invoice_id: InvoiceId) -> wire.InvoiceView:
        """An invoice with its lines, and how it stands by the ledger."""
        return invoice_view(await books.reads.invoice(caller.namespace, invoice_id))

    @routes.get("/{invoice_id}/pdf", response_class=Response, responses=_PDF)
    async def pdf(caller: Reader, books: Books, invoice_id: InvoiceId) -> Response:
        """An invoice on paper: the same bytes for the same invoice."""
        shown = await books.reads.invoice(caller.namespace, invoice_id)
        notes = await books.reads.credit_notes(caller.namespace, invoice_id)
        content = await books.papers.invoice(shown, notes)
        name = shown.invoice.number or shown.invoice.id
        headers = {"Content-Disposition": f'inline; filename="{name}.pdf"'}
        return Response(content, 200, headers, MEDIA_TYPE)

    @routes.get("/{invoice_id}/verify")
    async def verify(caller: Reader, books: Books, invoice_id: InvoiceId) -> wire.ReportView:
        """Work an invoice out again, from what was told of each usage to the books."""
        return report_view(await books.verifying.verify(caller.namespace, invoice_id))

    @routes.get("/{invoice_id}/lines/{line}/usages")
    async def usages(
        caller: Reader,
        books: Books,
        invoice_id: InvoiceId,
        line: LineNumber,
        asked: Annotated[wire.PageQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[wire.LineUsageView]:
        """The usages that a line adds up, by their ids; `Link` leads to more."""
        after = "" if asked.cursor is None else check_id("cursor", asked.cursor)
        _, found, more = await books.reads.line_usages(
            caller.namespace, invoice_id, line, limit=asked.limit, after=after
        )
        if more is not None:
            response.headers["Link"] = link(request.url, more)
        return [line_usage_view(one) for one in found]

    @routes.patch("/{invoice_id}/status")
    async def move(
        caller: Administrator, books: Books, invoice_id: InvoiceId, body: wire.StatusChange
    ) -> wire.InvoiceView:
        """Give an invoice another status. A draft that is sent gets its number, and what it says
        is fixed; an invoice is paid by payments, and this only where nothing is due.
        """
        await books.settling.move(caller.namespace, invoice_id, body.status)
        return invoice_view(await books.reads.invoice(caller.namespace, invoice_id))


def _add_credit(routes: APIRouter) -> None:
    @routes.post("/{invoice_id}/credit-notes", status_code=201, responses=KNOWN)
    async def credit(
        caller: Administrator,
        books: Books,
        invoice_id: InvoiceId,
        body: wire.CreditIn,
        request: Request,
        response: Response,
        idempotency_key: IdempotencyKey = None,
    ) -> wire.CreditNoteView:
        """Take back what an invoice charged, by an amount with its tax or by lines."""
        lines = {one.number: amount_of(one.amount, "lines.amount") for one in body.lines}
        if len(lines) < len(body.lines):
            raise InvalidInput("lines", "must name each line once")
        note, new = await books.settling.credit(
            caller.namespace,
            invoice_id,
            body.reason,
            amount=amount_of(body.amount),
            lines=lines or None,
            key=key_of(idempotency_key, body.idempotency_key),
        )
        audit_subject(request.scope, note.id)
        response.status_code = 201 if new else 200
        return credit_note_view(note)

    @routes.get("/{invoice_id}/credit-notes")
    async def credited(
        caller: Reader, books: Books, invoice_id: InvoiceId
    ) -> list[wire.CreditNoteView]:
        """The credit notes of an invoice, the oldest first."""
        found = await books.reads.credit_notes(caller.namespace, invoice_id)
        return [credit_note_view(one) for one in found]


def _draft(invoice: Invoice) -> Shown:
    """A draft stands in no books yet."""
    nothing = major(0, invoice.currency)
    return Shown(invoice, Amounts(nothing, nothing, nothing, nothing))
