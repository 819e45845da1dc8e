# SPDX-License-Identifier: Apache-2.0
"""What a usage counts as, from what was told of it: pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from rollcall.billing.models import Quantities, Unsplit, UsageInput
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import derived
from rollcall.kernel.money import quantised

MOST_TOKENS: Final = 10**12
MOST_REQUESTS: Final = 10**9
MOST_MINUTES: Final = Decimal(10**7)
MINUTE_DIGITS: Final = 6
"""Digits kept of a minute: sixty microseconds."""

_encoder: Final = msgspec.json.Encoder(order="deterministic")
_decoder: Final = msgspec.json.Decoder(UsageInput)


def raw_of(told: UsageInput) -> str:
    """What was told, as it is kept."""
    return _encoder.encode(told).decode()


def told_of(raw: str) -> UsageInput:
    """What `raw_of` made the text of."""
    return _decoder.decode(raw)


def content_hash(raw: str) -> str:
    """What tells whether the same was told again."""
    return derived(raw)


def check(told: UsageInput) -> None:
    """See that the numbers can be true.

    Raises:
        InvalidInput: They cannot; names the field.
    """
    for field in ("tokens_used", "input_tokens", "output_tokens", "cached_tokens"):
        _check_count(field, getattr(told, field), MOST_TOKENS)
    _check_count("requests", told.requests, MOST_REQUESTS)
    minutes = told.minutes
    if minutes is not None and not (minutes.is_finite() and 0 <= minutes <= MOST_MINUTES):
        raise InvalidInput("minutes", f"must be from 0 to {MOST_MINUTES}")
    total, read, written = told.tokens_used, told.input_tokens, told.output_tokens
    if total is not None:
        known = (read or 0) + (written or 0)
        split = read is not None and written is not None
        if known > total or (split and known != total):
            raise InvalidInput("tokens_used", "must be the sum of input_tokens and output_tokens")
    if told.cached_tokens:
        at_most = read
        if read is None and total is not None:
            at_most = total - (written or 0)
        if at_most is not None and told.cached_tokens > at_most:
            raise InvalidInput("cached_tokens", "must not be more than input_tokens: they are part")


def quantities(told: UsageInput, unsplit: Unsplit, *, counts: bool) -> Quantities:
    """What a usage counts as.

    Args:
        told: What was told, which `check` has found to be possible.
        unsplit: What tokens count as that nobody has split.
        counts: Whether it stands for its conversation.
    """
    read, written, guessed = _split(told, unsplit)
    minutes = told.minutes or Decimal(0)
    return Quantities(
        input_tokens=read,
        output_tokens=written,
        cached_tokens=min(told.cached_tokens or 0, read),
        requests=told.requests,
        conversations=int(counts),
        minutes=Decimal(0) if not minutes else quantised(minutes, MINUTE_DIGITS).normalize(),
        estimated=told.estimated or guessed,
    )


def _split(told: UsageInput, unsplit: Unsplit) -> tuple[int, int, bool]:
    """Tokens read and written, and whether somebody had to guess which are which."""
    total, read, written = told.tokens_used, told.input_tokens, told.output_tokens
    cached = told.cached_tokens or 0
    if read is not None or written is not None:
        if read is None:
            read = cached if total is None else total - (written or 0)
        if written is None:
            written = 0 if total is None else total - read
        return read, written, False
    if total is None:
        return cached, 0, False
    # What came from a cache was read.
    read = total if unsplit is Unsplit.INPUT else cached
    return read, total - read, total > cached


def _check_count(field: str, value: int | None, most: int) -> None:
    if value is not None and not 0 <= value <= most:
        raise InvalidInput(field, f"must be from 0 to {most}, not {value}")
