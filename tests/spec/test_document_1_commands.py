"""The commands of document 1 that concern the registry, quoted, against `rollcall up`.

Only the port is another one, so that the test may run beside a registry that is in use.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.serving import REGISTRIES, Serving, serving

HEALTH = "curl http://localhost:3003/health"
STATISTICS = "curl http://localhost:3003/api/v1/stats"
SERVICES = "curl http://localhost:3003/api/v1/discover"
REGISTER = """curl -X POST http://localhost:3003/api/v1/register \\
  -H "Content-Type: application/json" \\
  -d '{
    "name": "test-service",
    "service_type": "tool",\x20
    "host": "localhost",
    "port": 9999
  }'"""
DISCOVER = """curl -X POST http://localhost:3003/api/v1/discover \\
  -H "Content-Type: application/json" \\
  -d '{"service_type": "tool"}'"""

REGISTER_BODY = """{
  "name": "my-service",
  "service_type": "tool",
  "host": "my-service",
  "port": 8080,
  "metadata": {
    "description": "My service description",
    "capabilities": ["feature1", "feature2"]
  }
}"""
DISCOVER_BODY = """{
  "service_type": "tool",
  "status": "healthy"
}"""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, *REGISTRIES, ROLLCALL_STORE="memory") as one:
        yield one


def run(command: str, registry: Serving) -> Any:
    """Run a command in a shell, as somebody who pastes it; its output as JSON."""
    port = registry.services.rpartition(":")[2]
    done = subprocess.run(
        ["bash", "-c", command.replace("localhost:3003", f"localhost:{port}", 1)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return json.loads(done.stdout)


def test_the_registry_tells_its_health(registry: Serving) -> None:
    health = run(HEALTH, registry)
    assert health["status"] == "healthy"
    assert health["zookeeper_connected"] is None
    assert health["registered_services"] == 0


def test_a_service_is_registered_discovered_counted_and_listed(registry: Serving) -> None:
    made = run(REGISTER, registry)
    assert set(made) == {"service_id", "message"}

    found = run(DISCOVER, registry)
    assert found["total_count"] == 1
    (service,) = found["services"]
    assert service["service_id"] == made["service_id"]
    assert (service["name"], service["host"], service["port"]) == (
        "test-service",
        "localhost",
        9999,
    )

    statistics = run(STATISTICS, registry)
    assert statistics["total_services"] == 1
    assert statistics["services_by_type"] == {"tool": 1}
    listed = run(SERVICES, registry)["services"]
    assert [one["service_id"] for one in listed] == [made["service_id"]]


def test_the_same_service_registered_again_is_no_duplicate(registry: Serving) -> None:
    first = run(REGISTER, registry)
    assert run(REGISTER, registry)["service_id"] == first["service_id"]
    assert run(SERVICES, registry)["total_count"] == 1


def test_the_requests_of_the_interface_work_as_written(registry: Serving) -> None:
    url, headers = registry.services, {"Content-Type": "application/json"}
    made = httpx.post(f"{url}/api/v1/register", content=REGISTER_BODY, headers=headers)
    assert made.status_code == 201
    service_id = made.json()["service_id"]

    found = httpx.post(f"{url}/api/v1/discover", content=DISCOVER_BODY, headers=headers).json()
    (service,) = found["services"]
    assert service["metadata"]["description"] == "My service description"
    assert service["metadata"]["capabilities"] == ["feature1", "feature2"]

    beat = httpx.post(f"{url}/api/v1/heartbeat/{service_id}")
    assert beat.status_code == 200
    assert set(beat.json()) == {"message"}
