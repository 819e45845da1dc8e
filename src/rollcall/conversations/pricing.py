# SPDX-License-Identifier: Apache-2.0
"""What tokens cost, by the list prices that the package `genai-prices` carries. Asks no network."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from rollcall.conversations.providers import COMPATIBLE
from rollcall.kernel.money import money

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
        import genai_prices  # noqa: PLC0415 (a fifth of a second)

        return f"genai-prices {genai_prices.__version__}"

    def price(self, tokens: Tokens) -> Decimal | None:
        from genai_prices import Usage, calc_price  # noqa: PLC0415 (a fifth of a second)

        if tokens.provider == "ollama":
            return None
        # Some servers count what comes from a cache beside what is read, not within it.
        cached = min(tokens.cached, tokens.read)
        usage = Usage(
            input_tokens=tokens.read,
            output_tokens=tokens.written,
            cache_read_tokens=cached,
            cache_write_tokens=min(tokens.cached_anew, tokens.read - cached),
        )
        try:
            if tokens.url:
                by_place = calc_price(usage, tokens.model, provider_api_url=tokens.url)
                return money(by_place.total_price, "cost")
        except LookupError:
            pass
        # A server of one's own may call its model like a famous one, at another price.
        if tokens.provider == COMPATIBLE:
            return None
        try:
            by_name = calc_price(usage, tokens.model, provider_id=tokens.provider)
        except LookupError:
            return None
        return money(by_name.total_price, "cost")
