from __future__ import annotations

import json

import httpx

from rollcall.billing.webhooks import signature
from support.books import SECRET, Shop, problem, sent


def webhook(body: bytes, at: float, id_: str = "msg_1", key: bytes = SECRET) -> dict[str, str]:
    timestamp = str(int(at))
    return {
        "webhook-id": id_,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(key, id_, timestamp, body),
        "content-type": "application/json",
    }


def said(
    invoice_id: str, type_: str = "payment.completed", amount: str = "5.78", **more: str
) -> bytes:
    data = {"invoice_id": invoice_id, "amount": amount, "transaction_id": "t1", **more}
    return json.dumps({"type": type_, "data": data}).encode()


async def test_a_providers_webhook_pays_once_however_often_it_comes(
    small: Shop, client: httpx.AsyncClient
) -> None:
    invoice = await sent(small, client)
    path, now = "/api/payments/webhooks/acme", small.clock.now()
    for id_, type_, status in [
        ("msg_1", "payment.pending", "recorded"),
        ("msg_2", "payment.completed", "recorded"),
        ("msg_2", "payment.completed", "known"),
        ("msg_3", "payment.completed", "recorded"),
    ]:
        body = said(invoice["id"], type_)
        answer = await client.post(path, content=body, headers=webhook(body, now, id_))
        assert (answer.status_code, answer.json()) == (200, {"status": status})
    (payment,) = (await client.get("/api/payments")).json()
    assert (payment["status"], payment["provider"]) == ("completed", "acme")
    assert (await client.get(f"/api/invoices/{invoice['id']}")).json()["status"] == "paid"
    body = said(invoice["id"], "payment.refunded", "1.00")
    await client.post(path, content=body, headers=webhook(body, now, "msg_4"))
    (payment,) = (await client.get("/api/payments")).json()
    assert payment["refunded_amount"] == "1.00"


async def heard(shop: Shop, client: httpx.AsyncClient, id_: str, body: bytes) -> httpx.Response:
    """The answer to a webhook that is sent now."""
    headers = webhook(body, shop.clock.now(), id_)
    return await client.post("/api/payments/webhooks/acme", content=body, headers=headers)


async def test_a_webhook_that_is_sent_again_days_later_refunds_once(
    small: Shop, client: httpx.AsyncClient
) -> None:
    invoice = await sent(small, client)
    await heard(small, client, "msg_1", said(invoice["id"]))
    refund = said(invoice["id"], "payment.refunded", "1.00")
    await heard(small, client, "msg_2", refund)
    # Who sends it again signs anew, with the time of the attempt; others send theirs meanwhile.
    for hours in (1, 24, 96):
        await small.clock.advance(hours * 3600)
        await heard(small, client, f"msg_other_{hours}", said(invoice["id"]))
        answer = await heard(small, client, "msg_2", refund)
        assert (answer.status_code, answer.json()) == (200, {"status": "known"})
    (payment,) = (await client.get("/api/payments")).json()
    assert payment["refunded_amount"] == "1.00"


async def test_a_refund_that_is_told_before_its_payment_is_heard_when_it_comes_again(
    small: Shop, client: httpx.AsyncClient
) -> None:
    invoice = await sent(small, client)
    refund = said(invoice["id"], "payment.refunded", "1.00")
    assert (await heard(small, client, "msg_3", refund)).status_code == 404
    await heard(small, client, "msg_1", said(invoice["id"], "payment.pending"))
    answer = await heard(small, client, "msg_3", refund)
    assert (answer.status_code, problem(answer)) == (409, "more-than-left")
    await heard(small, client, "msg_2", said(invoice["id"]))
    answer = await heard(small, client, "msg_3", refund)
    assert (answer.status_code, answer.json()) == (200, {"status": "recorded"})
    (payment,) = (await client.get("/api/payments")).json()
    assert payment["refunded_amount"] == "1.00"


async def test_a_refund_with_an_id_is_one_however_it_is_told(
    small: Shop, client: httpx.AsyncClient
) -> None:
    invoice = await sent(small, client)
    await heard(small, client, "msg_1", said(invoice["id"]))
    (payment,) = (await client.get("/api/payments")).json()
    path, asked = f"/api/payments/{payment['id']}/refund", {"amount": "1.00"}
    by_api = await client.post(path, json=asked, headers={"Idempotency-Key": "re_1"})
    assert by_api.status_code == 201

    first = said(invoice["id"], "payment.refunded", "1.00", refund_id="re_1")
    second = said(invoice["id"], "payment.refunded", "1.00", refund_id="re_2")
    for number, body in enumerate((first, second, second, first), 2):
        assert (await heard(small, client, f"msg_{number}", body)).status_code == 200
    again = await client.post(path, json=asked, headers={"Idempotency-Key": "re_2"})
    other = said(invoice["id"], "payment.refunded", "2.00", refund_id="re_1")
    refused = await heard(small, client, "msg_9", other)

    assert again.status_code == 200
    assert (refused.status_code, problem(refused)) == (409, "key-reused")
    (payment,) = (await client.get("/api/payments")).json()
    assert payment["refunded_amount"] == "2.00"


async def test_a_refund_of_another_invoice_or_currency_than_its_payment_is_refused(
    small: Shop, client: httpx.AsyncClient
) -> None:
    paid = await sent(small, client)
    await heard(small, client, "msg_1", said(paid["id"]))
    await small.use("other")
    other = await small.sent("other")
    answer = await heard(small, client, "msg_2", said(other.id, "payment.refunded", "1.00"))
    assert (answer.status_code, problem(answer)) == (409, "key-reused")
    body = said(paid["id"], "payment.refunded", "1.00", currency="EUR")
    answer = await heard(small, client, "msg_3", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "currency")
    (payment,) = (await client.get("/api/payments")).json()
    assert payment["refunded_amount"] == "0.00"


async def test_a_webhook_that_is_not_the_providers_changes_nothing(
    small: Shop, client: httpx.AsyncClient
) -> None:
    invoice = await sent(small, client)
    body, now = said(invoice["id"]), small.clock.now()
    for path, headers in [
        ("/api/payments/webhooks/acme", webhook(body, now, key=b"somebody else's")),
        ("/api/payments/webhooks/acme", webhook(body, now - 400)),
        ("/api/payments/webhooks/acme", {}),
        ("/api/payments/webhooks/nobody", webhook(body, now)),
    ]:
        answer = await client.post(path, content=body, headers=headers)
        assert (answer.status_code, problem(answer)) == (403, "webhook-refused")
    assert (await client.get("/api/payments")).json() == []


async def test_a_webhook_of_a_void_invoice_is_the_customers_credit(
    small: Shop, client: httpx.AsyncClient
) -> None:
    invoice = await sent(small, client)
    await client.patch(f"/api/invoices/{invoice['id']}/status", json={"status": "void"})
    body = said(invoice["id"])
    headers = webhook(body, small.clock.now())
    assert (
        await client.post("/api/payments/webhooks/acme", content=body, headers=headers)
    ).is_success
    found = (await client.get(f"/api/invoices/{invoice['id']}")).json()
    assert (found["status"], found["customer_credit"]) == ("void", "5.78")
