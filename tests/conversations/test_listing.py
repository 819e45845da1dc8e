"""Lists of tools, read with suspicion."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.conversations.listing import (
    MAX_DESCRIPTION,
    Listing,
    checked_path,
    clean_name,
    model_names,
    read_list,
    spec_of,
)
from rollcall.kernel.errors import InvalidInput

ALLOWED = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}")
NAMES = st.text(min_size=1, max_size=90) | st.sampled_from(["a", "a.b", "a_b", "a" * 70, "a__s"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def read(tools: Any, at_most: int = 10) -> Listing:
    return read_list(json.dumps({"tools": tools}).encode(), at_most=at_most)


def test_a_tool_of_document_1_needs_a_name_a_path_and_a_description() -> None:
    said = {"name": "calculate", "path": "/calculate", "description": "Does sums.", "x": 1}
    (tool,) = read([said]).tools
    assert (tool.tool, tool.path, tool.description) == ("calculate", "/calculate", "Does sums.")
    assert (tool.input_schema, tool.output_schema, tool.idempotent) == (None, None, False)
    assert tool.protocol == "http"


@pytest.mark.parametrize("key", ["input_schema", "inputSchema", "parameters"])
def test_schemas_go_by_several_names(key: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    (tool,) = read([{"name": "t", "path": "t", key: schema, "outputSchema": {}}]).tools
    assert (tool.input_schema, tool.path) == (schema, "/t")


def test_a_bare_list_is_taken_too() -> None:
    assert len(read_list(b'[{"name": "t", "path": "/t"}]', at_most=5).tools) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"3", b'{"tools": 3}', b"[" * 100_000, b"\xff"])
def test_what_is_no_list_at_all_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="tools"):
        read_list(body, at_most=5)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (3, "tools.0.entry: must be an object"),
        ({"path": "/t"}, "tools.0.name"),
        ({"name": "", "path": "/t"}, "tools.0.name"),
        ({"name": "a\nb", "path": "/t"}, "tools.0.name"),
        ({"name": "n" * 200, "path": "/t"}, "tools.0.name"),
        ({"name": 3, "path": "/t"}, "tools.0.name"),
        ({"name": "t"}, "tools.0.path"),
        ({"name": "t", "path": "/t", "description": ["x"]}, "tools.0.description"),
        ({"name": "t", "path": "/t", "input_schema": "x"}, "tools.0.input_schema"),
        ({"name": "t", "path": "/t", "input_schema": {"type": "array"}}, "tools.0.input_schema"),
        ({"name": "t", "path": "/t", "output_schema": {"$ref": "http://x"}}, "tools.0.output"),
        ({"name": "good", "path": "/t"}, "tools.1.name: 'good' is there already"),
    ],
    ids=lambda one: str(one)[:30],
)
def test_what_cannot_be_used_is_passed_over_and_the_rest_is_kept(
    entry: object, problem: str
) -> None:
    good = {"name": "good", "path": "/good"}
    entries = [good, entry] if "tools.1" in problem else [entry, good]
    listing = read(entries)
    assert [(one.tool, one.path) for one in listing.tools] == [("good", "/good")]
    (said,) = listing.problems
    assert said.startswith(problem)


def test_of_ten_thousand_tools_the_first_count() -> None:
    listing = read([{"name": f"t{at}", "path": "/t"} for at in range(10_000)], at_most=50)
    assert len(listing.tools) == 50
    assert listing.problems == ("only the first 50 tools count, of 10000",)


def test_descriptions_are_bounded_and_have_no_control_characters() -> None:
    said = "a\x1b[31m\u2028b\n" + "x" * 10_000
    (tool,) = read([{"name": "t", "path": "/t", "description": said}]).tools
    assert tool.description.startswith("a [31m b\nx")
    assert len(tool.description) == MAX_DESCRIPTION


@pytest.mark.parametrize(
    "path",
    [
        *("http://evil/x", "//evil/x", "https:/x", "/a/../b", "/..", "/%2e%2e/x", "/a b", "/ä"),
        *("/a#b", "/a\\b", "/a\r\nHost: x", "", "x" * 600, None, 3, "/\x00"),
    ],
    ids=repr,
)
def test_a_path_stays_at_its_service(path: object) -> None:
    if path == "https:/x":
        assert checked_path("path", path) == "/https:/x"
        return
    with pytest.raises(InvalidInput, match="path"):
        checked_path("path", path)


@pytest.mark.parametrize(
    "path", ["/a", "a", "/a/b.json", "/a?tool=x&b=c:d", "/a%20b", "/", "/a..b"]
)
def test_a_path_of_the_service_is_taken(path: str) -> None:
    assert checked_path("path", path).removeprefix("/") == path.removeprefix("/")


def test_versions_differ_where_anything_does() -> None:
    said: dict[str, Any] = {"name": "t", "path": "/t", "description": "d"}
    changes: list[dict[str, Any]] = [
        {},
        {"path": "/u"},
        {"description": "e"},
        {"idempotent": True},
        {"input_schema": {"type": "object"}},
        {"output_schema": {"type": "object"}},
    ]
    tools = [read([{**said, **change}]).tools[0] for change in changes]
    assert len({tool.version for tool in tools}) == len(changes)
    assert spec_of("s", "t", tools[0]).version == tools[0].version


def test_names_that_clash_have_their_service_behind_them() -> None:
    names = model_names([("s one", "run"), ("s2", "run"), ("s2", "own.name"), ("s3", "own name")])
    assert names == {
        ("s one", "run"): "run__s_one",
        ("s2", "run"): "run__s2",
        ("s2", "own.name"): "own_name__s2",
        ("s3", "own name"): "own_name__s3",
    }


def test_names_that_would_clash_in_spite_of_that_have_a_digest_behind_them() -> None:
    names = model_names([("s", "a.b"), ("s", "a b"), ("s", "x" * 100)])
    assert len(set(names.values())) == 3
    assert all(ALLOWED.fullmatch(name) for name in names.values())


@given(st.lists(st.tuples(NAMES, NAMES), unique=True, max_size=20), st.randoms())
def test_names_are_unique_allowed_and_the_same_in_any_order(
    tools: list[tuple[str, str]], random: Any
) -> None:
    names = model_names(tools)
    assert len(set(names.values())) == len(tools)
    assert all(ALLOWED.fullmatch(name) for name in names.values())
    shuffled = list(tools)
    random.shuffle(shuffled)
    assert model_names(shuffled) == names


@given(st.text())
def test_a_clean_name_stays_as_it_is(name: str) -> None:
    clean = clean_name(name)
    assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_-]*", clean)
    assert clean_name(clean) == clean


@given(st.lists(JSON | st.fixed_dictionaries({"name": JSON, "path": JSON}), max_size=5))
def test_whatever_a_service_says_every_entry_is_a_tool_or_a_problem(entries: list[Any]) -> None:
    listing = read(entries)
    assert len(listing.tools) + len(listing.problems) == len(entries)
