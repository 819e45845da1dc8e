# SPDX-License-Identifier: Apache-2.0
"""What billing takes and shows over HTTP. Amounts are decimal strings."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from rollcall.billing.budget_models import Window
from rollcall.billing.budgets import ALERTS, MOST_ALERTS
from rollcall.billing.card_checks import MOST_ITEMS, MOST_TIERS
from rollcall.billing.metering import MOST_AT_ONCE
from rollcall.billing.models import ANY, Item, Mode, Tier, Unit, Unpriced, Unsplit, UsageInput
from rollcall.billing.quantities import MOST_REQUESTS, MOST_TOKENS
from rollcall.billing.rate_cards import NewVersion
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.money import money
from rollcall.web.strict import Wire

MAX_PAGE: Final = 1000
_LINE: Final = 500


def _number(value: Decimal) -> Decimal:
    money(value)
    return value


Number = Annotated[Decimal, AfterValidator(_number)]
Count = Annotated[int | None, Field(ge=0, le=MOST_TOKENS)]
Line = Annotated[str | None, Field(min_length=1, max_length=_LINE)]
Limit = Annotated[int, Field(ge=1, le=MAX_PAGE)]
Cursor = Annotated[
    str | None, Field(max_length=1000, description="From the Link of the page before.")
]
Day = AwareDatetime | date
_DAY: Final = "A moment with an offset, or a day in the account's time zone."


class UsageIn(Wire):
    """What an agent used."""

    agent_id: Annotated[str, Field(min_length=1, max_length=_LINE)]
    conversation_id: Line = None
    tokens_used: Count = None
    input_tokens: Annotated[Count, Field(description="With those from a cache.")] = None
    output_tokens: Count = None
    cached_tokens: Annotated[Count, Field(description="Those of the input from a cache.")] = None
    model_used: Line = None
    provider: Line = None
    cost: Annotated[
        Number | None, Field(description="Kept as `reported_cost`, and never charged.")
    ] = None
    requests: Annotated[int, Field(ge=0, le=MOST_REQUESTS)] = 1
    minutes: Number | None = None
    timestamp: AwareDatetime | None = None
    idempotency_key: Line = None
    reservation_id: Line = None

    def told(self) -> UsageInput:
        """What was told."""
        return UsageInput(
            agent_id=self.agent_id,
            conversation_id=self.conversation_id,
            tokens_used=self.tokens_used,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cached_tokens=self.cached_tokens,
            model=self.model_used,
            provider=self.provider,
            requests=self.requests,
            minutes=self.minutes,
            conversation=self.conversation_id is not None,
            reported_cost=self.cost,
            at=self.timestamp,
        )


class BatchIn(Wire):
    """Usages, each of which is looked at by itself."""

    items: Annotated[
        list[dict[str, Any]],
        Field(
            min_length=1,
            max_length=MOST_AT_ONCE,
            description="Each as the body of `POST /api/usage`.",
        ),
    ]


class QuoteQuery(BaseModel):
    """What is to be priced."""

    model_config = ConfigDict(extra="forbid")

    model: Line = None
    provider: Line = None
    input_tokens: Count = None
    output_tokens: Count = None
    cached_tokens: Count = None
    tokens_used: Count = None
    agent_id: Line = None


class UsageQuery(BaseModel):
    """Which of an agent's usages."""

    model_config = ConfigDict(extra="forbid")

    since: Annotated[Day | None, Field(alias="from", description=_DAY)] = None
    until: Annotated[Day | None, Field(alias="to", description=_DAY)] = None
    limit: Limit = 100
    cursor: Cursor = None


class PageQuery(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: Limit = 100
    cursor: Cursor = None


class ModelsQuery(PageQuery):
    """Which page of the models of one provider, or of all."""

    provider: Line = None
    limit: Limit = MAX_PAGE


class TierIn(Wire):
    """A price up to a quantity, and with it."""

    up_to: Annotated[Number | None, Field(description="null: all that follow.")]
    price: Number


class ItemIn(Wire):
    """A price: exactly one of `price`, `tiers` and `markup`."""

    unit: Unit
    model: Annotated[str, Field(min_length=1, max_length=256)] = ANY
    price: Number | None = None
    per: Literal[1, 1000, 1000000] = 1
    tiers: list[TierIn] = Field(default=[], max_length=MOST_TIERS)
    mode: Mode = Mode.GRADUATED
    markup: Annotated[
        Number | None, Field(description="Beyond the provider's cost, as a share of it.")
    ] = None
    fallback: Annotated[
        Number | None,
        Field(description="The price of `per` tokens where the provider's cost is not known."),
    ] = None

    def item(self) -> Item:
        """What it says."""
        return Item(
            unit=self.unit,
            model=self.model,
            price=self.price,
            per=self.per,
            tiers=tuple(Tier(one.up_to, one.price) for one in self.tiers),
            mode=self.mode,
            markup=self.markup,
            fallback=self.fallback,
        )


class VersionIn(Wire):
    """What a rate card is to say from a moment on."""

    items: Annotated[list[ItemIn], Field(min_length=1, max_length=MOST_ITEMS)]
    effective_from: AwareDatetime | None = None
    unsplit: Annotated[
        Unsplit, Field(description="What tokens count as that nobody has split.")
    ] = Unsplit.INPUT
    unknown_model: Annotated[
        Unpriced, Field(description="What becomes of usage whose provider's price is not known.")
    ] = Unpriced.FREE

    def version(self) -> NewVersion:
        """What it says."""
        return NewVersion(
            items=tuple(one.item() for one in self.items),
            effective_from=self.effective_from,
            unsplit=self.unsplit,
            unpriced=self.unknown_model,
        )


class CardIn(VersionIn):
    """A rate card with its first version."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    id: Annotated[str | None, Field(min_length=1, max_length=256)] = None
    currency: Annotated[str | None, Field(description="ISO 4217; by default the account's.")] = None
    idempotency_key: Line = None


class AssignmentIn(Wire):
    """Which card; `built-in` takes away the one that was given."""

    rate_card_id: Annotated[str, Field(min_length=1, max_length=256)]


class AccountPatch(Wire):
    """What is to be changed; what is left out stays."""

    time_zone: Annotated[str, Field(max_length=100, description="IANA name.")] = ""
    currency: Annotated[str, Field(max_length=3, description="ISO 4217.")] = ""
    tax_rate: Annotated[Number, Field(description="A share: 0.08 is 8 %.")] = Decimal(0)
    terms_days: int = 0
    plan: Line = None
    rate_card_id: Line = None
    business_name: Line = None


class BudgetIn(Wire):
    """What may be spent."""

    scope: Literal["agent", "account"]
    agent_id: Line = None
    limit: Number
    period: Window = Window.MONTH
    hard: Annotated[
        bool, Field(description="Whether reservations beyond the limit are refused.")
    ] = False
    alert_at: list[Number] = Field(default=list(ALERTS), max_length=MOST_ALERTS)
    idempotency_key: Line = None

    def agent(self) -> str | None:
        """Whose spending it limits; None: the account's.

        Raises:
            InvalidInput: That does not go with the scope.
        """
        if (self.scope == "agent") != (self.agent_id is not None):
            raise InvalidInput("agent_id", "must be given with the scope agent, and with no other")
        return self.agent_id


class BudgetPatch(Wire):
    """What is to be changed; what is left out stays."""

    limit: Number = Decimal(0)
    hard: bool = False
    alert_at: list[Number] = Field(default=[], max_length=MOST_ALERTS)


class ReservationIn(Wire):
    """A part of every budget that an agent spends from."""

    agent_id: Annotated[str, Field(min_length=1, max_length=256)]
    amount: Number
    ttl_seconds: Annotated[float, Field(gt=0, le=86_400)] = 600
    conversation_id: Line = None
    idempotency_key: Line = None
