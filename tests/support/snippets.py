# SPDX-License-Identifier: Apache-2.0
"""Python snippets of the documents, run as they stand; only the package has our name."""

from __future__ import annotations

import ast
import asyncio
import inspect
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from rollcall import client as sdk
from rollcall.client import AgentCapability, RegistryClient

QUOTED = Path(__file__).parents[1] / "spec"


def snippet(name: str, *, document: int = 2) -> str:
    """The text of a snippet."""
    return (QUOTED / f"document_{document}" / f"{name}.txt").read_text(encoding="utf-8")


async def run(source: str, names: dict[str, Any]) -> None:
    """Run a snippet of document 2 in `names`, which it may use and adds to."""
    source = source.replace("shared.lib.registry_client", "rollcall.client")
    code = compile(source, "document 2", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)  # noqa: S307
    if inspect.iscoroutine(result):
        await result


ORCHESTRATOR = snippet("example_2").partition("# Usage")[0]
"""The orchestrator of the second example, before it is used."""


def given() -> dict[str, Any]:
    """What the snippets of document 2 use without saying where it comes from."""
    return {
        **{name: getattr(sdk, name) for name in sdk.__all__},
        "logger": logging.getLogger("document 2"),
        "asyncio": asyncio,
        "time": time,
    }


async def closed(names: dict[str, Any]) -> None:
    """Close the clients that a snippet has made."""
    for one in names.values():
        if isinstance(one, RegistryClient):
            await one.close()


async def add_agent(agent_id: str, capability: str, status: str = "active") -> None:
    """Register one more agent where the document says the registry is."""
    url = "http://agent-registry:8009"
    async with RegistryClient(url, agent_id, agent_id, f"http://{agent_id}:8000") as one:
        await one.register([AgentCapability(capability, capability)], status=status)


def through(port: int, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the document's host names lead to a port of this machine, and a key be sent along."""
    monkeypatch.setenv("ROLLCALL_API_KEY", key)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
    for name in ("http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
