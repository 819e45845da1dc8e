# SPDX-License-Identifier: Apache-2.0
"""How a tool is called from a terminal: found through the registry, listed, called."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec

from rollcall.client.connection import Connection
from rollcall.client.discovery import Discovery
from rollcall.client.models import ServiceInfo
from rollcall.kernel.caller import NotPermitted
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import InvalidInput, RollcallError, Unavailable

if TYPE_CHECKING:
    import httpx

_CALLABLE: Final = ("healthy", "unknown")
_DEEPEST: Final = 8
_TYPES: Final[Mapping[type[object], str]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    dict: "object",
    list: "array",
    type(None): "null",
}


class ListedTool(msgspec.Struct):
    """A tool as its service lists it (document 1)."""

    name: str
    path: str
    method: str = "POST"
    description: str = ""
    input_schema: dict[str, Any] | None = None
    idempotent: bool = False


class ToolList(msgspec.Struct):
    """What `GET /tools` answers."""

    tools: list[ListedTool]


@dataclass(frozen=True)
class Place:
    """Where tools may be: an instance of a service."""

    url: str
    service: str = ""
    instance: str = ""
    path: str = "/tools"

    def __str__(self) -> str:
        return f"{self.service or 'the service'} at {self.url}"


@dataclass(frozen=True)
class Called:
    """A call that was answered with a result."""

    tool: str
    place: Place
    milliseconds: float
    result: Any


class ToolUnknown(RollcallError, LookupError):
    """No service that answers has a tool of this name."""


class Unanswered(Unavailable):
    """No instance could be called."""


class CallFailed(RollcallError):
    """The tool was called, and did not do it."""


async def places(
    registry: str, key: str | None, service: str | None, tool: str | None = None
) -> list[Place]:
    """Where to look for a tool, or for those of a service; the best place first.

    Args:
        registry: Where the service registry is.
        key: The key to it.
        service: The service's name or URL; None: whichever has it.
        tool: The tool; services that say that they have it come alone.

    Raises:
        ToolUnknown: Nothing is registered that could have it.
        InvalidInput: Services of several names have it.
        RegistryUnavailable: The registry does not answer.
    """
    if service is not None and "://" in service:
        return [Place(_base(service))]
    async with Discovery(registry, api_key=key) as discovery:
        found: Sequence[ServiceInfo] = ()
        if tool is not None:
            told = await discovery.find(service, service_type="tool", capability=tool)
            found = _usable(told.services)
            names = sorted({one.name for one in found})
            if len(names) > 1:
                problem = f"{', '.join(names)} have a tool {tool!r}: say which one's"
                raise InvalidInput("service", problem)
        if not found:
            found = _usable((await discovery.find(service, service_type="tool")).services)
    if not found:
        who = f"no service {service!r}" if service else "no tool service"
        raise ToolUnknown(f"{who} is registered and well")
    return [_place(one) for one in found]


async def listing(client: httpx.AsyncClient, place: Place) -> list[ListedTool]:
    """The tools that a service says it has.

    Raises:
        Unanswered: It cannot be reached.
        CallFailed: What answers lists no tools.
        NotPermitted: It wants a key.
    """
    from httpx import HTTPError

    try:
        answer = await client.get(f"{place.url}{place.path}")
    except HTTPError as error:
        raise Unanswered(f"{place} cannot be reached: {error or type(error).__name__}") from error
    if not answer.is_success:
        raise _refused(place, answer)
    try:
        return msgspec.json.decode(answer.content, type=ToolList).tools
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CallFailed(f"{place} does not list its tools as document 1 has it: {error}") from None


async def call(
    client: httpx.AsyncClient, places: Iterable[Place], name: str, given: Given
) -> Called:
    """Call a tool at the first of these places that has it and can be reached.

    Raises:
        ToolUnknown: None has it.
        Unanswered: Those that may have it cannot be reached.
        CallFailed, InvalidInput, NotPermitted: What came of it.
    """
    away: Unanswered | None = None
    for place in places:
        try:
            tools = {one.name: one for one in await listing(client, place)}
            if name in tools:
                return await _called(client, place, tools[name], given)
        except Unanswered as error:
            away = error
    if away is not None:
        raise away
    raise ToolUnknown(f"no service that answers has a tool {name!r}")


@dataclass(frozen=True)
class Given:
    """The arguments of a call, as somebody typed them.

    Args:
        pairs: Names and values; what a value means depends on the tool.
        members: Further arguments, as JSON had them.
    """

    pairs: Sequence[tuple[str, str]] = ()
    members: Mapping[str, Any] | None = None

    def arguments(self, schema: Mapping[str, Any] | None) -> dict[str, Any]:
        """What a tool with this schema is called with. A name that came twice makes a list."""
        made: dict[str, Any] = dict(self.members or {})
        properties: Mapping[str, Any] = (schema or {}).get("properties", {})
        several: dict[str, list[str]] = {}
        for name, value in self.pairs:
            several.setdefault(name, []).append(value)
        for name, values in several.items():
            options = list(_options(properties.get(name, {}), schema or {}))
            takes = _types(options)
            first = _read(values[0], takes)
            # A list may be typed as JSON, or value by value.
            if len(values) == 1 and ("array" not in takes or _kind(first) in takes):
                made[name] = first
            else:
                inner = [one["items"] for one in options if isinstance(one.get("items"), dict)]
                each = [found for one in inner for found in _options(one, schema or {})]
                made[name] = [_read(value, _types(each)) for value in values]
        return made


def parsed(text: str) -> dict[str, Any]:
    """The arguments in a JSON object.

    Raises:
        InvalidInput: It is none.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidInput("input", f"must be JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidInput("input", "must be a JSON object, such as '{\"days\": 3}'")
    return cast("dict[str, Any]", value)


def paired(text: str) -> tuple[str, str]:
    """Name and value of `name=value`.

    Raises:
        InvalidInput: There is no `=` in it, or no name before that.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidInput("arg", f"must be name=value, not {text!r:.100}")
    return name, value


async def _called(
    client: httpx.AsyncClient, place: Place, tool: ListedTool, given: Given
) -> Called:
    from httpx import ConnectError, ConnectTimeout, HTTPError

    arguments = given.arguments(tool.input_schema)
    if not tool.path.startswith("/"):
        raise CallFailed(f"{place} lists {tool.name!r} at {tool.path!r:.100}, which is no path")
    query = tool.method.upper() == "GET"
    clock = SystemClock()
    begun = clock.monotonic()
    try:
        answer = await client.request(
            tool.method.upper(),
            f"{place.url}{tool.path}",
            params=arguments if query else None,
            json=None if query else arguments,
            headers={"idempotency-key": str(uuid4())},
        )
    except (ConnectError, ConnectTimeout) as error:
        raise Unanswered(f"{place} cannot be reached: {error}") from error
    except HTTPError as error:
        said = f"{type(error).__name__}: {error}".rstrip(": ")
        raise CallFailed(
            f"{place} was called and did not answer ({said}): it may have run"
        ) from None
    taken = (clock.monotonic() - begun) * 1000
    if not answer.is_success:
        raise _refused(place, answer)
    try:
        return Called(tool.name, place, taken, answer.json())
    except ValueError:
        return Called(tool.name, place, taken, answer.text)


def _refused(place: Place, answer: httpx.Response) -> RollcallError:
    """Why a service did not do it, as it says itself (RFC 9457) or by its status."""
    said: dict[str, Any] = {}
    try:
        body = answer.json()
        said = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    except ValueError:
        pass
    told = said.get("detail") or said.get("message") or said.get("title")
    reason = f"{told or 'no reason given'} ({answer.status_code})"
    if "request_id" in said:
        reason += f", request {said['request_id']}"
    if answer.status_code in (401, 403):
        return NotPermitted(f"{place} refuses: {reason}; give its key with --tool-key")
    if str(said.get("type", "")).endswith(":invalid-input"):
        errors = cast("list[dict[str, Any]]", said.get("errors") or [{}])
        return InvalidInput(str(errors[0].get("field", "arguments")), reason)
    return CallFailed(f"{place}: {reason}")


def _base(url: str) -> str:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise InvalidInput("service", f"must be like http://localhost:8080, not {url!r:.100}")
    return url.rstrip("/")


def _usable(services: Iterable[ServiceInfo]) -> list[ServiceInfo]:
    return [one for one in services if one.status in _CALLABLE and one.address]


def _place(service: ServiceInfo) -> Place:
    path = service.metadata.extra.get("tools", "/tools")
    listed = path if isinstance(path, str) and path.startswith("/") else "/tools"
    return Place(f"http://{service.address}", service.name, service.service_id, listed)


def _options(one: object, schema: Mapping[str, Any], depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """What a value may be by its schema, each by a schema of its own."""
    if not isinstance(one, dict) or depth > _DEEPEST:
        # `true` and `false` are schemas as well.
        return
    said = cast("dict[str, Any]", one)
    reference = said.get("$ref")
    if isinstance(reference, str):
        named = schema.get("$defs", {}).get(reference.removeprefix("#/$defs/"))
        yield from _options(named, schema, depth + 1)
        return
    yield said
    for option in (*said.get("anyOf", ()), *said.get("oneOf", ())):
        yield from _options(option, schema, depth + 1)


def _types(options: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The JSON types among these schemas; none: any."""
    types: set[str] = set()
    for one in options:
        named: Any = one.get("type", ())
        types |= {named} if isinstance(named, str) else set(named)
    return frozenset(types)


def _kind(value: object) -> str:
    return _TYPES[type(value)]


def _read(text: str, types: frozenset[str]) -> Any:
    """What somebody typed, as the type that is wanted where it can be read as that."""
    if types and types <= {"string", "null"}:
        return text
    try:
        value: Any = json.loads(text)
    except ValueError:
        return text
    kind = _kind(value)
    fits = not types or kind in types or (kind == "integer" and "number" in types)
    return value if fits or "string" not in types else text


async def listed_by_agent(agent: Connection, namespace: str | None) -> list[dict[str, Any]]:
    """The tools that the agent service can use now."""
    answer = await agent.call(
        "GET", "/api/v1/tools", dict[str, Any], params={"namespace": namespace}
    )
    tools: list[dict[str, Any]] = answer["tools"]
    return tools
