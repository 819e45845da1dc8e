# SPDX-License-Identifier: Apache-2.0
"""The list prices of models, as the package `genai-prices` carries them. Asks no network."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from rollcall.kernel.money import money

UNLISTED: Final = frozenset({"ollama", "openai-compatible"})
"""Servers of one's own, which may call a model like a famous one that has another price."""


_RATES: Final = ("input_mtok", "output_mtok", "cache_read_mtok")


class Listed(NamedTuple):
    """A model on the list, with its prices in US dollars for a million tokens; None: it has none,
    or one that depends on how much is asked for.
    """

    model: str
    name: str
    provider: str
    provider_name: str
    read: Decimal | None
    written: Decimal | None
    cached: Decimal | None


class Rates(NamedTuple):
    """US dollars for a million tokens; None: the list has no such price."""

    read: Decimal | None
    written: Decimal | None
    cached: Decimal | None


class ModelPrices(NamedTuple):
    """What a model costs.

    Args:
        base: What is asked for as a rule.
        above: Where more tokens are read than this number, what all of them cost then, by number.
    """

    base: Rates
    above: tuple[tuple[int, Rates], ...] = ()


def source() -> str:
    """Where the prices are from, with its version."""
    import genai_prices  # noqa: PLC0415 (a fifth of a second)

    return f"genai-prices {genai_prices.__version__}"


def list_price(
    model: str,
    provider: str | None,
    *,
    read: int,
    written: int,
    cached: int = 0,
    cached_anew: int = 0,
    url: str = "",
    at: datetime | None = None,
) -> Decimal | None:
    """What a request costs by the list, in US dollars; None: it is on no list.

    Args:
        model: As its provider calls it.
        provider: Whose it is; None: the one that has a model of this name.
        read: Tokens read, those from and into a cache included.
        written: Tokens written.
        cached: Those of `read` that came from a cache.
        cached_anew: Those of `read` that were put into a cache.
        url: Where it was asked; empty: unknown.
        at: When; None: now.
    """
    from genai_prices import Usage, calc_price  # noqa: PLC0415 (a fifth of a second)

    if provider == "ollama":
        return None
    # Some servers count what comes from a cache beside what is read, not within it.
    cached = min(cached, read)
    usage = Usage(
        input_tokens=read,
        output_tokens=written,
        cache_read_tokens=cached,
        cache_write_tokens=min(cached_anew, read - cached),
    )
    try:
        if url:
            by_place = calc_price(usage, model, provider_api_url=url, genai_request_timestamp=at)
            return money(by_place.total_price, "cost")
    except LookupError:
        pass
    if provider in UNLISTED:
        return None
    try:
        by_name = calc_price(usage, model, provider_id=provider, genai_request_timestamp=at)
    except LookupError:
        return None
    return money(by_name.total_price, "cost")


def model_prices(model: str, provider: str, at: datetime) -> ModelPrices | None:
    """The prices of a model at a moment; None: it is on no list, as no server of one's own is.

    Args:
        model: As its provider calls it.
        provider: Whose it is.
        at: When.
    """
    if provider in UNLISTED:
        return None
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 (a fifth of a second)

    try:
        found = get_snapshot().find_provider_model(model, None, provider, None)[1]
    except LookupError:
        return None
    prices = found.get_prices(at)
    fields: list[Any] = [getattr(prices, name, None) for name in _RATES]
    starts = sorted({tier.start for field in fields for tier in getattr(field, "tiers", ())})
    base, *above = (Rates(*(_rate(field, start) for field in fields)) for start in (None, *starts))
    if base == Rates(None, None, None):
        return None
    return ModelPrices(base, tuple(zip(starts, above, strict=True)))


def listed(at: datetime) -> Iterator[Listed]:
    """All models on the list, by provider, with the prices of a moment."""
    from genai_prices.data import providers  # noqa: PLC0415 (a fifth of a second)

    for provider in providers:
        for model in provider.models:
            prices = model.get_prices(at)
            yield Listed(
                model=model.id,
                name=model.name or model.id,
                provider=provider.id,
                provider_name=provider.name,
                read=_plain(prices, "input_mtok"),
                written=_plain(prices, "output_mtok"),
                cached=_plain(prices, "cache_read_mtok"),
            )


def _rate(price: Any, start: int | None) -> Decimal | None:
    """The price that counts above `start` tokens; None: of few."""
    if not isinstance(price, Decimal):
        if price is None:
            return None
        tiers = [tier for tier in price.tiers if start is not None and tier.start <= start]
        price = tiers[-1].price if tiers else price.base
    return money(price, "price")


def _plain(prices: Any, name: str) -> Decimal | None:
    price = getattr(prices, name, None)
    return money(price, "price") if isinstance(price, Decimal) else None
