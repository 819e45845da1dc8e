# SPDX-License-Identifier: Apache-2.0
"""Export, import and backup by the command line, between running registries."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import httpx

from support.serving import REGISTRIES, Serving, environment, serving


def rollcall(server: Serving, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rollcall", *words, "--url", server.agents],
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def fill(server: Serving, count: int) -> None:
    agents = [
        {
            "agent_id": f"a{n:05}",
            "agent_name": "A",
            "base_url": "http://10.0.0.1:9000",
            "metadata": {"text": "x" * 2000},
        }
        for n in range(count)
    ]
    for start in range(0, count, 200):
        httpx.post(
            f"{server.agents}/register/batch", json={"agents": agents[start : start + 200]}
        ).raise_for_status()


def test_records_move_from_memory_to_sqlite_however_many(tmp_path: Path) -> None:
    file = tmp_path / "fleet.jsonl"
    with (
        serving(tmp_path / "a", *REGISTRIES, ROLLCALL_STORE="memory") as first,
        serving(tmp_path / "b", *REGISTRIES) as second,
    ):
        fill(first, 1000)
        assert rollcall(first, "export", str(file)).returncode == 0
        # More than one request may have.
        assert file.stat().st_size > 1 << 20

        told = rollcall(second, "import", str(file), "--dry-run")
        assert told.returncode == 0, told.stderr
        assert httpx.get(f"{second.agents}/stats").json()["total_agents"] == 0
        done = rollcall(second, "import", str(file))
        assert done.returncode == 0, done.stderr
        assert "1,000" in done.stdout
        assert httpx.get(f"{second.agents}/stats").json()["total_agents"] == 1000


def test_a_backup_taken_while_it_runs_can_be_started_from(tmp_path: Path) -> None:
    copy = tmp_path / "copy.tar"
    with serving(tmp_path / "a", *REGISTRIES) as one:
        fill(one, 50)
        done = rollcall(one, "backup", str(copy))
        assert done.returncode == 0, done.stderr
        fill(one, 60)
    folder = tmp_path / "restored"
    folder.mkdir()
    with tarfile.open(copy) as tar:
        assert sorted(tar.getnames()) == ["records.db", "services.db"]
        tar.extractall(folder, filter="data")
    with serving(tmp_path / "b", *REGISTRIES, ROLLCALL_DATA_DIR=str(folder)) as again:
        assert httpx.get(f"{again.agents}/stats").json()["total_agents"] == 50
        audit = httpx.get(f"{again.services}/api/v1/admin/audit").json()
        assert audit[0]["action"] == "POST /register/batch"


def test_memory_has_no_backup_and_says_what_to_do(tmp_path: Path) -> None:
    with serving(tmp_path, *REGISTRIES, ROLLCALL_STORE="memory") as one:
        done = rollcall(one, "backup", str(tmp_path / "copy"))
    assert done.returncode == 1
    assert "rollcall export" in done.stderr
    assert not (tmp_path / "copy").exists()
