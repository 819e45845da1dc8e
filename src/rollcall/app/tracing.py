# SPDX-License-Identifier: Apache-2.0
"""Traces as the settings ask for them."""

from __future__ import annotations

from functools import partial

from rollcall import __version__
from rollcall.app.settings import Settings, Tracing
from rollcall.registry.service import RegistryService
from rollcall.web.traces import Traces, to_collector, to_console


def traced(settings: Settings, registry: RegistryService) -> Traces | None:
    """What makes spans of requests, and of what they wait for in the registry; None: nobody asked.

    Raises:
        MissingExtra: The settings ask for what is not installed.
    """
    asked = settings.traces
    if asked is Tracing.OFF or (asked is Tracing.AUTO and settings.otlp_endpoint is None):
        return None
    console = asked is Tracing.CONSOLE
    processor = to_console() if console else to_collector(settings.otlp_endpoint)
    traces = Traces("rollcall", __version__, processor)
    registry.searched.append(partial(traces.waited, "registry.search"))
    registry.commits.waited.append(partial(traces.waited, "registry.commit"))
    return traces
