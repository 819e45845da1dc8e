# SPDX-License-Identifier: Apache-2.0
"""Adds up what a turn uses of models, and what that costs."""

from __future__ import annotations

from decimal import Decimal

from rollcall.conversations.models import Usage
from rollcall.conversations.ports import Meter
from rollcall.conversations.pricing import Prices, Tokens


class Tally:
    """Keeps `meter.usage` right, request by request.

    The cost is the exact sum of each request's price. Where a request has no price, there is no
    cost, since a part of it would read as the whole; what costs nothing is left out of that.

    Args:
        meter: Whose usage is kept.
        prices: What tokens cost.
    """

    def __init__(self, meter: Meter, prices: Prices) -> None:
        self._meter = meter
        self._prices = prices
        self._spent = Decimal(0)
        self._priced = False
        self._unpriced = False

    @property
    def tokens(self) -> int:
        """Tokens read and written so far."""
        usage = self._meter.usage
        return usage.input_tokens + usage.output_tokens if usage else 0

    @property
    def spent(self) -> Decimal:
        """US dollars so far, of those requests that have a price."""
        return self._spent

    def begin(self, model: str, provider: str) -> None:
        """Note who is asked, where nobody has answered yet."""
        if self._meter.usage is None or not self._meter.usage.requests:
            self._meter.usage = Usage(model=model, provider=provider)

    def add(self, tokens: Tokens, *, free: bool) -> None:
        """Add a request.

        Args:
            tokens: What it used.
            free: Whether it cost nothing.
        """
        price = None if free else self._prices.price(tokens)
        if price is not None:
            self._priced = True
            self._spent += price
        elif not free:
            self._unpriced = True
        before = self._meter.usage or Usage(model=tokens.model, provider=tokens.provider)
        known = self._priced and not self._unpriced
        self._meter.usage = Usage(
            model=tokens.model,
            provider=tokens.provider,
            input_tokens=before.input_tokens + tokens.read,
            output_tokens=before.output_tokens + tokens.written,
            cached_tokens=before.cached_tokens + tokens.cached,
            requests=before.requests + 1,
            estimated=before.estimated or tokens.estimated,
            cost=self._spent if known else None,
            priced_by=self._prices.source if known else "",
        )
