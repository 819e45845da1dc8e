# SPDX-License-Identifier: Apache-2.0
"""YAML files with definitions of agents and capabilities, read with line numbers."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rollcall.agents import yaml_text
from rollcall.agents.yaml_text import Text, line_of
from rollcall.kernel.errors import InvalidInput

MAX_BYTES: Final = 10_000_000
KINDS: Final = ("agent", "capability")


@dataclass(frozen=True)
class Document:
    """One of the things that a file describes.

    Args:
        kind: `agent` or `capability`.
        fields: What it says, without its kind.
        lines: By dotted name, on which line a field stands; by "", on which the document begins.
    """

    kind: str
    fields: Mapping[str, Any]
    lines: Mapping[str, int]

    def line(self, field: str) -> int:
        """The line on which a field stands, or else what it is in."""
        return line_of(self.lines, field)


def read(file: Path) -> list[Document]:
    """The documents of a file; `-` is standard input.

    Raises:
        InvalidInput: It cannot be read, or is not what it should be. Names file and line.
    """
    name = "standard input" if file == Path("-") else str(file)
    try:
        with sys.stdin.buffer if file == Path("-") else file.open("rb") as source:
            raw = source.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInput(name, error.strerror or str(error)) from None
    if len(raw) > MAX_BYTES:
        raise InvalidInput(name, f"must have at most {MAX_BYTES:,} bytes")
    try:
        return parsed(name, raw.decode())
    except UnicodeDecodeError as error:
        raise InvalidInput(name, f"is not UTF-8 from byte {error.start} on") from None


def parsed(name: str, text: str) -> list[Document]:
    """The documents of a text.

    Args:
        name: What errors call it.
        text: YAML, with `---` between documents.

    Raises:
        InvalidInput: It is not what it should be. Names `name` and the line.
    """
    found = [_document(name, one) for one in yaml_text.read(name, text)]
    if not found:
        raise InvalidInput(name, "holds no document")
    _distinct(name, found)
    return found


def _document(name: str, text: Text) -> Document:
    fields = dict(text.fields)
    kind = fields.pop("kind", "agent")
    if kind not in KINDS:
        line = text.lines["kind"]
        raise InvalidInput(f"{name}:{line}", f"kind: must be one of {', '.join(KINDS)}")
    return Document(kind, fields, text.lines)


def _distinct(name: str, documents: Sequence[Document]) -> None:
    seen: dict[tuple[str, str], int] = {}
    for one in documents:
        for field in ("id", "name"):
            key = (f"{one.kind} {field}", str(one.fields.get(field)))
            if field not in one.fields or (field == "name" and "id" in one.fields):
                continue
            if key in seen:
                raise InvalidInput(
                    f"{name}:{one.line(field)}", f"{field}: is on line {seen[key]} already"
                )
            seen[key] = one.line(field)
