from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rollcall.memory.graph_export import Format, exported
from rollcall.memory.graph_models import Entity, Relationship

NS = "{http://graphml.graphdrawing.org/xmlns}"
HOSTILE = """<!ENTITY x "y">&x;]]>--"]%% end\\n#34;<script>'`{}|→\ufffe\t"""


def entity(id_: str, name: str, **attributes: Any) -> Entity:
    return Entity(
        id=id_,
        name=name,
        type="person",
        attributes=attributes,
        source_memory_id="mem_1",
        confidence=0.5,
        aliases=[name],
        facts=1,
    )


def edge(source: str, target: str) -> Relationship:
    return Relationship(
        id="rel_1",
        source_entity_id=source,
        target_entity_id=target,
        type="knows",
        attributes={"a": HOSTILE},
        source_memory_id="mem_1",
        confidence=1.0,
        valid_from=datetime(2024, 1, 1, tzinfo=UTC),
        valid_to=None,
        facts=1,
    )


async def file(shape: Format, *parts: Entity | Relationship) -> str:
    async def graph() -> AsyncIterator[Entity | Relationship]:
        for one in parts:
            yield one

    return b"".join([piece async for piece in exported(graph(), shape)]).decode()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
@example(HOSTILE)
async def test_graphml_keeps_names_as_they_are(name: str) -> None:
    text = await file("graphml", entity("ent_1", name, x=name), entity("ent_2", ""))
    root = fromstring(text)  # noqa: S314 - what we wrote
    node = root.find(f"{NS}graph/{NS}node")
    assert node is not None
    data = {one.get("key"): one.text or "" for one in node}
    seen = "".join(
        one for one in name if one in "\t\n\r" or (one >= " " and one not in "\ufffe\uffff")
    )
    assert data["node_name"] == seen.replace("\r\n", "\n").replace("\r", "\n")
    assert "<!" not in text


async def test_graphml_declares_what_it_uses() -> None:
    text = await file("graphml", entity("ent_1", "A"), entity("ent_2", "B"), edge("ent_1", "ent_2"))
    root = fromstring(text)  # noqa: S314 - what we wrote
    keys = {one.get("id") for one in root.findall(f"{NS}key")}
    assert {one.get("key") for one in root.iter(f"{NS}data")} <= keys
    nodes = {one.get("id") for one in root.iter(f"{NS}node")}
    (one,) = root.iter(f"{NS}edge")
    assert {one.get("source"), one.get("target")} == nodes


@pytest.mark.parametrize("parts", [0, 1, 3])
async def test_json_is_json(parts: int) -> None:
    things = [entity("ent_1", HOSTILE), entity("ent_2", "B"), edge("ent_1", "ent_2")]
    found = json.loads(await file("json", *things[:parts]))
    assert [one["id"] for one in found["entities"]] == ["ent_1", "ent_2"][:parts]
    assert [one["id"] for one in found["relationships"]] == ["rel_1"][: max(0, parts - 2)]
    if parts:
        assert found["entities"][0]["name"] == HOSTILE


@given(st.text(max_size=50))
@example(HOSTILE)
async def test_mermaid_has_nothing_in_a_label_that_would_mean_something(name: str) -> None:
    name = name.encode("utf-8", "replace").decode()
    text = await file(
        "mermaid", entity("ent_1", name), entity("ent_2", "B"), edge("ent_1", "ent_2")
    )
    header, first, _, arrow, rest = text.split("\n")
    assert header == "flowchart LR"
    label = re.fullmatch(r'    ent_1\["(.*)"\]', first)
    assert label is not None
    written = label[1].removesuffix(" - person")
    assert re.fullmatch(r"(?:[^\W_]| |#[0-9]+;)*", written)
    assert re.sub(r"#([0-9]+);", lambda code: chr(int(code[1])), written) == name
    assert arrow == '    ent_1 -->|"knows"| ent_2'
    assert rest == ""
