# SPDX-License-Identifier: Apache-2.0
"""What tokens cost, by the list prices that the package `genai-prices` carries. Asks no network."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from rollcall.policies import list_prices

CHARACTERS_A_TOKEN: Final = 4
"""The rule for tokens that nobody counted: what English text has on average."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one request used.

    Args:
        model: The model that answered, as its provider calls it.
        provider: Whose it is.
        url: Where it was asked; empty: unknown.
        read: Tokens read, those from and into a cache included.
        written: Tokens written.
        cached: Those of `read` that came from a cache.
        cached_anew: Those of `read` that were put into a cache.
        estimated: Whether a number was not told by the provider but counted by
            `estimated_tokens`.
    """

    model: str
    provider: str
    url: str = ""
    read: int = 0
    written: int = 0
    cached: int = 0
    cached_anew: int = 0
    estimated: bool = False


def estimated_tokens(characters: int) -> int:
    """How many tokens so many characters are, rounded up."""
    return -(-characters // CHARACTERS_A_TOKEN)


class Prices(Protocol):
    """Knows what tokens cost."""

    @property
    def source(self) -> str:
        """Where the prices are from, with its version."""
        ...

    def price(self, tokens: Tokens) -> Decimal | None:
        """US dollars; None: nobody knows."""
        ...


class ListPrices:
    """The list prices of `genai-prices`, as of the version that is installed."""

    @property
    def source(self) -> str:
        return list_prices.source()

    def price(self, tokens: Tokens) -> Decimal | None:
        return list_prices.list_price(
            tokens.model,
            tokens.provider,
            read=tokens.read,
            written=tokens.written,
            cached=tokens.cached,
            cached_anew=tokens.cached_anew,
            url=tokens.url,
        )
