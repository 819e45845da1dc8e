"""What tokens cost."""

from __future__ import annotations

from decimal import Decimal

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.conversations.loop_tally import Tally
from rollcall.conversations.ports import Meter
from rollcall.conversations.pricing import ListPrices, Tokens, estimated_tokens
from rollcall.kernel.money import money


def test_a_price_is_the_one_on_the_list() -> None:
    tokens = Tokens("gpt-5-mini", "openai", read=1_000_000, written=1_000_000, cached=0)
    assert ListPrices().price(tokens) == Decimal("2.25")


def test_what_comes_from_a_cache_costs_less() -> None:
    whole = Tokens("gpt-5-mini", "openai", read=1000, written=10)
    cached = Tokens("gpt-5-mini", "openai", read=1000, written=10, cached=900)
    prices = ListPrices()
    assert (prices.price(cached) or 0) < (prices.price(whole) or 0)


amounts = st.integers(0, 10**7)


@given(amounts, amounts, amounts, amounts, st.sampled_from(["openai", "anthropic", "google"]))
def test_any_count_of_tokens_has_a_price_that_is_money(
    read: int, written: int, cached: int, cached_anew: int, provider: str
) -> None:
    model = {"openai": "gpt-5-mini", "anthropic": "claude-haiku-4-5"}.get(
        provider, "gemini-2.5-flash"
    )
    tokens = Tokens(model, provider, "", read, written, cached, cached_anew)
    price = ListPrices().price(tokens)
    assert price is not None
    assert money(price) == price >= 0


def test_the_source_has_its_version() -> None:
    assert ListPrices().source == f"genai-prices {genai_prices.__version__}"


@pytest.mark.parametrize(
    ("model", "provider", "url"),
    [
        ("no-such-model", "openai", ""),
        ("gpt-5-mini", "nobody", ""),
        ("gpt-5-mini", "ollama", ""),
        ("gpt-5-mini", "openai-compatible", "http://127.0.0.1:8000/v1"),
    ],
)
def test_nobody_knows_the_price_of_what_is_on_no_list(model: str, provider: str, url: str) -> None:
    assert ListPrices().price(Tokens(model, provider, url, read=10)) is None


def test_a_place_on_the_list_gives_its_own_price() -> None:
    tokens = Tokens("gpt-5-mini", "openai-compatible", "https://api.openai.com/v1/", read=1_000_000)
    assert ListPrices().price(tokens) == Decimal("0.25")


@given(st.integers(0, 10**9))
def test_an_estimate_is_a_token_for_four_characters_rounded_up(characters: int) -> None:
    tokens = estimated_tokens(characters)
    assert 4 * tokens >= characters > 4 * (tokens - 1)


class PerToken:
    """A millionth of a dollar for each token of a known model."""

    source = "made up 1"

    def price(self, tokens: Tokens) -> Decimal | None:
        if tokens.model == "unknown":
            return None
        return Decimal(tokens.read + tokens.written) / 10**6


requests = st.lists(
    st.builds(
        Tokens,
        model=st.sampled_from(["known", "unknown"]),
        provider=st.just("maker"),
        read=st.integers(0, 10**6),
        written=st.integers(0, 10**6),
        cached=st.integers(0, 10**6),
        estimated=st.booleans(),
    ),
    min_size=1,
)


@given(requests)
def test_a_tally_is_the_exact_sum_of_its_requests(steps: list[Tokens]) -> None:
    meter = Meter()
    tally = Tally(meter, PerToken())
    for one in steps:
        tally.add(one, free=False)
    usage = meter.usage
    assert usage is not None
    assert usage.input_tokens == sum(one.read for one in steps)
    assert usage.output_tokens == sum(one.written for one in steps)
    assert usage.cached_tokens == sum(one.cached for one in steps)
    assert usage.requests == len(steps)
    assert usage.estimated == any(one.estimated for one in steps)
    assert tally.tokens == usage.input_tokens + usage.output_tokens
    known = [PerToken().price(one) for one in steps]
    assert usage.cost == (None if None in known else sum(one or 0 for one in known))
    assert usage.priced_by == ("" if None in known else "made up 1")
    assert tally.spent == sum(one or 0 for one in known)


def test_what_is_free_does_not_hide_what_the_rest_cost() -> None:
    meter = Meter()
    tally = Tally(meter, PerToken())
    tally.add(Tokens("known", "maker", read=1_000_000), free=False)
    tally.add(Tokens("unknown", "planner", read=5), free=True)
    assert meter.usage is not None
    assert meter.usage.cost == 1


def test_what_is_only_free_has_no_price() -> None:
    meter = Meter()
    Tally(meter, PerToken()).add(Tokens("known", "planner", read=5), free=True)
    assert meter.usage is not None
    assert (meter.usage.cost, meter.usage.priced_by) == (None, "")
