# SPDX-License-Identifier: Apache-2.0
"""The page as a table: one line for each value. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from rollcall.dashboard.wire import PageView

HEADER: Final = ("part", "subject", "measure", "value")
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_SUBJECTS: Final = {
    "agents": "agent_id",
    "activity": "id",
    "alerts": "id",
    "status": "service",
    "unavailable": "service",
}
"""By a part that is a list: what its items are called by."""


def as_csv(page: PageView) -> str:
    """The page as CSV (RFC 4180). A value that a spreadsheet would take for a formula has an
    apostrophe before it; numbers stay numbers.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for row in rows(page):
        writer.writerow([harmless(one) for one in row])
    return text.getvalue()


def rows(page: PageView) -> Iterator[tuple[str, str, str, str]]:
    """The values of a page; those that are null are left out."""
    shown = page.model_dump(mode="json")
    yield "page", "", "as_of", shown.pop("as_of")
    for part, body in shown.items():
        subject = _SUBJECTS.get(part)
        if subject is None:
            yield from ((part, "", name, value) for name, value in _flat(body))
            continue
        for item in body or ():
            for name, value in _flat(item):
                if name != subject:
                    yield part, str(item[subject]), name, value


def harmless(text: str) -> str:
    """`text` as a spreadsheet shows it, whoever wrote it."""
    if not text.startswith(_FORMULAS):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """What is inside, each with its dotted name."""
    if isinstance(value, dict):
        for key, inner in cast("Mapping[str, Any]", value).items():
            yield from _flat(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for place, inner in enumerate(cast("list[Any]", value)):
            yield from _flat(inner, f"{name}.{place}")
    elif isinstance(value, bool):
        yield name, str(value).lower()
    elif value is not None:
        yield name, str(value)
