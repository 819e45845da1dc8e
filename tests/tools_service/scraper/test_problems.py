# SPDX-License-Identifier: Apache-2.0
"""Errors over HTTP."""

from __future__ import annotations

import json

import pytest

from rollcall.tools.scraper.errors import (
    AddressRefused,
    DisallowedByRobots,
    FetchFailed,
    FetchTimedOut,
    UnsupportedContent,
)
from rollcall.tools.scraper.fetching import TooManyRedirects
from rollcall.tools.scraper.problems import PROBLEMS
from rollcall.web.problems import Problems, ProblemTable

URL = "http://page.example/x"


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (AddressRefused(URL, "because"), 403, "address-refused"),
        (DisallowedByRobots(URL, "because"), 403, "disallowed-by-robots"),
        (FetchFailed(URL, "because", 404), 424, "fetch-failed"),
        (TooManyRedirects(URL, "because"), 424, "fetch-failed"),
        (FetchTimedOut(URL, "because"), 424, "fetch-timed-out"),
        (UnsupportedContent(URL, "because", "image/png"), 422, "unsupported-content"),
    ],
)
def test_each_error_tells_the_caller_why(error: Exception, status: int, name: str) -> None:
    response = Problems(ProblemTable(PROBLEMS), development=False).response(error)
    said = json.loads(bytes(response.body))
    assert response.status_code == status
    assert said["type"].endswith(f":{name}")
    assert said["url"] == URL
    assert said["detail"] == f"{URL} was not read: because"


def test_a_long_address_is_shown_short() -> None:
    assert len(str(FetchFailed("http://page.example/" + "x" * 2000, "because"))) < 300
