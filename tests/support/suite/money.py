"""Billing (document 4): what is used is invoiced to the cent, paid, and can be worked out again."""

from __future__ import annotations

from decimal import Decimal

from support.suite.asking import Asking, soon

USAGES = 3


def what_was_used_is_invoiced_paid_and_verified(us: Asking) -> None:
    agent, card = us.name("customer"), us.name("flat")
    us.post("gateway", "/api/agents", {"id": agent, "name": "Customer"})
    soon(lambda: us.send("GET", "billing", f"/api/usage/agent/{agent}").is_success)
    items = [{"unit": "request", "price": "12.50"}]
    us.post("gateway", "/api/pricing/rate-cards", {"id": card, "name": card, "items": items})
    place = f"/api/pricing/assignments/agents/{agent}"
    us.send("PUT", "gateway", place, body={"rate_card_id": card}).raise_for_status()

    for number in range(USAGES):
        used = {"agent_id": agent, "tokens_used": 10, "idempotency_key": f"{agent}-{number}"}
        # Told at any instance, and told again, it is one usage.
        answers = [us.send("POST", "gateway", "/api/usage", body=used) for _ in range(2)]
        assert [one.status_code for one in answers] == [201, 200]
        assert Decimal(answers[0].json()["amount"]) == Decimal("12.5")
    other = {**used, "tokens_used": 11}
    assert us.send("POST", "gateway", "/api/usage", body=other).status_code == 409

    period = us.get("gateway", "/api/billing/periods/current")["id"]
    asked = {"billing_period_id": period, "agent_id": agent}
    (draft,) = us.post("gateway", "/api/invoices/generate", asked)
    assert (draft["subtotal"], draft["tax_amount"], draft["total_amount"]) == (
        "37.50",
        "3.00",
        "40.50",
    )
    place = f"/api/invoices/{draft['id']}"
    sent = us.patch("gateway", f"{place}/status", {"status": "sent"})
    assert sent["number"]
    for number, amount in enumerate(("13.50", "27.00")):
        paid = {"invoice_id": draft["id"], "amount": amount, "payment_method": "bank_transfer"}
        us.post("gateway", "/api/payments", {**paid, "idempotency_key": f"{agent}-paid-{number}"})
    found = us.get("gateway", place)
    assert (found["status"], found["amount_due"]) == ("paid", "0.00")
    report = us.rollcall("billing", "verify", sent["number"], "--url", us.house.gateway)
    assert (report["verified"], report["usages"]) == (True, USAGES)
    books = us.get("gateway", "/api/billing/ledger")
    assert books["balanced"]
