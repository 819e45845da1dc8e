# SPDX-License-Identifier: Apache-2.0
"""Budgets in USD: reserve before the work, settle what it really cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from rollcall.kernel.errors import RollcallError
from rollcall.kernel.money import Amount, non_negative


class BudgetExceeded(RollcallError):
    """A reservation would take a budget over its limit; nothing was reserved.

    Args:
        budget: The name of the budget that refused.
        limit: USD that it may spend.
        spent: USD that it has spent.
        reserved: USD that others hold reserved.
        asked: USD that this reservation asked for.
    """

    def __init__(
        self, budget: str, limit: Decimal, spent: Decimal, reserved: Decimal, asked: Decimal
    ) -> None:
        super().__init__(
            f"{budget}: {asked} USD asked for, with {spent} spent and {reserved} reserved"
            f" of {limit} USD"
        )
        self.budget = budget
        self.limit = limit
        self.spent = spent
        self.reserved = reserved
        self.asked = asked


class ReservationNotOpen(RollcallError):
    """The reservation was settled or released before, or belongs to another budget."""

    def __init__(self, budget: str, reservation: Reservation) -> None:
        super().__init__(
            f"{budget}: the reservation of {reservation.amount} USD is not open here;"
            " settle or release each reservation once, at the budget that granted it"
        )
        self.budget = budget
        self.reservation = reservation


@dataclass(frozen=True, slots=True, eq=False)
class Reservation:
    """A part of a budget kept for one piece of work. Two of the same amount are still two."""

    amount: Decimal


class Budget:
    """What may be spent, what is spent and what is promised, in USD (document 5).

    Whenever a reservation is granted, `spent + reserved <= limit` holds. A cost that turns out
    above its reservation is booked in full all the same, since it was incurred; then the budget
    may be over its limit, and grants nothing more.

    Args:
        limit: USD that may be spent; None means without limit, and the books are kept.
        name: What errors call the budget.

    Raises:
        InvalidInput: The limit is no amount, or negative.
    """

    def __init__(self, limit: Amount | None, name: str = "budget") -> None:
        self.name = name
        self._limit = None if limit is None else non_negative(limit, "limit")
        self._spent = Decimal(0)
        self._reserved = Decimal(0)
        self._open: set[Reservation] = set()

    @property
    def limit(self) -> Decimal | None:
        """USD that may be spent; None means without limit."""
        return self._limit

    @property
    def spent(self) -> Decimal:
        """USD settled so far."""
        return self._spent

    @property
    def reserved(self) -> Decimal:
        """USD in reservations that are neither settled nor released."""
        return self._reserved

    @property
    def available(self) -> Decimal | None:
        """USD that can be reserved now, at least 0; None means without limit."""
        if self._limit is None:
            return None
        return max(Decimal(0), self._limit - self._spent - self._reserved)

    def reserve(self, amount: Amount) -> Reservation:
        """Keep `amount` USD for one piece of work.

        Raises:
            BudgetExceeded: Less than that is left.
            InvalidInput: It is no amount, or negative.
        """
        asked = non_negative(amount)
        if self._limit is not None and self._spent + self._reserved + asked > self._limit:
            raise BudgetExceeded(self.name, self._limit, self._spent, self._reserved, asked)
        reservation = Reservation(asked)
        self._open.add(reservation)
        self._reserved += asked
        return reservation

    def settle(self, reservation: Reservation, actual: Amount) -> Decimal:
        """Book what the work cost, and give back the rest of its reservation.

        Returns:
            USD by which `actual` went above the reservation; 0 if it did not.

        Raises:
            ReservationNotOpen: It was settled or released before, or is another budget's.
            InvalidInput: `actual` is no amount, or negative; the reservation stays open.
        """
        cost = non_negative(actual, "actual")
        self.release(reservation)
        self._spent += cost
        return max(Decimal(0), cost - reservation.amount)

    def book(self, actual: Amount) -> None:
        """Book what was incurred without a reservation, also where that is above the limit.

        Raises:
            InvalidInput: It is no amount, or negative.
        """
        self._spent += non_negative(actual, "actual")

    def release(self, reservation: Reservation) -> None:
        """Give the whole reservation back: the work cost nothing.

        Raises:
            ReservationNotOpen: It was settled or released before, or is another budget's.
        """
        if reservation not in self._open:
            raise ReservationNotOpen(self.name, reservation)
        self._open.remove(reservation)
        self._reserved -= reservation.amount


def reserve_both(first: Budget, second: Budget, amount: Amount) -> tuple[Reservation, Reservation]:
    """Keep `amount` USD in both budgets (an agent's and its runtime's), or in neither.

    Raises:
        BudgetExceeded: One of them has less than that left; the error names it.
        InvalidInput: It is no amount, or negative.
    """
    held = first.reserve(amount)
    try:
        return held, second.reserve(amount)
    except BudgetExceeded:
        first.release(held)
        raise
