from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from support.serving import Serving
from support.typed import Shell

CLERK = ("--base-url", "http://10.0.0.1:9", "--capability", "letters:Writes letters")


@pytest.fixture
def clerk(shell: Shell) -> str:
    """The id of an agent that is registered."""
    done = shell("agents", "register", "clerk", *CLERK, "--tag", "office")
    assert (done.code, done.out) == (0, "clerk is registered\n")
    return "clerk"


def test_an_agent_that_registers_is_told_to_send_heartbeats(server: Serving, shell: Shell) -> None:
    done = shell("agents", "register", "told", "--base-url", "http://x:1")
    assert f"POST {server.agents}/agents/told/heartbeat" in done.err
    assert httpx.post(f"{server.agents}/agents/told/heartbeat").is_success


def test_agents_are_listed_by_what_they_are(clerk: str, shell: Shell) -> None:
    heading, row = shell("agents", "list", "--tag", "office", "--status", "active").lines
    assert heading == ["id", "name", "status", "heartbeat", "capabilities", "address"]
    assert row[:3] == [clerk, clerk, "active"]
    assert row[3].endswith("s ago")
    assert row[4:] == ["letters", "http://10.0.0.1:9"]
    (told,) = shell.json("agents", "list", "--tag", "office")
    assert told["agent_id"] == clerk


def test_an_empty_list_says_so_beside_the_answer(shell: Shell) -> None:
    done = shell("agents", "list", "--tag", "nobody has this")
    assert (done.code, done.out) == (0, "")
    assert "no agents" in done.err
    assert shell.json("agents", "list", "--tag", "nobody has this") == []


def test_a_list_goes_over_as_many_pages_as_it_takes(server: Serving, shell: Shell) -> None:
    cards = [
        {"agent_id": f"many-{n:04}", "agent_name": "Many", "base_url": "http://x:1", "tags": ["m"]}
        for n in range(1100)
    ]
    for start in range(0, 1100, 550):
        httpx.post(
            f"{server.agents}/register/batch", json={"agents": cards[start : start + 550]}
        ).raise_for_status()
    assert len(shell.json("agents", "list", "--tag", "m", "--limit", "1100")) == 1100
    some = shell("agents", "list", "--tag", "m", "--limit", "1050")
    assert len(some.lines) == 1051
    assert "more than 1,050" in some.err
    assert shell("agents", "list", "--tag", "m", "--limit", "1100").err == ""


def test_one_agent_is_shown_with_what_its_status_rests_on(clerk: str, shell: Shell) -> None:
    shown = shell("agents", "get", clerk).out
    assert "can            letters: Writes letters" in shown
    assert "lease          fresh, last heard of" in shown
    told = shell.json("agents", "get", clerk)
    assert told["evidence"]["lease"]["phase"] == "fresh"


def test_a_reported_status_is_read_again(clerk: str, shell: Shell) -> None:
    assert shell("agents", "status", clerk, "busy").out == "clerk is busy\n"
    assert shell.json("agents", "get", clerk)["status"] == "busy"
    assert shell.json("agents", "status", clerk, "active")["status"] == "active"
    assert shell("agents", "status", clerk, "tired").code == 2


def test_a_registration_may_come_from_a_file(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "writer.json"
    card = {"agent_id": "filed", "agent_name": "Filed", "base_url": "http://x:1", "version": "7"}
    file.write_text(json.dumps(card), encoding="utf-8")
    assert shell.json("agents", "register", "--file", str(file))["agent_id"] == "filed"
    assert shell.json("agents", "get", "filed")["version"] == "7"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("x", "--base-url", "ftp://nowhere"), "base_url"),
        (("x",), "needs an id and --base-url"),
        (("--file", "/nonexistent.json"), "nonexistent.json"),
    ],
)
def test_a_registration_of_no_sense_is_refused_in_a_line(
    words: tuple[str, ...], said: str, shell: Shell
) -> None:
    done = shell("agents", "register", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1


def test_removing_can_be_tried_refused_and_done(clerk: str, shell: Shell) -> None:
    tried = shell("agents", "deregister", clerk, "--dry-run")
    assert tried.out == "would remove the agent clerk (clerk, active)\n"

    unanswered = shell("agents", "deregister", clerk)
    assert (unanswered.code, unanswered.out) == (1, "")
    assert "say --yes" in unanswered.err

    assert shell("agents", "deregister", clerk, typed="n\n").code == 1
    assert shell("agents", "get", clerk).code == 0

    assert shell("agents", "deregister", clerk, typed="y\n").out == "clerk is removed\n"
    assert shell("agents", "get", clerk).code == 3


@pytest.mark.parametrize("words", ["get ghost", "status ghost busy", "deregister ghost --yes"])
def test_an_agent_that_is_not_there_has_an_exit_code_of_its_own(words: str, shell: Shell) -> None:
    done = shell("agents", *words.split())
    assert (done.code, done.out) == (3, "")
    assert "ghost" in done.err


def test_what_somebody_registered_neither_steers_the_terminal_nor_breaks_the_table(
    server: Serving, shell: Shell
) -> None:
    card = {
        "agent_id": "hostile",
        "agent_name": "[bold]H[/bold] \u202eevil",
        "base_url": "http://x:1",
        "tags": ["hostile"],
        "capabilities": [{"name": "c", "description": "one\ttwo\nthree \x1b[2J"}],
    }
    answer = httpx.post(f"{server.agents}/register", json=card)
    if answer.status_code == 422:
        card["agent_name"] = "[bold]H[/bold]"
        card["capabilities"] = [{"name": "c", "description": "one\ttwo\nthree"}]
        answer = httpx.post(f"{server.agents}/register", json=card)
    answer.raise_for_status()
    listed = shell("agents", "list", "--tag", "hostile")
    assert listed.lines[1][1].startswith("[bold]H[/bold]")
    assert [len(row) for row in listed.lines] == [6, 6]
    shown = shell("agents", "get", "hostile").out
    assert not set(shown) & {"\x1b", "\t", "\u202e"}
