# SPDX-License-Identifier: Apache-2.0
"""A look at the books from outside of the service, which changes nothing there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, func, inspect, or_, select

from rollcall.billing.books_tables import ENTRIES
from rollcall.billing.ledger_accounts import Account

MOST: Final = 5
"""How many transactions are named."""


def damaged(connection: Connection) -> Sequence[str] | None:
    """The ids of the first transactions that do not sum to zero, or name accounts that there are
    none of; None: there are no books here yet.
    """
    if not inspect(connection).has_table(ENTRIES.name):
        return None
    columns = ENTRIES.c
    strange = columns.account.not_in([one.value for one in Account])
    wanted = (
        select(columns.transaction_id)
        .group_by(columns.namespace, columns.transaction_id)
        .having(or_(func.sum(columns.amount) != 0, func.count().filter(strange) > 0))
        .order_by(columns.transaction_id)
        .limit(MOST)
    )
    return connection.execute(wanted).scalars().all()
