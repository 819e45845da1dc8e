"""What compares Rollcall's invoices and numbers with the reckoning: does it find what is wrong?"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from support.billed import TAX, cents, reckoned, wrong
from support.counted import differences, expected
from support.month import MONTH, Way, month
from support.reckoning import Invoice

USAGES = month(5, 300).usages
OWED = reckoned(USAGES, "2026-01")
TALKS = [one for one in USAGES if one.way is Way.EVENT]


def told(agent: str, invoice: Invoice) -> dict[str, Any]:
    """An invoice as HTTP shows it."""
    lines = [
        {
            "service_period": f"per_{key.month}",
            "rate_card_version": key.version,
            "unit": key.unit,
            "model": None if key.model == "*" else key.model,
            "tier": key.tier,
            "late": key.month != MONTH,
            "estimated": key.estimated,
            "quantity": str(line.quantity),
            "amount": cents(line.cents),
        }
        for key, line in invoice.lines.items()
    ]
    return {
        "agent_id": agent,
        "billing_period_id": f"per_{MONTH}",
        "lines": lines,
        "subtotal": cents(invoice.subtotal),
        "tax_amount": cents(invoice.tax(TAX)),
        "total_amount": cents(invoice.total(TAX)),
    }


INVOICES = [told(agent, one) for (of, agent), one in OWED.items() if of == MONTH]


def test_what_is_as_reckoned_has_no_fault() -> None:
    assert wrong(INVOICES, MONTH, OWED) == []


def _off_by_a_cent(invoices: list[Any]) -> None:
    invoices[0]["lines"][0]["amount"] += "1"


def _with_another_quantity(invoices: list[Any]) -> None:
    invoices[3]["lines"][-1]["quantity"] = "1"


def _without_a_line(invoices: list[Any]) -> None:
    del invoices[1]["lines"][0]


def _with_a_line_twice(invoices: list[Any]) -> None:
    invoices[2]["lines"].append(invoices[2]["lines"][0])


def _with_prices_of_the_wrong_version(invoices: list[Any]) -> None:
    invoices[0]["lines"][0]["rate_card_version"] += 1


def _with_a_line_that_is_not_late(invoices: list[Any]) -> None:
    invoices[4]["lines"][0]["late"] = True


def _with_other_tax(invoices: list[Any]) -> None:
    invoices[0]["tax_amount"] = "0.00"


def _without_an_invoice(invoices: list[Any]) -> None:
    del invoices[0]


def _with_an_invoice_twice(invoices: list[Any]) -> None:
    invoices.append(invoices[0])


@pytest.mark.parametrize(
    "spoil",
    [
        _off_by_a_cent,
        _with_another_quantity,
        _without_a_line,
        _with_a_line_twice,
        _with_prices_of_the_wrong_version,
        _with_a_line_that_is_not_late,
        _with_other_tax,
        _without_an_invoice,
        _with_an_invoice_twice,
    ],
)
def test_what_is_not_as_reckoned_is_found(spoil: Callable[[list[Any]], None]) -> None:
    spoilt = copy.deepcopy(INVOICES)
    spoil(spoilt)
    assert wrong(spoilt, MONTH, OWED)


def test_a_usage_that_is_charged_twice_is_found() -> None:
    twice = reckoned([*USAGES, USAGES[-20]], "2026-01")
    assert wrong(INVOICES, MONTH, twice)


@pytest.mark.parametrize("name", expected(TALKS))
def test_a_number_that_differs_is_found(name: str) -> None:
    numbers = expected(TALKS)
    assert not [*differences("stats", numbers, expected(TALKS))]
    del numbers[name]
    assert [*differences("stats", numbers, expected(TALKS))]
    assert [*differences("stats", {**numbers, name: 1}, expected(TALKS))]
