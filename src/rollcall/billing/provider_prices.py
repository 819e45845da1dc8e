# SPDX-License-Identifier: Apache-2.0
"""What providers of models ask for, by their list prices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rollcall.billing.models import ProviderCost, Quantities
from rollcall.billing.ports import ListedModel
from rollcall.kernel.clock import Clock, utc
from rollcall.policies import list_prices


class ListPrices:
    """The list prices of `genai-prices`, as of the version that is installed.

    Args:
        clock: Says which prices a list of models shows.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @property
    def source(self) -> str:
        return list_prices.source()

    def cost(
        self, model: str, provider: str | None, quantities: Quantities, at: datetime
    ) -> ProviderCost | None:
        amount = list_prices.list_price(
            model,
            provider,
            read=quantities.input_tokens,
            written=quantities.output_tokens,
            cached=quantities.cached_tokens,
            at=at,
        )
        return None if amount is None else ProviderCost(amount, self.source)

    def models(self) -> Sequence[ListedModel]:
        return [ListedModel(*one) for one in list_prices.listed(utc(self._clock.now()))]
