# SPDX-License-Identifier: Apache-2.0
"""What somebody wants a definition to say: read, and put in the place of what it said. Pure.

Every field that is given replaces the whole of what stood there; a field that is not given stays.
Both documents' fields may stand together: a body with `business_name` is document 4's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET, UnsetType

from rollcall.agents.differences import Operation, difference
from rollcall.agents.models import Content, InterfaceType, Priority, PromptTemplate
from rollcall.agents.prompts import variables_in
from rollcall.kernel.errors import InvalidInput


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields of `Content`, those that are to change. A prompt that is a text declares what it uses.

    `None` takes away one of document 4's.
    """

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    configuration: dict[str, Any] | UnsetType = UNSET
    capabilities: dict[str, dict[str, Any]] | UnsetType = UNSET
    prompt_templates: dict[str, PromptTemplate | str] | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    business_name: str | UnsetType | None = UNSET
    business_description: str | UnsetType | None = UNSET
    business_domain: str | UnsetType | None = UNSET
    industry: str | UnsetType | None = UNSET
    llm_model: str | UnsetType | None = UNSET
    interface_type: InterfaceType | UnsetType | None = UNSET


_decode: Final = msgspec.json.Decoder(Change).decode
_UNKNOWN: Final = re.compile("unknown field `(.*?)`")
_WHERE: Final = re.compile(r" - at `(?:key in )?\$\.?(.*?)`$")


def change_of(data: Mapping[str, Any]) -> Change:
    """The change that a JSON object asks for.

    Raises:
        InvalidInput: A field is of another type, or there is no such field; or it holds what JSON
            has no word for.
    """
    try:
        # By way of JSON: what is kept is what would have come over the wire.
        return _decode(msgspec.json.encode(dict(data)))
    except msgspec.ValidationError as error:
        raise _named(str(error)) from None
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidInput("agent", f"must be what JSON has words for: {error}") from error


def _named(said: str) -> InvalidInput:
    unknown, where = _UNKNOWN.search(said), _WHERE.search(said)
    field = where[1].replace("[...]", ".*") if where else ""
    if unknown is not None:
        return InvalidInput(f"{field}.{unknown[1]}".strip("."), "is no field of an agent")
    problem = said[: where.start()] if where else said
    return InvalidInput(field or "agent", f"{problem[0].lower()}{problem[1:]}")


def begun(change: Change) -> Content:
    """The content of a new definition. Document 4 has no `name`: there the business's is taken.

    Raises:
        InvalidInput: It has no name.
    """
    fields = _fields(change)
    name = fields.pop("name", None) or fields.get("business_name")
    if not name:
        raise InvalidInput("name", "is missing: give a name, or a business_name")
    return Content(name=name, **fields)


def changed(content: Content, change: Change) -> Content:
    """`content` as `change` wants it. A name that is the business's stays the business's."""
    fields = _fields(change)
    renamed: str | None = fields.get("business_name")
    if renamed and content.name == content.business_name:
        fields.setdefault("name", renamed)
    return msgspec.structs.replace(content, **fields)


def shown(content: Content) -> dict[str, Any]:
    """The content as JSON, without those of document 4's fields that are not set."""
    fields = msgspec.structs.asdict(content)
    given = {name: value for name, value in fields.items() if value is not None}
    return cast("dict[str, Any]", msgspec.json.decode(msgspec.json.encode(given)))


def steps(old: Content, new: Content) -> list[Operation]:
    """What is different between two contents, as a JSON Patch."""
    return difference(shown(old), shown(new))


def fields_of(operations: list[Operation]) -> list[str]:
    """The names of the fields that a patch changes, sorted."""
    return sorted({operation.path.split("/")[1] for operation in operations})


def _fields(change: Change) -> dict[str, Any]:
    given = {
        name: value for name, value in msgspec.structs.asdict(change).items() if value is not UNSET
    }
    templates: Mapping[str, PromptTemplate | str] | None = given.get("prompt_templates")
    if templates is not None:
        given["prompt_templates"] = {
            name: PromptTemplate(one, variables_in(one)) if isinstance(one, str) else one
            for name, one in templates.items()
        }
    return given
