# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from pathlib import Path

import pytest
from bench.parts import PARTS
from bench.results import Results
from bench.run import BEGIN, END, arguments, marks, page, plan, write

SCRIPT = Path(__file__).resolve().parents[2] / "bench" / "run.py"


def jobs(*given: str) -> list[tuple[str, str, int]]:
    return [(job.task, job.side, job.size) for job in plan(arguments(given))]


def test_help_lists_the_options() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--help"], capture_output=True, text=True, check=True
    )
    for option in ("--quick", "--sizes", "--only", "--markdown", "--repeats"):
        assert option in done.stdout


def test_both_sides_take_turns() -> None:
    assert (
        jobs("--only", "operations", "--sizes", "1000", "--repeats", "2")
        == [
            ("operations", "kaizen", 1_000),
            ("operations", "rollcall", 1_000),
        ]
        * 2
    )


def test_a_million_agents_are_ours_alone() -> None:
    assert {side for _, side, size in jobs() if size == 1_000_000} == {"rollcall"}
    assert {side for _, side, size in jobs() if size == 100_000} == {"kaizen", "rollcall"}


def test_a_full_run_has_every_task_for_the_registries() -> None:
    assert {task for task, _, _ in jobs()} == {"operations", "detection", "memory", "leases"}


def test_a_quick_run_stays_small() -> None:
    assert max(size for _, _, size in jobs("--quick")) == 2_000
    assert "meaning" not in arguments(["--quick"]).only


@pytest.mark.parametrize(
    "given", [["--sizes", "10"], ["--sizes", "many"], ["--repeats", "0"], ["--only", "all"]]
)
def test_what_makes_no_sense_is_refused(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        arguments(given)
    assert given[0] in capsys.readouterr().err


def test_the_page_names_the_machine_and_what_was_not_measured() -> None:
    text = page(arguments(["--quick"]), Results(), "two cores", "no table")
    assert "Machine: two cores." in text
    assert "not measured: heartbeat" in text
    assert "```text\nno table\n```" in text


def test_the_page_replaces_what_is_between_the_marks(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"# Method\n\n{BEGIN}\n\nold\n\n{END}\n\nCauses\n")
    write(file, "new\n")
    write(file, "newer\n")
    assert file.read_text() == f"# Method\n\n{BEGIN}\n\nnewer\n\n{END}\n\nCauses\n"


def test_each_part_has_marks_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    begin, end = marks("service")
    file.write_text(f"{BEGIN}\nold\n{END}\n\n{begin}\nold\n{end}\n")
    write(file, "new\n", begin, end)
    assert file.read_text() == (f"{BEGIN}\nold\n{END}\n\n{begin}\n\nnew\n\n{end}\n")


def test_a_file_without_marks_becomes_the_page(tmp_path: Path) -> None:
    write(tmp_path / "page.md", "one\n")
    write(tmp_path / "page.md", "two\n")
    assert (tmp_path / "page.md").read_text() == "one\n\ntwo\n"


def test_every_part_has_its_place_in_the_documentation() -> None:
    text = (SCRIPT.parents[1] / "docs" / "benchmarks.md").read_text()
    for part in ("figures", *PARTS):
        begin, end = marks(part)
        assert text.count(begin) == text.count(end) == 1
        assert text.index(begin) < text.index(end)


@pytest.mark.bench
@pytest.mark.slow
@pytest.mark.timeout(660)
def test_a_quick_run_prints_the_table_and_the_verdicts(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--markdown", str(file)],
        capture_output=True, text=True, check=True, timeout=600,
    )  # fmt: skip
    assert "| find, one hit " in done.stdout
    assert "| heartbeats, single |" in done.stdout
    assert "| aiokafka alone, 1 under way |" in done.stdout
    assert "a hybrid search among 1,000 memories" in done.stdout
    assert "a neighbourhood of depth 1" in done.stdout
    assert "| through the gateway, 1 client |" in done.stdout
    assert "heartbeat no slower than kaizen's" in done.stdout
    assert file.read_text().strip() == done.stdout.strip()
