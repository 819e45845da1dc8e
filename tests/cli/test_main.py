# SPDX-License-Identifier: Apache-2.0
"""The command, as somebody types it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from rollcall import __version__
from rollcall.cli.told import age, clean
from support.serving import Serving, environment, serving

CAPABILITY = "letters:Writes letters"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("cli"), "up", ROLLCALL_STORE="memory") as one:
        yield one


def run(server: Serving | None, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `rollcall WORDS` against a server."""
    where = (
        {"ROLLCALL_REGISTRY_URL": server.agents, "SERVICE_REGISTRY_URL": server.services}
        if server
        else {}
    )
    return subprocess.run(
        [sys.executable, "-m", "rollcall", *words],
        env=environment({**where, **variables}),
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def said(server: Serving, *words: str) -> Any:
    """What a command that succeeds prints, as JSON."""
    done = run(server, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_version_needs_none_of_what_the_commands_need() -> None:
    script = (
        "import sys; sys.argv = ['rollcall', '--version']\n"
        "from rollcall.cli.main import main; main()\n"
        "print(sorted({n.partition('.')[0] for n in sys.modules} & "
        "{'typer', 'rich', 'click', 'httpx', 'fastapi', 'numpy', 'pydantic', 'msgspec'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines() == [f"rollcall {__version__}", "[]"]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("up",),
        ("serve",),
        ("doctor",),
        ("keys",),
        ("keys", "create"),
        ("agents",),
        ("agents", "register"),
        ("services", "list"),
        ("find",),
        ("stats",),
        ("events",),
    ],
)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    done = run(None, *words, "--help")
    assert done.returncode == 0
    assert "Usage: rollcall" in done.stdout


def test_an_agent_is_registered_listed_found_reported_and_removed(server: Serving) -> None:
    done = run(
        server,
        *("agents", "register", "clerk", "--base-url", "http://10.0.0.1:9", "--tag", "eu"),
        *("--capability", CAPABILITY),
    )
    assert (done.returncode, done.stdout) == (0, "clerk is registered\n")

    (row,) = said(server, "agents", "list", "--tag", "eu")
    assert (row["agent_id"], row["status"]) == ("clerk", "active")
    shown = run(server, "agents", "list").stdout.splitlines()
    assert shown[0].split("\t") == ["id", "name", "status", "heartbeat", "capabilities", "address"]
    assert any(line.startswith("clerk\tclerk\tactive\t") for line in shown)

    (hit,) = said(server, "find", "letters")
    assert hit["agent_id"] == "clerk"
    assert "clerk" in run(server, "find", "letters").stdout

    assert run(server, "agents", "status", "clerk", "busy").stdout == "clerk is busy\n"
    text = run(server, "agents", "get", "clerk").stdout
    assert "busy" in text
    assert "can letters: Writes letters" in text
    assert "fresh, last heard of" in text

    told = run(server, "find", "letters", "--explain", "clerk").stdout
    assert "is found, number 1" in told

    assert run(server, "agents", "deregister", "clerk").returncode == 1
    assert run(server, "agents", "deregister", "clerk", "--yes").stdout == "clerk is gone\n"
    missing = run(server, "agents", "get", "clerk")
    assert missing.returncode == 3
    assert "Traceback" not in missing.stderr


def test_a_service_is_registered_listed_reported_and_removed(server: Serving) -> None:
    made = said(server, "services", "register", "calc", "--host", "10.0.0.2", "--port", "3006")[
        "service_id"
    ]
    (row,) = said(server, "services", "list", "--type", "tool")
    assert row["service_id"] == made
    assert f"{made}\tcalc\ttool\thealthy" in run(server, "services", "list").stdout
    assert run(server, "services", "status", made, "unhealthy").returncode == 0
    assert said(server, "services", "get", made)["status"] == "unhealthy"
    assert run(server, "services", "deregister", made, "-y").stdout == f"{made} is gone\n"
    assert run(server, "services", "get", made).returncode == 3


def test_a_list_goes_over_as_many_pages_as_it_takes(server: Serving) -> None:
    cards = [
        {"agent_id": f"many-{n:04}", "agent_name": "Many", "base_url": "http://x:1", "tags": ["m"]}
        for n in range(1100)
    ]
    for start in range(0, 1100, 550):
        httpx.post(
            f"{server.agents}/register/batch", json={"agents": cards[start : start + 550]}
        ).raise_for_status()
    assert len(said(server, "agents", "list", "--tag", "m", "--limit", "1050")) == 1050
    assert len(said(server, "agents", "list", "--tag", "m", "--limit", "7")) == 7
    assert said(server, "stats")["total_agents"] >= 1100


def test_nothing_found_is_an_answer_and_says_what_else_to_try(server: Serving) -> None:
    done = run(server, "find", "sourdough")
    assert (done.returncode, done.stdout) == (0, "")
    assert "--match auto" in done.stderr


def test_events_since_one_are_shown(server: Serving) -> None:
    card = {"agent_id": "eve", "agent_name": "Eve", "base_url": "http://x:1"}
    httpx.post(f"{server.agents}/register", json=card).raise_for_status()
    with httpx.stream("GET", f"{server.agents}/events?type=status_changed") as stream:
        lines = stream.iter_lines()
        next(lines)
        httpx.patch(f"{server.agents}/agents/eve/status", json={"status": "busy"})
        event_id = next(line for line in lines if line.startswith("id: "))[4:]
    httpx.patch(f"{server.agents}/agents/eve/status", json={"status": "active"})

    done = run(server, "events", "--after", event_id, "--json")
    (event,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert event["event"] == "status_changed"
    assert (event["data"]["old"], event["data"]["new"]) == ("busy", "active")
    assert "status_changed  eve" in run(server, "events", "--after", event_id).stdout


@pytest.mark.parametrize("words", [("agents", "list"), ("services", "list"), ("find", "x")])
def test_a_registry_that_is_not_there_is_said_in_a_line(words: tuple[str, ...]) -> None:
    done = run(None, *words, "--url", "http://127.0.0.1:9")
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert "rollcall up" in done.stderr


def test_what_the_registry_refuses_is_wrong_usage(server: Serving) -> None:
    done = run(server, "agents", "register", "x", "--base-url", "ftp://nowhere")
    assert done.returncode == 2
    assert "base_url" in done.stderr


def test_doctor_finds_nothing_wrong_with_a_fresh_folder(tmp_path: Path) -> None:
    done = run(None, "doctor", "--data-dir", str(tmp_path / "d"), "--json", **_free_ports())
    findings = json.loads(done.stdout)
    assert done.returncode == 0, findings
    assert {one["grade"] for one in findings} <= {"ok", "warning"}
    assert not (tmp_path / "d").exists()


def test_doctor_says_which_port_is_taken_and_which_server_is_away(server: Serving) -> None:
    port = server.services.rpartition(":")[2]
    done = run(
        None,
        "doctor",
        "--store",
        "postgresql://me:hunter2@127.0.0.1:9/fleet",
        **{**_free_ports(), "SERVICE_REGISTRY_PORT": port},
    )
    assert done.returncode == 1
    assert f"port {port}" in done.stdout
    assert "127.0.0.1:9 does not answer" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_keys_are_made_listed_and_revoked_before_the_first_start(tmp_path: Path) -> None:
    def keys(*words: str) -> subprocess.CompletedProcess[str]:
        return run(None, "keys", *words, "--data-dir", str(tmp_path))

    made = keys("create", "--name", "first", "--scope", "admin")
    assert made.returncode == 0, made.stderr
    text = made.stdout.strip()
    assert text.startswith("rck_")
    key_id = text.split("_")[1]
    listed = keys("list")
    assert key_id in listed.stdout
    assert text not in listed.stdout + listed.stderr
    assert keys("revoke", key_id, "--yes").stdout == f"{key_id} is revoked\n"
    assert keys("revoke", "0" * 16, "--yes").returncode == 2
    assert keys("create", "--name", "x", "--scope", "everything").returncode == 2


def test_a_key_lets_in_where_a_login_is_required(tmp_path: Path) -> None:
    made = run(
        None,
        *("keys", "create", "--name", "first", "--scope", "admin", "--data-dir"),
        str(tmp_path / "data"),
    ).stdout.strip()
    with serving(tmp_path, "up", ROLLCALL_LOGIN="required") as server:
        refused = run(server, "stats")
        assert refused.returncode == 5
        assert "ROLLCALL_API_KEY" in refused.stderr
        assert run(server, "stats", ROLLCALL_API_KEY=made).returncode == 0
        reader = run(
            server,
            *("keys", "create", "--name", "reader", "--scope", "read", "--url", server.services),
            ROLLCALL_API_KEY=made,
        ).stdout.strip()
        assert run(server, "stats", ROLLCALL_API_KEY=reader).returncode == 0
        denied = run(
            server,
            *("agents", "register", "x", "--base-url", "http://x:1"),
            ROLLCALL_API_KEY=reader,
        )
        assert denied.returncode == 5
        key_id = reader.split("_")[1]
        done = run(
            server,
            *("keys", "revoke", key_id, "--yes", "--url", server.services),
            ROLLCALL_API_KEY=made,
        )
        assert done.returncode == 0, done.stderr
        assert run(server, "stats", ROLLCALL_API_KEY=reader).returncode == 5
        assert made.split("_")[2] not in server.errors()


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=5), "5 s ago"),
        (timedelta(seconds=150), "2 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=9), "9 d ago"),
        (timedelta(seconds=-3), "0 s ago"),
    ],
)
def test_an_age_is_told_in_the_unit_that_fits(ago: timedelta, words: str) -> None:
    now = datetime(2026, 1, 10, tzinfo=UTC)
    assert age((now - ago).isoformat(), now) == words


def test_text_of_others_cannot_steer_a_terminal() -> None:
    assert "\x1b" not in clean("\x1b[2Jgone\u202e")
    assert clean("Grüße 👋") == "Grüße 👋"


def _free_ports() -> dict[str, str]:
    return {"SERVICE_REGISTRY_PORT": "0", "ROLLCALL_AGENT_REGISTRY_PORT": "0"}
