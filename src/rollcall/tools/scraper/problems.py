# SPDX-License-Identifier: Apache-2.0
"""How the scraper's errors look over HTTP.

All of them are 4xx: the service is well, and asking another instance of it would not help.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rollcall.tools.scraper.errors import (
    AddressRefused,
    DisallowedByRobots,
    FetchFailed,
    FetchTimedOut,
    UnsupportedContent,
)
from rollcall.web.problems import Kind

_FAILED: Final = ("url", "status_code")

PROBLEMS: Final[Mapping[type[Exception], Kind]] = {
    AddressRefused: Kind(403, "address-refused", "The address is not on the public web", ("url",)),
    DisallowedByRobots: Kind(
        403, "disallowed-by-robots", "The site does not want programs to read the page", ("url",)
    ),
    FetchFailed: Kind(424, "fetch-failed", "The page's server did not give the page", _FAILED),
    FetchTimedOut: Kind(424, "fetch-timed-out", "The page was not there in time", _FAILED),
    UnsupportedContent: Kind(
        422, "unsupported-content", "What is there is no text", ("url", "content_type")
    ),
}
