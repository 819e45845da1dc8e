from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "house_rules.py"
LICENCE = "# SPDX-License-Identifier: Apache-2.0\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that keeps the rules."""
    (tmp_path / "src" / "rollcall").mkdir(parents=True)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "house_rules.py").write_text(SCRIPT.read_text())
    (tmp_path / "src" / "rollcall" / "longest.py").write_text(LICENCE + "x = 1\n" * 399)
    (tmp_path / "tests" / "test_it.py").write_text("x = 1\n")
    return tmp_path


def check(checkout: Path) -> tuple[int, list[str]]:
    result = subprocess.run(
        [sys.executable, checkout / "tools" / "house_rules.py"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not result.stderr
    return result.returncode, result.stdout.splitlines()


def test_a_checkout_that_keeps_the_rules_passes_in_silence(checkout: Path) -> None:
    assert check(checkout) == (0, [])


@pytest.mark.parametrize("folder", ["src/rollcall", "tests", "tools"])
def test_a_file_of_401_lines_is_named(checkout: Path, folder: str) -> None:
    (checkout / folder / "big.py").write_text(LICENCE + "x = 1\n" * 400)

    assert check(checkout) == (
        1,
        [f"{folder}/big.py: 401 lines, at most 400 are allowed: split it"],
    )


def test_a_file_for_everything_and_nothing_is_named(checkout: Path) -> None:
    (checkout / "tests" / "utils.py").write_text("x = 1\n")

    assert check(checkout) == (1, ["tests/utils.py: name it after what it is about"])


@pytest.mark.parametrize("start", ["", "x = 1\n", "\n" + LICENCE, LICENCE.rstrip() + " OR MIT\n"])
def test_a_shipped_file_that_does_not_begin_with_the_licence_is_named(
    checkout: Path, start: str
) -> None:
    (checkout / "src" / "rollcall" / "bare.py").write_text(start)

    code, lines = check(checkout)

    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith("src/rollcall/bare.py: the first line must be")


def test_what_lies_in_a_hidden_folder_is_not_ours(checkout: Path) -> None:
    hidden = checkout / "src" / ".cache"
    hidden.mkdir()
    (hidden / "big.py").write_text("x = 1\n" * 500)

    assert check(checkout) == (0, [])
