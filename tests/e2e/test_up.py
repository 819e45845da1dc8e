# SPDX-License-Identifier: Apache-2.0
"""`rollcall up` and `rollcall serve NAME`, started as a user starts them."""

from __future__ import annotations

import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.serving import Serving, environment, serving

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is refused
CARD = {
    "agent_id": "translator",
    "agent_name": "Translator",
    "base_url": "http://10.0.0.7:9000",
    "capabilities": [{"name": "translation", "description": "German to English"}],
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("both"), "up", anew=True) as one:
        yield one


def test_what_one_protocol_registers_the_other_finds(both: Serving) -> None:
    assert httpx.post(f"{both.agents}/register", json=CARD).status_code == 200
    asked = {"service_type": "agent", "name": "Translator"}
    found = httpx.get(f"{both.services}/api/v1/discover", params=asked).json()
    assert [one["service_id"] for one in found["services"]] == ["translator"]

    tool = {"name": "calc", "service_type": "tool", "host": "10.0.0.8", "port": 3006}
    made = httpx.post(f"{both.services}/api/v1/register", json=tool)
    assert made.status_code == 201
    agents = httpx.get(f"{both.agents}/agents", params={"kind": "tool"}).json()
    assert made.json()["service_id"] in [one["agent_id"] for one in agents]


def test_the_banner_says_what_runs_where_and_three_commands_to_try(both: Serving) -> None:
    assert both.services in both.output
    assert both.agents in both.output
    assert both.talk in both.output
    assert both.tools in both.output
    assert "records.db" in both.output
    tries = [line.strip() for line in both.output.splitlines() if line.strip().startswith("curl")]
    assert len(tries) == 3
    assert "offline planner" in both.output
    answers: list[str] = []
    for command in tries:
        done = subprocess.run(
            [*shlex.split(command), "--silent", "--fail"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
        answers.append(done.stdout)
    assert "41.988" in answers[0]
    assert '"hello"' in httpx.get(f"{both.agents}/agents").text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_the_next_start_knows_all(
    number: signal.Signals, tmp_path: Path
) -> None:
    with serving(tmp_path, "up", anew=True) as one:
        httpx.post(f"{one.agents}/register", json=CARD, timeout=60).raise_for_status()
        assert one.end(number) == 0
        assert "Traceback" not in one.errors()
    with serving(tmp_path, "up") as again:
        assert httpx.get(f"{again.agents}/agents/translator").json()["status"] == "active"
        assert "1 in sqlite" in again.output


def test_a_taken_port_is_an_error_that_names_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = _run(tmp_path, "up", SERVICE_REGISTRY_PORT=port)
    assert done.returncode == 1
    assert f"port {port} (SERVICE_REGISTRY_PORT)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_process_on_one_data_folder_is_an_error_that_says_what_to_do(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, "up"):
        done = _run(
            tmp_path,
            "serve",
            "agent-registry",
            PORT="0",
            ROLLCALL_DATA_DIR=str(tmp_path / "data"),
        )
    assert done.returncode == 1
    assert "in use by another process" in done.stderr
    assert "ROLLCALL_STORE=postgresql" in done.stderr


def test_it_refuses_an_address_that_others_can_reach_while_there_is_no_key(tmp_path: Path) -> None:
    done = _run(tmp_path, "up", ROLLCALL_HOST=EVERYWHERE, ROLLCALL_STORE="memory")
    assert done.returncode == 1
    assert "refusing to listen on 0.0.0.0" in done.stderr


def test_one_service_alone_listens_where_port_says(tmp_path: Path) -> None:
    memory = {"PORT": "0", "ROLLCALL_STORE": "memory"}
    with serving(tmp_path, "serve", "agent-registry", anew=True, **memory) as one:
        assert one.services == ""
        assert httpx.get(f"{one.agents}/health").json()["service"] == "agent-registry"
    with serving(tmp_path, "serve", "service-registry", anew=True, **memory) as one:
        assert one.agents == ""
        assert httpx.get(f"{one.services}/").json()["store"] == "memory"


def test_a_service_that_does_not_exist_is_an_error_that_lists_those_that_do(
    tmp_path: Path,
) -> None:
    done = _run(tmp_path, "serve", "toaster")
    assert done.returncode in (1, 2)
    assert "agent-registry" in done.stderr


def test_a_setting_of_no_sense_is_an_error_that_names_its_variable(tmp_path: Path) -> None:
    done = _run(tmp_path, "up", SERVICE_REGISTRY_PORT="web")
    assert done.returncode in (1, 2)
    assert "SERVICE_REGISTRY_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def _run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    settings = {
        "SERVICE_REGISTRY_PORT": "0",
        "ROLLCALL_AGENT_REGISTRY_PORT": "0",
        "ROLLCALL_DATA_DIR": str(folder / "data"),
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-m", "rollcall", *arguments],
        cwd=folder,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
