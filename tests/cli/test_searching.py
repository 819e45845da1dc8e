from __future__ import annotations

import pytest

from support.typed import Shell


@pytest.fixture(autouse=True)
def brewer(shell: Shell) -> None:
    words = ("--base-url", "http://10.0.0.3:9", "--capability", "brewing:Brews strong coffee")
    assert shell("agents", "register", "brewer", *words).code == 0


def test_who_can_do_something_is_found_with_why(shell: Shell) -> None:
    heading, row = shell("find", "coffee").lines
    assert heading == ["agent", "status", "can", "score", "why", "address"]
    assert (row[0], row[2]) == ("brewer", "brewing")
    assert "description" in row[4]
    assert shell.json("find", "coffee")[0]["agent_id"] == "brewer"


def test_nothing_found_is_an_answer_and_says_what_else_to_try(shell: Shell) -> None:
    done = shell("find", "sourdough")
    assert (done.code, done.out) == (0, "")
    assert "--match auto" in done.err


def test_more_than_was_asked_for_is_said(shell: Shell) -> None:
    words = ("--base-url", "http://x:1", "--capability", "coffee")
    assert shell("agents", "register", "barista", *words).code == 0
    done = shell("find", "coffee", "--limit", "1")
    assert [row[0] for row in done.lines[1:]] == ["barista"]
    assert "more than 1:" in done.err
    assert shell("agents", "deregister", "barista", "--yes").code == 0


def test_why_somebody_is_in_the_answer_or_not_is_explained(shell: Shell) -> None:
    inside = shell("find", "coffee", "--explain", "brewer")
    assert "is found, number 1:" in inside.out
    outside = shell("find", "coffee", "--explain", "brewer", "--status", "offline")
    assert "is not found:" in outside.out
    assert ["status", "failed"] in [row[:2] for row in outside.lines]
    assert shell("find", "coffee", "--explain", "ghost").code == 3
    assert shell.json("find", "coffee", "--explain", "brewer")["found"]


def test_no_words_are_wrong_usage(shell: Shell) -> None:
    done = shell("find", " ")
    assert done.code == 2
    assert "q: must hold at least one word" in done.err


def test_agents_are_counted(shell: Shell) -> None:
    assert shell.json("stats")["total_agents"] >= 1
    assert "total agents" in shell("stats").out
