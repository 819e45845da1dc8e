# SPDX-License-Identifier: Apache-2.0
"""A whole graph as a file, piece by piece: GraphML, JSON, Mermaid.

Names are somebody else's text. In GraphML (<http://graphml.graphdrawing.org/>) the standard
library's ElementTree escapes them, and what XML 1.0 has no word for is left out; in Mermaid
(<https://mermaid.js.org/syntax/flowchart.html>) all but letters, digits and blanks is written as
its number.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any, Final, Literal
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

from rollcall.memory.graph_models import Entity, Relationship

Format = Literal["graphml", "json", "mermaid"]
Graph = AsyncIterable[Entity | Relationship]
"""All entities, then all relationships."""

MEDIA_TYPES: Final[Mapping[Format, str]] = {
    "graphml": "application/xml",
    "json": "application/json",
    "mermaid": "text/vnd.mermaid; charset=utf-8",
}
ENDINGS: Final[Mapping[Format, str]] = {"graphml": "graphml", "json": "json", "mermaid": "mmd"}

_KEYS: Final = (
    ("node", "name", "string"),
    ("node", "type", "string"),
    ("node", "aliases", "string"),
    ("node", "attributes", "string"),
    ("node", "source_memory_id", "string"),
    ("node", "confidence", "double"),
    ("edge", "type", "string"),
    ("edge", "attributes", "string"),
    ("edge", "source_memory_id", "string"),
    ("edge", "confidence", "double"),
    ("edge", "valid_from", "string"),
    ("edge", "valid_to", "string"),
)
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_json: Final = msgspec.json.Encoder(order="sorted")


def exported(graph: Graph, shape: Format) -> AsyncIterator[bytes]:
    """The pieces of the file, in UTF-8."""
    return {"graphml": graphml, "json": json, "mermaid": mermaid}[shape](graph)


async def graphml(graph: Graph) -> AsyncIterator[bytes]:
    """As GraphML; what is no text or number is JSON in it."""
    yield b"<?xml version='1.0' encoding='utf-8'?>\n"
    yield b'<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
    for kind, name, type_ in _KEYS:
        key = Element("key", {"id": f"{kind}_{name}", "for": kind, "attr.name": name})
        key.set("attr.type", type_)
        yield _xml(key)
    yield b'<graph id="knowledge" edgedefault="directed">\n'
    async for one in graph:
        yield _xml(_node(one) if isinstance(one, Entity) else _edge(one))
    yield b"</graph>\n</graphml>\n"


async def json(graph: Graph) -> AsyncIterator[bytes]:
    """As `{"entities": [...], "relationships": [...]}`."""
    yield b'{"entities": ['
    comma, relationships = b"\n", False
    async for one in graph:
        if isinstance(one, Relationship) and not relationships:
            yield b'\n], "relationships": ['
            comma, relationships = b"\n", True
        yield comma + _json.encode(one)
        comma = b",\n"
    yield b"\n]}\n" if relationships else b'\n], "relationships": []}\n'


async def mermaid(graph: Graph) -> AsyncIterator[bytes]:
    """As a Mermaid flowchart."""
    yield b"flowchart LR\n"
    async for one in graph:
        if isinstance(one, Entity):
            yield f'    {one.id}["{_label(one.name)} - {_label(one.type)}"]\n'.encode()
        else:
            arrow = f'-->|"{_label(one.type)}"|'
            yield f"    {one.source_entity_id} {arrow} {one.target_entity_id}\n".encode()


def _node(one: Entity) -> Element:
    node = Element("node", {"id": one.id})
    said = {
        "name": one.name,
        "type": one.type,
        "aliases": _text(one.aliases) if one.aliases else None,
        "attributes": _text(one.attributes) if one.attributes else None,
        "source_memory_id": one.source_memory_id,
        "confidence": f"{one.confidence:g}",
    }
    return _with(node, "node", said)


def _edge(one: Relationship) -> Element:
    ends = {"source": one.source_entity_id, "target": one.target_entity_id}
    edge = Element("edge", {"id": one.id, **ends})
    said = {
        "type": one.type,
        "attributes": _text(one.attributes) if one.attributes else None,
        "source_memory_id": one.source_memory_id,
        "confidence": f"{one.confidence:g}",
        "valid_from": one.valid_from.isoformat() if one.valid_from else None,
        "valid_to": one.valid_to.isoformat() if one.valid_to else None,
    }
    return _with(edge, "edge", said)


def _with(element: Element, kind: str, said: Mapping[str, str | None]) -> Element:
    for name, value in said.items():
        if value is not None:
            SubElement(element, "data", {"key": f"{kind}_{name}"}).text = _NOT_XML.sub("", value)
    return element


def _xml(element: Element) -> bytes:
    return tostring(element, encoding="unicode").encode() + b"\n"


def _text(value: Any) -> str:
    return _json.encode(value).decode()


def _label(text: str) -> str:
    return "".join(one if one.isalnum() or one == " " else f"#{ord(one)};" for one in text)
