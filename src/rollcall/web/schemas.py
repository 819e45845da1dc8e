# SPDX-License-Identifier: Apache-2.0
"""JSON Schemas that strangers wrote: bounded, closed in themselves, and cheap to check against.

The dialect is 2020-12, which MCP takes for granted. What could be used to hold the process up is
not checked here: patterns, whose matching may take for ever, and that items are unique. Where
nobody else would check it either, a schema with it is refused (`complete=True`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from itertools import islice
from typing import Any, Final, cast
from urllib.parse import unquote

import msgspec

from rollcall.kernel.errors import InvalidInput, RollcallError

MAX_SCHEMA: Final = 65_536
"""Bytes of a schema as JSON."""
MAX_DEPTH: Final = 32
"""Levels of objects and lists in a schema, and in arguments that are checked."""
MAX_CHECKED: Final = 65_536
"""Bytes of arguments as JSON that are still checked here."""

_EXPANDED: Final = 500
"""Schemas that one value may have to be held against at one place."""
_REFERENCES: Final = 2_000
"""References that may be followed for one check."""
_SHOWN: Final = 300
_PROBLEMS: Final = 3
_ERRORS: Final = 32
"""Errors that are looked at for them: each thing that is missing is one."""

_MAPS: Final = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})
_LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SINGLE: Final = frozenset(
    "additionalProperties contains contentSchema else if items not propertyNames then"
    " unevaluatedItems unevaluatedProperties".split()
)
_IN_PLACE: Final = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else"})
_LEFT_OUT: Final = frozenset(
    "$anchor $comment $dynamicAnchor $id $schema $vocabulary pattern patternProperties"
    " uniqueItems".split()
)
_UNCHECKED: Final = frozenset({"pattern", "patternProperties", "uniqueItems"})
"""What of that would have to hold of a value."""
_MOVED: Final = frozenset({"$dynamicRef", "$recursiveRef"})
_BEYOND_PATTERNS: Final = frozenset({"additionalProperties", "unevaluatedProperties"})
"""What means something else where `patternProperties` beside it is left out."""

_TYPES: Final = frozenset("array boolean integer null number object string".split())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return _is_number(value) and cast("float", value) >= 0 and cast("float", value) % 1 == 0


def _are_words(value: object) -> bool:
    if not isinstance(value, list):
        return False
    return all(isinstance(one, str) for one in cast("list[object]", value))


def _are_types(value: object) -> bool:
    types = cast("list[object]", value) if isinstance(value, list) else [value]
    return _are_words(types) and _TYPES.issuperset(types)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _are_requirements(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    return all(map(_are_words, cast("dict[str, object]", value).values()))


def _is_positive(value: object) -> bool:
    return _is_number(value) and cast("float", value) > 0


_MUST_BE: Final[dict[str, tuple[Callable[[object], bool], str]]] = {
    "type": (_are_types, "a type of JSON, or a list of them"),
    "required": (_are_words, "a list of names"),
    "enum": (_is_list, "a list"),
    "multipleOf": (_is_positive, "a number above 0"),
    "dependentRequired": (_are_requirements, "lists of names"),
    **dict.fromkeys(
        ("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum"), (_is_number, "a number")
    ),
    **dict.fromkeys(
        "maxLength minLength maxItems minItems maxContains minContains maxProperties"
        " minProperties".split(),
        (_is_count, "a whole number of at least 0"),
    ),
}
"""What the values of keywords must be, and how to say so."""

_left: ContextVar[list[int]] = ContextVar("rollcall_schema_references")


class TooComplex(RollcallError):
    """To check these arguments would take too long."""


def checked_schema(field: str, value: object, *, complete: bool = False) -> dict[str, Any]:
    """`value`, which is a schema that may be shown to a model and checked against.

    What it is made of is checked here and not by the dialect's own schema, which would take ten
    seconds of a thousand schemas of a service that means harm.

    Args:
        field: What errors name.
        value: Decoded JSON.
        complete: Whether a schema is refused that asks for what is not checked here.

    Raises:
        InvalidInput: It is not. Names `field`.
    """
    if not isinstance(value, dict):
        raise InvalidInput(field, "must be a JSON Schema, as an object")
    schema = cast("dict[str, Any]", value)
    if depth_of(schema) > MAX_DEPTH:
        raise InvalidInput(field, f"must have at most {MAX_DEPTH} levels")
    size = len(msgspec.json.encode(schema))
    if size > MAX_SCHEMA:
        raise InvalidInput(field, f"must have at most {MAX_SCHEMA} bytes, not {size}")
    _Copy(field, _UNCHECKED if complete else frozenset()).of(schema)
    # Needed as soon as arguments are checked, which is done where loading it would hold others up.
    importlib.import_module("jsonschema")
    return schema


def checked_arguments_schema(field: str, value: object) -> dict[str, Any]:
    """The same for the arguments of a tool, which are an object.

    Raises:
        InvalidInput: It is not. Names `field`.
    """
    schema = checked_schema(field, value)
    if schema.get("type", "object") != "object":
        raise InvalidInput(field, "must be for an object: arguments have names")
    return schema if "type" in schema else {"type": "object", **schema}


class ArgumentCheck:
    """Holds arguments against a schema that went through `checked_arguments_schema`.

    To make one takes about a millisecond, and jsonschema is loaded by the first.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        jsonschema: Any = importlib.import_module("jsonschema")
        referencing: Any = importlib.import_module("referencing")
        usual = jsonschema.Draft202012Validator
        follow = usual.VALIDATORS["$ref"]

        def counted(validator: Any, reference: Any, instance: Any, schema: Any) -> Iterator[Any]:
            left = _left.get()
            left[0] -= 1
            if left[0] < 0:
                raise TooComplex("takes too long to check against the schema")
            yield from follow(validator, reference, instance, schema) or ()

        made = jsonschema.validators.extend(usual, {"$ref": counted})
        # A registry of its own: the usual one would fetch what it does not know.
        copy = _Copy("input_schema").of(dict(schema))
        self._validator: Any = made(copy, registry=referencing.Registry())

    def problem(self, arguments: Mapping[str, Any]) -> str | None:
        """What is wrong with `arguments`, as a sentence that names them; None: nothing.

        What would take too long to check counts as right: the tool sees for itself.
        """
        try:
            return self.strict_problem(arguments)
        except TooComplex:
            return None

    def strict_problem(self, arguments: Mapping[str, Any]) -> str | None:
        """The same, where nobody else will see for themselves.

        Raises:
            TooComplex: It would take too long to check.
        """
        _left.set([_REFERENCES])
        found: list[str] = []
        try:
            for error in islice(self._validator.iter_errors(dict(arguments)), _ERRORS):
                told = _told(error)
                # What is missing together is told once, though it is an error each.
                if told not in found:
                    found.append(told)
                if len(found) == _PROBLEMS:
                    break
        except (RecursionError, ArithmeticError) as error:
            raise TooComplex("cannot be checked against the schema") from error
        return "; ".join(found) or None


def depth_of(value: object) -> int:
    """How many levels of objects and lists there are in decoded JSON."""
    deepest, todo = 0, [(value, 1)]
    while todo:
        one, level = todo.pop()
        if isinstance(one, dict):
            inside = list(cast("dict[str, object]", one).values())
        elif isinstance(one, list):
            inside = cast("list[object]", one)
        else:
            continue
        deepest = max(deepest, level)
        todo.extend((each, level + 1) for each in inside)
    return deepest


class _Copy:
    """Copies a schema without what is not checked here, and refuses what cannot be."""

    def __init__(self, field: str, refused: frozenset[str] = frozenset()) -> None:
        self._field = field
        self._not_taken = refused
        self._edges: dict[str, list[str]] = {}
        self._references: list[tuple[str, str]] = []

    def of(self, schema: dict[str, Any]) -> dict[str, Any]:
        copied = self._schema(schema, "")
        for place, target in self._references:
            if target not in self._edges:
                raise self._refused(f"refers to {'#' + target!r:.100}, which is no schema in it")
            self._edges[place].append(target)
        self._count()
        return cast("dict[str, Any]", copied)

    def _refused(self, problem: str) -> InvalidInput:
        return InvalidInput(self._field, problem)

    def _schema(self, schema: object, place: str) -> object:
        self._edges[place] = []
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise self._refused(f"is no JSON Schema: there must be an object at {place or '/'}")
        given = cast("dict[str, Any]", schema)
        kept: dict[str, Any] = {}
        for key, value in given.items():
            if key in _MOVED:
                raise self._refused(f"must not use {key}")
            if key in self._not_taken:
                raise self._refused(f"must not use {key}, which is not checked: leave it out")
            if key in _LEFT_OUT or (key in _BEYOND_PATTERNS and "patternProperties" in given):
                continue
            must = _MUST_BE.get(key)
            if must is not None and not must[0](value):
                raise self._refused(
                    f"is no JSON Schema: {key} must be {must[1]}, at {place or '/'}"
                )
            kept[key] = self._member(key, value, place)
        return kept

    def _member(self, key: str, value: Any, place: str) -> object:
        there = f"{place}/{key}"
        if key == "$ref":
            self._refer(place, value)
        elif key in _MAPS:
            if not isinstance(value, dict):
                raise self._refused(f"is no JSON Schema: there must be an object at {there}")
            named = cast("dict[str, Any]", value)
            places = {name: f"{there}/{_escaped(name)}" for name in named}
            if key == "dependentSchemas":
                self._edges[place].extend(places.values())
            return {name: self._schema(one, places[name]) for name, one in named.items()}
        elif key in _LISTS:
            if not isinstance(value, list):
                raise self._refused(f"is no JSON Schema: there must be a list at {there}")
            several = cast("list[Any]", value)
            if key in _IN_PLACE:
                self._edges[place].extend(f"{there}/{at}" for at in range(len(several)))
            return [self._schema(one, f"{there}/{at}") for at, one in enumerate(several)]
        elif key in _SINGLE:
            if key in _IN_PLACE:
                self._edges[place].append(there)
            return self._schema(value, there)
        return value

    def _refer(self, place: str, reference: object) -> None:
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            raise self._refused(f"must refer to nothing outside of it, not to {reference!r:.100}")
        self._references.append((place, unquote(reference[1:])))

    def _count(self) -> None:
        """Refuse circles through which one value would be looked at for ever, or too often."""
        counts: dict[str, int] = {}
        for start in self._edges:
            todo, under_way = [(start, False)], set[str]()
            while todo:
                place, done = todo.pop()
                if done:
                    under_way.discard(place)
                    counts[place] = 1 + sum(counts[one] for one in self._edges[place])
                    if counts[place] > _EXPANDED:
                        raise self._refused("is too entangled")
                elif place in under_way:
                    raise self._refused(f"refers to itself without end at {'#' + place!r:.100}")
                elif place not in counts:
                    under_way.add(place)
                    todo.append((place, True))
                    todo.extend((one, False) for one in self._edges[place])


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _told(error: Any) -> str:
    """An error of jsonschema, led by the name of the argument."""
    where = ".".join(str(part) for part in error.absolute_path)
    match error.validator:
        case "required":
            missing = [one for one in error.validator_value if one not in error.instance]
            names = [f"{where}.{one}" if where else str(one) for one in missing]
            return ", ".join(names) + (" is missing" if len(names) == 1 else " are missing")
        case "additionalProperties" if error.validator_value is False:
            known = ", ".join(error.schema.get("properties", {})) or "none"
            return f"{where or 'arguments'}: {error.message:.{_SHOWN}}; known: {known:.{_SHOWN}}"
        case _:
            return f"{where or 'arguments'}: {error.message:.{_SHOWN}}"
