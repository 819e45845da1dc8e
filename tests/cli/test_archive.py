from __future__ import annotations

import contextlib
import json
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from support.hosting import hosted
from support.serving import environment
from support.typed import Shell

LINES = [json.dumps({"line": number, "text": "x" * 100}).encode() + b"\n" for number in range(3000)]


class Administration:
    """The other end of the wire: it gives lines out, counts those that come in, and may break."""

    def __init__(self) -> None:
        self.breaks = False
        self.asked: dict[str, str] = {}
        self.came = b""

    async def export(self, request: Request) -> Response:
        self.asked = dict(request.query_params)

        async def lines() -> AsyncIterator[bytes]:
            for number, line in enumerate(LINES):
                if self.breaks and number == 2000:
                    raise OSError("the disk is on fire")
                yield line

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    async def take(self, request: Request) -> Response:
        self.asked = dict(request.query_params)
        self.came = await request.body()
        count = self.came.count(b"\n")
        problems = [{"line": 2, "problem": "no id"}] if b"refuse me" in self.came else []
        return JSONResponse(
            {"created": count - len(problems), "refused": len(problems), "problems": problems}
        )

    async def backup(self, request: Request) -> Response:
        problem = {"title": "Not here", "detail": "the records are in PostgreSQL: use pg_dump"}
        return JSONResponse(problem, 409)


@pytest.fixture
def administration() -> Administration:
    return Administration()


@pytest.fixture
def url(administration: Administration) -> Iterator[str]:
    routes = [
        Route("/api/v1/admin/export", administration.export),
        Route("/api/v1/admin/import", administration.take, methods=["POST"]),
        Route("/api/v1/admin/backup", administration.backup),
    ]

    @contextlib.asynccontextmanager
    async def opened() -> AsyncGenerator[ASGIApp]:
        yield Starlette(routes=routes)

    with hosted(opened) as place:
        yield place


@pytest.fixture
def shell(url: str) -> Shell:
    return Shell({"ROLLCALL_REGISTRY_URL": url})


def test_an_export_is_a_file_for_its_owner_alone(
    shell: Shell, administration: Administration, tmp_path: Path
) -> None:
    file = tmp_path / "fleet.jsonl"
    done = shell("export", str(file), "--namespace", "acme")
    assert (done.code, done.out) == (0, "")
    assert f"{sum(map(len, LINES)):,} bytes written" in done.err
    assert file.read_bytes() == b"".join(LINES)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert administration.asked == {"namespace": "acme"}


def test_an_export_may_go_on_to_another_program(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rollcall", "export", "-", "--url", url],
        env=environment({}),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == b"".join(LINES)


def test_a_file_that_is_there_is_overwritten_only_on_purpose(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "fleet.jsonl"
    file.write_text("mine", encoding="utf-8")
    assert shell("export", str(file), typed="n\n").code == 1
    assert file.read_text(encoding="utf-8") == "mine"
    assert shell("export", str(file), "--yes").code == 0
    assert file.read_bytes() == b"".join(LINES)


def test_an_export_that_breaks_off_leaves_no_half_file(
    shell: Shell, administration: Administration, tmp_path: Path
) -> None:
    file = tmp_path / "fleet.jsonl"
    file.write_text("mine", encoding="utf-8")
    administration.breaks = True
    assert shell("export", str(file), "--yes").code == 4
    assert [one.name for one in tmp_path.iterdir()] == ["fleet.jsonl"]
    assert file.read_text(encoding="utf-8") == "mine"


def test_a_place_where_nothing_can_be_written_is_told_in_a_line(shell: Shell) -> None:
    done = shell("export", "/nonexistent/fleet.jsonl")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "/nonexistent/fleet.jsonl" in done.err


def test_a_file_is_imported_as_it_is(
    shell: Shell, administration: Administration, tmp_path: Path
) -> None:
    file = tmp_path / "fleet.jsonl"
    file.write_bytes(b"".join(LINES))
    done = shell("import", str(file), "--dry-run", "--on-conflict", "replace")
    assert administration.came == b"".join(LINES)
    assert administration.asked == {"dry_run": "true", "on_conflict": "replace"}
    assert "would be created  3,000" in done.out
    assert shell.json("import", str(file))["created"] == 3000
    assert administration.asked["dry_run"] == "false"
    assert shell("import", "-", typed="a\nb\n").out.startswith("created  2\n")


def test_lines_that_are_refused_are_told_one_by_one(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "fleet.jsonl"
    file.write_text("a\nrefuse me\n", encoding="utf-8")
    done = shell("import", str(file))
    assert done.code == 1
    assert ["2", "no id"] in done.lines


def test_a_file_that_is_not_there_is_told_in_a_line(shell: Shell) -> None:
    done = shell("import", "/nonexistent.jsonl")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "/nonexistent.jsonl" in done.err


def test_why_there_is_no_backup_is_told(shell: Shell, tmp_path: Path) -> None:
    done = shell("backup", str(tmp_path / "b"))
    assert done.code == 1
    assert "use pg_dump" in done.err
    assert not list(tmp_path.iterdir())


def test_a_registry_that_cannot_do_it_is_called_old(url: str, tmp_path: Path) -> None:
    file = tmp_path / "fleet.jsonl"
    elsewhere = Shell({"ROLLCALL_REGISTRY_URL": f"{url}/elsewhere"})
    for words in (("export", str(file)), ("backup", str(file)), ("import", "-")):
        done = elsewhere(*words)
        assert (done.code, done.err.count("\n")) == (1, 1)
        assert "older than this command" in done.err
    assert not list(tmp_path.iterdir())
