# SPDX-License-Identifier: Apache-2.0
"""Whether settings make sense of which a type does not say everything, before anything opens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rollcall.app.entry import verifier
from rollcall.app.features import keys_of_tools, scraper_settings
from rollcall.app.numbers import duckdb_settings
from rollcall.app.own import advertised
from rollcall.app.settings import Settings
from rollcall.app.tracing import collector, wanted
from rollcall.app.widgets import widget_addresses
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput


def misunderstood(settings: Settings, clock: Clock) -> Iterator[InvalidInput]:
    """What is wrong with them; each error names its variable."""
    for look in (
        lambda: verifier(settings, clock),
        lambda: advertised(settings.host, settings.advertise_host),
        lambda: keys_of_tools(settings),
        lambda: scraper_settings(settings),
        lambda: widget_addresses(settings),
        lambda: duckdb_settings(settings),
        lambda: wanted(settings) and collector(settings),
        lambda: _library(settings.library_dir),
    ):
        try:
            look()
        except InvalidInput as error:
            yield error


def _library(folder: Path | None) -> None:
    try:
        there = folder is None or folder.is_dir()
    except OSError:
        there = False
    if not there:
        raise InvalidInput("ROLLCALL_LIBRARY_DIR", f"must be a folder, and {folder} is none")
