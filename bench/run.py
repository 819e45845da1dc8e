# SPDX-License-Identifier: Apache-2.0
"""Measure the in-process registry beside kailash-kaizen 2.2.0's, the service beside other servers.

Prints one table of medians and ratios, what the aims say to it, the leases and the meaning table;
then a table for each other part: the service beside nginx, etcd, ZooKeeper and Redis, the agent
service beside the same loop written by hand, events beside aiokafka alone, memories beside a plain
FTS5 table, the knowledge graph, facts beside DuckDB asked directly, the gateway beside nginx, and
what the ways to an agent add until the first word of its answer.
Progress goes to the standard error. `docs/benchmarks.md` explains the method.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a script, this folder is no package otherwise

from bench import environment, report  # noqa: E402
from bench.parts import PARTS  # noqa: E402
from bench.results import Job, Results  # noqa: E402

REGISTRY: Final = ("operations", "detection", "memory", "leases", "meaning")
TASKS: Final = (*REGISTRY, *PARTS)
SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
OURS_ALONE_FROM: Final = 1_000_000
SMALLEST_FOR_MEMORY: Final = 10_000
MEANING: Final = ROOT / "bench" / "meaning" / "measure.py"
JOB_SECONDS: Final = 300


def marks(part: str) -> tuple[str, str]:
    """What stands before and after the figures of a part in a page."""
    return f"<!-- {part}: begin -->", f"<!-- {part}: end -->"


BEGIN, END = marks("figures")


def sizes(text: str) -> tuple[int, ...]:
    """`1000,10000` as numbers in ascending order."""
    numbers = sorted({int(part.replace("_", "")) for part in text.split(",")})
    if numbers[0] < 1_000:
        raise argparse.ArgumentTypeError("a fleet has 1000 agents or more")
    return tuple(numbers)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="1,000 agents, once, in seconds: does it run at all?"
    )
    parser.add_argument(
        "--sizes",
        type=sizes,
        metavar="N,N",
        help=f"fleet sizes (default {','.join(map(str, SIZES))}; "
        f"from {OURS_ALONE_FROM:,} on Rollcall alone)",
    )
    parser.add_argument(
        "--only", choices=TASKS, action="append", help="one task alone; may be given again"
    )
    parser.add_argument("--repeats", type=int, default=3, help="of each operation (default 3)")
    parser.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        help=f"write the page there too, between {BEGIN} and {END} if the file has them",
    )
    chosen = parser.parse_args(given)
    chosen.sizes = chosen.sizes or ((1_000,) if chosen.quick else SIZES)
    chosen.only = chosen.only or [t for t in TASKS if t != "meaning" or not chosen.quick]
    if chosen.repeats < 1:
        parser.error("--repeats must be 1 or more")
    return chosen


def plan(chosen: argparse.Namespace) -> Iterator[Job]:
    """Every job in the order in which they run: both sides take turns, size by size."""
    for size in chosen.sizes:
        alone = size >= OURS_ALONE_FROM
        # What is measured once is measured longer.
        seconds = 0.05 if chosen.quick else 1.0 if alone else 0.3
        sides = ("rollcall",) if alone else ("kaizen", "rollcall")
        if "operations" in chosen.only:
            for _ in range(1 if alone or chosen.quick else chosen.repeats):
                for side in sides:
                    yield Job("operations", side, size, {"seconds": seconds})
        if "detection" in chosen.only and not alone:
            for side in sides:
                yield Job("detection", side, size)
        # Below that, an allocator's chunk is more than a record.
        if "memory" in chosen.only and (size >= SMALLEST_FOR_MEMORY or chosen.quick):
            for side in sides:
                yield Job("memory", side, size)
    if "leases" in chosen.only:
        if chosen.quick:
            yield Job("leases", "rollcall", 2_000, {"timeout": 2.0, "renewals": 2_000})
        else:
            yield Job("leases", "rollcall", 1_000_000, {"timeout": 40.0, "renewals": 33_000})


def run(python: Path, job: Job) -> dict[str, Any]:
    """One job's answer, from a process of its own.

    Raises:
        SystemExit: The process failed; its own words are on the standard error.
    """
    request = {"task": job.task, "side": job.side, "size": job.size, **job.options}
    command = [str(python), "-W", "ignore", "-m", "bench.worker", json.dumps(request)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=JOB_SECONDS
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise SystemExit(f"bench: {job.task} of {job.side} at {job.size:,}: {error}") from error
    return json.loads(done.stdout.splitlines()[-1])


def meaning(python: Path) -> str:
    """The table of the meaning benchmark, or a sentence that says why there is none."""
    if not MEANING.exists():
        return f"Not measured: {MEANING.relative_to(ROOT)} is missing."
    done = subprocess.run(
        [str(python), "-W", "ignore", str(MEANING)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=JOB_SECONDS,
    )  # fmt: skip
    if done.returncode:
        return f"Not measured: {MEANING.relative_to(ROOT)} failed:\n\n{done.stderr.strip()}"
    return done.stdout.strip()


def heading(machine: str) -> str:
    """Where and how figures came about."""
    command = shlex.join(["python", "bench/run.py", *sys.argv[1:]])
    return f"Machine: {machine}.\n\nCommand: `{command}`."


def page(chosen: argparse.Namespace, results: Results, machine: str, meant: str | None) -> str:
    """All that is said of the registry in the process, as Markdown."""
    table = results.table()
    parts = [heading(machine)]
    if table:
        parts.append(report.comparison(table, chosen.sizes))
        parts.append("A ratio is kaizen's figure by Rollcall's: above 1, Rollcall is better.")
    if results.false_alarms:
        parts.append(f"FALSE ALARMS of Rollcall: {results.false_alarms}.")
    verdicts = [str(verdict) for verdict in report.aims(table, results.leases)]
    parts.append("Aims:\n\n" + "\n".join(f"- {verdict}" for verdict in verdicts))
    if results.leases:
        parts.append("Leases:\n\n" + report.lease_lines(results.leases))
    if meant is not None:
        parts.append(f"Meaning:\n\n```text\n{meant}\n```")
    return "\n\n".join(parts) + "\n"


def write(file: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Put `text` between two marks of `file`, or at the end of a file without them."""
    old = file.read_text(encoding="utf-8") if file.exists() else ""
    if begin in old and end in old:
        before, after = old.partition(begin)[0], old.partition(end)[2]
        text = f"{before}{begin}\n\n{text}\n{end}{after}"
    elif old:
        text = f"{old}\n{text}"
    file.write_text(text, encoding="utf-8")


def told(chosen: argparse.Namespace, text: str, part: str) -> None:
    """Print a part, and write it down where that was asked for."""
    print(text, flush=True)
    if chosen.markdown:
        write(chosen.markdown, text, *marks(part))


def registry(chosen: argparse.Namespace, machine: str, begun: float) -> None:
    """Measure the registry in the process, each job in a process of its own."""
    python = environment.prepare()
    results = Results()
    jobs = list(plan(chosen))
    for number, job in enumerate(jobs, 1):
        passed = time.monotonic() - begun
        print(
            f"[{passed:4.0f} s] {number}/{len(jobs)} {job.task}, {job.side}, {job.size:,} agents",
            file=sys.stderr,
        )
        results.add(job, run(python, job))
    meant = meaning(python) if "meaning" in chosen.only else None
    told(chosen, page(chosen, results, machine, meant), "figures")


def main() -> None:
    chosen = arguments()
    begun = time.monotonic()
    machine = environment.machine()
    if set(chosen.only) & set(REGISTRY):
        registry(chosen, machine, begun)
    for part, measured in PARTS.items():
        if part in chosen.only:
            told(chosen, f"{heading(machine)}\n\n{measured(chosen.quick)}", part)
    print(f"took {time.monotonic() - begun:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
