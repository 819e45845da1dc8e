"""Every example runs by itself, and prints what document 5 shows; ids and times aside."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from rollcall.testing.scripted_model import Says, ScriptedModel

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
QUOTED = ROOT / "tests" / "spec" / "document_5"

# The document shows ids of six digits; ours have eight hexadecimal ones.
SHOWN_ID = re.compile(r"\bagent_\d{6}\b")
DRAWN_ID = re.compile(r"\bagent_[0-9a-f]{8}\b")
MODEL = re.compile(r"(OPENAI|ANTHROPIC|GEMINI|GOOGLE|OLLAMA|ROLLCALL_MODEL)(_|$)")
TIME = re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b")


def masked(text: str, ids: re.Pattern[str]) -> list[str]:
    """The lines with each id replaced by its place among those that occur, and without times."""
    places = count(1)
    known: dict[str, str] = {}

    def place(found: re.Match[str]) -> str:
        if found[0] not in known:
            known[found[0]] = f"agent_{next(places)}"
        return known[found[0]]

    return TIME.sub("TIME", ids.sub(place, text)).splitlines()


def output(example: Path, folder: Path, **variables: str) -> str:
    """What the example prints to somebody who runs it in `folder`; it must end well.

    No model is set up but by `variables`.
    """
    kept = {name: value for name, value in os.environ.items() if not MODEL.match(name)}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        cwd=folder,
        env={**kept, "PYTHONUTF8": "1", **variables},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def quoted(name: str) -> list[str]:
    return masked((QUOTED / f"{name}.txt").read_text(encoding="utf-8"), SHOWN_ID)


def printed(name: str, folder: Path, **variables: str) -> list[str]:
    return masked(output(ROOT / "examples" / f"{name}.py", folder, **variables), DRAWN_ID)


def test_there_is_an_example_for_each_pattern_of_the_document() -> None:
    assert [one.stem for one in EXAMPLES] == sorted(one.stem for one in QUOTED.glob("*.txt"))


@pytest.mark.parametrize("name", ["1_basic_distributed_coordination", "3_fault_tolerance"])
def test_an_example_prints_what_the_document_shows(name: str, tmp_path: Path) -> None:
    assert printed(name, tmp_path) == quoted(name)


def test_capability_discovery_prints_the_third_runtime_as_well(tmp_path: Path) -> None:
    name = "2_capability_discovery"
    lines, shown = printed(name, tmp_path), quoted(name)
    # The document counts three runtimes and leaves out the events of the third.
    left_out = ["[EVENT] RUNTIME_JOINED: content_runtime_3", "[EVENT] AGENT_REGISTERED: agent_4"]
    at = shown.index("[EVENT] AGENT_REGISTERED: agent_3") + 1
    assert lines == [*shown[:at], *left_out, *shown[at:]]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
async def test_an_example_prints_the_same_with_a_model(example: Path, tmp_path: Path) -> None:
    async with ScriptedModel(Says("I did it.")) as model:
        told = await asyncio.to_thread(
            printed, example.stem, tmp_path, OPENAI_API_KEY="any", OPENAI_BASE_URL=model.url
        )
        asked = [request.told("user") for request in model.requests]
    assert told == printed(example.stem, tmp_path)
    failing_over = ["the task that PrimaryAgent cannot take now"]
    assert asked == ([failing_over] if example.stem == "3_fault_tolerance" else [])


def test_an_example_leaves_nothing_behind(tmp_path: Path) -> None:
    for example in EXAMPLES:
        output(example, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("  - A (agent_111111)", "  - B (agent_0123abcd)"),
        ("Found 1 agents", "Found 2 agents"),
        ("agent_111111 agent_222222", "agent_0123abcd agent_0123abcd"),
    ],
)
def test_masking_hides_no_difference_but_ids_and_times(line: str, other: str) -> None:
    assert masked(line, SHOWN_ID) != masked(other, DRAWN_ID)
    assert masked(line, SHOWN_ID) == masked(line.replace("111111", "333333"), SHOWN_ID)
