# SPDX-License-Identifier: Apache-2.0
"""Facts: what has happened, in numbers and ids, without a word that anybody has said.

A fact is named by its kind, its namespace and its id. Told again it stays one; told with a later
`revision` it is replaced as a whole. Sums of facts are exact: money is `Decimal`, times are whole
microseconds, and quarters of an hour since the epoch say which local day something belongs to in
every zone (offsets from UTC are whole quarters of an hour everywhere since 2000).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Final

import msgspec

from rollcall.kernel.ids import derived

QUARTER_SECONDS: Final = 900
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Nothing that we are told of happened before."""
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Nor from here on."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FINE: Final = 7
"""Each doubling of a response time has 2**7 buckets: one is less than 0.8 % wide."""


class Kind(StrEnum):
    """The kinds of facts; each has a table of its own."""

    CONVERSATION = "conversations"
    USAGE = "usages"
    CHARGE = "charges"
    INVOICE_LINE = "invoice_lines"
    AGENT = "agents"


class Status(StrEnum):
    """How a conversation (a message with its answer) has ended."""

    COMPLETED = "completed"
    FAILED = "failed"


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """What facts of every kind have.

    Args:
        namespace: The tenant.
        id: Unique in its kind and namespace.
        revision: A later one of the same id replaces an earlier one.
        at: UTC; when it happened.
    """

    kind: ClassVar[Kind]

    namespace: str
    id: str
    at: datetime
    revision: int = 1


class ConversationFact(Fact, frozen=True, kw_only=True):
    """A message with its answer.

    Args:
        agent_id: Who was asked.
        agent_version: The version of the agent's definition, where it has one.
        session: Stands for the session (`session_key`); None: of no session.
        model: The model that has answered.
        status: How it ended.
        error_type: Why it failed, for programs.
        response_us: Microseconds from the message to the answer; None: not known.
        satisfaction: 1 to 5; None: nobody said.
        hidden: Whether it was deleted: it still counts, and is listed nowhere.
    """

    kind = Kind.CONVERSATION

    agent_id: str
    agent_version: str | None = None
    session: int | None = None
    model: str | None = None
    status: Status = Status.COMPLETED
    error_type: str | None = None
    response_us: int | None = None
    satisfaction: int | None = None
    hidden: bool = False


class UsageFact(Fact, frozen=True, kw_only=True):
    """What a conversation has used of a model; its id is the conversation's.

    Args:
        agent_id: Who used it.
        agent_version: The version of the agent's definition, where it has one.
        model: The model, as its provider knows it.
        provider: Whose it is.
        requests: How many times it was asked.
        tokens: Tokens read and written.
        input_tokens: Those read; None: not told apart.
        output_tokens: Those written.
        cached_tokens: Of those read, the ones from the provider's cache.
        estimated: Whether the numbers of tokens were counted here, not told by the provider.
        cost: What the provider takes for it; None: no price is known.
        currency: Of the cost, ISO 4217.
    """

    kind = Kind.USAGE

    agent_id: str
    agent_version: str | None = None
    model: str | None = None
    provider: str | None = None
    requests: int = 1
    tokens: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    estimated: bool = False
    cost: Decimal | None = None
    currency: str | None = None


class ChargeFact(Fact, frozen=True, kw_only=True):
    """What billing has charged for a usage; its id is that of the charged usage.

    Args:
        agent_id: Who used it.
        conversation_id: In which conversation, where there was one.
        model: The model.
        period: The billing period.
        amount: What is charged, not rounded.
        currency: Of both amounts, ISO 4217.
        provider_cost: What the provider takes for it; None: no price is known.
        estimated: Whether quantities were estimated.
    """

    kind = Kind.CHARGE

    agent_id: str
    conversation_id: str | None = None
    model: str | None = None
    period: str | None = None
    amount: Decimal = Decimal(0)
    currency: str | None = None
    provider_cost: Decimal | None = None
    estimated: bool = False


class InvoiceLineFact(Fact, frozen=True, kw_only=True):
    """A line of a finalised invoice.

    Args:
        invoice_id: The invoice.
        number: The invoice's number.
        line: The line's place, from 1 on.
        agent_id: For whose usage.
        period: The billing period.
        unit: What is counted.
        model: Of which model.
        quantity: How many of it.
        amount: Rounded to the currency.
        currency: ISO 4217.
    """

    kind = Kind.INVOICE_LINE

    invoice_id: str
    number: str
    line: int
    agent_id: str | None = None
    period: str | None = None
    unit: str | None = None
    model: str | None = None
    quantity: Decimal | None = None
    amount: Decimal = Decimal(0)
    currency: str | None = None


class AgentFact(Fact, frozen=True, kw_only=True):
    """An agent, as the dimension of the others; its id is the agent's.

    Args:
        name: What it is called.
        industry: The line of business that it works in.
        status: As its definition says.
        deleted: Whether its definition is gone.
    """

    kind = Kind.AGENT

    name: str | None = None
    industry: str | None = None
    status: str | None = None
    deleted: bool = False


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What was said in a conversation, and by whom.

    Args:
        namespace: The tenant.
        conversation_id: The conversation.
        agent_id: Who was asked.
        at: UTC; when.
        session_id: In which session.
        user_id: Who asked.
        user_message: What; None: it was erased, and all other texts are None as well.
        agent_response: What was answered.
        digest: Of all that was posted; None: it was told by an event, or erased.
    """

    namespace: str
    conversation_id: str
    agent_id: str
    at: datetime
    session_id: str | None = None
    user_id: str | None = None
    user_message: str | None = None
    agent_response: str | None = None
    digest: str | None = None


AnyFact = ConversationFact | UsageFact | ChargeFact | InvoiceLineFact | AgentFact


def key_of(namespace: str, id: str) -> int:
    """A number for an id, 63 bits: numbers are compared and found far quicker than text.

    Two ids may share one, so whoever looks for an id compares the id too.
    """
    return int(derived(namespace, id, digits=16), 16) >> 1


def session_key(namespace: str, session_id: str) -> int:
    """What stands for a session in facts, so that they do not tell its name: 63 bits.

    Among ten million sessions the odds that two share one are one in 180,000.
    """
    return key_of(namespace, f"session:{session_id}")


def microseconds(at: datetime) -> int:
    """Whole microseconds since the epoch."""
    return (at - _EPOCH) // _MICROSECOND


def moment(time_us: int) -> datetime:
    """The time that is so many microseconds after the epoch, in UTC."""
    return _EPOCH + time_us * _MICROSECOND


def quarter_of(at: datetime) -> int:
    """Whole quarters of an hour since the epoch."""
    return microseconds(at) // (QUARTER_SECONDS * 1_000_000)


def bucket_of(response_us: int) -> int:
    """The bucket of a response time. Longer times are never in a lower bucket.

    Percentiles are exact all the same: the bucket only says among which values to look.
    """
    excess = max(response_us.bit_length() - 1 - _FINE, 0)
    return (excess << _FINE) + (response_us >> excess)
