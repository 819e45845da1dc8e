# SPDX-License-Identifier: Apache-2.0
"""From a typed function to a tool."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Final,
    Unpack,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from rollcall.tools.docstrings import described
from rollcall.tools.errors import InvalidTool
from rollcall.tools.models import P, R, Tool, ToolContext, ToolOptions

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PATH: Final = re.compile(r"(/[A-Za-z0-9_.~-]+)+")
RESERVED: Final = frozenset(
    {"/tools", "/mcp", "/health", "/metrics", "/docs", "/redoc", "/openapi.json"}
)
"""Paths that a tool service needs for itself."""

_CONFIG: Final = ConfigDict(extra="forbid", allow_inf_nan=False)


@overload
def tool(function: Callable[P, R], /) -> Tool[P, R]: ...


@overload
def tool(**options: Unpack[ToolOptions]) -> Callable[[Callable[P, R]], Tool[P, R]]: ...


def tool(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    path: str | None = None,
    description: str | None = None,
    idempotent: bool = False,
    read_only: bool | None = None,
    get: bool = False,
    tags: Iterable[str] = (),
    failures: Iterable[type[Exception]] = (),
) -> Tool[P, R] | Callable[[Callable[P, R]], Tool[P, R]]:
    """A tool of a typed function, sync or async. Sync functions run in a worker thread.

        @tool(idempotent=True)
        async def forecast(city: str, days: int = 3) -> dict[str, float]:
            \"\"\"The temperatures expected in a city.\"\"\"

    Its arguments are an object with a field for each parameter, checked by the annotations; or,
    where there is one parameter and that is a Pydantic model, with the fields of that. What it
    returns is told as it is where that is an object (a Pydantic model, a dict), else as
    `{"result": ...}`. It says that it did not work by a `ToolError`.

    Args:
        function: None: the decorator is called with options.
        name: Letters, digits, `_` and `-`, 64 at most, as models and MCP want it; None: the
            function's own.
        path: Where it is called over HTTP; None: `/tools/<name>`.
        description: None: the docstring, without its sections.
        idempotent: Whether calling it twice does no more than calling it once: such a call is
            repeated when its answer got lost.
        read_only: Whether it changes nothing anywhere; None: not told.
        get: Whether it may be called by GET as well, with its arguments in the query.
        tags: Further words to be found by.
        failures: Errors of the function's own that are told as a `ToolError` is, with their text.

    Raises:
        InvalidTool: The function, or an option, is not fit for a tool.
    """

    def declare(function: Callable[P, R]) -> Tool[P, R]:
        own = name or getattr(function, "__name__", "")
        if not _NAME.fullmatch(own):
            problem = "must have a name of letters, digits, _ and -, 64 at most"
            raise InvalidTool(own, f"{problem}: give it one with name=")
        where = path or f"/tools/{own}"
        if not _PATH.fullmatch(where) or where in RESERVED:
            raise InvalidTool(own, f"cannot be at {where!r}: take a path like /tools/{own}")
        text, of_parameters = described(inspect.getdoc(function))
        if not (description or text):
            raise InvalidTool(own, "says nothing of what it does: write a docstring")
        hints = _hints(own, function)
        taken, context = _taken(own, function, hints)
        whole = _whole(taken, hints)
        single = () if whole else taken
        arguments = (
            _closed(hints[whole]) if whole else _arguments(own, single, hints, of_parameters)
        )
        input_schema = _schema(own, TypeAdapter(arguments), "validation")
        input_schema.setdefault("properties", {})
        # The names of our own models say nothing to anybody.
        input_schema.pop("title", None)
        if whole:
            input_schema.pop("description", None)
        if get:
            _check_query(own, input_schema)
        result, output_schema, wrapped = _result(own, hints)
        return Tool(
            name=own,
            path=where,
            description=description or text,
            input_schema=input_schema,
            output_schema=output_schema,
            idempotent=idempotent,
            read_only=read_only,
            get=get,
            tags=tuple(tags),
            failures=tuple(failures),
            function=function,
            arguments=arguments,
            parameters={f"of_{one.name}": one.name for one in single},
            whole_parameter=whole,
            context_parameter=context,
            result=result,
            wrapped=wrapped,
        )

    return declare if function is None else declare(function)


def is_list(schema: Mapping[str, Any]) -> bool:
    """Whether a parameter's schema takes an array."""
    options: list[Mapping[str, Any]] = [schema, *schema.get("anyOf", ())]
    return any(option.get("type") == "array" for option in options)


def _hints(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        problem = f"has annotations that cannot be read ({error}): import what they name"
        raise InvalidTool(name, problem) from error


def _taken(
    name: str, function: Callable[..., Any], hints: Mapping[str, Any]
) -> tuple[list[inspect.Parameter], str | None]:
    """The parameters that callers give, and the one that is given the context."""
    taken: list[inspect.Parameter] = []
    context: str | None = None
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            problem = f"has the parameter {str(parameter)!r}, whose names callers cannot know"
            raise InvalidTool(name, f"{problem}: name each parameter")
        if parameter.name not in hints:
            raise InvalidTool(name, f"has the parameter {parameter.name!r} without an annotation")
        if hints[parameter.name] is ToolContext:
            context = parameter.name
        else:
            taken.append(parameter)
    return taken, context


def _whole(taken: Sequence[inspect.Parameter], hints: Mapping[str, Any]) -> str | None:
    """The only parameter, where it is a model that can hold all arguments."""
    if len(taken) != 1:
        return None
    hint = hints[taken[0].name]
    return taken[0].name if isinstance(hint, type) and issubclass(hint, BaseModel) else None


def _closed(model: type[BaseModel]) -> type[BaseModel]:
    """The same model, which takes nothing that it does not name."""

    class Closed(model, extra="forbid", allow_inf_nan=False):
        pass

    return Closed


def _arguments(
    name: str,
    taken: Iterable[inspect.Parameter],
    hints: Mapping[str, Any],
    texts: Mapping[str, str],
) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for parameter in taken:
        hint = hints[parameter.name]
        default = ... if parameter.default is parameter.empty else parameter.default
        more = _told(hint, default, parameter.name, texts.get(parameter.name))
        # The model's own methods (`copy`, `json`) may be names of parameters.
        fields[f"of_{parameter.name}"] = (Annotated[hint, more], default)
    try:
        return create_model(f"{name} arguments", __config__=_CONFIG, **fields)
    except (PydanticUserError, TypeError) as error:
        raise InvalidTool(name, f"has a parameter that no schema describes: {error}") from error


def _told(hint: Any, default: object, name: str, text: str | None) -> FieldInfo:
    """What a field is told beside its annotation; what that says itself comes first."""
    said = [one for one in get_args(hint)[1:] if isinstance(one, FieldInfo)]
    if get_origin(hint) is not Annotated:
        said = []
    if isinstance(default, FieldInfo):
        said.append(default)
    more: dict[str, Any] = {}
    if not any(one.alias for one in said):
        more["alias"] = name
    if text and not any(one.description for one in said):
        more["description"] = text
    return cast("FieldInfo", Field(**more))


def _result(name: str, hints: Mapping[str, Any]) -> tuple[TypeAdapter[Any], dict[str, Any], bool]:
    if "return" not in hints:
        raise InvalidTool(name, "does not say what it returns: annotate it with -> ...")
    try:
        result: TypeAdapter[Any] = TypeAdapter(hints["return"])
    except PydanticUserError as error:
        raise InvalidTool(name, f"returns what no schema describes: {error}") from error
    schema = _schema(name, result, "serialization")
    if _root(schema).get("type") == "object":
        return result, {**schema, "type": "object"}, False
    wrapper = create_model("Result", result=(hints["return"], ...))
    schema = _schema(name, TypeAdapter(wrapper), "serialization")
    del schema["title"]
    return result, schema, True


def _root(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a schema that is but a reference refers to."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Mapping[str, Any] = schema["$defs"][reference.removeprefix("#/$defs/")]
    return found


def _schema(name: str, adapter: TypeAdapter[Any], mode: JsonSchemaMode) -> dict[str, Any]:
    try:
        return adapter.json_schema(mode=mode, schema_generator=_Untitled)
    except PydanticUserError as error:
        raise InvalidTool(name, f"has a type that no schema describes: {error}") from error


class _Untitled(GenerateJsonSchema):
    """Leaves out titles that only say the field's name again."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _check_query(name: str, schema: Mapping[str, Any]) -> None:
    """Refuse GET for arguments that no query can hold.

    Raises:
        InvalidTool: One of them is an object, or a list of such.
    """
    definitions: Mapping[str, Any] = schema.get("$defs", {})

    def flat(one: Mapping[str, Any], *, inside: bool = False) -> bool:
        if "$ref" in one:
            one = definitions[one["$ref"].removeprefix("#/$defs/")]
        if one.get("type") == "object":
            return False
        if one.get("type") == "array":
            return not inside and flat(one.get("items", {}), inside=True)
        return all(flat(option, inside=inside) for option in one.get("anyOf", ()))

    for argument, one in schema["properties"].items():
        if not flat(one):
            problem = f"cannot be called by GET: its argument {argument!r} does not fit in a query"
            raise InvalidTool(name, problem)
