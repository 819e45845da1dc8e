# SPDX-License-Identifier: Apache-2.0
"""A look at the books from outside of the service, which changes nothing there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, func, inspect, or_, select

from rollcall.billing.books_tables import ENTRIES, INVOICES
from rollcall.billing.ledger_accounts import Account

MOST: Final = 5
"""How many transactions are named."""


class Figures(NamedTuple):
    """How the books of all namespaces are.

    Args:
        invoices: By status, how many there are.
        unbalanced: How many transactions are damaged.
    """

    invoices: Mapping[str, int]
    unbalanced: int


def figures(connection: Connection) -> Figures:
    """How the books are."""
    status = INVOICES.c.status
    counted = select(status, func.count().label("number")).group_by(status)
    wrong = select(func.count()).select_from(_damaged().subquery())
    return Figures(
        {row.status: row.number for row in connection.execute(counted)},
        connection.execute(wrong).scalar_one(),
    )


def damaged(connection: Connection) -> Sequence[str] | None:
    """The ids of the first transactions that do not sum to zero, or name accounts that there are
    none of; None: there are no books here yet.
    """
    if not inspect(connection).has_table(ENTRIES.name):
        return None
    wanted = _damaged().order_by(ENTRIES.c.transaction_id).limit(MOST)
    return connection.execute(wanted).scalars().all()


def _damaged() -> Select[Any]:
    columns = ENTRIES.c
    strange = columns.account.not_in([one.value for one in Account])
    return (
        select(columns.transaction_id)
        .group_by(columns.namespace, columns.transaction_id)
        .having(or_(func.sum(columns.amount) != 0, func.count().filter(strange) > 0))
    )
