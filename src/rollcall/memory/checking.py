# SPDX-License-Identifier: Apache-2.0
"""What must hold of memories before they are kept, and of what is asked. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.memory.models import MAX_CONTENT, MAX_METADATA, MAX_SCOPE_ID, Filters

MAX_CONDITIONS: Final = 10
"""Keys of metadata that one search compares."""
MAX_QUERY: Final = 1_000
"""Characters of a query."""

_NAMES: Final = Filters.__struct_fields__
# Neither JSON's readers nor every database can keep them.
_FORBIDDEN: Final = re.compile("[\0\ud800-\udfff]")


def filters_of(given: Filters | Mapping[str, str | None]) -> Filters:
    """Whose memories are meant; what is None says nothing.

    Raises:
        InvalidInput: There is no such filter, or it is no id.
    """
    if isinstance(given, Filters):
        given = given.as_dict()
    for name, value in given.items():
        if name not in _NAMES:
            raise InvalidInput(f"filters.{name:.64}", f"is none of {', '.join(_NAMES)}")
        if value is None:
            continue
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidInput(f"filters.{name}", "must be text")
        if not 1 <= len(value) <= MAX_SCOPE_ID:
            raise InvalidInput(
                f"filters.{name}", f"must have 1 to {MAX_SCOPE_ID} characters, not {len(value)}"
            )
        if not value.isprintable() or value.isspace():
            raise InvalidInput(f"filters.{name}", "must be printable and not blank")
    return Filters(**given)


def scoped(given: Filters | Mapping[str, str | None]) -> Filters:
    """`filters_of`, which say something.

    Raises:
        InvalidInput: They do not, too.
    """
    filters = filters_of(given)
    if not filters:
        raise InvalidInput("filters", f"must name at least one of {', '.join(_NAMES)}")
    return filters


def whose(given: Filters | Mapping[str, str | None], *, everywhere: bool) -> Filters:
    """`filters_of`; they may only say nothing where `everywhere` says that this is meant.

    Raises:
        InvalidInput: They say nothing, and it is not; too.
    """
    return filters_of(given) if everywhere else scoped(given)


def content_of(content: str) -> str:
    """`content`, without white space around it.

    Raises:
        InvalidInput: It is blank, too long, or cannot be kept.
    """
    stripped = content.strip()
    if not stripped:
        raise InvalidInput("content", "must not be blank")
    if len(stripped) > MAX_CONTENT:
        raise InvalidInput(
            "content", f"must have at most {MAX_CONTENT:,} characters, not {len(stripped):,}"
        )
    if _FORBIDDEN.search(stripped):
        raise InvalidInput("content", "must be valid Unicode text without NUL")
    return stripped


def metadata_of(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """`metadata` as it is kept.

    Raises:
        InvalidInput: It is too long, or holds what JSON has no word for.
    """
    try:
        text = msgspec.json.encode(metadata or {})
        plain: dict[str, Any] = msgspec.json.decode(text)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidInput("metadata", f"must be what JSON has words for: {error}") from None
    if len(text) > MAX_METADATA:
        raise InvalidInput("metadata", f"must have at most {MAX_METADATA:,} bytes as JSON")
    if b"\\u0000" in text:
        raise InvalidInput("metadata", "must not hold the character NUL")
    return plain


def merged(metadata: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata with changes to its keys; None removes one (RFC 7396, for one level).

    Raises:
        InvalidInput: It would be too long, or holds what JSON has no word for.
    """
    whole = {**metadata, **changes}
    return metadata_of({name: value for name, value in whole.items() if value is not None})


def conditions_of(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """What memories' metadata must hold to be found.

    Raises:
        InvalidInput: There are too many keys, or a value is an object or a list.
    """
    conditions = metadata_of(metadata)
    if len(conditions) > MAX_CONDITIONS:
        raise InvalidInput("metadata", f"must have at most {MAX_CONDITIONS} keys")
    for name, value in conditions.items():
        if isinstance(value, dict | list):
            raise InvalidInput(
                f"metadata.{name:.64}", "must be text, a number, true, false or null to compare"
            )
    return conditions


def moment(field: str, at: datetime | None, *, after: float | None = None) -> datetime | None:
    """`at` in UTC.

    Args:
        after: Seconds since the epoch; it must be later.

    Raises:
        InvalidInput: It has no offset, is no year of ours, or not later.
    """
    if at is None:
        return None
    if at.tzinfo is None:
        raise InvalidInput(field, "must have an offset, as in 2026-01-31T12:00:00Z")
    try:
        utc = at.astimezone(UTC)
        seconds = utc.timestamp()
    except (OverflowError, ValueError):
        raise InvalidInput(field, "must be in the years 1 to 9999, in UTC too") from None
    if after is not None and seconds <= after:
        raise InvalidInput(field, "must be in the future")
    return utc


def seconds(field: str, at: datetime | None) -> float | None:
    """`at` in seconds since the epoch.

    Raises:
        InvalidInput: As `moment` does.
    """
    utc = moment(field, at)
    return None if utc is None else utc.timestamp()


def limit_of(limit: int, most: int) -> int:
    """`limit`, which is 1 to `most`.

    Raises:
        InvalidInput: It is not.
    """
    if not 1 <= limit <= most:
        raise InvalidInput("limit", f"must be 1 to {most:,}, not {limit}")
    return limit


def query_of(query: str) -> str:
    """`query`, which is text of a length that somebody types.

    Raises:
        InvalidInput: It is not.
    """
    if not 1 <= len(query) <= MAX_QUERY:
        raise InvalidInput("query", f"must have 1 to {MAX_QUERY:,} characters, not {len(query):,}")
    return query
