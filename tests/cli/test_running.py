from __future__ import annotations

import json
from pathlib import Path

from support.serving import Serving
from support.typed import Shell

FREE = {"SERVICE_REGISTRY_PORT": "0", "ROLLCALL_AGENT_REGISTRY_PORT": "0"}


def test_doctor_finds_nothing_wrong_with_a_fresh_folder_and_changes_nothing(
    tmp_path: Path,
) -> None:
    done = Shell(FREE)("doctor", "--data-dir", str(tmp_path / "d"), "--json")
    assert done.code == 0, done.out
    assert {one["grade"] for one in json.loads(done.out)} == {"ok"}
    assert not list(tmp_path.iterdir())


def test_doctor_says_what_keeps_it_from_starting(server: Serving) -> None:
    port = server.services.rpartition(":")[2]
    shell = Shell({**FREE, "SERVICE_REGISTRY_PORT": port})
    done = shell("doctor", "--store", "postgresql://me:hunter2@127.0.0.1:9/fleet")
    assert done.code == 1
    rows = {row[0]: row[1:] for row in done.lines}
    assert rows[f"port {port}"][0] == "warning"
    assert "the service registry runs there already" in rows[f"port {port}"][1]
    assert rows["PostgreSQL"][0] == "error"
    assert "Is it running" in rows["PostgreSQL"][1]
    assert "hunter2" not in done.out + done.err


def test_doctor_names_a_setting_that_makes_no_sense() -> None:
    done = Shell({"SERVICE_REGISTRY_PORT": "http"})("doctor")
    assert done.code == 1
    assert done.lines[1][:2] == ["settings", "error"]
    assert "SERVICE_REGISTRY_PORT" in done.lines[1][2]


def test_there_are_only_so_many_services_to_start() -> None:
    done = Shell({})("serve", "telephone")
    assert done.code == 2
    assert "agent-registry" in done.err


def test_a_setting_that_makes_no_sense_starts_nothing() -> None:
    done = Shell({})("up", "--agent-registry-port", "99999")
    assert done.code == 2
    assert "ROLLCALL_AGENT_REGISTRY_PORT" in done.err
