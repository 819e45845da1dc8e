# SPDX-License-Identifier: Apache-2.0
"""wrk on the client's core, and what it says."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SERVER_CORE, CLIENT_CORE = "0", "1"
SCRIPTS: Final = Path(__file__).resolve().parent
_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_RATE: Final = re.compile(r"Requests/sec:\s+([0-9.]+)")
_PERCENTILE: Final = re.compile(r"^\s+(50|99)%\s+([0-9.]+)(us|ms|s|m)$", re.MULTILINE)
_FAILED: Final = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_SOCKETS: Final = re.compile(r"Socket errors: (.*)")


class NotMeasured(Exception):
    """A figure that there is not, and why."""


@dataclass(frozen=True)
class Figures:
    """What a load did.

    Args:
        rate: A second.
        p50: Seconds.
        p99: Seconds.
    """

    rate: float
    p50: float | None = None
    p99: float | None = None

    def times(self, factor: float) -> Figures:
        """The same, where each request stands for `factor` of what is counted."""
        return Figures(self.rate * factor, self.p50, self.p99)


def median_of(rounds: Sequence[Figures]) -> Figures:
    """The median of each figure over the rounds of the same load that have it."""
    return Figures(
        statistics.median(one.rate for one in rounds),
        _middle([one.p50 for one in rounds]),
        _middle([one.p99 for one in rounds]),
    )


def _middle(figures: Sequence[float | None]) -> float | None:
    there = [one for one in figures if one is not None]
    return statistics.median(there) if there else None


def pinned(core: str, command: list[str]) -> list[str]:
    """A command that runs on one core, where the system lets it."""
    return ["taskset", "-c", core, *command] if shutil.which("taskset") else command


def load(
    url: str,
    *,
    seconds: float,
    clients: int = 64,
    script: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> Figures:
    """Have `clients` connections ask as fast as they get answers.

    Raises:
        NotMeasured: wrk is not there, failed, or got answers that were no success.
    """
    if shutil.which("wrk") is None:
        raise NotMeasured("wrk is not installed")
    command = ["wrk", "-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "--latency"]
    # By default an answer after two seconds counts as an error, and not as a slow one.
    command += ["--timeout", "30s"]
    if script is not None:
        command += ["-s", str(SCRIPTS / script)]
    done = subprocess.run(
        pinned(CLIENT_CORE, [*command, url]),
        env={**os.environ, **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds * 3 + 30,
    )
    if done.returncode:
        raise NotMeasured(f"wrk failed: {done.stderr.strip() or done.stdout.strip()}")
    return parsed(done.stdout)


def parsed(said: str) -> Figures:
    """What wrk's report says.

    Raises:
        NotMeasured: It has no rate in it, or not every answer was a success.
    """
    rate, failed, sockets = _RATE.search(said), _FAILED.search(said), _SOCKETS.search(said)
    if rate is None:
        raise NotMeasured(f"wrk said no rate: {said!r:.300}")
    if failed is not None:
        raise NotMeasured(f"{failed[1]} answers were no success")
    if sockets is not None:
        raise NotMeasured(f"socket errors: {sockets[1]}")
    found = {one[1]: float(one[2]) * _UNITS[one[3]] for one in _PERCENTILE.finditer(said)}
    # Where it had too few answers to tell, it says that they took no time.
    return Figures(float(rate[1]), found.get("50") or None, found.get("99") or None)
