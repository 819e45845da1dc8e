# SPDX-License-Identifier: Apache-2.0
"""The example of a service of one's own, as somebody runs it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from support.scripts import Script, running
from support.servers.ports import free_ports
from support.serving import eventually

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "own_service"
NAME = "quote-service"


@contextlib.contextmanager
def own_service(folder: Path, registry: str, **variables: str) -> Iterator[Script]:
    """The example in a folder of its own, from when it is registered until the block ends.

    Args:
        folder: Where a copy of it is made.
        registry: The URL of the service registry.
        variables: More of them for its process.
    """
    copy = shutil.copytree(
        EXAMPLE, folder / "own_service", ignore=shutil.ignore_patterns("__pycache__")
    )
    port = free_ports(1)[0]
    settings = {"SERVICE_REGISTRY_URL": registry, "PORT": str(port), **variables}
    with running(copy / "main.py", **settings) as one:
        # It registers when it takes connections, and not before; there may be another one of it.
        eventually(f'"port":{port}', f"{registry}/api/v1/discover?name={NAME}")
        yield one
