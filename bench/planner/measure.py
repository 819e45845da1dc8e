"""Measures how well the offline planner chooses tools and fills their arguments.

    PYTHONPATH=src:tests python bench/planner/measure.py

Prints one table: for each half of the labelled wordings (see README.md), by words and meaning and
by words alone, the share of requests for which the right tool was chosen, the share for which its
arguments were right too, and the share of requests that no tool fits and that were declined.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from rollcall.backends.encoders.wordllama import WordLlamaEncoder
from rollcall.conversations.planner.choosing import candidates
from rollcall.conversations.planner.index import ToolIndex
from rollcall.conversations.planner.reading import Reading
from support.wordings import TODAY, Verdict, judge, offered, wordings

HALVES = ("development", "held_out")


def share(verdicts: list[Verdict], *, arguments: bool = False) -> str:
    right = sum(one.right_arguments if arguments else one.right_tool for one in verdicts)
    return f"{right}/{len(verdicts)} = {right / len(verdicts):.0%}"


def timing(encoder: WordLlamaEncoder) -> str:
    """Time to choose among the largest set, once its words are known, in milliseconds."""
    tools = max(offered().values(), key=len)
    index = ToolIndex(tools, encoder)
    said = [Reading(one.say, TODAY) for half in HALVES for one in wordings(half)]
    for one in said:
        candidates(index, one)
    took: list[float] = []
    for one in said:
        started = time.perf_counter()
        candidates(index, Reading(one.text, TODAY))
        took.append(1000 * (time.perf_counter() - started))
    took.sort()
    return f"{statistics.median(took):.1f} / {took[int(0.99 * len(took))]:.1f} ({len(tools)} tools)"


def main() -> None:
    encoder = WordLlamaEncoder()
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}\n")
    print("| wordings | search | tool | tool and arguments | declined rightly |")
    print("|---|---|---|---|---|")
    for half in HALVES:
        for name, used in (("words and meaning", encoder), ("words alone", None)):
            verdicts = judge(half, used)
            asked = [one for one in verdicts if one.wording.tools]
            others = [one for one in verdicts if not one.wording.tools]
            cells = (half, name, share(asked), share(asked, arguments=True), share(others))
            print(f"| {' | '.join(cells)} |")
    print(f"\nmilliseconds to choose, p50 / p99: {timing(encoder)}")


if __name__ == "__main__":
    main()
