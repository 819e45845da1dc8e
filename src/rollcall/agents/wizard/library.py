# SPDX-License-Identifier: Apache-2.0
"""The library out of its files: read strictly, merged by key, and refused whole or taken whole.

A folder holds `industries/<key>.yaml`, `models.yaml` and `interfaces.yaml`. What an operator's
folder says of a key replaces all that the shipped one says of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, cast

import msgspec

from rollcall.agents.models import InterfaceType
from rollcall.agents.prompts import variables_in
from rollcall.agents.wizard.models import (
    Industry,
    Interface,
    Library,
    LibraryFile,
    ModelEntry,
    Origin,
)
from rollcall.agents.wizard.prompting import MAX_FIXED, PLACE, VARIABLES, longest
from rollcall.agents.yaml_text import Text, line_of, read
from rollcall.kernel.errors import InvalidInput

SHIPPED: Final = Path(__file__).parent.parent / "library"
"""The library that comes with Rollcall."""
MAX_BYTES: Final = 262_144
"""Of a file."""
MAX_INDUSTRIES: Final = 200

_KEY: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MODEL: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}:[\x21-\x7e]{1,130}")
_INTERFACE: Final = re.compile("|".join(InterfaceType))
"""What a definition can name."""
_INDUSTRIES: Final = "industries"
_MODELS: Final = "models.yaml"
_INTERFACES: Final = "interfaces.yaml"
_WHERE: Final = re.compile(r" - at `\$\.?(.*?)`$")
_NAMED: Final = re.compile(r"(?:unknown|required) field `(.*?)`")

T = TypeVar("T")


class Source(NamedTuple):
    """A file.

    Args:
        name: Its path within its folder.
        origin: Whose it is.
        where: What errors call it.
        text: What it says.
    """

    name: str
    origin: Origin
    where: str
    text: str


def sources(folder: Path, origin: Origin) -> list[Source]:
    """The files of a folder, by name. What begins with a dot, and what is no YAML, is passed over.

    Raises:
        InvalidInput: It cannot be read, or holds what is no file of a library. Names the file.
    """
    try:
        found = [
            _source(path, path.name, origin) for path in _inside(folder) if path.name != _INDUSTRIES
        ]
        inner = folder / _INDUSTRIES
        if inner.is_dir():
            found += [
                _source(path, f"{_INDUSTRIES}/{path.name}", origin) for path in _inside(inner)
            ]
    except OSError as error:
        raise InvalidInput(str(error.filename or folder), error.strerror or str(error)) from None
    return found


def library_of(some: Iterable[Source]) -> Library:
    """The library that files make, the later ones counting more.

    Raises:
        InvalidInput: Something in them is not as it should be. Names file and line.
    """
    files = list(some)
    industries, interfaces, models = _Shelf[Industry](), _Shelf[Interface](), _Shelf[ModelEntry]()
    for one in files:
        text = _text(one)
        if one.name == _MODELS:
            models.add(one, _entries(one, text, ModelEntry, _MODEL, "a model, as provider:model"))
        elif one.name == _INTERFACES:
            entries = _entries(
                one, text, Interface, _INTERFACE, f"one of {', '.join(InterfaceType)}"
            )
            interfaces.add(one, entries)
        else:
            key = one.name.removeprefix(f"{_INDUSTRIES}/").removesuffix(".yaml")
            industries.add(one, {key: _value(one, text, "", text.fields, Industry)})
    if len(industries) > MAX_INDUSTRIES:
        raise InvalidInput(_INDUSTRIES, f"must be at most {MAX_INDUSTRIES}")
    made = Library(
        industries=industries.shown(),
        interfaces=interfaces.shown(),
        models=models.shown(),
        files=tuple(
            LibraryFile(
                one.name,
                one.origin,
                (*industries.keys_of(one), *interfaces.keys_of(one), *models.keys_of(one)),
            )
            for one in files
        ),
        revision=_revision(files),
    )
    _check_lengths(made, industries.homes)
    return made


class _Shelf(dict[str, T | None]):
    """What there is by key, and from which file; None: it is hidden."""

    def __init__(self) -> None:
        super().__init__()
        self.homes: dict[str, Source] = {}

    def add(self, source: Source, entries: Mapping[str, T | None]) -> None:
        self.update(entries)
        self.homes.update(dict.fromkeys(entries, source))

    def shown(self) -> dict[str, T]:
        return {key: one for key, one in self.items() if one is not None}

    def keys_of(self, source: Source) -> list[str]:
        return [key for key, home in self.homes.items() if home is source and self[key] is not None]


def _inside(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        other = path.suffix not in (".yaml", ".yml") and not path.is_dir()
        if not (other or path.name.startswith(".")):
            yield path


def _source(path: Path, name: str, origin: Origin) -> Source:
    key = name.removeprefix(f"{_INDUSTRIES}/").removesuffix(".yaml")
    inner = name.startswith(f"{_INDUSTRIES}/")
    if not (name in (_MODELS, _INTERFACES) or (inner and name.endswith(".yaml"))):
        raise InvalidInput(
            str(path),
            f"is no file of a library: there are {_MODELS}, {_INTERFACES} and"
            f" {_INDUSTRIES}/<key>.yaml",
        )
    if inner and not _KEY.fullmatch(key):
        raise InvalidInput(
            str(path),
            "must be named by 1 to 64 small letters, digits, - and _, none of these two first",
        )
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise InvalidInput(str(path), f"must have at most {MAX_BYTES:,} bytes")
    try:
        return Source(name, origin, str(path), raw.decode())
    except UnicodeDecodeError as error:
        raise InvalidInput(str(path), f"is not UTF-8 from byte {error.start} on") from None


def _text(source: Source) -> Text:
    found = read(source.where, source.text, ours=source.origin is Origin.SHIPPED)
    if len(found) > 1:
        where = f"{source.where}:{found[1].lines['']}"
        raise InvalidInput(where, "must be one document, without ---")
    if not found and source.name.startswith(f"{_INDUSTRIES}/"):
        raise InvalidInput(source.where, "holds nothing")
    return found[0] if found else Text({}, {"": 1})


def _entries(
    source: Source, text: Text, kind: type[T], key: re.Pattern[str], what: str
) -> dict[str, T | None]:
    found: dict[str, T | None] = {}
    for name, value in text.fields.items():
        if not key.fullmatch(name):
            raise _wrong(source, text, name, f"{name!a:.80} is not {what}")
        found[name] = _value(source, text, name, value, kind)
    return found


def _value(source: Source, text: Text, path: str, value: Any, kind: type[T]) -> T | None:
    """What an entry says; None: it is hidden."""
    try:
        told = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        if told.get("enabled") is False:
            # Who hides something need not say what it is.
            known: tuple[str, ...] = getattr(kind, "__struct_fields__", ())
            extra = [name for name in told if name not in known]
            if extra:
                raise _wrong(source, text, _joined(path, extra[0]), "is no field here")
            return None
        made = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _named(source, text, path, str(error)) from None
    _check_places(source, text, path, value)
    return made


def _named(source: Source, text: Text, path: str, said: str) -> InvalidInput:
    """What msgspec finds wrong, with the line where it stands."""
    where, name = _WHERE.search(said), _NAMED.search(said)
    inner = re.sub(r"\[(\d+)\]", r".\1", where[1]) if where else ""
    field = _joined(path, inner)
    if name is not None:
        if said.startswith("Object missing"):
            return _wrong(source, text, field, f"{name[1]} is missing")
        return _wrong(source, text, _joined(field, name[1]), "is no field here")
    problem = said[: where.start()] if where else said
    return _wrong(source, text, field, f"{problem[0].lower()}{problem[1:]}".replace("`", ""))


def _check_places(source: Source, text: Text, path: str, value: Any) -> None:
    """Refuse places of what is no variable, and braces that were meant to be a place."""
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            _check_places(source, text, _joined(path, name), inner)
    elif isinstance(value, list):
        for place, inner in enumerate(cast("list[Any]", value)):
            _check_places(source, text, _joined(path, str(place)), inner)
    elif isinstance(value, str):
        unknown = [one for one in variables_in(value) if one not in VARIABLES]
        if unknown:
            raise _wrong(
                source,
                text,
                path,
                f"{{{{{unknown[0]}}}}} is no variable: there are {', '.join(VARIABLES)}",
            )
        if value.count("{{") != len(PLACE.findall(value)):
            raise _wrong(source, text, path, "has {{ that is no {{variable}}")
        if any(not (one.isprintable() or one == "\n") for one in value) or not value.strip():
            raise _wrong(source, text, path, "must be printable and not blank")


def _check_lengths(library: Library, homes: Mapping[str, Source]) -> None:
    for key, industry in library.industries.items():
        for interface in (*library.interfaces.values(), None):
            length = longest(industry, interface)
            if length > MAX_FIXED:
                raise InvalidInput(
                    homes[key].where,
                    f"makes a prompt of {length} characters; at most {MAX_FIXED} are allowed",
                )


def _wrong(source: Source, text: Text, field: str, problem: str) -> InvalidInput:
    about = f"{field}: " if field else ""
    return InvalidInput(f"{source.where}:{line_of(text.lines, field)}", f"{about}{problem}")


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}".strip(".")


def _revision(files: Iterable[Source]) -> str:
    digest = hashlib.sha256()
    for one in files:
        for part in (one.origin, one.name, one.text):
            raw = part.encode()
            digest.update(len(raw).to_bytes(8) + raw)
    return digest.hexdigest()[:16]
