# SPDX-License-Identifier: Apache-2.0
"""What is different between two values of JSON, as a JSON Patch (RFC 6902): pure.

Each operation also says what stood there before, as `old`: RFC 6902 has readers pass over members
that they do not know, and people want to see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, cast

import msgspec

_GONE: Final = object()


class Operation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step from the old value to the new one.

    Args:
        op: What is done.
        path: Where, as a JSON Pointer (RFC 6901).
        value: What stands there then; of no meaning for `remove`.
        old: What stood there; of no meaning for `add`.
    """

    op: Literal["add", "remove", "replace"]
    path: str
    value: Any = msgspec.UNSET
    old: Any = msgspec.UNSET


def difference(old: Any, new: Any) -> list[Operation]:
    """The steps that make `new` of `old`, to be taken in order; none where they are the same.

    Numbers of one value are the same, but true is not 1. Of lists, places are compared.

    Args:
        old: A value of JSON.
        new: Another.
    """
    return list(_steps("", old, new))


def _steps(path: str, old: Any, new: Any) -> Iterator[Operation]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _members(path, cast("dict[str, Any]", old), cast("dict[str, Any]", new))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _places(path, cast("list[Any]", old), cast("list[Any]", new))
    elif isinstance(old, bool) is not isinstance(new, bool) or old != new:
        yield Operation("replace", path, new, old)


def _members(path: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Operation]:
    for name, before in old.items():
        after = new.get(name, _GONE)
        if after is _GONE:
            yield Operation("remove", _inside(path, name), old=before)
        else:
            yield from _steps(_inside(path, name), before, after)
    for name, after in new.items():
        if name not in old:
            yield Operation("add", _inside(path, name), after)


def _places(path: str, old: list[Any], new: list[Any]) -> Iterator[Operation]:
    for place, (before, after) in enumerate(zip(old, new, strict=False)):
        yield from _steps(f"{path}/{place}", before, after)
    # From the end, so that no place moves before its turn.
    for place in range(len(old) - 1, len(new) - 1, -1):
        yield Operation("remove", f"{path}/{place}", old=old[place])
    for place in range(len(old), len(new)):
        yield Operation("add", f"{path}/{place}", new[place])


def _inside(path: str, name: str) -> str:
    return f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
