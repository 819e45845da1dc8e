# SPDX-License-Identifier: Apache-2.0
"""What an operator decides."""

from __future__ import annotations

import re
from typing import Any

import pytest

from rollcall import __version__
from rollcall.kernel.errors import InvalidInput
from rollcall.tools.scraper.settings import ScraperSettings


def test_servers_are_told_who_asks() -> None:
    settings = ScraperSettings()
    assert settings.user_agent.startswith(f"Rollcall/{__version__}")
    assert settings.product == "Rollcall"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("allowed_hosts", ("http://wiki",)),
        ("user_agent", ""),
        ("user_agent", "Röllcall/1"),
        ("user_agent", "Rollcall/1\r\nX-Evil: 1"),
        ("user_agent", "123"),
        ("timeout", 0.0),
        ("connect_timeout", 601.0),
        ("max_bytes", 0),
        ("max_chars", 0),
        ("concurrency", 0),
        ("per_host", 0),
        ("parsers", 0),
        ("max_redirects", -1),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=re.escape(field)):
        ScraperSettings(**{field: value})
