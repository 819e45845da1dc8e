from __future__ import annotations

import base64
from decimal import Decimal

import pytest

from rollcall.billing.books_errors import WebhookRefused
from rollcall.billing.payments import PaymentStatus
from rollcall.billing.webhooks import check, read, secrets_of, signature
from rollcall.kernel.errors import InvalidInput

NOW = 1_614_265_330.0
KEY = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
SECRETS = {"acme": [KEY]}
BODY = b'{"test": 2432232314}'
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"


def headers(**changed: str) -> dict[str, str]:
    signed = signature(KEY, ID, "1614265330", BODY)
    found = {"webhook-id": ID, "webhook-timestamp": "1614265330", "webhook-signature": signed}
    return found | {name.replace("_", "-"): value for name, value in changed.items()}


def test_the_signature_is_that_of_the_standards_own_example() -> None:
    """The example of Standard Webhooks."""
    assert signature(KEY, ID, "1614265330", BODY) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_a_webhook_of_its_provider_is_let_in() -> None:
    assert check("acme", SECRETS, headers(), BODY, NOW) == ID


def test_one_of_several_signatures_is_enough() -> None:
    signed = f"v1,{base64.b64encode(b'x' * 32).decode()} {headers()['webhook-signature']}"
    assert check("acme", SECRETS, headers(webhook_signature=signed), BODY, NOW) == ID


def test_while_a_secret_is_changed_both_are_good() -> None:
    assert check("acme", {"acme": [b"n" * 24, KEY]}, headers(), BODY, NOW) == ID


@pytest.mark.parametrize(
    ("provider", "changed", "body", "now", "why"),
    [
        ("other", {}, BODY, NOW, "no secret"),
        ("acme", {"webhook_id": ""}, BODY, NOW, "webhook-id"),
        ("acme", {"webhook_id": "another"}, BODY, NOW, "fits none"),
        ("acme", {"webhook_timestamp": "soon"}, BODY, NOW, "webhook-timestamp"),
        ("acme", {}, BODY, NOW + 301, "off our time"),
        ("acme", {}, BODY, NOW - 301, "off our time"),
        ("acme", {}, BODY + b" ", NOW, "fits none"),
        ("acme", {"webhook_signature": ""}, BODY, NOW, "fits none"),
        ("acme", {"webhook_signature": "v2,abc ünicode"}, BODY, NOW, "fits none"),
    ],
)
def test_what_cannot_be_told_to_be_the_providers_is_refused(
    provider: str, changed: dict[str, str], body: bytes, now: float, why: str
) -> None:
    with pytest.raises(WebhookRefused, match=why):
        check(provider, SECRETS, headers(**changed), body, now)


def test_secrets_are_read_from_the_setting() -> None:
    text = "acme=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, acme=whsec_bmV3bmV3bmV3bmV3bmV3bmV3"
    assert secrets_of(text) == {"acme": [KEY, b"new" * 6]}
    assert secrets_of("") == {}


@pytest.mark.parametrize("text", ["acme", "acme=abc", "acme=whsec_c2hvcnQ=", "A B=whsec_x", "="])
def test_secrets_that_cannot_be_used_say_so(text: str) -> None:
    with pytest.raises(InvalidInput, match="webhook_secrets"):
        secrets_of(text)


def test_what_a_webhook_says_is_read() -> None:
    body = (
        b'{"type": "payment.completed", "extra": 1, "data": {"invoice_id": "inv_1",'
        b' "amount": "12.50", "currency": "USD", "transaction_id": "t1"}}'
    )
    told = read("m", body).told("acme")
    assert told.amount == Decimal("12.50")
    assert told.status is PaymentStatus.COMPLETED
    assert (told.provider, told.payment_method, told.transaction_id) == ("acme", "acme", "t1")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"type": "else", "data": {}}',
        b'{"type": "payment.completed", "data": {"invoice_id": "i", "transaction_id": "t"}}',
        b'{"type":"payment.failed","data":{"invoice_id":"","amount":1,"transaction_id":"t"}}',
        b'{"type":"payment.failed","data":{"invoice_id":"i","amount":"x","transaction_id":"t"}}',
    ],
)
def test_a_webhook_that_cannot_be_read_is_bad_input(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        read("m", body)
