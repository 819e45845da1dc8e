from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.agents.yaml_text import written
from rollcall.cli.definition_files import MAX_BYTES, parsed, read
from rollcall.kernel.errors import InvalidInput

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=12)
WORDS = st.sampled_from(
    [
        *"no yes on 12:30 0o7 010 09 1_000 1e5 .5 1. -0 ~ null = << 2026-01-31 !x &a *a #c".split(),
        *"' \" : - ? | 0x1F .nan .inf true True tRue + 1.5e3 [a] {a:b} %x @x `x --- ...".split(),
        *("a\nb", "\n", "", " a", "a ", "a\r\nb", "\x85", "a\x85b", "\u2028"),
        *("a\u2029\nb", "\u202e", "é", "a\n ", "\ta"),
    ]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | WORDS, inner, max_size=3),
    max_leaves=10,
)
DOCUMENTS = st.dictionaries(TEXTS | WORDS, JSON, min_size=1, max_size=4).map(
    lambda fields: {name: value for name, value in fields.items() if name not in ("id", "name")}
)


@given(st.lists(DOCUMENTS.filter(bool), min_size=1, max_size=3), st.booleans())
def test_what_is_written_is_read_again_to_the_last_letter(
    documents: list[dict[str, Any]], ascii_only: bool
) -> None:
    documents = [
        {"kind": "agent", **{k: v for k, v in one.items() if k != "kind"}} for one in documents
    ]
    text = written(documents, ascii_only=ascii_only)
    assert not ascii_only or text.isascii()
    found = parsed("x", text)
    assert [{"kind": one.kind, **one.fields} for one in found] == documents


def test_lines_are_those_of_the_file() -> None:
    text = """# first a note
id: a
name: A
configuration:
  limits:
    steps: 3
prompt_templates:
  hello: |
    Hi {{who}}
    there
---
---
kind: capability
id: c
tags:
  - x
  - y
"""
    one, two = parsed("f.yaml", text)
    assert (one.kind, two.kind) == ("agent", "capability")
    assert one.fields["prompt_templates"] == {"hello": "Hi {{who}}\nthere\n"}
    assert [one.line(field) for field in ("", "name", "configuration.limits.steps")] == [2, 3, 6]
    assert one.line("configuration.limits.nonsense.deep") == 5
    assert one.line("nonsense") == 2
    assert [two.line("tags.1"), two.line("id")] == [17, 14]


def test_scalars_mean_what_json_has() -> None:
    text = "{a: no, b: 12:30, c: 2026-01-31, d: 010, e: 10, f: 1.5, g: true, h: ~, i: 1e5, j: 0x1F}"
    said = list(parsed("x", text)[0].fields.values())
    assert said == ["no", "12:30", "2026-01-31", "010", 10, 1.5, True, None, "1e5", "0x1F"]


def test_an_alias_stands_for_what_it_names() -> None:
    text = "a: &x {n: 1}\nb: *x\n"
    assert parsed("x", text)[0].fields == {"a": {"n": 1}, "b": {"n": 1}}


BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "x: holds no document"),
        ("--- \n---\n# nothing\n", "x: holds no document"),
        ("- a\n", "x:1: must be a mapping"),
        ("id: a\nname: [\n", "x:3: is no YAML"),
        ("id: a\n\tname: b\n", "x:2: is no YAML"),
        ("id: a\nid: b\n", "x:2: 'id' is there twice"),
        ("id: a\n---\nkind: robot\nid: b\n", "x:3: kind: must be one of agent, capability"),
        ("id: a\n1: b\n", "x:2: the name of a field must be a text"),
        ("id: a\n? [x]\n: b\n", "x:2: the name of a field must be a text"),
        ("id: !!python/object/apply:os.system ['ls']\n", "x:1: "),
        ("id: !!binary aGk=\n", "x:1: must be a text"),
        ("id: !secret x\n", "x:1: must be a text"),
        ("a: !!set {x}\n", "x:1: must have no tag"),
        ("id: &a [*a]\n", "x:1: is nested more than"),
        (BOMB, "holds more than"),
        ("a: " + "[" * 100 + "]" * 100, "x:1: is nested more than"),
        ("a: " + "[" * 50_000, "is nested more than"),
        ("id: a\n---\nid: a\n", "x:3: id: is on line 1 already"),
        ("name: a\n---\nname: a\n", "x:3: name: is on line 1 already"),
        ("id: *b\n", "x:1: is no YAML"),
        ("id: a\0b\n", "x: is no YAML"),
        ("a: 123456789012345678901234567890\n", "x:1: must be a text, a number"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parsed("x", text)
    assert said in str(caught.value)


@given(st.text(alphabet="abc:- \n[]{}&*!|>'\"#?,%@0.\t", max_size=60))
def test_whatever_is_in_a_file_it_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        assert parsed("x", text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    large, bad = tmp_path / "large.yaml", tmp_path / "bad.yaml"
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    bad.write_bytes(b"a: \xff")
    for file, said in ((tmp_path / "none.yaml", "No such"), (large, "at most"), (bad, "byte 3")):
        with pytest.raises(InvalidInput, match=said) as caught:
            read(file)
        assert file.name in str(caught.value)
