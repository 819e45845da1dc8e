# SPDX-License-Identifier: Apache-2.0
"""Why a page could not be read. None of it is a fault of the service itself."""

from __future__ import annotations

from rollcall.kernel.errors import RollcallError

_LONGEST = 200


class PageNotRead(RollcallError):
    """A page could not be read.

    Args:
        url: The page's address, without credentials; shortened in the message.
        problem: Why, and what to do about it, as one sentence without a full stop.
    """

    def __init__(self, url: str, problem: str) -> None:
        shown = url if len(url) <= _LONGEST else f"{url[:_LONGEST]}..."
        super().__init__(f"{shown} was not read: {problem}")
        self.url = url
        self.problem = problem


class AddressRefused(PageNotRead):
    """The address does not lead to the public web, or not to a port where web pages are.

    It never says to which address a name leads: that would tell strangers about private networks.
    """


class DisallowedByRobots(PageNotRead):
    """The site's robots.txt asks programs not to read the page, or cannot be had now."""


class FetchFailed(PageNotRead):
    """The page's server cannot be reached, or did not give the page.

    Args:
        url: The page's address.
        problem: Why, and what to do about it.
        status_code: The HTTP status that was answered; None: there was no answer.
    """

    def __init__(self, url: str, problem: str, status_code: int | None = None) -> None:
        super().__init__(url, problem)
        self.status_code = status_code


class FetchTimedOut(FetchFailed, TimeoutError):
    """The page was not there in time, or could not be taken apart in time."""


class UnsupportedContent(PageNotRead):
    """What is there is no text: a picture, an archive, a PDF.

    Args:
        url: Its address.
        problem: What it is, and what can be read.
        content_type: The media type that the server told; empty: none.
    """

    def __init__(self, url: str, problem: str, content_type: str = "") -> None:
        super().__init__(url, problem)
        self.content_type = content_type
