# SPDX-License-Identifier: Apache-2.0
"""Tools as the planner sees them: their parameters, read from JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, cast

from rollcall.conversations.planner.words import spoken, stems

Kind = Literal["string", "integer", "number", "boolean", "array", "object", "any"]
_KINDS: Final = ("boolean", "integer", "number", "array", "object", "string")
_DEEPEST: Final = 6

_COUNTED_UP: Final = re.compile(r"\b(?:any|one|some|either) of:?\s+([^.;]+)", re.IGNORECASE)
_NAMED: Final = re.compile(r"[\"'`]?([a-z][\w-]{1,30})[\"'`]?(?:\s*\(([^)]{1,60})\))?")

Json = dict[str, Any]


@dataclass(frozen=True)
class Parameter:
    """One argument of a tool.

    Args:
        name: Its name.
        kind: Its JSON type; `any` where the schema leaves it open.
        description: What the schema says of it.
        required: Whether the tool must be given it.
        choices: The values it may have, where they are counted up.
        format: The schema's `format`.
        default: What it is where nothing is given.
        item: What an array is made of.
        schema: The whole schema, with references followed.
    """

    name: str
    kind: Kind
    description: str
    required: bool
    choices: tuple[Any, ...]
    format: str
    default: Any
    item: Parameter | None
    schema: Json

    @cached_property
    def name_words(self) -> list[str]:
        """The words of its name."""
        return spoken(self.name)

    @cached_property
    def words(self) -> list[str]:
        """The words of its name and description."""
        return [*self.name_words, *spoken(self.description)]

    @cached_property
    def stems(self) -> frozenset[str]:
        """Their stems."""
        return stems(self.words)

    @cached_property
    def suggested(self) -> dict[str, list[str]]:
        """Values that the description counts up ("any of: mean (average), max"), with other names
        for each; what else is allowed stays open.
        """
        found = _COUNTED_UP.search(self.description)
        values: dict[str, list[str]] = {}
        for one in re.split(r",\s*(?:and\s+|or\s+)?|\s+(?:and|or)\s+", found[1]) if found else ():
            if named := _NAMED.fullmatch(one.strip()):
                values[named[1]] = [named[2]] if named[2] else []
        return values

    def takes(self, value: Any) -> bool:
        """Whether a value is allowed by type, choices, bounds, length and pattern."""
        return valid(value, self.schema)


@dataclass(frozen=True)
class Tool:
    """One tool, as a model is shown it.

    Args:
        name: What it is called by.
        description: What it does.
        parameters: Its arguments, those that are required first.
        open: Whether it takes the user's words as they are: nothing is known of its arguments.
    """

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    open: bool = False

    @cached_property
    def required(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.required)

    @cached_property
    def stems(self) -> frozenset[str]:
        """Stems of its name and description."""
        return stems([*spoken(self.name), *spoken(self.description)])

    @cached_property
    def all_stems(self) -> frozenset[str]:
        """Stems of its name, description and parameters."""
        return self.stems.union(*(parameter.stems for parameter in self.parameters))


def read_tool(name: str, description: str | None, schema: Mapping[str, Any]) -> Tool:
    """A tool from what a model is told of it. Never raises: what makes no sense says nothing."""
    root = _resolved(dict(schema), dict(schema), 0)
    properties = _mapping(root.get("properties"))
    listed: list[Any] = (
        cast("list[Any]", root["required"]) if isinstance(root.get("required"), list) else []
    )
    required = {one for one in listed if isinstance(one, str)}
    found = [
        _parameter(str(key), _mapping(value), dict(schema), required=key in required)
        for key, value in properties.items()
    ]
    found.sort(key=lambda parameter: not parameter.required)
    extra = root.get("additionalProperties")
    unknown = not found and bool(extra)
    catch_all = (
        len(found) == 1
        and found[0].name == "input"
        and found[0].kind in {"string", "any"}
        and not found[0].choices
        and len(found[0].description.split()) <= 12
    )
    return Tool(name, (description or "").strip(), tuple(found), open=unknown or catch_all)


def _parameter(name: str, schema: Json, root: Json, *, required: bool) -> Parameter:
    schema = _resolved(schema, root, 0)
    kind = _kind(schema)
    item = None
    if kind == "array":
        item = _parameter("", _mapping(schema.get("items")), root, required=True)
    choices = schema.get("enum")
    if "const" in schema:
        choices = [schema["const"]]
    title = schema.get("title")
    described = schema.get("description") or (title if isinstance(title, str) else "")
    return Parameter(
        name=name,
        kind=kind,
        description=str(described)[:1000],
        required=required,
        choices=tuple(cast("list[Any]", choices)) if isinstance(choices, list) else (),
        format=str(schema.get("format", "")),
        default=schema.get("default"),
        item=item,
        schema=schema,
    )


def _resolved(schema: Json, root: Json, depth: int) -> Json:
    """The schema with its reference followed and its one alternative beside null taken."""
    if depth > _DEEPEST:
        return {}
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        target: Any = root
        for step in reference[2:].split("/"):
            target = _mapping(target).get(step.replace("~1", "/").replace("~0", "~"))
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return {**_resolved(_mapping(target), root, depth + 1), **beside}
    for key in ("anyOf", "oneOf", "allOf"):
        several = schema.get(key)
        if not isinstance(several, list):
            continue
        options = [_resolved(_mapping(one), root, depth + 1) for one in cast("list[Any]", several)]
        real = [one for one in options if one.get("type") != "null" and one]
        beside = {name: value for name, value in schema.items() if name != key}
        if real:
            # Of several types the plainest to fill comes first.
            real.sort(key=lambda one: _KINDS.index(_kind(one)) if _kind(one) in _KINDS else 9)
            return {**real[0], **beside}
    return schema


def _kind(schema: Json) -> Kind:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in cast("list[Any]", kind) if one != "null"), None)
    if isinstance(kind, str) and kind in _KINDS:
        return kind
    choices = schema.get("enum")
    if (
        isinstance(choices, list)
        and choices
        and all(isinstance(one, str) for one in cast("list[Any]", choices))
    ):
        return "string"
    return "any"


def _mapping(value: Any) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def valid(value: Any, schema: Json, depth: int = 0) -> bool:
    """Whether a value is allowed by the keywords of JSON Schema that are understood here.

    Those are type, enum, const, bounds, lengths, pattern, items and properties.
    """
    if depth > _DEEPEST:
        return True
    choices = schema.get("enum")
    if isinstance(choices, list) and not any(
        _equal(value, one) for one in cast("list[Any]", choices)
    ):
        return False
    if "const" in schema and not _equal(value, schema["const"]):
        return False
    named = schema.get("type")
    kinds = cast("list[Any]", named) if isinstance(named, list) else [named] if named else []
    if kinds and not any(_is(value, kind) for kind in kinds):
        return False
    if isinstance(value, str):
        return _text_fits(value, schema)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number_fits(value, schema)
    if isinstance(value, list):
        values = cast("list[Any]", value)
        item = _mapping(schema.get("items"))
        return (
            _at_least(len(values), schema.get("minItems"))
            and _at_most(len(values), schema.get("maxItems"))
            and all(valid(one, item, depth + 1) for one in values)
        )
    return True


def _equal(one: Any, other: Any) -> bool:
    """Equal as JSON has it: true is not 1."""
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def _is(value: Any, kind: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return not isinstance(kind, str) or isinstance(value, _TYPES.get(kind, (object,)))


def _text_fits(value: str, schema: Json) -> bool:
    pattern = schema.get("pattern")
    # A group that is repeated can take exponential time, and the pattern is a stranger's.
    if isinstance(pattern, str) and len(value) < 2000 and not re.search(r"\)\s*[*+{]", pattern):
        try:
            if re.search(pattern, value) is None:
                return False
        except re.error:
            pass
    return _at_least(len(value), schema.get("minLength")) and _at_most(
        len(value), schema.get("maxLength")
    )


def _number_fits(value: float, schema: Json) -> bool:
    low, high = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    return (
        _at_least(value, schema.get("minimum"))
        and _at_most(value, schema.get("maximum"))
        and not (_numeric(low) and value <= cast("float", low))
        and not (_numeric(high) and value >= cast("float", high))
    )


def _numeric(bound: Any) -> bool:
    return isinstance(bound, int | float) and not isinstance(bound, bool)


def _at_least(value: float, bound: Any) -> bool:
    return not _numeric(bound) or value >= bound


def _at_most(value: float, bound: Any) -> bool:
    return not _numeric(bound) or value <= bound
