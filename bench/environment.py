# SPDX-License-Identifier: Apache-2.0
"""The benchmarks' own virtual environment, and the machine that they run on."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

BENCH: Final = Path(__file__).resolve().parent
ROOT: Final = BENCH.parent
FOLDER: Final = BENCH / ".venv"
PYTHON: Final = FOLDER / "bin" / "python"
REQUIREMENTS: Final = BENCH / "requirements.txt"
STAMP: Final = FOLDER / ".stamp"


def wanted_stamp() -> str:
    """Changes with whatever must make the environment anew."""
    parts = (REQUIREMENTS.read_bytes(), str(ROOT).encode(), sys.version.encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def prepare() -> Path:
    """The interpreter of an environment with both sides in it; installs them where needed.

    Raises:
        subprocess.CalledProcessError: pip failed; it has said why.
    """
    stamp = wanted_stamp()
    if STAMP.exists() and STAMP.read_text() == stamp:
        return PYTHON
    print(f"installing kaizen and Rollcall into {FOLDER.relative_to(ROOT)} ...", file=sys.stderr)
    venv.create(FOLDER, clear=True, with_pip=True)
    pip = [str(PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    for arguments in (
        ["install", "--require-hashes", "--no-deps", "--requirement", str(REQUIREMENTS)],
        ["install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
    ):
        subprocess.run([*pip, *arguments], check=True, stdout=sys.stderr)
    STAMP.write_text(stamp)
    return PYTHON


def processor() -> str:
    """The processor's model as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def machine() -> str:
    """Cores, processor, memory, system, Python and how busy the machine was before."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({processor()}), {memory:.0f} GiB of memory, "
        f"{platform.system()} {platform.machine()}, "
        f"{platform.python_implementation()} {platform.python_version()}, "
        f"load average {os.getloadavg()[0]:.1f} at the start"
    )
