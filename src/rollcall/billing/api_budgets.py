# SPDX-License-Identifier: Apache-2.0
"""How HTTP sets budgets, and reserves of them."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from rollcall.billing import wire, wire_accounts
from rollcall.billing.api_parts import Billing, Id, IdempotencyKey, answer, id_of, key_of, word_of
from rollcall.billing.budget_models import ReservationStatus
from rollcall.billing.budgets import BudgetChange
from rollcall.billing.errors import ReservationNotOpen
from rollcall.web.audit import audit_subject
from rollcall.web.callers import Administrator, Reader, Writer
from rollcall.web.paging import following
from rollcall.web.strict import StrictRoute

PREFIX = "/api/billing"


def router() -> APIRouter:
    """The routes of budgets and reservations."""
    routes = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["budgets"])
    _add_budgets(routes)
    _add_reservations(routes)
    return routes


def _add_budgets(routes: APIRouter) -> None:
    @routes.post(
        "/budgets",
        status_code=201,
        response_model=wire_accounts.BudgetView,
        responses={
            200: {"model": wire_accounts.BudgetView, "description": "It was there already."}
        },
    )
    async def create(
        caller: Administrator,
        billing: Billing,
        body: wire.BudgetIn,
        request: Request,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Set a budget. What was spent in the window that runs counts already."""
        made, new = await billing.budgets.create(
            caller.namespace,
            body.limit,
            agent_id=body.agent(),
            period=body.period,
            hard=body.hard,
            alert_at=body.alert_at,
            key=key_of(idempotency_key, body.idempotency_key),
        )
        audit_subject(request.scope, made.id)
        headers = {"Location": f"{PREFIX}/budgets/{quote(made.id, safe='')}"}
        shown = await billing.budgets.get(caller.namespace, made.id)
        return answer(wire_accounts.budget_view(*shown), 201 if new else 200, headers)

    @routes.get("/budgets")
    async def several(
        caller: Reader,
        billing: Billing,
        asked: Annotated[wire.PageQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[wire_accounts.BudgetView]:
        """Budgets by their ids; `Link` leads to more."""
        page, after = await billing.budgets.find(
            caller.namespace, limit=asked.limit, after=id_of(asked.cursor)
        )
        response.headers.update(following(request.url, word_of(after)))
        return [wire_accounts.budget_view(*one) for one in page]

    @routes.get("/budgets/{id}", response_model=wire_accounts.BudgetView)
    async def one(caller: Reader, billing: Billing, id: Id) -> Response:
        """A budget, and what is left of it."""
        found = await billing.budgets.get(caller.namespace, id)
        return answer(wire_accounts.budget_view(*found))

    @routes.patch("/budgets/{id}", response_model=wire_accounts.BudgetView)
    async def change(
        caller: Administrator,
        billing: Billing,
        id: Id,
        body: wire.BudgetPatch,
    ) -> Response:
        """Change a budget; what is left out stays."""
        said = {name: getattr(body, name) for name in body.model_fields_set}
        if "alert_at" in said:
            said["alert_at"] = tuple(said["alert_at"])
        await billing.budgets.change(caller.namespace, id, BudgetChange(**said))
        found = await billing.budgets.get(caller.namespace, id)
        return answer(wire_accounts.budget_view(*found))

    @routes.delete("/budgets/{id}", status_code=204)
    async def delete(caller: Administrator, billing: Billing, id: Id) -> None:
        """Delete a budget; reservations of it keep nothing any more."""
        await billing.budgets.delete(caller.namespace, id)


def _add_reservations(routes: APIRouter) -> None:
    @routes.post(
        "/reservations",
        status_code=201,
        response_model=wire_accounts.ReservationView,
        responses={
            200: {"model": wire_accounts.ReservationView, "description": "It was there already."}
        },
    )
    async def reserve(
        caller: Writer,
        billing: Billing,
        body: wire.ReservationIn,
        request: Request,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Keep a part of every budget that an agent spends from. A hard budget that has less than
        that left refuses it (402).
        """
        made, new = await billing.budgets.make_reservation(
            caller.namespace,
            body.agent_id,
            body.amount,
            conversation_id=body.conversation_id,
            ttl_seconds=body.ttl_seconds,
            key=key_of(idempotency_key, body.idempotency_key),
        )
        audit_subject(request.scope, made.id)
        headers = {"Location": f"{PREFIX}/reservations/{quote(made.id, safe='')}"}
        return answer(wire_accounts.reservation_view(made), 201 if new else 200, headers)

    @routes.get("/reservations/{id}", response_model=wire_accounts.ReservationView)
    async def one(caller: Reader, billing: Billing, id: Id) -> Response:
        """A reservation as it is now."""
        found = await billing.budgets.reservation(caller.namespace, id)
        return answer(wire_accounts.reservation_view(found))

    @routes.delete("/reservations/{id}", response_model=wire_accounts.ReservationView)
    async def release(caller: Writer, billing: Billing, id: Id) -> Response:
        """Release a reservation of which nothing was used. To do it twice changes nothing."""
        ended = await billing.budgets.release(caller.namespace, id)
        if ended.status is ReservationStatus.SETTLED:
            raise ReservationNotOpen(ended.id, ended.status)
        return answer(wire_accounts.reservation_view(ended))
