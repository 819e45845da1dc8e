from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.serving import REGISTRIES, Serving, serving
from support.typed import Shell


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Rollcall as a user starts it; tests keep apart by their ids."""
    with serving(tmp_path_factory.mktemp("cli"), *REGISTRIES, ROLLCALL_STORE="memory") as one:
        yield one


@pytest.fixture
def shell(server: Serving) -> Shell:
    """Where its variables name the server."""
    return Shell({"ROLLCALL_REGISTRY_URL": server.agents, "SERVICE_REGISTRY_URL": server.services})
