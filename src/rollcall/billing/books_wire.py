# SPDX-License-Identifier: Apache-2.0
"""What HTTP says of invoices, payments and the ledger. Amounts are decimal strings."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final

from pydantic import Field, StrictFloat, StrictInt

from rollcall.billing.invoices import InvoiceStatus
from rollcall.billing.ledger import Act
from rollcall.billing.ledger_accounts import Account
from rollcall.billing.payments import PaymentStatus
from rollcall.billing.usage_reports import GroupBy
from rollcall.registry.validation import MAX_ID
from rollcall.web.strict import Wire

MAX_PAGE: Final = 200
DEFAULT_PAGE: Final = 50

Amount = Annotated[
    str | StrictInt | StrictFloat,
    Field(description='A decimal string such as "12.50"; a number is read as it is written.'),
]
Money = Annotated[str, Field(description="A decimal string in whole smallest units.")]
Exact = Annotated[str, Field(description="A decimal string of up to 12 digits behind the point.")]
Limit = Annotated[int, Field(ge=1, le=MAX_PAGE)]
Cursor = Annotated[
    str | None, Field(max_length=1000, description="From the Link of the page before.")
]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Key = Annotated[
    str | None,
    Field(max_length=200, description="The same key is the same act; or as `Idempotency-Key`."),
]


class Generate(Wire):
    """Which invoices to make."""

    billing_period_id: str | None = Field(
        default=None, description="As in per_2026-11; by default every period not invoiced yet."
    )
    agent_id: str | None = Field(default=None, description="By default all agents.")
    dry_run: bool = Field(default=False, description="Only show what they would be.")


class LineView(Wire):
    """A line: usages of the same price, rounded once."""

    number: int
    description: str
    unit: str
    model: str | None = Field(description="The model that the price is for; null: any.")
    quantity: Exact
    unit_price: Exact | None
    markup: Exact | None = Field(description="The share laid upon the provider's cost.")
    exact_amount: Exact = Field(description="Before it was rounded.")
    amount: Money
    usages: int
    rate_card_id: str
    rate_card_version: int
    tier: int | None = Field(description="Which tier of the price, from 0 on.")
    estimated: bool
    late: bool = Field(description="Whether it was used in a period that was invoiced before.")
    service_period: str
    service_from: datetime
    service_to: datetime
    note: str


class InvoiceView(Wire):
    """What an agent's usage of a period costs (document 4)."""

    id: str
    number: str | None = Field(description="Without gaps; null: a draft, or voided as one.")
    billing_period_id: str
    agent_id: str
    business_name: str
    status: InvoiceStatus
    subtotal: Money
    tax_rate: str = Field(description='A fraction: "0.08" is 8 %.')
    tax_amount: Money
    total_amount: Money
    amount_paid: Money = Field(description="Less what was paid back.")
    amount_credited: Money
    amount_due: Money
    customer_credit: Money = Field(description="What was paid beyond what was owed.")
    currency: str
    time_zone: str
    terms_days: int
    issuer: str | None = Field(description="Who sends it, line by line; null: nobody is named.")
    issuer_tax_id: str | None
    generated_date: datetime
    finalised_date: datetime | None
    due_date: date | None
    paid_date: datetime | None
    voided_date: datetime | None
    usages: int
    revision: int
    lines: list[LineView]


class InvoicesQuery(Wire):
    """Which invoices."""

    status: InvoiceStatus | None = None
    agent_id: str | None = Field(default=None, max_length=MAX_ID)
    number: str | None = Field(default=None, max_length=200, description="As in INV-000001.")
    limit: Limit = DEFAULT_PAGE
    cursor: Cursor = None


class StatusChange(Wire):
    """A status that an invoice is to have."""

    status: InvoiceStatus


class PageQuery(Wire):
    """Which page."""

    limit: Limit = DEFAULT_PAGE
    cursor: Cursor = None


class LineUsageView(Wire):
    """What one usage adds to a line."""

    usage_id: str
    conversation_id: str | None
    model: str | None
    served_at: datetime
    quantity: Exact
    amount: Exact


class CreditedLineIn(Wire):
    """How much of a line to take back."""

    number: Annotated[int, Field(ge=1, le=2**31 - 1)]
    amount: Amount | None = Field(
        default=None, description="Without tax; by default all that is left of it."
    )


class CreditIn(Wire):
    """What to take back: an amount with its tax, or lines."""

    reason: Annotated[str, Field(min_length=1, max_length=1000)]
    amount: Amount | None = Field(default=None, description="With its tax.")
    lines: tuple[CreditedLineIn, ...] = Field(default=(), max_length=1000)
    idempotency_key: Key = None


class CreditedLineView(Wire):
    """How much of a line was taken back, without tax."""

    number: int
    amount: Money


class CreditNoteView(Wire):
    """What an invoice charged, taken back."""

    id: str
    number: str
    invoice_id: str
    currency: str
    subtotal: Money
    tax_amount: Money
    total_amount: Money
    reason: str
    created_date: datetime
    lines: list[CreditedLineView]


class PaymentIn(Wire):
    """A payment for an invoice."""

    invoice_id: Name
    amount: Amount = Field(description="Above zero, in whole smallest units of the currency.")
    payment_method: Name
    currency: str | None = Field(default=None, description="By default the invoice's.")
    transaction_id: str | None = Field(
        default=None, min_length=1, max_length=200, description="One transaction is one payment."
    )
    idempotency_key: Key = None


class PaymentView(Wire):
    """Money that was paid for an invoice (document 4)."""

    id: str
    invoice_id: str
    amount: Money
    refunded_amount: Money
    currency: str
    payment_method: str
    provider: str | None = Field(description="Whose webhook told of it.")
    transaction_id: str | None
    idempotency_key: str | None
    status: PaymentStatus
    created_date: datetime
    processed_date: datetime | None


class PaymentsQuery(PageQuery):
    """Which payments."""

    invoice_id: str | None = Field(default=None, max_length=200)


class RefundIn(Wire):
    """How much to pay back."""

    amount: Amount | None = Field(default=None, description="By default all that is left.")
    idempotency_key: Key = None


class Heeded(Wire):
    """What became of a webhook."""

    status: str = Field(description="`recorded`, or `known` where it came before.")


class CheckView(Wire):
    """What was worked out again."""

    name: str
    says: str
    compared: int
    ok: bool


class DifferenceView(Wire):
    """Something that is not as it must be."""

    check: str
    where: str
    field: str
    expected: str
    found: str


class ReportView(Wire):
    """What working an invoice out again has shown."""

    invoice_id: str
    number: str | None
    status: InvoiceStatus
    verified: bool
    usages: int
    total_amount: Money
    currency: str
    checks: list[CheckView]
    differences: list[DifferenceView] = Field(description="The first 20.")
    differences_count: int


class BalanceView(Wire):
    """What an account comes to; debits are positive."""

    account: Account
    currency: str
    normal: str = Field(description="The side on which it is expected: debit or credit.")
    debits: Money
    credits: Money
    balance: Money


class TrialBalance(Wire):
    """What the balances of a currency sum to: zero, if the books are right."""

    currency: str
    debits: Money
    credits: Money
    difference: Money


class LedgerView(Wire):
    """The accounts with their balances."""

    accounts: list[BalanceView]
    trial_balance: list[TrialBalance]
    balanced: bool


class EntryView(Wire):
    """One side of a transaction; debits are positive."""

    account: Account
    amount: Money


class TransactionView(Wire):
    """What was written into the ledger as a whole."""

    id: str
    act: Act
    invoice_id: str
    reference: str
    currency: str
    at: datetime
    entries: list[EntryView]


class EntriesQuery(PageQuery):
    """Which transactions."""

    invoice_id: str | None = Field(default=None, max_length=200)


class TaxRateIn(Wire):
    """By which rate an agent's usage is to be taxed."""

    tax_rate: Amount | None = Field(description='A share: "0.19" is 19 %; null: the account\'s.')


class TaxRateView(Wire):
    """By which rate an agent's usage is taxed."""

    agent_id: str
    tax_rate: str | None = Field(description="Its own; null: it has the account's.")
    effective_tax_rate: str


class UsageReportQuery(Wire):
    """Which usage."""

    from_day: date | None = Field(default=None, alias="from", description="In the account's zone.")
    to_day: date | None = Field(default=None, alias="to", description="Included.")
    group_by: GroupBy = GroupBy.AGENT
    format: Annotated[str, Field(pattern="^(json|csv)$")] = "json"


class GroupView(Wire):
    """What usages of one agent, model or day come to."""

    key: str | None
    usages: int
    tokens: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    requests: int
    conversations: int
    amount: Exact


class UsageReportView(Wire):
    """What was used from one day to another, both included."""

    from_day: date = Field(serialization_alias="from")
    to_day: date = Field(serialization_alias="to")
    time_zone: str
    currency: str
    group_by: GroupBy
    rows: list[GroupView]
    total: GroupView
