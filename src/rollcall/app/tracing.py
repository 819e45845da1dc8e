# SPDX-License-Identifier: Apache-2.0
"""Traces as the settings ask for them."""

from __future__ import annotations

from functools import partial

from rollcall import __version__
from rollcall.app.settings import Settings, Tracing
from rollcall.app.urls import web_url
from rollcall.registry.service import RegistryService
from rollcall.web.traces import Traces, to_collector, to_console


def traced(settings: Settings, registry: RegistryService) -> Traces | None:
    """What makes spans of requests, and of what they wait for in the registry; None: nobody asked.

    Raises:
        MissingExtra: The settings ask for what is not installed.
        InvalidInput: The collector's address is no URL.
    """
    if not wanted(settings):
        return None
    console = settings.traces is Tracing.CONSOLE
    processor = to_console() if console else to_collector(collector(settings))
    traces = Traces("rollcall", __version__, processor)
    registry.searched.append(partial(traces.waited, "registry.search"))
    registry.commits.waited.append(partial(traces.waited, "registry.commit"))
    return traces


def collector(settings: Settings) -> str | None:
    """Where spans are sent to; None: as OpenTelemetry's own variables say.

    Raises:
        InvalidInput: It is no URL.
    """
    url = settings.otlp_endpoint
    return url and web_url("OTEL_EXPORTER_OTLP_ENDPOINT", url, "http://collector:4318")


def wanted(settings: Settings) -> bool:
    """Whether the settings ask for traces."""
    if settings.traces is Tracing.AUTO:
        return settings.otlp_endpoint is not None
    return settings.traces is not Tracing.OFF
