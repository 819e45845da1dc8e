# SPDX-License-Identifier: Apache-2.0
"""Requests that are refused for their size or slowness, before anybody reads what they say."""

from __future__ import annotations

from rollcall.kernel.errors import InvalidInput


class PayloadTooLarge(InvalidInput):
    """The body is longer than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__("body", f"must not be longer than {limit} bytes")
        self.limit = limit


class BodyTooSlow(InvalidInput):
    """Nothing of the body came for `seconds`, in the middle of it."""

    def __init__(self, seconds: float) -> None:
        super().__init__("body", f"must not stop for {seconds:g} s")
        self.seconds = seconds


class UrlTooLong(InvalidInput):
    """Path and query together are longer than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__("url", f"must not be longer than {limit} bytes")
        self.limit = limit


class HeadersTooLarge(InvalidInput):
    """There are too many headers, or they are too long together."""

    def __init__(self, problem: str) -> None:
        super().__init__("headers", problem)
