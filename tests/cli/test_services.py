from __future__ import annotations

import httpx

from support.serving import Serving
from support.typed import Shell


def registered(shell: Shell, name: str, port: int = 3006, *more: str) -> str:
    words = ("--host", "10.0.0.2", "--port", str(port), *more)
    return shell.json("services", "register", name, *words)["service_id"]


def test_a_service_is_registered_listed_and_shown(shell: Shell) -> None:
    made = registered(shell, "calc", 3006, "--capability", "sums", "--tag", "maths")
    heading, row = shell("services", "list", "--type", "tool", "--tag", "maths").lines
    assert heading[:4] == ["id", "name", "type", "status"]
    assert row[:4] == [made, "calc", "tool", "healthy"]
    assert row[5:] == ["10.0.0.2:3006", "sums"]
    assert "address        10.0.0.2:3006" in shell("services", "get", made).out


def test_a_service_that_registers_is_told_to_send_heartbeats(server: Serving, shell: Shell) -> None:
    done = shell("services", "register", "told", "--host", "10.0.0.2", "--port", "1")
    service_id = done.out.split()[-1]
    assert f"POST {server.services}/api/v1/heartbeat/{service_id}" in done.err
    assert httpx.post(f"{server.services}/api/v1/heartbeat/{service_id}").is_success


def test_a_service_may_be_called_by_its_name(shell: Shell) -> None:
    made = registered(shell, "named")
    assert shell.json("services", "get", "named")["service_id"] == made
    assert shell("services", "status", "named", "unhealthy").code == 0
    assert shell.json("services", "get", made)["status"] == "unhealthy"


def test_a_name_that_several_have_changes_none_of_them(shell: Shell) -> None:
    ids = [registered(shell, "twin", port) for port in (1, 2)]
    done = shell("services", "deregister", "twin", "--yes")
    assert done.code == 2
    assert all(one in done.err for one in ids)
    assert len(shell.json("services", "list", "--name", "twin")) == 2


def test_removing_can_be_tried_and_done(shell: Shell) -> None:
    made = registered(shell, "brief")
    tried = shell("services", "deregister", "brief", "--dry-run")
    assert tried.out == f"would remove brief at 10.0.0.2:3006 ({made}, healthy)\n"
    assert shell("services", "deregister", made, "-y").out == "brief is removed\n"
    assert shell("services", "get", made).code == 3
    assert shell("services", "deregister", made, "-y").code == 3


def test_a_list_is_cut_where_it_was_asked_to_be(shell: Shell) -> None:
    for port in (1, 2, 3):
        registered(shell, "cut", port)
    done = shell("services", "list", "--name", "cut", "--limit", "2")
    assert len(done.lines) == 3
    assert "more than 2" in done.err
    assert shell("services", "list", "--name", "nothing like it").out == ""
