from __future__ import annotations

from typing import Any

import httpx
import pytest

from rollcall.kernel.caller import ADMIN, REGISTER, Caller
from rollcall.web.auth import OpenAccess
from support.books import Shop, problem, sent


async def test_an_invoice_is_made_sent_and_paid(small: Shop, client: httpx.AsyncClient) -> None:
    await small.use()
    answer = await client.post("/api/invoices/generate")
    (draft,) = answer.json()
    assert (answer.status_code, draft["status"], draft["number"]) == (200, "draft", None)
    assert (draft["subtotal"], draft["tax_amount"], draft["total_amount"]) == (
        "5.35",
        "0.43",
        "5.78",
    )
    path = f"/api/invoices/{draft['id']}"
    answer = await client.patch(f"{path}/status", json={"status": "sent"})
    assert (answer.json()["number"], answer.json()["amount_due"]) == ("INV-000001", "5.78")
    payment = {"invoice_id": draft["id"], "amount": "5.00", "payment_method": "card"}
    answer = await client.post("/api/payments", json=payment)
    assert (answer.status_code, answer.json()["status"]) == (201, "completed")
    answer = await client.patch(f"{path}/status", json={"status": "paid"})
    assert (answer.status_code, problem(answer)) == (409, "still-due")
    assert answer.json()["amount_due"] == "0.78"
    await client.post("/api/payments", json={**payment, "amount": 0.78})
    found = (await client.get(path)).json()
    assert (found["status"], found["amount_paid"], found["amount_due"]) == (
        "paid",
        "5.78",
        "0.00",
    )
    (line,) = [one for one in found["lines"] if one["unit"] == "output_token"]
    assert (line["quantity"], line["unit_price"], line["amount"]) == ("500", "0.0063", "3.15")
    usages = (await client.get(f"{path}/lines/{line['number']}/usages")).json()
    assert [one["amount"] for one in usages] == ["3.15"]
    report = (await client.get(f"{path}/verify")).json()
    assert (report["verified"], report["usages"]) == (True, 1)
    payments = (await client.get("/api/payments", params={"invoice_id": draft["id"]})).json()
    assert sorted(one["amount"] for one in payments) == ["0.78", "5.00"]
    assert (await client.get(f"/api/payments/{payments[0]['id']}")).json() == payments[0]


async def test_statuses_that_cannot_be_are_refused(small: Shop, client: httpx.AsyncClient) -> None:
    invoice = await sent(small, client)
    path = f"/api/invoices/{invoice['id']}/status"
    answer = await client.patch(path, json={"status": "forgotten"})
    assert (answer.status_code, problem(answer)) == (422, "invalid-input")
    answer = await client.patch(path, json={"status": "draft"})
    assert (answer.status_code, problem(answer)) == (409, "invoice-move-refused")
    assert answer.json()["allowed"] == ["paid", "void"]


@pytest.mark.parametrize("amount", ["-1.00", "0", "0.001", "NaN", "lots", 1e300, None, True])
async def test_amounts_that_nobody_pays_are_refused(
    small: Shop, client: httpx.AsyncClient, amount: Any
) -> None:
    invoice = await sent(small, client)
    body = {"invoice_id": invoice["id"], "amount": amount, "payment_method": "card"}
    answer = await client.post("/api/payments", json=body)
    assert (answer.status_code, problem(answer)) == (422, "invalid-input")


async def test_a_payment_is_idempotent(small: Shop, client: httpx.AsyncClient) -> None:
    invoice = await sent(small, client)
    body = {"invoice_id": invoice["id"], "amount": "1.00", "payment_method": "card"}
    key = {"Idempotency-Key": "k1"}
    first = await client.post("/api/payments", json=body, headers=key)
    again = await client.post("/api/payments", json={**body, "idempotency_key": "k1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    other = await client.post("/api/payments", json={**body, "amount": "2.00"}, headers=key)
    assert (other.status_code, problem(other)) == (409, "key-reused")
    path = f"/api/payments/{first.json()['id']}/refund"
    back = await client.post(path, json={"amount": "0.40"}, headers=key)
    assert (back.status_code, back.json()["refunded_amount"]) == (201, "0.40")
    assert (await client.post(path, json={"amount": "0.40"}, headers=key)).status_code == 200
    answer = await client.post(path, json={"amount": "0.61"})
    assert (answer.status_code, problem(answer)) == (409, "more-than-left")
    assert answer.json()["amount_left"] == "0.60"
    assert (await client.post(path)).json()["status"] == "refunded"


async def test_what_is_not_there_is_404(client: httpx.AsyncClient) -> None:
    for path, name in [
        ("/api/invoices/none", "invoice-not-found"),
        ("/api/invoices/none/pdf", "invoice-not-found"),
        ("/api/invoices/none/verify", "invoice-not-found"),
        ("/api/invoices/none/credit-notes", "invoice-not-found"),
        ("/api/invoices/none/lines/1/usages", "invoice-not-found"),
        ("/api/payments/none", "payment-not-found"),
    ]:
        answer = await client.get(path)
        assert (answer.status_code, problem(answer)) == (404, name)


async def test_lists_are_led_through_by_link(small: Shop, client: httpx.AsyncClient) -> None:
    for number in range(5):
        await small.use(f"agent-{number}")
    made = (await client.post("/api/invoices/generate", json={})).json()
    seen: list[str] = []
    url = "/api/invoices?limit=2"
    while url:
        answer = await client.get(url)
        seen += [one["id"] for one in answer.json()]
        url = answer.links.get("next", {}).get("url", "")
    assert sorted(seen) == sorted(one["id"] for one in made)
    assert len(set(seen)) == 5
    one = (await client.get("/api/invoices", params={"agent_id": "agent-3"})).json()
    assert [invoice["agent_id"] for invoice in one] == ["agent-3"]
    assert (await client.get("/api/invoices", params={"status": "paid"})).json() == []


async def test_the_usages_of_a_line_are_led_through_by_link(
    small: Shop, client: httpx.AsyncClient
) -> None:
    used = {(await small.use()).id for _ in range(5)}
    invoice = await sent(small, client)
    url, seen = f"/api/invoices/{invoice['id']}/lines/1/usages?limit=4", list[str]()
    while url:
        answer = await client.get(url)
        seen += [one["usage_id"] for one in answer.json()]
        url = answer.links.get("next", {}).get("url", "")
    assert len(seen) == 6
    assert used < set(seen)
    answer = await client.get(f"/api/invoices/{invoice['id']}/lines/99/usages")
    assert (answer.status_code, problem(answer)) == (404, "line-not-found")


async def test_credit_notes_take_back_and_the_ledger_balances(
    small: Shop, client: httpx.AsyncClient
) -> None:
    invoice = await sent(small, client)
    path = f"/api/invoices/{invoice['id']}/credit-notes"
    answer = await client.post(path, json={"amount": "1.08", "reason": "slow"})
    assert (answer.status_code, answer.json()["number"]) == (201, "CN-000001")
    answer = await client.post(path, json={"lines": [{"number": 3}], "reason": "wrong"})
    assert answer.json()["lines"] == [{"number": 3, "amount": "0.10"}]
    for body in ({"reason": "x"}, {"reason": "x", "amount": "1.00", "lines": [{"number": 1}]}):
        assert (await client.post(path, json=body)).status_code == 422
    assert len((await client.get(path)).json()) == 2
    ledger = (await client.get("/api/billing/ledger")).json()
    assert ledger["balanced"]
    assert {one["difference"] for one in ledger["trial_balance"]} == {"0.00"}
    (owed,) = [one for one in ledger["accounts"] if one["account"] == "receivable"]
    assert (owed["balance"], owed["normal"]) == ("4.59", "debit")
    entries = (await client.get("/api/billing/ledger/entries?limit=2")).json()
    assert len(entries) == 2
    assert all(one["act"] in ("credit_note", "invoice") for one in entries)


async def test_the_invoices_of_an_agent_with_the_longest_id_are_found(
    small: Shop, client: httpx.AsyncClient
) -> None:
    await small.use("a" * 256)
    await small.draft("a" * 256)
    found = await client.get("/api/invoices", params={"agent_id": "a" * 256})
    assert (found.status_code, len(found.json())) == (200, 1)


async def test_usage_is_reported_by_agent_model_and_day(
    small: Shop, client: httpx.AsyncClient
) -> None:
    await small.use("a")
    await small.use("=2+5")
    await small.use("a", model="other")
    report = (await client.get("/api/reports/usage")).json()
    assert [(one["key"], one["usages"], one["amount"]) for one in report["rows"]] == [
        ("=2+5", 1, "5.35"),
        ("a", 2, "10.70"),
    ]
    assert report["total"]["tokens"] == 4500
    days = (await client.get("/api/reports/usage?group_by=day&from=2026-11-01")).json()
    assert [one["key"] for one in days["rows"]] == [f"2026-11-{day:02}" for day in range(1, 11)]
    assert [one["usages"] for one in days["rows"]] == [0] * 9 + [3]
    models = (await client.get("/api/reports/usage?group_by=model")).json()
    assert [one["key"] for one in models["rows"]] == ["gpt-5-mini", "other"]
    answer = await client.get("/api/reports/usage?format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    head, formula, *_, total = answer.text.splitlines()
    assert head.startswith("agent,usages,tokens")
    assert formula.startswith("'=2+5,1")
    assert total.startswith("total,3,4500")
    assert (await client.get("/api/reports/usage?from=2026-12-01")).status_code == 422


async def test_the_summary_of_billing_says_what_is_outstanding(
    small: Shop, client: httpx.AsyncClient
) -> None:
    await sent(small, client)
    assert (await client.get("/api/billing")).json()["outstanding"] == "5.78"


class As(OpenAccess):
    """Everybody is somebody of a namespace who has one scope."""

    def __init__(self, namespace: str, scope: str) -> None:
        super().__init__()
        self._someone = Caller("key:1", namespace, frozenset({scope}))

    async def identify(self, *arguments: Any, **more: Any) -> Caller:
        return self._someone

    def recall(self, *arguments: Any, **more: Any) -> None:
        return None


async def test_an_agents_own_key_moves_no_money_and_other_namespaces_see_none(
    small: Shop, client: httpx.AsyncClient
) -> None:
    invoice = await sent(small, client)
    path = f"/api/invoices/{invoice['id']}"
    payment = {"invoice_id": invoice["id"], "amount": "1.00", "payment_method": "card"}

    async with small.client(As("default", REGISTER)) as agent:
        assert (await agent.get(path)).status_code == 200
        for answer in (
            await agent.post("/api/payments", json=payment),
            await agent.post("/api/invoices/generate", json={}),
            await agent.patch(f"{path}/status", json={"status": "void"}),
            await agent.post(f"{path}/credit-notes", json={"amount": "1.00", "reason": "x"}),
        ):
            assert (answer.status_code, problem(answer)) == (403, "not-permitted")
    async with small.client(As("zoo", ADMIN)) as other:
        assert (await other.get(path)).status_code == 404
        assert (await other.get("/api/invoices")).json() == []
        assert (await other.get("/api/billing/ledger")).json()["accounts"] == []
        assert (await other.post("/api/payments", json=payment)).status_code == 404
