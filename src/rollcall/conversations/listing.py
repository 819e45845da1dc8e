# SPDX-License-Identifier: Apache-2.0
"""What a service says of its tools, read with suspicion: pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast

import msgspec

from rollcall.conversations.models import ToolSpec
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import derived
from rollcall.web.schemas import checked_arguments_schema, checked_schema

MAX_NAME: Final = 64
"""Characters of a name; no provider of models takes more."""
MAX_DESCRIPTION: Final = 4_000
_MAX_OWN_NAME: Final = 128
_MAX_PATH: Final = 512
_NOT_IN_NAMES: Final = re.compile(r"[^a-zA-Z0-9_-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]+")
_PATH: Final = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")
_DIGEST: Final = 8

Protocol = Literal["http", "mcp"]


class ListedTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as one instance of a service lists it; the fields are those of `ToolSpec`."""

    tool: str
    description: str
    input_schema: dict[str, Any] | None
    output_schema: dict[str, Any] | None
    idempotent: bool
    protocol: Protocol
    path: str
    version: str = ""


class Listing(msgspec.Struct, frozen=True):
    """What could be read of a list.

    Args:
        tools: Its tools, by name.
        problems: What was passed over, and why.
    """

    tools: tuple[ListedTool, ...]
    problems: tuple[str, ...] = ()


def read_list(body: bytes, *, at_most: int) -> Listing:
    """What a service answered to `GET /tools` (document 1). For a worker thread: it may be long.

    Args:
        body: The answer.
        at_most: Tools that count; the rest is passed over.

    Raises:
        InvalidInput: It is no list of tools at all.
    """
    try:
        said: object = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("tools", f"is not JSON: {error}") from error
    if isinstance(said, dict):
        said = cast("dict[str, object]", said).get("tools")
    if not isinstance(said, list):
        raise InvalidInput("tools", "must be a list")
    return read_entries(cast("list[object]", said), "http", path="", at_most=at_most)


def read_entries(
    entries: Sequence[object], protocol: Protocol, *, path: str, at_most: int
) -> Listing:
    """The tools among `entries`; what is none is passed over.

    Args:
        entries: What each of them is said to be, as decoded JSON.
        protocol: How they are called.
        path: Where, if they do not say so themselves.
        at_most: Tools that count.
    """
    tools: dict[str, ListedTool] = {}
    problems: list[str] = []
    for place, entry in enumerate(entries):
        if len(tools) == at_most:
            problems.append(f"only the first {at_most} tools count, of {len(entries)}")
            break
        try:
            tool = _listed(entry, protocol, path)
        except InvalidInput as error:
            problems.append(f"tools.{place}.{error}")
            continue
        if tool.tool in tools:
            problems.append(f"tools.{place}.name: {tool.tool!r} is there already")
        else:
            tools[tool.tool] = tool
    return Listing(tuple(sorted(tools.values(), key=lambda one: one.tool)), tuple(problems))


def checked_path(field: str, value: object) -> str:
    """`value`, which is a path at the service that says it, with its leading slash.

    Raises:
        InvalidInput: It leads elsewhere, or nowhere. Names `field`.
    """
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_PATH:
        raise InvalidInput(field, f"must be a path of 1 to {_MAX_PATH} characters")
    path = value if value.startswith("/") else f"/{value}"
    if "://" in value.partition("?")[0] or path.startswith("//"):
        raise InvalidInput(field, f"{value!r:.100} leads to another host: give a path alone")
    dots = {"%2e": ".", "%2E": "."}
    plain = path.partition("?")[0]
    for written, meant in dots.items():
        plain = plain.replace(written, meant)
    if not _PATH.fullmatch(path) or {".", ".."} & set(plain.split("/")):
        raise InvalidInput(field, f"{value!r:.100} must be a path in ASCII, escaped, without dots")
    return path


def clean_name(name: str) -> str:
    """`name` in the letters that all providers of models take, the first of which is a letter."""
    clean = _NOT_IN_NAMES.sub("_", name).strip("_")
    return clean if clean[:1].isalpha() else f"tool_{clean}".rstrip("_")


def clean_text(text: str, longest: int = MAX_DESCRIPTION) -> str:
    """`text` without control characters, and cut where it is too long."""
    return _CONTROL.sub(" ", text[: longest + 1]).strip()[:longest]


def model_names(tools: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """What a model calls each tool: unique, and the same for the same tools in any order.

    A tool keeps its own name where no other service has one of that name; else all of them have
    their service's behind it.

    Args:
        tools: Service and tool of each.
    """
    bare = {one: clean_name(one[1]) for one in tools}
    often = Counter(bare.values())
    names = {
        one: name if often[name] == 1 else f"{name}__{clean_name(one[0])}"
        for one, name in bare.items()
    }
    often = Counter(names.values())
    return {
        one: name if often[name] == 1 and len(name) <= MAX_NAME else _short(name, one)
        for one, name in names.items()
    }


def spec_of(service: str, name: str, tool: ListedTool) -> ToolSpec:
    """A tool as a model is shown it."""
    return ToolSpec(
        name=name,
        tool=tool.tool,
        service=service,
        description=tool.description,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        idempotent=tool.idempotent,
        protocol=tool.protocol,
        path=tool.path,
        version=tool.version,
    )


def _short(name: str, tool: tuple[str, str]) -> str:
    digest = derived("tool name", *tool, digits=_DIGEST)
    return f"{name[: MAX_NAME - _DIGEST - 1]}_{digest}"


def _listed(entry: object, protocol: Protocol, path: str) -> ListedTool:
    if not isinstance(entry, dict):
        raise InvalidInput("entry", "must be an object")
    said = cast("dict[str, Any]", entry)
    name = said.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_OWN_NAME or not name.isprintable():
        raise InvalidInput("name", f"must have 1 to {_MAX_OWN_NAME} printable characters")
    description = said.get("description") or ""
    if not isinstance(description, str):
        raise InvalidInput("description", "must be text")
    takes = _first(said, "input_schema", "inputSchema", "parameters")
    gives = _first(said, "output_schema", "outputSchema")
    listed = ListedTool(
        tool=name,
        description=clean_text(description),
        input_schema=None if takes is None else checked_arguments_schema("input_schema", takes),
        output_schema=None if gives is None else checked_schema("output_schema", gives),
        idempotent=said.get("idempotent") is True,
        protocol=protocol,
        path=path or checked_path("path", said.get("path")),
    )
    whole = msgspec.json.encode(listed, order="deterministic").decode()
    return msgspec.structs.replace(listed, version=derived("tool", whole, digits=16))


def _first(said: Mapping[str, Any], *keys: str) -> object:
    """What stands under the first of these keys that is there; an empty object says nothing."""
    found: object = next((said[key] for key in keys if said.get(key) is not None), None)
    return None if found == {} else found
