"""What models cost by the list."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from rollcall.policies.list_prices import UNLISTED, list_price, listed, model_prices

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", ["anthropic:claude-haiku-5-5", "google:gemini-3.8-flash"])
def test_the_prices_of_a_model_are_what_its_requests_cost(name: str) -> None:
    provider, _, model = name.partition(":")
    found = model_prices(model, provider, NOW)
    assert found is not None
    assert found.base.read is not None
    assert found.base.written is not None
    few, many = 1000, 1_000_000
    for read, rates in ((few, found.base), (many, (found.above or ((0, found.base),))[-1][1])):
        cost = list_price(model, provider, read=read, written=0, at=NOW)
        assert rates.read is not None
        assert cost == rates.read * Decimal(read) / 1_000_000


def test_prices_that_depend_on_how_much_is_read_are_told_by_threshold() -> None:
    found = model_prices("claude-haiku-5-5", "anthropic", NOW)
    assert found is not None
    assert found.above
    for number, rates in found.above:
        assert number > 0
        assert rates != found.base


def test_what_is_on_no_list_has_no_price() -> None:
    assert model_prices("of-no-list", "openai", NOW) is None
    known = next(one.model for one in listed(NOW) if one.provider == "openai" and one.read)
    for provider in UNLISTED:
        assert model_prices(known, provider, NOW) is None
