"""`rollcall tools` against a registry and tool services in processes of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.scripts import Script, running
from support.serving import READY, REGISTRIES, Serving, environment, eventually, serving
from support.typed import Shell

SERVICE = '''\
import sys
from rollcall.tools import ToolError, ToolService
service = ToolService("NAME", port=0, description="Sums")

@service.tool(idempotent=True)
def total(numbers: list[float], label: str = "sum") -> dict[str, float]:
    """The sum of numbers.

    And more of it.
    """
    return {label: sum(numbers)}

@service.tool(path="/elsewhere")
def refuse_NAME(why: str) -> str:
    """Say no."""
    if why == "broken":
        raise RuntimeError("inside")
    raise ToolError(f"no: {why}")

service.run()
'''


def made(folder: Path, name: str) -> Path:
    file = folder / f"{name}.py"
    file.write_text(SERVICE.replace("NAME", name))
    return file


@pytest.fixture(scope="module", autouse=True)
def _direct() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A registry of its own: in the others' are tool services that do not exist."""
    with serving(tmp_path_factory.mktemp("tools"), *REGISTRIES, ROLLCALL_STORE="memory") as one:
        yield one


@pytest.fixture(scope="module")
def sums(server: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Script]:
    file = made(tmp_path_factory.mktemp("sums"), "sums")
    with running(file, SERVICE_REGISTRY_URL=server.services) as one:
        eventually("total", f"{server.services}/api/v1/discover?name=sums")
        yield one


def test_a_tool_is_found_by_its_name_and_called(shell: Shell, sums: Script) -> None:
    done = shell("tools", "call", "total", "--arg", "numbers=[1, 2.5]", "--arg", "label=7")
    assert (done.code, done.out) == (0, '{\n  "7": 3.5\n}\n')
    assert f"total of sums at {sums.url} (" in done.err
    # A busy machine may take seconds.
    assert re.search(r"\d m?s\n\Z", done.err)


def test_a_name_that_comes_twice_is_a_list(shell: Shell, sums: Script) -> None:
    words = ("--arg", "numbers=1", "--arg", "numbers=2", "--input", '{"label": "both"}')
    said = shell.json("tools", "call", "total", *words)
    assert said["result"] == {"both": 3.0}
    assert (said["tool"], said["service"], said["url"]) == ("total", "sums", sums.url)
    assert said["instance"]
    assert said["duration_ms"] > 0
    assert shell.json("tools", "call", "total", "--arg", "numbers=4")["result"] == {"sum": 4.0}


def test_a_service_may_be_named_by_where_it_is(shell: Shell, sums: Script) -> None:
    words = ("tools", "call", "total", "--input", '{"numbers": []}', "--service", sums.url)
    assert shell.json(*words, "--registry", "http://127.0.0.1:9")["result"] == {"sum": 0.0}


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("refuse_sums", "--arg", "why=me"), 1, "no: me (424)"),
        (("refuse_sums", "--arg", "why=broken"), 1, "(500), request "),
        (("total", "--arg", "numbers=x"), 2, "numbers"),
        (("total", "--arg", "other=1", "--arg", "numbers=1"), 2, "other"),
        (("total", "--arg", "numbers"), 2, "must be name=value"),
        (("total", "--input", "[1]"), 2, "must be a JSON object"),
        (("total", "--input", "{"), 2, "must be JSON"),
        (("nothing",), 3, "no service that answers has a tool 'nothing'"),
        (("total", "--service", "nobody"), 3, "no service 'nobody'"),
        (("total", "--service", "http://127.0.0.1:9"), 4, "cannot be reached"),
        (("total", "--service", "ftp://x"), 2, "must be like http"),
    ],
)
def test_what_goes_wrong_is_told_with_an_exit_code(
    shell: Shell, sums: Script, words: tuple[str, ...], code: int, told: str
) -> None:
    done = shell("tools", "call", *words)
    assert done.code == code
    assert told in done.err
    assert done.out == ""


def test_of_two_services_with_the_tool_one_must_be_named(
    server: Serving, shell: Shell, sums: Script, tmp_path: Path
) -> None:
    with running(made(tmp_path, "twins"), SERVICE_REGISTRY_URL=server.services) as other:
        eventually('"total_count":1', f"{server.services}/api/v1/discover?name=twins")
        words = ("tools", "call", "total", "--input", '{"numbers": [1]}')
        done = shell(*words)
        assert done.code == 2
        assert "sums, twins have a tool 'total'" in done.err
        assert shell.json(*words, "--service", "twins")["url"] == other.url
        assert other.end() == 0


def test_of_two_instances_one_that_is_gone_is_passed_over(
    server: Serving, shell: Shell, sums: Script, tmp_path: Path
) -> None:
    with running(made(tmp_path, "sums"), SERVICE_REGISTRY_URL=server.services) as other:
        eventually('"total_count":2', f"{server.services}/api/v1/discover?name=sums")
        other.process.kill()
        other.process.wait(READY)
        for _ in range(3):
            words = ("tools", "call", "total", "--input", '{"numbers": [1]}')
            assert shell.json(*words)["url"] == sums.url


def test_the_tools_of_a_service_are_listed(shell: Shell, sums: Script) -> None:
    heading, first, second = shell("tools", "list", "--service", "sums").lines
    assert heading == ["name", "service", "repeatable", "description"]
    assert first == ["total", "sums", "yes", "The sum of numbers."]
    assert second == ["refuse_sums", "sums", "no", "Say no."]
    listed = shell.json("tools", "list", "--service", sums.url)
    assert [one["path"] for one in listed] == ["/tools/total", "/elsewhere"]


def test_an_agent_service_that_is_not_there_is_told(shell: Shell) -> None:
    done = shell("tools", "list", "--url", "http://127.0.0.1:9")
    assert done.code == 4
    assert "http://127.0.0.1:9/api/v1/tools" in done.err


def test_a_new_service_runs_and_its_own_test_passes(
    server: Serving, shell: Shell, tmp_path: Path
) -> None:
    folder = tmp_path / "word-counter"
    done = shell("tools", "new", "word-counter", "--dir", str(folder))
    assert done.code == 0
    names = ("word_counter.py", "test_word_counter.py", "README.md")
    assert done.out.splitlines() == [str(folder / name) for name in names]

    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", str(folder)],
        cwd=folder,
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout
    assert "3 passed" in tested.stdout

    file = folder / names[0]
    with running(file, SERVICE_REGISTRY_URL=server.services, PORT="0"):
        eventually("count_words", f"{server.services}/api/v1/discover?name=word-counter")
        said = shell.json("tools", "call", "count_words", "--arg", "text=a rose is a rose")
        assert said["result"] == {"a": 2, "rose": 2, "is": 1}


def test_a_new_service_is_clean_by_the_usual_rules(shell: Shell, tmp_path: Path) -> None:
    pytest.importorskip("ruff")
    shell("tools", "new", "tidy", "--dir", str(tmp_path))
    for words in (("check", "--select", "E,F,I,UP,B"), ("format", "--check")):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--isolated", "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_nothing_is_overwritten(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    done = shell("tools", "new", "weather", "--dir", str(tmp_path))
    assert done.code == 1
    assert "README.md is there already; nothing was written" in done.err
    assert [one.name for one in tmp_path.iterdir()] == ["README.md"]


def test_a_new_service_may_be_tried_first(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "weather"
    done = shell("tools", "new", "weather", "--dir", str(folder), "--dry-run")
    assert done.out.startswith(f"would write {folder / 'weather.py'}\n")
    assert not folder.exists()


@pytest.mark.parametrize("name", ["Weather", "../x", "1x", "json", "class", "rollcall", "test_x"])
def test_a_name_that_would_not_do_is_refused(shell: Shell, tmp_path: Path, name: str) -> None:
    done = shell("tools", "new", name, "--dir", str(tmp_path / "new"))
    assert done.code == 2
    assert "name: " in done.err
    assert not (tmp_path / "new").exists()
