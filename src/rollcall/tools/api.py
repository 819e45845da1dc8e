# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks: the list of the tools, and each at its own path."""

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from rollcall.kernel.caller import Caller
from rollcall.kernel.errors import InvalidInput
from rollcall.tools.declaration import is_list
from rollcall.tools.errors import InvalidArguments
from rollcall.tools.models import Tool, ToolContext
from rollcall.tools.service import ToolSet
from rollcall.web import correlation
from rollcall.web.bodies import is_json
from rollcall.web.callers import Reader
from rollcall.web.strict import decoded

IDEMPOTENCY_KEY = "idempotency-key"
"""The header that is the same at each attempt of one call."""

HEAVY = 1 << 16
"""Bytes of arguments from which on a thread looks at them, and nobody else waits for that."""


class ListedTool(BaseModel):
    """A tool as `GET /tools` tells of it (document 1 has name, path and description)."""

    name: str
    path: str = Field(description="Where it is called, at this service.")
    method: str = Field(default="POST", description="How: with its arguments as a JSON object.")
    methods: list[str] = Field(description="Every way; by GET the arguments are the query.")
    description: str
    input_schema: dict[str, Any] = Field(description="JSON Schema of its arguments.")
    output_schema: dict[str, Any] = Field(description="JSON Schema of its result.")
    idempotent: bool = Field(description="Whether calling it twice does no more than once.")
    read_only: bool | None = Field(description="Whether it changes nothing; null: nobody said.")
    tags: list[str]


class ToolList(BaseModel):
    """The tools of a service."""

    tools: list[ListedTool]
    total_count: int


def router(tools: ToolSet) -> APIRouter:
    """`GET /tools`, and each tool at its path, by POST, and by GET where it says so."""
    routes = APIRouter(tags=["tools"])

    @routes.get("/tools")
    async def list_tools(caller: Reader) -> ToolList:
        """The tools that can be called here, and how."""
        return ToolList(tools=[listed(one) for one in tools], total_count=len(tools))

    for one in tools:
        _add(routes, tools, one)
    return routes


def listed(tool: Tool[..., Any]) -> ListedTool:
    """What others are told of a tool."""
    return ListedTool(
        name=tool.name,
        path=tool.path,
        methods=["POST", "GET"] if tool.get else ["POST"],
        description=tool.description,
        input_schema=dict(tool.input_schema),
        output_schema=dict(tool.output_schema),
        idempotent=tool.idempotent,
        read_only=tool.read_only,
        tags=list(tool.tags),
    )


def parsed(body: bytes) -> dict[str, Any]:
    """The arguments that a body stands for; an empty one: none.

    Raises:
        InvalidInput: It is no JSON object, or holds what nothing should be given.
    """
    value: Any = decoded(body) if body else {}
    if not isinstance(value, dict):
        raise InvalidInput("body", "must be a JSON object with a member for each argument")
    return cast("dict[str, Any]", value)


def context_of(caller: Caller, headers: Mapping[str, str]) -> ToolContext:
    """Who calls a tool by a request with these headers."""
    return ToolContext(
        namespace=caller.namespace,
        caller=caller.subject,
        correlation_id=correlation.request_id(),
        idempotency_key=headers.get(IDEMPOTENCY_KEY),
    )


def _add(routes: APIRouter, tools: ToolSet, tool: Tool[..., Any]) -> None:
    schema = inlined(tool.input_schema)
    lists = {name for name, one in schema["properties"].items() if is_list(one)}

    async def by_post(request: Request, caller: Reader) -> Response:
        if not is_json(request.headers.get("content-type")):
            raise InvalidInput("body", "must be JSON: send Content-Type: application/json")
        body = await request.body()
        heavy = len(body) > HEAVY
        arguments = await asyncio.to_thread(parsed, body) if heavy else parsed(body)
        context = context_of(caller, request.headers)
        with _told("body"):
            said = await tools.call(tool.name, arguments, context, heavy=heavy)
        return JSONResponse(said)

    async def by_get(request: Request, caller: Reader) -> Response:
        query = request.query_params
        arguments: dict[str, Any] = {}
        for name in query:
            several = query.getlist(name)
            arguments[name] = several if name in lists or len(several) > 1 else several[0]
        context = context_of(caller, request.headers)
        with _told("query"):
            said = await tools.call(tool.name, arguments, context, words=True)
        return JSONResponse(said)

    answer: dict[int | str, dict[str, Any]] = {
        200: {
            "description": "What it says",
            "content": {"application/json": {"schema": inlined(tool.output_schema)}},
        }
    }
    summary = tool.name.replace("_", " ").replace("-", " ").capitalize()
    taken: dict[str, Any] = {
        "required": bool(schema.get("required")),
        "content": {"application/json": {"schema": schema}},
    }
    routes.add_api_route(
        tool.path,
        by_post,
        methods=["POST"],
        name=tool.name,
        summary=summary,
        description=tool.description,
        responses=answer,
        response_class=Response,
        openapi_extra={"requestBody": taken},
    )
    if tool.get:
        routes.add_api_route(
            tool.path,
            by_get,
            methods=["GET"],
            name=f"{tool.name} by query",
            summary=summary,
            description=tool.description,
            responses=answer,
            response_class=Response,
            openapi_extra={"parameters": _parameters(schema)},
        )


@contextmanager
def _told(place: str) -> Generator[None]:
    """Has all that is wrong with arguments told as FastAPI has it."""
    try:
        yield
    except InvalidArguments as error:
        errors = [{**one, "loc": (place, *one["loc"])} for one in error.errors]
        raise RequestValidationError(errors) from error


def _parameters(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", ())
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": one.get("description", ""),
            "schema": one,
        }
        for name, one in schema["properties"].items()
    ]


def inlined(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without `$defs`, each put where it is meant: in a larger document the references
    would lead elsewhere. What holds itself is cut off the second time.
    """
    definitions: Mapping[str, Any] = schema.get("$defs", {})

    def inline(value: Any, within: frozenset[str]) -> Any:
        if isinstance(value, list):
            return [inline(one, within) for one in cast("list[Any]", value)]
        if not isinstance(value, dict):
            return value
        held = cast("dict[str, Any]", value)
        rest = {key: one for key, one in held.items() if key not in ("$ref", "$defs")}
        found = {key: inline(one, within) for key, one in rest.items()}
        reference = held.get("$ref")
        if not isinstance(reference, str):
            return found
        name = reference.removeprefix("#/$defs/")
        if name in within:
            return found
        return {**inline(definitions[name], within | {name}), **found}

    made: dict[str, Any] = inline(dict(schema), frozenset())
    return made
