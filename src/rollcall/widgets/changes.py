# SPDX-License-Identifier: Apache-2.0
"""What somebody wants a widget to be: put over what it was (RFC 7396). Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.widgets.models import Content


def fields_of(content: Content) -> dict[str, Any]:
    """What was decided of a widget, as JSON."""
    return cast("dict[str, Any]", msgspec.to_builtins(content))


def begun(fields: Mapping[str, Any]) -> Content:
    """The content of a new widget; what is not said has its default.

    Raises:
        InvalidInput: Something is missing, or of another type.
    """
    return _read(merged({}, fields))


def changed(content: Content, fields: Mapping[str, Any]) -> Content:
    """`content` with some fields in the place of what stood there. Of an object, those fields that
    are given change; `null` takes away what may be missing.

    Raises:
        InvalidInput: A field is of another type.
    """
    return _read(merged(fields_of(content), fields))


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object with a merge patch put over it (RFC 7396)."""
    found = dict(old)
    for name, value in new.items():
        if isinstance(value, Mapping):
            before = found.get(name)
            inner: Mapping[str, Any] = {}
            if isinstance(before, Mapping):
                inner = cast("Mapping[str, Any]", before)
            found[name] = merged(inner, cast("Mapping[str, Any]", value))
        elif value is None:
            found.pop(name, None)
        else:
            found[name] = value
    return found


def names_of(old: Content, new: Content) -> list[str]:
    """The fields in which two contents differ, sorted."""
    names = Content.__struct_fields__
    return sorted(name for name in names if getattr(old, name) != getattr(new, name))


def fingerprint(fields: Mapping[str, Any]) -> str:
    """The same for the same request."""
    return hashlib.sha256(msgspec.json.encode(fields, order="deterministic")).hexdigest()


def _read(fields: dict[str, Any]) -> Content:
    try:
        return msgspec.convert(fields, Content)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `$.")
        field = where.removesuffix("`").replace("[", ".").replace("]", "")
        raise InvalidInput(field or "widget", problem[0].lower() + problem[1:]) from None
