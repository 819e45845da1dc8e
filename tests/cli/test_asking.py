from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from rollcall.conversations.errors import ModelUnavailable
from rollcall.conversations.models import ToolOutcome
from support.conversations import Step
from support.serving import environment
from support.talkers import RUN, USED, Talker, talking
from support.typed import Shell


@pytest.fixture(scope="module")
def service() -> Iterator[Talker]:
    with talking() as one:
        yield one


@pytest.fixture
def shell(service: Talker) -> Shell:
    return Shell({"CONVERSATIONS_URL": service.url})


def test_the_answer_is_printed_and_beside_it_which_tool_ran_where_and_how_long(
    shell: Shell, service: Talker
) -> None:
    service.loop.script(RUN, USED, "10 + 5 is 15.")

    done = shell("ask", "Calculate 10 + 5")

    assert (done.code, done.out) == (0, "10 + 5 is 15.\n")
    tool, used = done.err.splitlines()
    assert tool == "  calculate of ext-tool at http://127.0.0.1:3006: ok, 12 ms"
    assert used.startswith("  answered by small in ")
    assert used.endswith("s, 1,234 tokens")


def test_words_need_no_quotes_and_a_question_may_come_from_a_file(shell: Shell) -> None:
    assert shell("ask", "Calculate", "10", "+", "5").out == "You said: Calculate 10 + 5\n"
    assert shell("ask", "-", typed="From\na file").out == "You said: From\na file\n"


def test_machines_are_told_everything(shell: Shell, service: Talker) -> None:
    service.loop.script(RUN, "15")

    done = shell("ask", "10 + 5", "--json", "--session", "s", "--model", "scripted:small")

    told = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert (told["response"], told["session_id"]) == ("15", "s")
    assert told["tools_used"][0]["url"] == "http://127.0.0.1:3006"
    assert service.loop.tasks[-1].model == "scripted:small"


def test_a_tool_that_did_not_work_is_said_with_why(shell: Shell, service: Talker) -> None:
    gone = replace(
        RUN,
        outcome=ToolOutcome.UNAVAILABLE,
        attempts=3,
        url=None,
        error="nobody answers",
        result=None,
    )
    service.loop.script(gone, "I cannot reach the calculator.")

    done = shell("ask", "10 + 5")

    line = "  calculate of ext-tool: unavailable after 3 attempts, 12 ms (nobody answers)"
    assert done.err.splitlines()[0] == line
    assert done.code == 0


@pytest.mark.parametrize("machine", [True, False])
def test_no_answer_is_a_failure_that_says_why(shell: Shell, service: Talker, machine: bool) -> None:
    service.loop.script("Well", ModelUnavailable("overloaded"))

    done = shell("ask", "hi", *(["--json"] if machine else []))

    assert done.code == 1
    if machine:
        assert json.loads(done.out)["type"] == "urn:rollcall:problem:model-unavailable"
    else:
        assert (done.out, done.err) == ("", "rollcall: overloaded\n")


def test_a_session_goes_on_by_its_name(shell: Shell) -> None:
    for _ in range(2):
        assert shell("ask", "hi", "--session", "mine").code == 0
    assert shell.json("ask", "hi", "--session", "mine")["session_id"] == "mine"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("ask", " "), 2, "user_input: must not be empty"),
        (("ask", "hi", "--session", "a/b"), 2, "session_id: must be one segment"),
        (("ask", "hi", "--model", "nothing"), 2, "must be one of scripted:small"),
        (("ask", "hi", "--url", "http://127.0.0.1:9"), 4, "Start it with `rollcall up`"),
        (("ask",), 2, "Missing argument"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    words: tuple[str, ...], code: int, said: str, shell: Shell
) -> None:
    done = shell(*words)
    assert done.code == code
    assert said in " ".join(done.err.split())
    assert done.out == ""


@pytest.mark.parametrize("step", ["\x1b[2J\x1b]0;owned\x07ok\r\nnext\u202e\x9b31m", RUN])
def test_nothing_that_comes_back_steers_the_terminal(
    step: Step, shell: Shell, service: Talker
) -> None:
    evil = replace(RUN, name="\x1b[31mred", url="http://x/\x07", error="\x1b[0m\nforged")
    service.loop.script(step if isinstance(step, str) else evil, "done")

    done = shell("ask", "hi")

    assert not [one for one in done.out + done.err if one < " " and one != "\n"]
    assert not {"\u202e", "\x9b", "\x1b"} & {*done.out, *done.err}
    if isinstance(step, str):
        assert done.out == "\ufffd[2J\ufffd]0;owned\ufffdok\nnext\ufffd\ufffd31mdone\n"
    else:
        # One call is one line, whatever is in it.
        assert done.err.count("\n") == 2


def test_a_process_ends_without_a_word_too_many(service: Talker) -> None:
    service.loop.script(RUN, "15")
    done = subprocess.run(
        [sys.executable, "-m", "rollcall", "ask", "10 + 5"],
        env=environment({"CONVERSATIONS_URL": service.url}),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout, done.stderr.count("\n")) == ("15\n", 2)


@pytest.mark.parametrize("command", [["ask", "-"], ["chat"]])
@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_what_is_no_text_is_wrong_usage(service: Talker, command: list[str], locale: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rollcall", *command],
        env=environment({"CONVERSATIONS_URL": service.url, "LC_ALL": locale}),
        input=b"\xff\xfe\n",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"must be text in UTF-8" in done.stderr


def test_ctrl_c_calls_the_turn_off(shell: Shell, service: Talker) -> None:
    service.loop.script(RUN, asyncio.Event())
    process = subprocess.Popen(
        [sys.executable, "-m", "rollcall", "ask", "hi", "--session", "slow"],
        env=environment({"CONVERSATIONS_URL": service.url}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "calculate" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)

    assert (process.returncode, out, errors) == (130, "", "rollcall: called off\n")
    session = shell.json("ask", "next", "--session", "slow")
    assert session["response"] == "You said: next"
