# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from rollcall.app.services import SERVICES
from rollcall.app.settings import Settings
from rollcall.cli.commands import app
from rollcall.cli.options import local_url

PORTS = {
    "AGENT_PORT": 3004,
    "BILLING_PORT": 8003,
    "EXT_TOOL_PORT": 3006,
    "ROLLCALL_AGENT_REGISTRY_PORT": 8009,
    "SERVICE_REGISTRY_PORT": 3003,
}
URLS = {"--url", "--registry", "--registry-url"}


def places(command: Any) -> Iterator[Any]:
    """Where the services are that a command and those below it ask, unless somebody says."""
    for one in command.params:
        if URLS & {*one.opts} and callable(one.default):
            yield one.default
    for below in getattr(command, "commands", {}).values():
        yield from places(below)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in PORTS:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def asked() -> set[str]:
    return {place() for place in places(typer.main.get_command(app))}


@pytest.mark.usefixtures("bare")
def test_services_are_looked_for_at_their_usual_ports() -> None:
    assert asked() == {f"http://127.0.0.1:{port}" for port in PORTS.values()}


def test_services_are_looked_for_where_their_ports_were_set(bare: pytest.MonkeyPatch) -> None:
    for moved, name in enumerate(PORTS, 40_000):
        bare.setenv(name, str(moved))

    assert asked() == {f"http://127.0.0.1:{40_000 + at}" for at in range(len(PORTS))}


def test_the_usual_ports_are_those_of_the_settings(bare: pytest.MonkeyPatch) -> None:
    settings = Settings(_env_file=None)

    ports = {one.variable: one.port(settings) for one in SERVICES.values()}
    assert ports | PORTS == ports


def test_an_empty_port_is_as_good_as_none(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("AGENT_PORT", "")

    assert local_url("AGENT_PORT", 3004) == "http://127.0.0.1:3004"
