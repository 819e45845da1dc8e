# SPDX-License-Identifier: Apache-2.0
"""What billing is about: usage, the prices that it is charged by, and what may be spent.

Amounts are exact decimals of at most 12 digits behind the point; nothing here is rounded to the
cents of a currency. That is done once, by the line of an invoice.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

ANY: Final = "*"
"""The model of an item that is for all of them."""
BUILT_IN: Final = "built-in"
"""The id of the rate card that charges what the provider asks for: no markup."""
PROVIDER_CURRENCY: Final = "USD"
"""What providers' list prices are in."""


class Unit(StrEnum):
    """What is counted."""

    INPUT_TOKEN = "input_token"  # noqa: S105
    OUTPUT_TOKEN = "output_token"  # noqa: S105
    CACHED_TOKEN = "cached_token"  # noqa: S105
    TOKEN = "token"  # noqa: S105
    REQUEST = "request"
    CONVERSATION = "conversation"
    MINUTE = "minute"
    FLAT = "flat"


class Mode(StrEnum):
    """How tiers are meant.

    GRADUATED: each part of a period's quantity at the price of the tier that it falls in.
    VOLUME: all of one usage at the price of the tier that its own quantity reaches.
    """

    GRADUATED = "graduated"
    VOLUME = "volume"


class Unsplit(StrEnum):
    """What tokens count as, of which nobody said whether they were read or written."""

    INPUT = "input"
    OUTPUT = "output"


class Unpriced(StrEnum):
    """What becomes of a usage whose model has no known provider price, where one is needed."""

    FREE = "free"
    REFUSE = "refuse"


class Tier(msgspec.Struct, frozen=True):
    """A price up to a quantity, and with it.

    Args:
        up_to: The last quantity that it is for; None: all that follow.
        price: Of as many units as the item says.
    """

    up_to: Decimal | None
    price: Decimal


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One price of a rate card. Exactly one of `price`, `tiers` and `markup` is set.

    Args:
        unit: What is counted.
        model: The model that it is for; `ANY`: all that have no item of their own.
        price: Of `per` units.
        per: 1, 1,000 or 1,000,000.
        tiers: Rising; the last one without an end.
        mode: How tiers are meant.
        markup: What is charged beyond the provider's cost, as a share of it: 0.20 is a fifth.
        fallback: The price of `per` tokens where the provider's cost is not known.
    """

    unit: Unit
    model: str = ANY
    price: Decimal | None = None
    per: int = 1
    tiers: tuple[Tier, ...] = ()
    mode: Mode = Mode.GRADUATED
    markup: Decimal | None = None
    fallback: Decimal | None = None


class CardVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What a rate card says from a moment on. It never changes.

    Args:
        card_id: The card.
        version: From 1 on.
        effective_from: From when on; None: from the beginning of time.
        items: The prices.
        unsplit: What tokens count as that nobody has split.
        unpriced: What becomes of usage without a provider's price.
        created_at: When it was written.
        author: By whom.
    """

    card_id: str
    version: int
    effective_from: datetime | None
    items: tuple[Item, ...]
    unsplit: Unsplit = Unsplit.INPUT
    unpriced: Unpriced = Unpriced.FREE
    created_at: datetime
    author: str


class RateCard(msgspec.Struct, frozen=True, kw_only=True):
    """A rate card with all its versions, the oldest first."""

    namespace: str
    id: str
    name: str
    currency: str
    created_at: datetime
    versions: tuple[CardVersion, ...]

    def at(self, moment: datetime) -> CardVersion | None:
        """The version in force at a moment; None: there was none yet."""
        for one in reversed(self.versions):
            if one.effective_from is None or one.effective_from <= moment:
                return one
        return None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """How a namespace is billed.

    Args:
        namespace: Whose.
        time_zone: IANA name; its midnights part days and months.
        currency: ISO 4217.
        tax_rate: A share: 0.08 is 8 %.
        terms_days: Days until an invoice is due.
        plan: What rate cards are given to by name; None: none.
        rate_card_id: For agents that neither have one nor have one by the plan.
        business_name: On invoices; None: the namespace.
        revision: Counts changes; 0: nobody has set anything yet.
    """

    namespace: str
    time_zone: str
    currency: str
    tax_rate: Decimal
    terms_days: int
    plan: str | None = None
    rate_card_id: str | None = None
    business_name: str | None = None
    revision: int = 0


class TrackedAgent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent whose costs are tracked, from when it was made or first used on."""

    namespace: str
    agent_id: str
    name: str
    tracked_since: datetime
    deleted_at: datetime | None = None


class Quantities(msgspec.Struct, frozen=True, kw_only=True):
    """What one usage counts as.

    Args:
        input_tokens: Tokens read, those from a cache included.
        output_tokens: Tokens written.
        cached_tokens: Those of the input that came from a cache.
        requests: How often the model was asked.
        conversations: 1 where it stands for a conversation that nothing else stood for yet.
        minutes: How long it took, to 6 digits.
        estimated: Whether a number of tokens was estimated, or split by the card's rule.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    requests: int = 0
    conversations: int = 0
    minutes: Decimal = Decimal(0)
    estimated: bool = False

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


class UsageInput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was told of a usage, as it was told. Its JSON is kept with what became of it.

    Args:
        agent_id: Who used it.
        conversation_id: For which message.
        tokens_used: All tokens, where that was said.
        input_tokens: Tokens read, where that was said.
        output_tokens: Tokens written, where that was said.
        cached_tokens: Tokens read from a cache, where that was said.
        model: The model, as its provider knows it.
        provider: Whose it is.
        requests: How often the model was asked.
        minutes: How long it took.
        conversation: Whether it stands for a conversation.
        estimated: Whether the numbers are known to be estimates.
        reported_cost: What the sender believes that it cost. Never charged.
        at: When it was used; None: when it is recorded.
    """

    agent_id: str
    conversation_id: str | None = None
    tokens_used: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    model: str | None = None
    provider: str | None = None
    requests: int = 1
    minutes: Decimal | None = None
    conversation: bool = False
    estimated: bool = False
    reported_cost: Decimal | None = None
    at: datetime | None = None


class ProviderCost(msgspec.Struct, frozen=True):
    """What the provider asks for one usage.

    Args:
        amount: In `PROVIDER_CURRENCY`.
        source: Where the prices are from, with its version.
    """

    amount: Decimal
    source: str


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one item of a card makes of a usage, or one tier of it, with everything that it takes
    to work that out again: `amount` is `quantity * unit_price`, or `provider_cost * (1 + markup)`.

    Args:
        item: The item's place in its version, from 0 on.
        unit: What is counted.
        model: As in the item; where there is a markup, the model that was used.
        quantity: How much.
        amount: What it costs, to 12 digits.
        unit_price: Of one unit.
        tier: Which one, from 0 on; None: the item has none.
        tiers: All of the item's, their prices of one unit.
        mode: How they are meant.
        cumulative_before: How much of it the agent had used in the period before this usage, where
            that matters.
        markup: As in the item.
        provider_cost: What it was laid upon.
        note: What is to be known of it: a fallback, a price that is missing.
    """

    item: int
    unit: Unit
    model: str = ANY
    quantity: Decimal
    amount: Decimal
    unit_price: Decimal | None = None
    tier: int | None = None
    tiers: tuple[Tier, ...] = ()
    mode: Mode = Mode.GRADUATED
    cumulative_before: Decimal | None = None
    markup: Decimal | None = None
    provider_cost: Decimal | None = None
    note: str = ""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """A usage as it was charged: all that it takes to work out its amount again.

    Args:
        raw: What was told, as JSON of `UsageInput`.
        content_hash: Of `raw`.
        key: The idempotency key, or the id of the event; None: there was none.
        source: What told it: `api`, or the source of the event.
        quantities: What it counted as.
        served_at: When it was used.
        recorded_at: When it was told.
        period_id: What it is billed in.
        late: Whether that is not the period of `served_at`.
        rate_card_id, rate_card_version: What it was charged by.
        currency: Of `amount`.
        provider_cost, price_source: In `PROVIDER_CURRENCY`; None: nobody knows.
        amount: The sum of the lines.
        invoice_id: Where it is billed for good; None: nowhere yet.
    """

    namespace: str
    id: str
    agent_id: str
    conversation_id: str | None
    model: str | None
    provider: str | None
    key: str | None
    source: str
    raw: str
    content_hash: str
    quantities: Quantities
    served_at: datetime
    recorded_at: datetime
    period_id: str
    late: bool
    rate_card_id: str
    rate_card_version: int
    lines: tuple[Line, ...]
    amount: Decimal
    currency: str
    provider_cost: Decimal | None
    price_source: str | None
    reported_cost: Decimal | None
    invoice_id: str | None = None


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """A calendar month in the account's time zone: from `start` up to, and without, `end`."""

    id: str
    start: datetime
    end: datetime
    time_zone: str
