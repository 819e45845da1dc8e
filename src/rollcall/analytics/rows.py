# SPDX-License-Identifier: Apache-2.0
"""Facts as rows of tables, and back: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import structs

from rollcall.analytics import models
from rollcall.analytics.models import AnyFact, Kind, Status

_TYPES: Final[Mapping[Kind, type[AnyFact]]] = {
    Kind.CONVERSATION: models.ConversationFact,
    Kind.USAGE: models.UsageFact,
    Kind.CHARGE: models.ChargeFact,
    Kind.INVOICE_LINE: models.InvoiceLineFact,
    Kind.AGENT: models.AgentFact,
}


def row_of(fact: AnyFact) -> dict[str, Any]:
    """The row of a fact, of what JSON has words for: amounts are text."""
    row = structs.asdict(fact)
    at = row.pop("at")
    row["key"] = models.key_of(fact.namespace, fact.id)
    row["time_us"] = models.microseconds(at)
    row["quarter"] = models.quarter_of(at)
    for name in ("cost", "amount", "provider_cost", "quantity"):
        if row.get(name) is not None:
            row[name] = format(row[name], "f")
    if isinstance(fact, models.ConversationFact):
        row["status"] = fact.status.value
        took = fact.response_us
        row["bucket"] = None if took is None else models.bucket_of(took)
    return row


def fact_of(kind: Kind, row: Mapping[str, Any]) -> AnyFact:
    """The fact of a row."""
    type_ = _TYPES[kind]
    given = {name: row[name] for name in type_.__struct_fields__ if name != "at"}
    if kind is Kind.CONVERSATION:
        given["status"] = Status(given["status"])
    return type_(at=models.moment(row["time_us"]), **given)
