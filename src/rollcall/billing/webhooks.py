# SPDX-License-Identifier: Apache-2.0
"""Webhooks of payment providers: who sent them, and what they say. Pure.

Signatures are those of Standard Webhooks
(<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>):
HMAC-SHA256 over id, timestamp and body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from rollcall.billing.books_errors import WebhookRefused
from rollcall.billing.payments import PaymentStatus, Told
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.money import money

TOLERANCE: Final = 300.0
"""Seconds by which a webhook's time may differ from ours."""
REMEMBERED: Final = 30 * 86_400.0
"""Seconds for which it is known that a webhook came. Providers send one again for days where they
had no answer: under its id, but signed anew, with the time of the attempt.
"""
PREFIX: Final = "whsec_"
MAX_ID: Final = 200

_PROVIDER: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_KINDS: Final = {
    "payment.completed": PaymentStatus.COMPLETED,
    "payment.pending": PaymentStatus.PENDING,
    "payment.failed": PaymentStatus.FAILED,
    "payment.refunded": PaymentStatus.REFUNDED,
}

Secrets = Mapping[str, Sequence[bytes]]
"""By provider, the keys that it may sign with: several while they are being changed."""


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook says of a payment.

    Args:
        refund_id: The provider's id of the refund that it tells of: one id is one refund, also
            where it was the `Idempotency-Key` of a refund by the API.
    """

    invoice_id: str
    amount: str | int | None = None
    currency: str | None = None
    transaction_id: str
    refund_id: str | None = None
    payment_method: str | None = None


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook's body."""

    type: Literal["payment.completed", "payment.pending", "payment.failed", "payment.refunded"]
    data: Data


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider tells, once it is known that it does."""

    id: str
    invoice_id: str
    status: PaymentStatus
    amount: Decimal
    currency: str | None
    transaction_id: str
    refund_id: str | None
    payment_method: str | None

    def told(self, provider: str) -> Told:
        """The payment that it tells of."""
        return Told(
            invoice_id=self.invoice_id,
            amount=self.amount,
            payment_method=self.payment_method or provider,
            currency=self.currency,
            provider=provider,
            transaction_id=self.transaction_id,
            status=self.status,
        )


def secrets_of(setting: str) -> Secrets:
    """The secrets of a setting such as `stripe=whsec_...,adyen=whsec_...`; a provider that is
    there twice may sign with either.

    Raises:
        InvalidInput: It cannot be read.
    """
    found: dict[str, list[bytes]] = {}
    for part in filter(None, (one.strip() for one in setting.split(","))):
        provider, _, secret = part.partition("=")
        if _PROVIDER.fullmatch(provider) is None:
            raise InvalidInput("webhook_secrets", "must be like provider=whsec_...")
        try:
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not secret.startswith(PREFIX) or len(key) < 16:
            raise InvalidInput(
                "webhook_secrets",
                f"the secret of {provider} must be {PREFIX} and at least 16 bytes in base64",
            )
        found.setdefault(provider, []).append(key)
    return found


def signature(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> str:
    """The signature of a webhook, as its header has it."""
    signed = b".".join((webhook_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def check(
    provider: str, secrets: Secrets, headers: Mapping[str, str], body: bytes, now: float
) -> str:
    """See that a webhook comes from its provider, and now; the webhook's id.

    Args:
        headers: By names in lower case.
        now: Seconds since the epoch.

    Raises:
        WebhookRefused: It does not, or nobody can tell.
    """
    keys = secrets.get(provider)
    if not keys:
        raise WebhookRefused(provider, "no secret of this provider is set: nobody can check it")
    webhook_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not webhook_id or len(webhook_id) > MAX_ID or not webhook_id.isprintable():
        raise WebhookRefused(provider, "webhook-id is missing or cannot be used")
    if _TIMESTAMP.fullmatch(timestamp) is None:
        raise WebhookRefused(provider, "webhook-timestamp must be seconds since the epoch")
    if abs(now - int(timestamp)) > TOLERANCE:
        raise WebhookRefused(provider, f"it is more than {TOLERANCE:.0f} s off our time")
    shown = headers.get("webhook-signature", "").encode("ascii", "replace").split()
    wanted = [signature(key, webhook_id, timestamp, body).encode() for key in keys]
    # All pairs are compared: how long it takes says nothing of which was nearly right.
    if not sum(hmac.compare_digest(one, right) for one in shown[:10] for right in wanted):
        raise WebhookRefused(provider, "webhook-signature fits none of its secrets")
    return webhook_id


def read(webhook_id: str, body: bytes) -> Notice:
    """What a webhook says, once `check` knows who sent it.

    Raises:
        InvalidInput: It cannot be read.
    """
    try:
        found = msgspec.json.decode(body, type=Body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidInput("body", f"is no webhook of a payment: {error}") from error
    data = found.data
    status = _KINDS[found.type]
    if data.amount is None:
        raise InvalidInput("data.amount", "must be given")
    for field in ("invoice_id", "transaction_id", "refund_id", "payment_method"):
        _check(f"data.{field}", getattr(data, field))
    return Notice(
        id=webhook_id,
        invoice_id=data.invoice_id,
        status=status,
        amount=money(data.amount, "data.amount"),
        currency=data.currency,
        transaction_id=data.transaction_id,
        refund_id=data.refund_id,
        payment_method=data.payment_method,
    )


def _check(field: str, value: Any) -> None:
    if value is not None and not (0 < len(value) <= MAX_ID and value.isprintable()):
        raise InvalidInput(field, f"must be 1 to {MAX_ID} printable characters")
