# SPDX-License-Identifier: Apache-2.0
"""What billing shows over HTTP. Amounts are decimal strings as `amounts` prints them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from rollcall.billing.amounts import (
    amount_text,
    decimal_text,
    optional_amount,
    optional_decimal,
)
from rollcall.billing.models import (
    PROVIDER_CURRENCY,
    CardVersion,
    Item,
    Line,
    RateCard,
    Tier,
    Usage,
)
from rollcall.billing.ports import ListedModel
from rollcall.billing.service import AgentUsage, Quote


class TierView(BaseModel):
    """The price of a tier."""

    up_to: str | None
    price: str


class LineView(BaseModel):
    """What one price makes of a usage, with all that it takes to work it out again."""

    item: int
    unit: str
    model: str
    quantity: str
    amount: str
    unit_price: str | None
    tier: int | None
    tiers: Annotated[list[TierView] | None, Field(description="Prices of one unit.")]
    mode: str | None
    cumulative_before: str | None
    markup: str | None
    provider_cost: str | None
    note: str | None


class UsageView(BaseModel):
    """A usage as it was charged."""

    usage_id: str
    agent_id: str
    conversation_id: str | None
    model_used: str | None
    provider: str | None
    tokens_used: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    requests: int
    conversations: int
    minutes: str
    estimated: bool
    amount: str
    currency: str
    provider_cost: Annotated[str | None, Field(description="US dollars; null: nobody knows.")]
    price_source: str | None
    reported_cost: str | None
    rate_card_id: str
    rate_card_version: int
    period_id: str
    late: bool
    timestamp: datetime
    recorded_at: datetime
    idempotency_key: str | None
    source: str
    invoice_id: str | None
    lines: list[LineView]


class OutcomeView(BaseModel):
    """What became of one usage of several."""

    index: int
    status: Literal["recorded", "known", "refused"]
    usage_id: str | None = None
    problem: dict[str, Any] | None = None


class BatchView(BaseModel):
    """What became of several usages."""

    results: list[OutcomeView]
    recorded: int
    known: int
    refused: int


class AgentUsageView(BaseModel):
    """What an agent has used; the totals are of all pages."""

    agent_id: str
    total_tokens: int
    total_amount: str
    currency: str
    count: int
    usages: list[UsageView]


class QuoteView(BaseModel):
    """What a usage would be charged now. Nothing is kept of it."""

    amount: str
    currency: str
    provider_cost: str | None
    price_source: str | None
    rate_card_id: str
    rate_card_version: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    tokens_used: int
    estimated: bool
    lines: list[LineView]


class ModelPriceView(BaseModel):
    """What a provider asks for a million tokens."""

    input_per_million: str
    output_per_million: str
    cached_per_million: str | None


class ModelView(BaseModel):
    """A model, and what its provider asks for it."""

    value: str
    label: str
    provider: str
    provider_name: str
    price: Annotated[
        ModelPriceView | None, Field(description="null: none, or one that depends on the amount.")
    ]
    currency: str
    source: str


class ItemView(BaseModel):
    """A price."""

    unit: str
    model: str
    price: str | None
    per: int
    tiers: list[TierView] | None
    mode: str | None
    markup: str | None
    fallback: str | None


class VersionView(BaseModel):
    """What a rate card says from a moment on."""

    version: int
    effective_from: datetime | None
    items: list[ItemView]
    unsplit: str
    unknown_model: str
    created_at: datetime
    author: str


class CardView(BaseModel):
    """A rate card with all its versions, the oldest first."""

    id: str
    rate_card_id: str
    name: str
    currency: str
    created_at: datetime
    versions: list[VersionView]


class AssignmentView(BaseModel):
    """Whom a rate card is given to."""

    kind: str
    id: str
    rate_card_id: str


def usage_view(one: Usage) -> UsageView:
    """A usage as it is shown."""
    counted = one.quantities
    return UsageView(
        usage_id=one.id,
        agent_id=one.agent_id,
        conversation_id=one.conversation_id,
        model_used=one.model,
        provider=one.provider,
        tokens_used=counted.tokens,
        input_tokens=counted.input_tokens,
        output_tokens=counted.output_tokens,
        cached_tokens=counted.cached_tokens,
        requests=counted.requests,
        conversations=counted.conversations,
        minutes=decimal_text(counted.minutes),
        estimated=counted.estimated,
        amount=amount_text(one.amount, one.currency),
        currency=one.currency,
        provider_cost=optional_amount(one.provider_cost, PROVIDER_CURRENCY),
        price_source=one.price_source,
        reported_cost=optional_amount(one.reported_cost, one.currency),
        rate_card_id=one.rate_card_id,
        rate_card_version=one.rate_card_version,
        period_id=one.period_id,
        late=one.late,
        timestamp=one.served_at,
        recorded_at=one.recorded_at,
        idempotency_key=one.key,
        source=one.source,
        invoice_id=one.invoice_id,
        lines=[line_view(line, one.currency) for line in one.lines],
    )


def line_view(one: Line, currency: str) -> LineView:
    """A line as it is shown."""
    return LineView(
        item=one.item,
        unit=one.unit,
        model=one.model,
        quantity=decimal_text(one.quantity),
        amount=amount_text(one.amount, currency),
        unit_price=optional_amount(one.unit_price, currency),
        tier=one.tier,
        tiers=_tiers(one.tiers, currency),
        mode=one.mode if one.tiers else None,
        cumulative_before=optional_decimal(one.cumulative_before),
        markup=optional_decimal(one.markup),
        provider_cost=optional_amount(one.provider_cost, PROVIDER_CURRENCY),
        note=one.note or None,
    )


def agent_usage_view(agent_id: str, found: AgentUsage) -> AgentUsageView:
    """A page of what an agent has used."""
    return AgentUsageView(
        agent_id=agent_id,
        total_tokens=found.totals.tokens,
        total_amount=amount_text(found.totals.amount, found.currency),
        currency=found.currency,
        count=found.totals.usages,
        usages=[usage_view(one) for one in found.usages],
    )


def quote_view(one: Quote) -> QuoteView:
    """A quote as it is shown."""
    cost = None if one.cost is None else one.cost.amount
    return QuoteView(
        amount=amount_text(one.amount, one.currency),
        currency=one.currency,
        provider_cost=optional_amount(cost, PROVIDER_CURRENCY),
        price_source=None if one.cost is None else one.cost.source,
        rate_card_id=one.card.card_id,
        rate_card_version=one.card.version,
        input_tokens=one.quantities.input_tokens,
        output_tokens=one.quantities.output_tokens,
        cached_tokens=one.quantities.cached_tokens,
        tokens_used=one.quantities.tokens,
        estimated=one.quantities.estimated,
        lines=[line_view(line, one.currency) for line in one.lines],
    )


def model_view(one: ListedModel, currency: str, source: str) -> ModelView:
    """A model as it is shown."""
    price = None
    if one.read is not None and one.written is not None:
        price = ModelPriceView(
            input_per_million=amount_text(one.read, currency),
            output_per_million=amount_text(one.written, currency),
            cached_per_million=optional_amount(one.cached, currency),
        )
    return ModelView(
        value=one.model,
        label=one.name,
        provider=one.provider,
        provider_name=one.provider_name,
        price=price,
        currency=currency,
        source=source,
    )


def card_view(one: RateCard) -> CardView:
    """A rate card as it is shown."""
    return CardView(
        id=one.id,
        rate_card_id=one.id,
        name=one.name,
        currency=one.currency,
        created_at=one.created_at,
        versions=[_version(version, one.currency) for version in one.versions],
    )


def _version(one: CardVersion, currency: str) -> VersionView:
    return VersionView(
        version=one.version,
        effective_from=one.effective_from,
        items=[_item(item, currency) for item in one.items],
        unsplit=one.unsplit,
        unknown_model=one.unpriced,
        created_at=one.created_at,
        author=one.author,
    )


def _item(one: Item, currency: str) -> ItemView:
    return ItemView(
        unit=one.unit,
        model=one.model,
        price=optional_amount(one.price, currency),
        per=one.per,
        tiers=_tiers(one.tiers, currency),
        mode=one.mode if one.tiers else None,
        markup=optional_decimal(one.markup),
        fallback=optional_amount(one.fallback, currency),
    )


def _tiers(tiers: tuple[Tier, ...], currency: str) -> list[TierView] | None:
    return [
        TierView(up_to=optional_decimal(one.up_to), price=amount_text(one.price, currency))
        for one in tiers
    ] or None
