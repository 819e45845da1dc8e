# SPDX-License-Identifier: Apache-2.0
"""Which record store a URL names. The one line that a new store adds is in `STORES`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import IdSource
from rollcall.registry.meaning import Encoder
from rollcall.registry.store import RecordStore

Factory = Callable[[SplitResult, Clock, IdSource], RecordStore]
"""Makes a store of a URL, without opening it. Raises `InvalidInput` for a URL of no sense to it."""

# Names, not imports: the registry must not load a driver, and nobody pays for one not asked for.
STORES: Final = {
    "memory": "rollcall.backends.records.urls:memory",
    "sqlite": "rollcall.backends.records.urls:sqlite",
    "postgresql": "rollcall.backends.records.urls:postgresql",
    "zookeeper": "rollcall.backends.records.urls:zookeeper",
}
"""URL scheme -> `module:factory`."""

_OPTIONS: Final = {"zookeeper": frozenset({"timeout"})}
"""URL scheme -> the options that may follow a question mark."""

ENCODER: Final = "rollcall.backends.encoders.wordllama:WordLlamaEncoder"

ENTRY_POINTS: Final = "rollcall.record_stores"
"""The entry point group in which other distributions name their schemes and factories."""


def open_store(url: str, clock: Clock, ids: IdSource) -> RecordStore:
    """The record store that `url` names, not opened yet.

    `memory` or `memory://` is in memory. `sqlite:///fleet.db` is a file in the working directory,
    `sqlite:////var/lib/fleet.db` one at an absolute path (SQLAlchemy's reading of the slashes).
    `postgresql://user:password@host:5432/database` is a database that several registries share,
    `zookeeper://host:2181,host:2181/services` a path in ZooKeeper; with `?timeout=10` its session
    ends after so many seconds of silence.
    Special characters are percent-encoded.

    Raises:
        InvalidInput: No store has this scheme, or the store cannot use this URL.
    """
    if url == "memory":
        url = "memory://"
    scheme, separator, _ = url.partition("://")
    scheme = scheme.lower()
    if not separator:
        raise InvalidInput("store", f"{url!r} is no URL; {_hint(url)}")
    try:
        parts = urlsplit(url)
    except ValueError:
        # It may hold a password, here and below.
        raise InvalidInput("store", f"{scheme}://... is no URL") from None
    if parts.fragment or not _OPTIONS.get(scheme, frozenset()).issuperset(_options(parts)):
        raise InvalidInput(
            "store",
            f"{scheme}://... has options that no store takes; write '?' as %3F and '#' as %23",
        )
    return _factory(scheme)(parts, clock, ids)


def _options(url: SplitResult) -> set[str]:
    return set(parse_qs(url.query, keep_blank_values=True)) if url.query else set()


def path_of(url: SplitResult) -> str:
    """The path of a URL whose path is on this machine, decoded: `x:///a%20b` is `a b`.

    Raises:
        InvalidInput: It has none, or names a host.
    """
    if url.netloc:
        raise InvalidInput(
            "store",
            f"{url.geturl()!r} names a host; a file has three slashes before a relative path"
            f" ({url.scheme}:///{url.netloc}{url.path}) and four before an absolute one",
        )
    path = unquote(url.path[1:])
    if not path or "\0" in path:
        raise InvalidInput("store", f"{url.geturl()!r} names no file; try {url.scheme}:///fleet.db")
    return path


def _factory(scheme: str) -> Factory:
    others = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if scheme in STORES:
        module, _, name = STORES[scheme].partition(":")
        return getattr(importlib.import_module(module), name)
    if scheme in others:
        return others[scheme].load()
    known = ", ".join(f"{name}://" for name in sorted({*STORES, *others}))
    raise InvalidInput("store", f"{scheme}:// is not the scheme of a store; known are {known}")


def _hint(text: str) -> str:
    """What somebody may have meant who wrote `text` for a URL."""
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in STORES:
        return f"{scheme.lower()}: is followed by two slashes and a path, as in sqlite:///fleet.db"
    if text.strip() and not colon and text.lower() in STORES:
        return f"try {text.lower()}:///fleet.db"
    if text.strip() and not (colon and rest.isdigit()):
        absolute = text if text.startswith("/") else f"/{text}"
        slashes = "sqlite:///" if text.startswith("/") else "sqlite://"
        return f"a file is given as {slashes}{absolute}"
    return "try memory:// or sqlite:///fleet.db"


def open_encoder() -> Encoder:
    """The encoder of meanings that comes with the extra `semantic`. It loads when first used."""
    module, _, name = ENCODER.partition(":")
    return getattr(importlib.import_module(module), name)()
