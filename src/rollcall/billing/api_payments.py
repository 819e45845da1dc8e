# SPDX-License-Identifier: Apache-2.0
"""How HTTP tells of payments, and how providers do (document 4)."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from rollcall.billing import books_wire as wire
from rollcall.billing import webhooks
from rollcall.billing.api_invoices import KNOWN
from rollcall.billing.api_parts import IdempotencyKey, key_of, place_of
from rollcall.billing.books_parts import (
    Books,
    PaymentId,
    amount_of,
)
from rollcall.billing.books_views import payment_view
from rollcall.billing.payments import Told
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput
from rollcall.web.audit import audit_subject
from rollcall.web.callers import Administrator, Reader
from rollcall.web.lines import check_line
from rollcall.web.paging import following
from rollcall.web.strict import StrictRoute

PREFIX = "/api/payments"

_SIGNED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["type", "data"],
                    "properties": {
                        "type": {
                            "enum": [
                                "payment.completed",
                                "payment.pending",
                                "payment.failed",
                                "payment.refunded",
                            ]
                        },
                        "data": {"type": "object"},
                    },
                }
            }
        },
    },
    "parameters": [
        {"in": "header", "name": name, "required": True, "schema": {"type": "string"}}
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    ],
}


def router() -> APIRouter:
    """The routes of payments."""
    routes = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["payments"])

    @routes.post("", status_code=201, responses=KNOWN)
    async def record(
        caller: Administrator,
        books: Books,
        body: wire.PaymentIn,
        request: Request,
        response: Response,
        idempotency_key: IdempotencyKey = None,
    ) -> wire.PaymentView:
        """Record a payment for an invoice. One key, and one transaction, is one payment; what is
        paid beyond what is due is the customer's.
        """
        amount = amount_of(body.amount)
        assert amount is not None
        told = Told(
            invoice_id=check_line("invoice_id", body.invoice_id),
            amount=amount,
            payment_method=check_line("payment_method", body.payment_method),
            currency=body.currency,
            transaction_id=body.transaction_id
            and check_line("transaction_id", body.transaction_id),
            idempotency_key=key_of(idempotency_key, body.idempotency_key),
        )
        payment, new = await books.paying.record(caller.namespace, told)
        audit_subject(request.scope, payment.id)
        response.status_code = 201 if new else 200
        return payment_view(payment)

    @routes.get("")
    async def several(
        caller: Reader,
        books: Books,
        asked: Annotated[wire.PaymentsQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[wire.PaymentView]:
        """Payments, the newest first; `Link` leads to more."""
        if asked.invoice_id is not None:
            check_line("invoice_id", asked.invoice_id)
        found, after = await books.reads.payments(
            caller.namespace,
            invoice_id=asked.invoice_id,
            limit=asked.limit,
            after=place_of(asked.cursor),
        )
        response.headers.update(following(request.url, after))
        return [payment_view(one) for one in found]

    @routes.get("/{payment_id}")
    async def one(caller: Reader, books: Books, payment_id: PaymentId) -> wire.PaymentView:
        """A payment."""
        return payment_view(await books.reads.payment(caller.namespace, payment_id))

    @routes.post("/{payment_id}/refund", status_code=201, responses=KNOWN)
    async def refund(
        caller: Administrator,
        books: Books,
        payment_id: PaymentId,
        response: Response,
        body: wire.RefundIn | None = None,
        idempotency_key: IdempotencyKey = None,
    ) -> wire.PaymentView:
        """Pay a payment back, in whole or in part; the payment as it is then."""
        asked = body or wire.RefundIn()
        payment, new = await books.paying.refund(
            caller.namespace,
            payment_id,
            amount_of(asked.amount),
            key_of(idempotency_key, asked.idempotency_key),
        )
        response.status_code = 201 if new else 200
        return payment_view(payment)

    return routes


def public_router(clock: Clock) -> APIRouter:
    """The route of providers' webhooks: who sends one is known by its signature.

    Args:
        clock: Says whether a webhook is of now.
    """
    routes = APIRouter(prefix=PREFIX, tags=["payments"])

    @routes.post("/webhooks/{provider}", openapi_extra=_SIGNED)
    async def heed(provider: str, books: Books, request: Request) -> wire.Heeded:
        """Heed a provider's webhook, signed as Standard Webhooks says. The same one again changes
        nothing.
        """
        check_line("provider", provider, 64)
        body = await request.body()
        headers = {name.lower(): value for name, value in request.headers.items()}
        id_ = webhooks.check(provider, books.secrets, headers, body, clock.now())
        notice = webhooks.read(id_, body)
        if notice.amount <= 0:
            raise InvalidInput("data.amount", f"must be above zero, not {notice.amount}")
        amount_of(notice.amount, "data.amount")
        new = await books.paying.heed(provider, notice)
        return wire.Heeded(status="recorded" if new else "known")

    return routes
