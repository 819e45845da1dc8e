# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks for prices: those of providers, and rate cards."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from rollcall.billing import wire, wire_views
from rollcall.billing.api_parts import Billing, Id, IdempotencyKey, answer, id_of, key_of, word_of
from rollcall.billing.models import PROVIDER_CURRENCY
from rollcall.web.audit import audit_subject
from rollcall.web.callers import Administrator, Reader
from rollcall.web.paging import following
from rollcall.web.strict import StrictRoute

PREFIX = "/api/pricing"
CARDS = f"{PREFIX}/rate-cards"


def router() -> APIRouter:
    """The routes of prices."""
    routes = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["pricing"])

    @routes.get("/models")
    async def models(
        caller: Reader,
        billing: Billing,
        asked: Annotated[wire.ModelsQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[wire_views.ModelView]:
        """The models whose providers' prices are known; `Link` leads to more."""
        page, after = await asyncio.to_thread(
            billing.models, asked.provider, limit=asked.limit, after=id_of(asked.cursor)
        )
        response.headers.update(following(request.url, word_of(after)))
        source = billing.price_source
        return [wire_views.model_view(one, PROVIDER_CURRENCY, source) for one in page]

    @routes.put("/assignments/{kind}/{id}")
    async def assign(
        caller: Administrator,
        billing: Billing,
        kind: Literal["agents", "plans"],
        id: Id,
        body: wire.AssignmentIn,
    ) -> wire_views.AssignmentView:
        """Give a rate card to an agent or a plan. It prices what is recorded from now on."""
        await billing.cards.assign(caller.namespace, kind, id, body.rate_card_id)
        return wire_views.AssignmentView(kind=kind, id=id, rate_card_id=body.rate_card_id)

    _add_cards(routes)
    return routes


def _add_cards(routes: APIRouter) -> None:
    created = {200: {"model": wire_views.CardView, "description": "It was there already."}}

    @routes.post(
        "/rate-cards", status_code=201, response_model=wire_views.CardView, responses={**created}
    )
    async def create(
        caller: Administrator,
        billing: Billing,
        body: wire.CardIn,
        request: Request,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Make a rate card with its first version."""
        card, new = await billing.cards.create(
            caller.namespace,
            body.name,
            body.version(),
            currency=body.currency,
            card_id=body.id,
            key=key_of(idempotency_key, body.idempotency_key),
            author=caller.subject,
        )
        audit_subject(request.scope, card.id)
        headers = {"Location": f"{CARDS}/{quote(card.id, safe='')}"}
        return answer(wire_views.card_view(card), 201 if new else 200, headers)

    @routes.get("/rate-cards")
    async def several(
        caller: Reader,
        billing: Billing,
        asked: Annotated[wire.PageQuery, Query()],
        request: Request,
        response: Response,
    ) -> list[wire_views.CardView]:
        """Rate cards by their ids; `Link` leads to more."""
        page, after = await billing.cards.find(
            caller.namespace, limit=asked.limit, after=id_of(asked.cursor)
        )
        response.headers.update(following(request.url, word_of(after)))
        return [wire_views.card_view(one) for one in page]

    @routes.get("/rate-cards/{id}", response_model=wire_views.CardView)
    async def one(caller: Reader, billing: Billing, id: Id) -> Response:
        """A rate card with all its versions."""
        return answer(wire_views.card_view(await billing.cards.get(caller.namespace, id)))

    @routes.post(
        "/rate-cards/{id}/versions",
        status_code=201,
        response_model=wire_views.CardView,
        responses={**created},
    )
    async def add_version(
        caller: Administrator,
        billing: Billing,
        id: Id,
        body: wire.VersionIn,
    ) -> Response:
        """Have a rate card say something else from a moment on. What was charged stays charged."""
        card, new = await billing.cards.add_version(
            caller.namespace, id, body.version(), author=caller.subject
        )
        return answer(wire_views.card_view(card), 201 if new else 200)
