# SPDX-License-Identifier: Apache-2.0
"""The `Link` from one page of a list to the next (RFC 8288), and where that begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from starlette.datastructures import URL

from rollcall.kernel.cursors import Place, cursor_of, place_at
from rollcall.web.lines import check_id

_place: Final = msgspec.json.Decoder(tuple[float, str]).decode


def link(url: URL, word: str, parameter: str = "cursor") -> str:
    """The value of a `Link` header that leads from `url` to the page of `word`.

    Path and query only, since the host may be another one before a proxy.
    """
    there = url.include_query_params(**{parameter: word})
    return f'<{there.path}?{there.query}>; rel="next"'


def following(url: URL, place: Place | str | None, parameter: str = "cursor") -> dict[str, str]:
    """The headers that lead from a page to the next one; none where there is none.

    Args:
        url: Of the page.
        place: Where it ended, or the word for that; None: nothing comes behind it.
        parameter: What the next page is asked for by.
    """
    if place is None:
        return {}
    word = cursor_of(place) if isinstance(place, Place) else place
    return {"Link": link(url, word, parameter)}


def place_of(word: str | None, check: Callable[[str, str], str] = check_id) -> Place | None:
    """The place that `cursor_of` made the word of.

    Args:
        word: What came in; None: a first page is asked for.
        check: Refuses ids that none of the list can have, by the name of the field.

    Raises:
        InvalidInput: It is none of our words.
    """
    if word is None:
        return None
    at, key = place_at(word, _place)
    return Place(at, check("cursor", key))
