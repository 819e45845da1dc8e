# SPDX-License-Identifier: Apache-2.0
"""What the rows of usage, prices and budgets mean."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from sqlalchemy import Row

from rollcall.billing.budget_models import Budget, Reservation, ReservationStatus, Scope, Window
from rollcall.billing.models import (
    Account,
    CardVersion,
    Item,
    Line,
    Quantities,
    TrackedAgent,
    Unpriced,
    Unsplit,
    Usage,
)
from rollcall.kernel.clock import utc

_items: Final = msgspec.json.Decoder(tuple[Item, ...]).decode
_lines: Final = msgspec.json.Decoder(tuple[Line, ...]).decode
_shares: Final = msgspec.json.Decoder(tuple[Decimal, ...]).decode


def as_json(value: object) -> str:
    """What a column of JSON holds."""
    return msgspec.json.encode(value).decode()


def plain(amount: Decimal) -> str:
    """A decimal without an exponent."""
    return format(amount, "f")


def moment(at: datetime | None) -> float | None:
    """What a column of moments holds."""
    return None if at is None else at.timestamp()


def account_row(one: Account) -> dict[str, Any]:
    """The row of an account."""
    return {**msgspec.structs.asdict(one), "tax_rate": plain(one.tax_rate)}


def account_of(row: Row[Any]) -> Account:
    """The account of a row."""
    return Account(
        namespace=row.namespace,
        time_zone=row.time_zone,
        currency=row.currency,
        tax_rate=Decimal(row.tax_rate),
        terms_days=row.terms_days,
        plan=row.plan,
        rate_card_id=row.rate_card_id,
        business_name=row.business_name,
        revision=row.revision,
    )


def agent_of(row: Row[Any]) -> TrackedAgent:
    """The agent of a row."""
    return TrackedAgent(
        namespace=row.namespace,
        agent_id=row.agent_id,
        name=row.name,
        tracked_since=utc(row.tracked_since),
        deleted_at=_utc(row.deleted_at),
    )


def version_row(namespace: str, one: CardVersion) -> dict[str, Any]:
    """The row of a version."""
    return {
        "namespace": namespace,
        "card_id": one.card_id,
        "version": one.version,
        "effective_from": moment(one.effective_from),
        "items": as_json(one.items),
        "unsplit": one.unsplit.value,
        "unpriced": one.unpriced.value,
        "created_at": one.created_at.timestamp(),
        "author": one.author,
    }


def version_of(row: Row[Any]) -> CardVersion:
    """The version of a row."""
    return CardVersion(
        card_id=row.card_id,
        version=row.version,
        effective_from=_utc(row.effective_from),
        items=_items(row.items),
        unsplit=Unsplit(row.unsplit),
        unpriced=Unpriced(row.unpriced),
        created_at=utc(row.created_at),
        author=row.author,
    )


def usage_row(one: Usage) -> dict[str, Any]:
    """The row of a usage."""
    counted = one.quantities
    return {
        "namespace": one.namespace,
        "id": one.id,
        "agent_id": one.agent_id,
        "conversation_id": one.conversation_id,
        "model": one.model,
        "provider": one.provider,
        "key": one.key,
        "source": one.source,
        "raw": one.raw,
        "content_hash": one.content_hash,
        "tokens": counted.tokens,
        "input_tokens": counted.input_tokens,
        "output_tokens": counted.output_tokens,
        "cached_tokens": counted.cached_tokens,
        "requests": counted.requests,
        "conversations": counted.conversations,
        "minutes": plain(counted.minutes),
        "estimated": counted.estimated,
        "served_at": one.served_at.timestamp(),
        "recorded_at": one.recorded_at.timestamp(),
        "period_id": one.period_id,
        "late": one.late,
        "rate_card_id": one.rate_card_id,
        "rate_card_version": one.rate_card_version,
        "lines": as_json(one.lines),
        "amount": plain(one.amount),
        "currency": one.currency,
        "provider_cost": _text(one.provider_cost),
        "price_source": one.price_source,
        "reported_cost": _text(one.reported_cost),
        "invoice_id": one.invoice_id,
    }


def usage_of(row: Row[Any]) -> Usage:
    """The usage of a row."""
    return Usage(
        namespace=row.namespace,
        id=row.id,
        agent_id=row.agent_id,
        conversation_id=row.conversation_id,
        model=row.model,
        provider=row.provider,
        key=row.key,
        source=row.source,
        raw=row.raw,
        content_hash=row.content_hash,
        quantities=Quantities(
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
            cached_tokens=row.cached_tokens,
            requests=row.requests,
            conversations=row.conversations,
            minutes=Decimal(row.minutes),
            estimated=bool(row.estimated),
        ),
        served_at=utc(row.served_at),
        recorded_at=utc(row.recorded_at),
        period_id=row.period_id,
        late=bool(row.late),
        rate_card_id=row.rate_card_id,
        rate_card_version=row.rate_card_version,
        lines=_lines(row.lines),
        amount=Decimal(row.amount),
        currency=row.currency,
        provider_cost=_decimal(row.provider_cost),
        price_source=row.price_source,
        reported_cost=_decimal(row.reported_cost),
        invoice_id=row.invoice_id,
    )


def budget_row(one: Budget) -> dict[str, Any]:
    """The row of a budget."""
    return {
        **msgspec.structs.asdict(one),
        "scope": one.scope.value,
        "limit": plain(one.limit),
        "period": one.period.value,
        "alert_at": as_json(one.alert_at),
        "spent": plain(one.spent),
        "alerted": as_json(one.alerted),
        "created_at": one.created_at.timestamp(),
    }


def budget_of(row: Row[Any]) -> Budget:
    """The budget of a row."""
    return Budget(
        namespace=row.namespace,
        id=row.id,
        scope=Scope(row.scope),
        agent_id=row.agent_id,
        limit=Decimal(row.limit),
        currency=row.currency,
        period=Window(row.period),
        hard=bool(row.hard),
        alert_at=_shares(row.alert_at),
        window=row.window,
        spent=Decimal(row.spent),
        alerted=_shares(row.alerted),
        exhausted=bool(row.exhausted),
        revision=row.revision,
        created_at=utc(row.created_at),
    )


def reservation_row(one: Reservation) -> dict[str, Any]:
    """The row of a reservation."""
    return {
        **msgspec.structs.asdict(one),
        "amount": plain(one.amount),
        "status": one.status.value,
        "created_at": one.created_at.timestamp(),
        "expires_at": one.expires_at.timestamp(),
    }


def reservation_of(row: Row[Any]) -> Reservation:
    """The reservation of a row; whether it has expired is for its reader to say."""
    return Reservation(
        namespace=row.namespace,
        id=row.id,
        agent_id=row.agent_id,
        amount=Decimal(row.amount),
        currency=row.currency,
        status=ReservationStatus(row.status),
        created_at=utc(row.created_at),
        expires_at=utc(row.expires_at),
        conversation_id=row.conversation_id,
        usage_id=row.usage_id,
    )


def _utc(seconds: float | None) -> datetime | None:
    return None if seconds is None else utc(seconds)


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
