# SPDX-License-Identifier: Apache-2.0
"""What a process could do beside keeping a registry: which model answers, what its tools need."""

from __future__ import annotations

import asyncio
import importlib
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from rollcall.agents.wizard.shelf import Shelf
from rollcall.app.features import HELP, reached
from rollcall.app.findings import Finding, Grade
from rollcall.app.settings import Settings
from rollcall.backends.encoders.wordllama import logging_untouched
from rollcall.conversations.providers import COMPATIBLE, DEFAULTS, OFFLINE
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput, MissingExtra

LIBRARY: Final = "library"
"""The subject of what the wizard knows."""
PARTS: Final = {
    "wordllama": "search by meaning, and the offline planner's choice of tools",
    "trafilatura": "reading web pages",
    "mcp": "tools over MCP (/mcp)",
}
"""What is loaded only once it is needed, by what it is needed for."""
_KEYLESS: Final = frozenset({"ollama", COMPATIBLE})
"""Providers that often want no key."""


def answering(settings: Settings) -> str:
    """The model that answers by these settings: `provider:model`, or the offline planner.

    Raises:
        InvalidInput: A model in the settings has no name that makes sense.
    """
    return (*reached(settings).names(), OFFLINE)[0]


def abilities(settings: Settings, *, on_sqlite: bool) -> Iterator[Finding]:
    """What answers, and whether everything that is loaded later can be.

    Args:
        settings: Of the process.
        on_sqlite: Whether messages are kept in SQLite.
    """
    yield _model(settings)
    for module, what in PARTS.items():
        try:
            with logging_untouched():
                importlib.import_module(module)
        except ImportError as error:
            text = f"cannot be loaded ({error}); {what} needs it: pip install 'rollcall-ai[server]'"
            yield Finding(module, Grade.WARNING, text)
        else:
            yield Finding(module, Grade.OK, f"can be loaded: {what}")
    if on_sqlite:
        yield _full_text()


def library(settings: Settings, clock: Clock) -> Finding:
    """Whether every process can read what the wizard knows."""
    folder = settings.library_dir
    try:
        found = Shelf(clock, folder).load()
    except InvalidInput as error:
        return Finding(LIBRARY, Grade.ERROR, str(error))
    whose = f"that of {folder} over the one that comes with Rollcall" if folder else "as shipped"
    return Finding(LIBRARY, Grade.OK, f"{len(found.industries)} industries, {whose}")


def _model(settings: Settings) -> Finding:
    try:
        models = reached(settings)
    except InvalidInput as error:
        return Finding("model", Grade.ERROR, str(error))
    name = (*models.names(), OFFLINE)[0]
    if name == OFFLINE:
        text = f"the offline planner answers: it picks one tool by the words of a question. {HELP}"
        return Finding("model", Grade.OK, text)
    provider = name.partition(":")[0]
    url = models.url(name)
    # Neither the user's part of an address nor its path, which may hold secrets.
    where = f" at {urlsplit(url).netloc.rpartition('@')[2]}" if url else ""
    if not models.installed(name):
        extra = f"pip install 'rollcall-ai[{provider}]'"
        return Finding(
            "model", Grade.WARNING, f"{name} answers, but its client is missing: {extra}"
        )
    if models.has_key(name):
        return Finding("model", Grade.OK, f"{name}{where} answers; there is a key for it")
    if provider in _KEYLESS:
        text = f"{name}{where} answers; there is no key, which is fine where none is wanted"
        return Finding("model", Grade.OK, text)
    if provider not in DEFAULTS and provider != "openai-responses":
        try:
            # Its client may not be installed, or not yet.
            with suppress(MissingExtra):
                asyncio.run(models.open(name))
        except InvalidInput as error:
            return Finding("model", Grade.WARNING, f"{name} is to answer, but {error.problem}")
        text = f"{name}{where} answers; its key is read from the provider's own variable"
        return Finding("model", Grade.OK, text)
    text = f"{name}{where} is to answer, but there is no key: set ROLLCALL_MODEL_KEY"
    return Finding("model", Grade.WARNING, text)


def _full_text() -> Finding:
    database = sqlite3.connect(":memory:")
    try:
        database.execute("CREATE VIRTUAL TABLE words USING fts5(word)")
    except sqlite3.OperationalError as error:
        text = (
            f"SQLite {sqlite3.sqlite_version} of this Python has no FTS5 ({error}), which search in"
            " messages needs: take another build of Python, or ROLLCALL_STORE=postgresql://..."
        )
        return Finding("SQLite", Grade.ERROR, text)
    finally:
        database.close()
    return Finding("SQLite", Grade.OK, f"{sqlite3.sqlite_version} with FTS5: search in messages")
