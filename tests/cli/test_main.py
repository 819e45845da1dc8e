"""The command as a process: how it begins and how it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from rollcall import __version__
from support.hosting import hosted
from support.serving import Serving, environment

HEAVY = {"fastapi", "numpy", "sqlalchemy", "starlette", "uvicorn"}


def run(*words: str | bytes, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m rollcall WORDS`."""
    return subprocess.run(
        [sys.executable, "-m", "rollcall", *words],
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def loaded_by(words: list[str]) -> tuple[str, set[str]]:
    """What a command prints, and the packages that it has loaded at its end."""
    script = (
        f"import sys; sys.argv = {['rollcall', *words]!r}\n"
        "from rollcall.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout, set(done.stderr.split())


def test_the_version_needs_none_of_what_the_commands_need() -> None:
    said, loaded = loaded_by(["--version"])
    assert said == f"rollcall {__version__}\n"
    assert not loaded & {*HEAVY, "typer", "rich", "pydantic", "httpx", "msgspec"}


def test_a_question_to_a_registry_loads_no_part_of_a_server() -> None:
    said, loaded = loaded_by(["agents", "list", "--help"])
    assert "Usage: rollcall agents list" in said
    assert "typer" in loaded
    assert not loaded & {*HEAVY, "httpx"}


def test_without_the_extra_it_says_which_one() -> None:
    script = (
        "import sys; sys.modules['typer'] = None; sys.argv = ['rollcall', 'stats']\n"
        "from rollcall.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "pip install 'rollcall-ai[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_server_it_says_which_extra_starts_one() -> None:
    script = (
        "import sys; sys.modules['uvicorn'] = None; sys.argv = ['rollcall', 'up']\n"
        "from rollcall.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "pip install 'rollcall-ai[server]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_bytes_that_are_no_text_are_wrong_usage() -> None:
    done = run("find", b"\xff")
    assert done.returncode == 2
    assert "no text in UTF-8" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_answers_and_is_no_registry_is_said_without_a_traceback(server: Serving) -> None:
    done = run("stats", "--url", f"{server.agents}/openapi.json")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "say --url" in done.stderr.lower()


@pytest.fixture
def odd() -> Iterator[str]:
    """A server that answers what no registry does."""

    async def agents(_: Request) -> Response:
        return JSONResponse([{"colour": "\x1b[31m"}])

    @contextlib.asynccontextmanager
    async def opened() -> AsyncGenerator[ASGIApp]:
        yield Starlette(routes=[Route("/agents", agents)])

    with hosted(opened) as url:
        yield url


def test_what_nobody_thought_of_is_told_in_two_lines_and_in_full_where_asked(odd: str) -> None:
    done = run("agents", "list", "--url", odd)
    assert (done.returncode, done.stderr.count("\n")) == (1, 2)
    assert "LOG_LEVEL=DEBUG" in done.stderr
    assert "Traceback" in run("agents", "list", "--url", odd, LOG_LEVEL="debug").stderr


@pytest.mark.parametrize("words", [("agents", "list"), ("services", "list"), ("find", "x")])
def test_a_registry_that_is_not_there_is_said_in_a_line(words: tuple[str, ...]) -> None:
    done = run(*words, "--url", "http://127.0.0.1:9")
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert "rollcall up" in done.stderr


def test_ctrl_c_ends_a_stream_without_a_word(server: Serving) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "rollcall", "events", "--follow", "--id", "ctrl-c"],
        env=environment({"ROLLCALL_REGISTRY_URL": server.agents}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    card = {"agent_id": "ctrl-c", "agent_name": "C", "base_url": "http://x:1"}
    os.set_blocking(process.stdout.fileno(), False)
    said = b""
    for _ in range(600):
        # It may not listen yet: each registration is an event of its own.
        httpx.post(f"{server.agents}/register", json=card).raise_for_status()
        said += process.stdout.read() or b""
        if said:
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert b"ctrl-c" in said
    assert (process.returncode, errors) == (130, b"")


def test_a_reader_that_leaves_ends_it_without_a_word(server: Serving) -> None:
    for number in range(3):
        card = {"agent_id": f"pipe-{number}", "agent_name": "P", "base_url": "http://x:1"}
        httpx.post(f"{server.agents}/register", json=card).raise_for_status()
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m rollcall agents list --json | true"],
        env=environment({"ROLLCALL_REGISTRY_URL": server.agents}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_commands_and_the_words_of_options(shell: str) -> None:
    def completed(line: str) -> str:
        words = line.split()
        return run(
            _ROLLCALL_COMPLETE=f"complete_{shell}",
            COMP_WORDS=line,
            COMP_CWORD=str(len(words) - 1),
            _TYPER_COMPLETE_ARGS=line,
        ).stdout

    assert "agents" in completed("rollcall ag")
    assert "semantic" in completed("rollcall find x --match sem")
