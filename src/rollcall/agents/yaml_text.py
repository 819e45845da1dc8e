# SPDX-License-Identifier: Apache-2.0
"""YAML: read strictly, with the line of every field, and written.

What a scalar means is taken from YAML 1.2, narrowed to what JSON has: `no` and `12:30` and dates
are texts. There are no tags and no merging; aliases are, as far as what they stand for is small.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import yaml

from rollcall.kernel.errors import InvalidInput

MAX_NODES: Final = 200_000
"""Values in a document, those behind an alias counted at each place."""
MAX_DEPTH: Final = 64

_PREFIX: Final = "tag:yaml.org,2002:"
_composed: Final = cast("Any", yaml.compose_all)  # pyright: ignore[reportUnknownMemberType]


@dataclass(frozen=True)
class Text:
    """One document of a file.

    Args:
        fields: What it says.
        lines: By dotted name, on which line a field stands; by "", on which the document begins.
    """

    fields: dict[str, Any]
    lines: Mapping[str, int]


def line_of(lines: Mapping[str, int], field: str) -> int:
    """The line on which a field stands, or else what it is in."""
    while field not in lines:
        field = field.rpartition(".")[0]
    return lines[field]


_OTHER_BREAKS: Final = frozenset("\r\x85\u2028\u2029")
"""What YAML too takes for the end of a line; it stays as it is between double quotes alone."""


class _Loader(yaml.SafeLoader):
    """Finds nothing but what JSON has."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - so the base class has it


_Quick: Final[Any] = type(
    "_Quick",
    (getattr(yaml, "CSafeLoader", yaml.SafeLoader),),
    {"yaml_implicit_resolvers": {}},
)
"""The same in C, ten times as quick. It brings the process down over what is nested deeply."""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _tag, _form, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?", list("-+0123456789")),
):
    for _loader in (_Loader, _Quick):
        _loader.add_implicit_resolver(  # pyright: ignore[reportUnknownMemberType]
            _PREFIX + _tag, re.compile(rf"^(?:{_form})$"), _first
        )


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    if not _OTHER_BREAKS.isdisjoint(text):
        style = '"'
    return dumper.represent_scalar(_PREFIX + "str", text, style)  # pyright: ignore[reportUnknownMemberType]


_Dumper.add_representer(str, _text)


def read(name: str, text: str, *, ours: bool = False) -> list[Text]:
    """The documents of a text; empty ones are none.

    Args:
        name: What errors call it.
        text: YAML, with `---` between documents.
        ours: Whether it ships with Rollcall, so that there is nothing in it to be careful about.

    Raises:
        InvalidInput: It is not what it should be. Names `name` and the line.
    """
    try:
        nodes = cast("Iterator[yaml.Node | None]", _composed(text, _Quick if ours else _Loader))
        return [_document(name, one) for one in nodes if one and not _is_empty(one)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = name if mark is None else f"{name}:{mark.line + 1}"
        raise InvalidInput(where, f"is no YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise InvalidInput(name, f"is no YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise InvalidInput(name, f"is nested more than {MAX_DEPTH} levels deep") from None


def written(documents: Sequence[Mapping[str, Any]], *, ascii_only: bool) -> str:
    """Documents as YAML that `read` reads.

    Args:
        documents: JSON objects.
        ascii_only: Whether to escape everything else, as for a terminal.
    """
    text: str = yaml.dump_all(
        documents,
        Dumper=_Dumper,
        sort_keys=False,
        explicit_start=len(documents) > 1,
        allow_unicode=not ascii_only,
        width=96,
    )
    return text


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.value


def _document(name: str, node: yaml.Node) -> Text:
    if not isinstance(node, yaml.MappingNode):
        raise InvalidInput(_at(name, node), "must be a mapping of fields to values")
    lines = {"": node.start_mark.line + 1}
    return Text(_value(name, node, "", lines, [MAX_NODES], 1), lines)


def _value(
    name: str, node: yaml.Node, path: str, lines: dict[str, int], left: list[int], depth: int
) -> Any:
    left[0] -= 1
    if left[0] < 0:
        raise InvalidInput(_at(name, node), f"holds more than {MAX_NODES:,} values")
    if depth > MAX_DEPTH:
        raise InvalidInput(_at(name, node), f"is nested more than {MAX_DEPTH} levels deep")
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, inner in _pairs(name, node):
            text: str = key.value
            if text in found:
                raise InvalidInput(_at(name, key), f"{text!a:.80} is there twice")
            there = f"{path}.{text}" if path else text
            lines.setdefault(there, key.start_mark.line + 1)
            found[text] = _value(name, inner, there, lines, left, depth + 1)
        return found
    if isinstance(node, yaml.SequenceNode):
        _check_tag(name, node, "seq")
        each: list[Any] = []
        for place, inner in enumerate(node.value):
            there = f"{path}.{place}"
            lines.setdefault(there, inner.start_mark.line + 1)
            each.append(_value(name, inner, there, lines, left, depth + 1))
        return each
    return _scalar(name, node)


def _pairs(name: str, node: yaml.MappingNode) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    _check_tag(name, node, "map")
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag != f"{_PREFIX}str":
            raise InvalidInput(_at(name, key), "the name of a field must be a text: quote it")
        yield key, value


def _check_tag(name: str, node: yaml.Node, usual: str) -> None:
    if node.tag != _PREFIX + usual:
        raise InvalidInput(_at(name, node), f"must have no tag such as {node.tag!a:.80}")


def _scalar(name: str, node: yaml.Node) -> Any:
    text: str = node.value
    match node.tag.removeprefix(_PREFIX):
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int" if len(text) <= 20:
            return int(text)
        case "float":
            return float(text)
        case "str":
            return text
        case _:
            raise InvalidInput(
                _at(name, node), "must be a text, a number, true, false or null, without a tag"
            )


def _at(name: str, node: yaml.Node) -> str:
    return f"{name}:{node.start_mark.line + 1}"
