from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.billing.ledger import (
    Act,
    Entry,
    Standing,
    Transaction,
    Unbalanced,
    balances,
    credited,
    invoiced,
    moved,
    paid,
    paid_out,
    refunded,
)
from rollcall.billing.ledger_accounts import Account

UNITS = st.integers(0, 10**12)
NETS = st.integers(-(10**12), 10**12)


def sums(entries: tuple[Entry, ...]) -> dict[Account, int]:
    found: dict[Account, int] = {}
    for one in entries:
        found[one.account] = found.get(one.account, 0) + one.amount
    return found


def transaction(*entries: Entry) -> Transaction:
    return Transaction(
        namespace="n",
        id="txn_1",
        act=Act.PAYMENT,
        invoice_id="inv_1",
        reference="pay_1",
        currency="USD",
        at=datetime(2026, 11, 1, tzinfo=UTC),
        entries=entries,
    )


def test_entries_that_do_not_balance_make_no_transaction() -> None:
    with pytest.raises(Unbalanced, match="sum to 1, not to zero"):
        transaction(Entry(Account.CASH, 100), Entry(Account.RECEIVABLE, -99))


def test_an_invoice_is_owed_and_splits_into_revenue_and_tax() -> None:
    assert sums(invoiced(1000, 80)) == {
        Account.RECEIVABLE: 1080,
        Account.REVENUE: -1000,
        Account.TAX_PAYABLE: -80,
    }


def test_an_overpayment_becomes_the_customers_credit() -> None:
    assert sums(paid(1080, 2000)) == {
        Account.CASH: 2000,
        Account.RECEIVABLE: -1080,
        Account.CUSTOMER_CREDIT: -920,
    }


def test_a_refund_takes_the_credit_first_and_then_makes_the_invoice_owed_again() -> None:
    assert sums(refunded(-920, 2000)) == {
        Account.CUSTOMER_CREDIT: 920,
        Account.RECEIVABLE: 1080,
        Account.REFUNDS_PAYABLE: -2000,
    }


def test_entries_of_nothing_are_left_out() -> None:
    assert invoiced(1000, 0) == (
        Entry(Account.RECEIVABLE, 1000),
        Entry(Account.REVENUE, -1000),
    )


@given(NETS, NETS)
def test_moving_a_net_moves_receivable_and_credit_by_as_much(before: int, after: int) -> None:
    assert sum(one.amount for one in moved(before, after)) == after - before


@given(NETS, UNITS, UNITS)
def test_whatever_happens_the_entries_balance(net: int, one: int, two: int) -> None:
    for entries in (
        invoiced(one, two),
        credited(net, one, two),
        paid(net, one),
        refunded(net, one),
        paid_out(one),
    ):
        assert not sum(entry.amount for entry in entries)


@given(UNITS, st.lists(st.tuples(st.sampled_from(["pay", "refund", "credit"]), UNITS)))
def test_the_ledgers_balances_are_the_invoices_standing(
    total: int, acts: list[tuple[str, int]]
) -> None:
    standing = {"total": total, "credited": 0, "paid": 0, "refunded": 0}
    written = [transaction(*invoiced(total, 0))]
    net = total
    for act, units in acts:
        if act == "pay":
            written.append(transaction(*paid(net, units)))
            standing["paid"] += units
            net -= units
        elif act == "refund":
            written.append(transaction(*refunded(net, units)))
            standing["refunded"] += units
            net += units
        else:
            written.append(transaction(*credited(net, units, 0)))
            standing["credited"] += units
            net -= units
    found = balances(written)
    wanted = Standing(**standing)
    assert wanted.net == net
    assert found.get(("USD", Account.RECEIVABLE), 0) == wanted.due
    assert found.get(("USD", Account.CUSTOMER_CREDIT), 0) == -wanted.credit
    assert not sum(found.values())
