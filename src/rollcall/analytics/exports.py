# SPDX-License-Identifier: Apache-2.0
"""Rows as CSV (RFC 4180) and as JSON, piece by piece.

A spreadsheet takes text that begins with =, +, -, @ or a control character for a formula; in CSV
such text has an apostrophe before it, as OWASP recommends ("CSV Injection").
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from rollcall.analytics.figures import shown
from rollcall.analytics.models import moment
from rollcall.analytics.ports import Row

Format = Literal["csv", "json", "parquet"]
Pages = AsyncIterator[Sequence[Row]]

MEDIA_TYPES: Final[Mapping[Format, str]] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
_STEERS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


async def as_csv(columns: Sequence[str], pages: Pages) -> AsyncIterator[bytes]:
    """A line of names, then one for each row."""
    names = _lines([list(columns)])
    async for page in pages:
        yield names + _lines([[_cell(row[name]) for name in columns] for row in page])
        names = b""
    if names:
        yield names


async def as_json(pages: Pages) -> AsyncIterator[bytes]:
    """One array of objects."""
    opening = b"["
    async for page in pages:
        plain = ({name: _plain(value) for name, value in row.items()} for row in page)
        if lines := b",\n".join(map(msgspec.json.encode, plain)):
            yield opening + b"\n" + lines
            opening = b","
    yield b"[]\n" if opening == b"[" else b"\n]\n"


async def begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A file of which there is a beginning. What cannot be asked for raises here: once an answer
    has begun, it can only break off.
    """
    first = await anext(pieces)

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return whole()


async def timed(pages: Pages) -> Pages:
    """Rows with a `time` in place of their `time_us`."""
    async for page in pages:
        yield [
            {
                ("time" if name == "time_us" else name): (
                    moment(value) if name == "time_us" else value
                )
                for name, value in row.items()
            }
            for row in page
        ]


async def at_once(rows: Sequence[Row]) -> Pages:
    """All of them as one page."""
    yield rows


def _lines(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_STEERS) else value
    return _plain(value)


def _plain(value: Any) -> Any:
    for type_, form in _FORMS:
        if isinstance(value, type_):
            return form(value)
    return value


def _moment(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


_FORMS: Final[Sequence[tuple[type[Any], Callable[[Any], str]]]] = (
    (Decimal, shown),
    (datetime, _moment),
    (date, date.isoformat),
)
