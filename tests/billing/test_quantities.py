"""What a usage counts as, from what was told of it: pure."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.billing.models import Quantities, Unsplit
from rollcall.billing.quantities import check, content_hash, quantities, raw_of, told_of
from rollcall.kernel.errors import InvalidInput
from support.billing import usage


def count(unsplit: Unsplit = Unsplit.INPUT, **said: object) -> Quantities:
    told = usage(**said)
    check(told)
    return quantities(told, unsplit, counts=False)


@pytest.mark.parametrize(
    ("said", "read", "written", "estimated"),
    [
        ({"input_tokens": 7, "output_tokens": 3}, 7, 3, False),
        ({"input_tokens": 7, "output_tokens": 3, "tokens_used": 10}, 7, 3, False),
        ({"input_tokens": 7, "tokens_used": 10}, 7, 3, False),
        ({"output_tokens": 3, "tokens_used": 10}, 7, 3, False),
        ({"output_tokens": 3}, 0, 3, False),
        ({"tokens_used": 10}, 10, 0, True),
        ({"tokens_used": 0}, 0, 0, False),
        ({}, 0, 0, False),
    ],
)
def test_what_is_left_out_is_worked_out_or_guessed(
    said: dict[str, int], read: int, written: int, estimated: bool
) -> None:
    counted = count(**said)
    assert (counted.input_tokens, counted.output_tokens) == (read, written)
    assert counted.estimated is estimated


def test_the_card_says_what_unsplit_tokens_count_as() -> None:
    counted = count(Unsplit.OUTPUT, tokens_used=10, cached_tokens=2)
    assert (counted.input_tokens, counted.output_tokens, counted.cached_tokens) == (2, 8, 2)
    assert counted.estimated


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"tokens_used": -1}, "tokens_used"),
        ({"input_tokens": -5}, "input_tokens"),
        ({"output_tokens": 10**13}, "output_tokens"),
        ({"requests": -1}, "requests"),
        ({"minutes": Decimal("-0.5")}, "minutes"),
        ({"minutes": Decimal("NaN")}, "minutes"),
        ({"tokens_used": 5, "input_tokens": 6}, "tokens_used"),
        ({"tokens_used": 5, "input_tokens": 2, "output_tokens": 2}, "tokens_used"),
        ({"input_tokens": 5, "cached_tokens": 6}, "cached_tokens"),
        ({"tokens_used": 5, "cached_tokens": 6}, "cached_tokens"),
    ],
)
def test_numbers_that_cannot_be_true_are_refused(said: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        count(**said)
    assert refused.value.field == field


counts = st.none() | st.integers(0, 1000)


@given(counts, counts, counts, counts, st.sampled_from(Unsplit))
def test_no_token_is_lost_or_made_up(
    total: int | None, read: int | None, written: int | None, cached: int | None, rule: Unsplit
) -> None:
    said = {
        "tokens_used": total,
        "input_tokens": read,
        "output_tokens": written,
        "cached_tokens": cached,
    }
    try:
        counted = count(rule, **said)
    except InvalidInput:
        return
    assert counted.input_tokens >= counted.cached_tokens >= 0
    assert counted.output_tokens >= 0
    if total is not None:
        assert counted.tokens == total


def test_what_was_told_is_kept_word_for_word() -> None:
    told = usage(tokens_used=3, minutes=Decimal("0.10"), reported_cost=Decimal("99.99"))
    assert told_of(raw_of(told)) == told
    assert content_hash(raw_of(told)) != content_hash(raw_of(usage(tokens_used=4)))
