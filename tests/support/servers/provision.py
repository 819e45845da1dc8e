"""What to do where a server that a test needs is not installed."""

from __future__ import annotations

import os

import pytest

REQUIRED = "ROLLCALL_REQUIRE_SERVERS"


def missing(what: str, package: str) -> None:
    """Leave the test out, loudly; where servers are required, fail it."""
    words = f"{what} is not installed: `python tools/provision.py` (Debian: {package})"
    if os.environ.get(REQUIRED):
        pytest.fail(words)
    pytest.skip(words)
