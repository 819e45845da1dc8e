# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from rollcall.kernel.errors import InvalidInput
from rollcall.policies.budget import (
    Budget,
    BudgetExceeded,
    Reservation,
    ReservationNotOpen,
    reserve_both,
)


def test_what_is_reserved_is_not_available_to_others() -> None:
    budget = Budget(1.0)
    budget.reserve("0.7")
    with pytest.raises(BudgetExceeded):
        budget.reserve("0.31")
    budget.reserve("0.3")
    assert budget.available == 0


def test_ten_floats_of_a_tenth_fill_a_budget_of_one_exactly() -> None:
    budget = Budget(1.0)
    for _ in range(10):
        budget.settle(budget.reserve(0.1), 0.1)
    assert budget.spent == Decimal("1.0")
    assert budget.available == 0


def test_settling_below_the_reservation_gives_the_rest_back() -> None:
    budget = Budget("1")
    assert budget.settle(budget.reserve("0.8"), "0.25") == 0
    assert (budget.spent, budget.reserved, budget.available) == (
        Decimal("0.25"),
        0,
        Decimal("0.75"),
    )


def test_a_cost_above_the_reservation_is_booked_in_full_and_reported() -> None:
    budget = Budget("1")
    assert budget.settle(budget.reserve("0.9"), "1.2") == Decimal("0.3")
    assert budget.spent == Decimal("1.2")
    assert budget.available == 0
    with pytest.raises(BudgetExceeded):
        budget.reserve(0)


def test_a_cost_without_a_reservation_is_booked_in_full() -> None:
    budget = Budget("1")
    budget.reserve("0.9")
    budget.book("0.4")
    assert (budget.spent, budget.reserved, budget.available) == (Decimal("0.4"), Decimal("0.9"), 0)
    with pytest.raises(InvalidInput):
        budget.book(-1)


def test_releasing_gives_all_of_it_back() -> None:
    budget = Budget("1")
    budget.release(budget.reserve("1"))
    assert (budget.spent, budget.reserved, budget.available) == (0, 0, 1)


def test_the_refusal_says_all_that_led_to_it() -> None:
    budget = Budget("1.00", name="agent_1")
    budget.settle(budget.reserve("0.5"), "0.5")
    budget.reserve("0.25")
    with pytest.raises(BudgetExceeded) as refused:
        budget.reserve("0.26")
    error = refused.value
    assert (error.budget, error.limit, error.spent, error.reserved, error.asked) == (
        "agent_1",
        Decimal(1),
        Decimal("0.5"),
        Decimal("0.25"),
        Decimal("0.26"),
    )
    assert str(error) == (
        "agent_1: 0.26 USD asked for, with 0.5 spent and 0.25 reserved of 1.00 USD"
    )


def test_without_a_limit_everything_is_granted_and_booked() -> None:
    budget = Budget(None)
    budget.settle(budget.reserve(10**12), "0.01")
    assert budget.limit is None
    assert budget.available is None
    assert budget.spent == Decimal("0.01")


def test_a_limit_of_zero_grants_only_what_costs_nothing() -> None:
    budget = Budget(0)
    budget.settle(budget.reserve(0), 0)
    with pytest.raises(BudgetExceeded):
        budget.reserve("0.000000000001")


def close_by_settling(budget: Budget, reservation: Reservation) -> None:
    budget.settle(reservation, 0)


@pytest.mark.parametrize("first", [close_by_settling, Budget.release])
@pytest.mark.parametrize("second", [close_by_settling, Budget.release])
def test_a_reservation_ends_once(first: Any, second: Any) -> None:
    budget = Budget("1")
    reservation = budget.reserve("0.5")
    first(budget, reservation)
    with pytest.raises(ReservationNotOpen) as refused:
        second(budget, reservation)
    assert refused.value.reservation is reservation
    assert (budget.spent, budget.reserved) == (0, 0)


def test_a_reservation_ends_only_where_it_was_made() -> None:
    mine, yours = Budget("1"), Budget("1")
    mine.reserve("0.5")
    with pytest.raises(ReservationNotOpen):
        mine.release(yours.reserve("0.5"))
    assert mine.reserved == Decimal("0.5")


@pytest.mark.parametrize("amount", [-1, "nan", "much", None])
def test_a_wrong_amount_leaves_the_books_as_they_were(amount: Any) -> None:
    budget = Budget("1")
    reservation = budget.reserve("0.5")
    with pytest.raises(InvalidInput):
        budget.reserve(amount)
    with pytest.raises(InvalidInput):
        budget.settle(reservation, amount)
    assert (budget.spent, budget.reserved) == (0, Decimal("0.5"))
    budget.settle(reservation, "0.5")


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(InvalidInput, match="limit"):
        Budget(-1)


@pytest.mark.parametrize(("limits", "refuses"), [(("1", "0.4"), 1), (("0.4", "1"), 0)])
def test_two_budgets_reserve_both_or_neither(limits: tuple[str, str], refuses: int) -> None:
    budgets = [Budget(limit, name=str(place)) for place, limit in enumerate(limits)]
    with pytest.raises(BudgetExceeded) as refused:
        reserve_both(*budgets, "0.5")
    assert refused.value.budget == str(refuses)
    assert [budget.reserved for budget in budgets] == [0, 0]
    held = reserve_both(*budgets, "0.4")
    assert [budget.reserved for budget in budgets] == [Decimal("0.4")] * 2
    for budget, reservation in zip(budgets, held, strict=True):
        budget.settle(reservation, "0.3")
    assert [budget.spent for budget in budgets] == [Decimal("0.3")] * 2


def test_the_same_budget_twice_is_charged_twice_or_not_at_all() -> None:
    budget = Budget("1")
    with pytest.raises(BudgetExceeded):
        reserve_both(budget, budget, "0.6")
    assert budget.reserved == 0
    reserve_both(budget, budget, "0.5")
    assert budget.reserved == 1


# Millionths as whole numbers: the model adds in integers, where nothing can be rounded.
MILLIONTHS = st.integers(0, 2_000_000)


def usd(millionths: int) -> Decimal:
    return Decimal(millionths).scaleb(-6)


class Books(RuleBasedStateMachine):
    """An agent's budget and its runtime's, against two sums kept in integers."""

    still_open = Bundle("still_open")
    ended = Bundle("ended")

    @initialize(agent=MILLIONTHS, runtime=st.none() | MILLIONTHS)
    def begin(self, agent: int, runtime: int | None) -> None:
        self.limits = [agent, runtime]
        self.budgets = [
            Budget(usd(agent)),
            Budget(None if runtime is None else usd(runtime)),
        ]
        self.spent = 0
        self.reserved = 0

    @rule(target=still_open, amount=MILLIONTHS)
    def reserve(self, amount: int) -> Any:
        total = self.spent + self.reserved + amount
        fits = all(limit is None or total <= limit for limit in self.limits)
        try:
            held = reserve_both(*self.budgets, usd(amount))
        except BudgetExceeded:
            assert not fits
            return multiple()
        assert fits
        self.reserved += amount
        return held, amount

    @rule(target=ended, held=consumes(still_open), actual=MILLIONTHS)
    def settle(self, held: tuple[tuple[Reservation, Reservation], int], actual: int) -> Any:
        reservations, amount = held
        over = [
            budget.settle(one, usd(actual))
            for budget, one in zip(self.budgets, reservations, strict=True)
        ]
        assert over == [usd(max(0, actual - amount))] * 2
        self.reserved -= amount
        self.spent += actual
        return reservations

    @rule(target=ended, held=consumes(still_open))
    def release(self, held: tuple[tuple[Reservation, Reservation], int]) -> Any:
        reservations, amount = held
        for budget, one in zip(self.budgets, reservations, strict=True):
            budget.release(one)
        self.reserved -= amount
        return reservations

    @rule(reservations=ended, settle=st.booleans())
    def close_again(self, reservations: tuple[Reservation, Reservation], settle: bool) -> None:
        for budget, one in zip(self.budgets, reservations, strict=True):
            with pytest.raises(ReservationNotOpen):
                budget.settle(one, 1) if settle else budget.release(one)

    @invariant()
    def the_books_add_up(self) -> None:
        for budget, limit in zip(self.budgets, self.limits, strict=True):
            assert budget.spent == usd(self.spent)
            assert budget.reserved == usd(self.reserved)
            if limit is None:
                assert budget.available is None
            else:
                assert budget.available == usd(max(0, limit - self.spent - self.reserved))


TestBooks = Books.TestCase
