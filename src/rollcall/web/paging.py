# SPDX-License-Identifier: Apache-2.0
"""The `Link` from one page of a list to the next (RFC 8288)."""

from __future__ import annotations

from starlette.datastructures import URL


def link(url: URL, word: str, parameter: str = "cursor") -> str:
    """The value of a `Link` header that leads from `url` to the page of `word`.

    Path and query only, since the host may be another one before a proxy.
    """
    following = url.include_query_params(**{parameter: word})
    return f'<{following.path}?{following.query}>; rel="next"'
