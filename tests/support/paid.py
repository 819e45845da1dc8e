"""Payments of invoices, and what the books must say after them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import httpx

from support.billed import TAX, cents
from support.reckoning import Invoice

HABITS: Final[Sequence[Sequence[Fraction]]] = (
    (Fraction(1),),
    (Fraction(1, 3), Fraction(2, 3)),
    (Fraction(1, 2),),
    (Fraction(3, 2),),
    (),
)
"""How customers pay: which parts of the total, one after the other."""


def pay(http: httpx.Client, invoices: Iterable[Any], owed: Mapping[str, Invoice]) -> list[str]:
    """Pay invoices, each as its customer does, and every payment twice under its key.

    Args:
        invoices: As they were sent.
        owed: By agent what they are reckoned to be.

    Returns:
        What was answered wrongly.
    """
    faults: list[str] = []
    for invoice in invoices:
        due = total = owed[invoice["agent_id"]].total(TAX)
        for number, part in enumerate(payments(invoice["agent_id"], total)):
            body = {
                "invoice_id": invoice["id"],
                "amount": cents(part),
                "payment_method": "bank_transfer",
                "idempotency_key": f"{invoice['id']}-{number}",
            }
            answers = [http.post("/api/payments", json=body) for _ in range(2)]
            if [one.status_code for one in answers] != [201, 200]:
                faults.append(f"{body}: {[one.text for one in answers]}")
            due = max(0, due - part)
        found = http.get(f"/api/invoices/{invoice['id']}").json()
        status = "sent" if due or not total else "paid"
        if (found["amount_due"], found["status"]) != (cents(due), status):
            faults.append(f"{found['number']} is {found['status']}, {found['amount_due']} due")
    return faults


def payments(agent: str, total: int) -> list[int]:
    """What a customer pays of a total, in cents."""
    habit = HABITS[int(agent.rpartition("-")[2]) % len(HABITS)]
    parts = [int(total * part) for part in habit]
    if sum(habit) == 1:
        parts[-1] = total - sum(parts[:-1])
    return [part for part in parts if part]


def unbalanced(http: httpx.Client, owed: Mapping[tuple[str, str], Invoice]) -> list[str]:
    """What the books say otherwise than what was invoiced and paid."""
    books: Counter[str] = Counter()
    for (_, agent), invoice in owed.items():
        total = invoice.total(TAX)
        paid = sum(payments(agent, total))
        books["receivable"] += total - min(paid, total)
        books["cash"] += paid
        # Debits are positive.
        books["customer_credit"] -= paid - min(paid, total)
        books["revenue"] -= invoice.subtotal
        books["tax_payable"] -= invoice.tax(TAX)
    said = http.get("/api/billing/ledger").raise_for_status().json()
    balances = {one["account"]: one["balance"] for one in said["accounts"]}
    wrong = [
        f"{account} is {balances.get(account)}, not {amount} cents"
        for account, amount in books.items()
        if Decimal(balances.get(account, "0")) * 100 != amount
    ]
    (trial,) = said["trial_balance"]
    if not said["balanced"] or Decimal(trial["difference"]):
        wrong.append(f"the books do not balance: {trial}")
    return wrong


def unverified(http: httpx.Client, invoices: Iterable[Any]) -> list[str]:
    """What `verify` finds."""
    found: list[str] = []
    for one in invoices:
        report = http.get(f"/api/invoices/{one['id']}/verify").raise_for_status().json()
        if not report["verified"] or report["usages"] != one["usages"]:
            found.append(str(report))
    return found
