"""Install the servers of others that some tests talk to, where they are missing.

Debian's packages by apt-get, Kafka by Maven, BigQuery's emulator by uv or pip.
What is there already is left alone, and no service of theirs is started: the tests start their own,
on free ports of the loopback, in folders of their own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

TRIES = 3
PATIENCE = 600
"""Seconds that one call of apt-get may take."""
POLICY = Path("/usr/sbin/policy-rc.d")
"""Asked by packages before they start a service (Debian's invoke-rc.d); 101 means no."""


class Server(NamedTuple):
    """A server that tests talk to, or a program that they run.

    Attributes:
        name: What people call it.
        package: Debian's package.
        proofs: Patterns of files, one of which is there where it is installed.
        without: What is left out without it.
    """

    name: str
    package: str
    proofs: Sequence[str]
    without: str


SERVERS = (
    Server(
        "PostgreSQL",
        "postgresql-15",
        ("/usr/lib/postgresql/*/bin/initdb",),
        "stores on PostgreSQL, replicas, outages",
    ),
    Server("ZooKeeper", "zookeeper", ("/usr/share/java/zookeeper.jar",), "stores on ZooKeeper"),
    Server("wrk", "wrk", ("/usr/bin/wrk", "/usr/local/bin/wrk"), "the scripts that load services"),
    Server(
        "nginx",
        "nginx-light",
        ("/usr/sbin/nginx", "/usr/local/sbin/nginx"),
        "nginx in front of the services",
    ),
    Server("Prometheus", "prometheus", ("/usr/bin/prometheus",), "alert rules and scraping"),
    Server("Maven", "maven", ("/usr/bin/mvn", "/usr/local/bin/mvn"), "Kafka, which it fetches"),
    Server(
        "Java",
        "openjdk-17-jre-headless",
        ("/usr/bin/java", "/usr/local/bin/java", "/opt/java/*/bin/java"),
        "Kafka, which runs on it",
    ),
)

KAFKA = "4.1.1"
POM = Path(__file__).with_name("kafka-pom.xml")
WITHOUT_KAFKA = "the event log on Kafka"


def kafka_folder() -> Path:
    """Where Kafka is kept; outside of the repository, so that it is fetched once."""
    return _cache() / f"kafka-{KAFKA}"


def fetch_kafka(folder: Path, run: Callable[[Sequence[str]], int]) -> bool:
    """Fetch Kafka from where this system's Maven looks; whether all of it is there."""
    if (folder / "complete").exists():
        return True
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Aside first: what was broken off is never taken for the whole.
    with TemporaryDirectory(prefix="kafka-", dir=folder.parent) as aside:
        # Maven makes files beside its description, so not in the repository.
        shutil.copy(POM, Path(aside, "pom.xml"))
        command = (
            *("mvn", "-q", "-B", "-f", f"{aside}/pom.xml", "dependency:copy-dependencies"),
            *("-DincludeScope=runtime", f"-DoutputDirectory={aside}/jars"),
        )
        if not any(run(command) == 0 for _ in range(TRIES)):
            return False
        Path(aside, "jars", "complete").touch()
        shutil.rmtree(folder, ignore_errors=True)
        Path(aside, "jars").rename(folder)
    return True


EMULATOR = "1.4.0"
PINS = Path(__file__).with_name("bigquery.txt")
WITHOUT_EMULATOR = "facts in BigQuery"
EXTENSION = """\
import duckdb, pathlib, duckdb_extension_spatial as wheel
(file,) = pathlib.Path(wheel.__file__).parent.glob("extensions/*/*.duckdb_extension")
duckdb.execute(f"INSTALL '{file}'")
duckdb.execute("LOAD spatial")
"""
"""Puts what the emulator's DuckDB would fetch, and a wheel brought, where it looks."""


def emulator_folder() -> Path:
    """Where BigQuery's emulator is kept, in an environment of its own."""
    return _cache() / f"bqemulator-{EMULATOR}"


def emulator_there(folder: Path) -> bool:
    """Whether all of it is there as it is pinned, and the Python that it was made with."""
    complete = folder / "complete"
    as_pinned = complete.exists() and complete.read_bytes() == PINS.read_bytes()
    return as_pinned and (folder / "bin" / "python").exists()


def fetch_emulator(folder: Path, run: Callable[[Sequence[str]], int], uv: str | None) -> bool:
    """Install BigQuery's emulator as it is pinned; whether all of it is there.

    Args:
        folder: Where it goes.
        run: Runs a command; its exit code.
        uv: The program, which is the quicker way; pip goes where it is not there, or fails.
    """
    if emulator_there(folder):
        return True
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="bqemulator-", dir=folder.parent) as aside:
        made = Path(aside, "made")
        python = str(made / "bin" / "python")
        pip = (python, "-m", "pip", "install", "-q", "--disable-pip-version-check")
        ways = [pip, pip]
        if uv:
            ways.insert(0, (uv, "pip", "install", "-q", "--compile-bytecode", "--python", python))
        for way in ways:
            shutil.rmtree(made, ignore_errors=True)
            (made / "home").mkdir(parents=True)
            if (
                run((sys.executable, "-m", "venv", str(made))) == 0
                and run((*way, "--require-hashes", "--requirement", str(PINS))) == 0
                and run(("env", f"HOME={made / 'home'}", python, "-c", EXTENSION)) == 0
            ):
                break
        else:
            return False
        shutil.copy(PINS, made / "complete")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    return True


def installed(server: Server, root: Path = Path("/")) -> bool:
    """Whether it is there."""
    return any(any(root.glob(proof.lstrip("/"))) for proof in server.proofs)


def advice(missing: Iterable[Server], *, root: bool, apt: bool) -> str:
    """Why the missing ones cannot be installed here; empty: they can."""
    packages = " ".join(server.package for server in missing)
    if not apt:
        return f"apt-get is not here: install {packages} in the way of this system"
    return "" if root else f"run `sudo apt-get install --no-install-recommends {packages}`"


def install(packages: Sequence[str], run: Callable[[Sequence[str]], int]) -> bool:
    """Install Debian packages; whether that worked, at the last of some tries."""
    for _ in range(TRIES):
        # The lists first: those of an image are often older than what the archive holds.
        if run(("apt-get", "update", "-q")) == 0 and (
            run(("apt-get", "install", "-y", "-q", "--no-install-recommends", *packages)) == 0
        ):
            return True
    return False


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say what is missing")
    parser.add_argument("--require", action="store_true", help="fail if anything is missing after")
    asked = parser.parse_args(arguments)

    missing = [server for server in SERVERS if not installed(server)]
    if missing and not asked.check:
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        why_not = advice(missing, root=root, apt=shutil.which("apt-get") is not None)
        if why_not:
            print(why_not, file=sys.stderr)
        else:
            print(f"installing {', '.join(server.package for server in missing)}")
            with _no_services():
                install([server.package for server in missing], _run)
            missing = [server for server in missing if not installed(server)]
    kafka = (kafka_folder() / "complete").exists()
    if not kafka and not asked.check and shutil.which("mvn"):
        print("fetching Kafka")
        kafka = fetch_kafka(kafka_folder(), _run)
    print("Kafka is there" if kafka else f"Kafka is MISSING: tests of {WITHOUT_KAFKA} are left out")
    emulator = emulator_there(emulator_folder())
    if not emulator and not asked.check:
        print("installing BigQuery's emulator")
        emulator = fetch_emulator(emulator_folder(), _run, _uv())
    said = "there" if emulator else f"MISSING: tests of {WITHOUT_EMULATOR} are left out"
    print(f"BigQuery's emulator is {said}")
    for server in SERVERS:
        if server in missing:
            print(f"{server.name} is MISSING: tests of {server.without} are left out")
        else:
            print(f"{server.name} is there")
    complete = not missing and kafka and emulator
    return 1 if not complete and (asked.require or asked.check) else 0


def _cache() -> Path:
    """The folder of this user's that outlives a checkout."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rollcall"


def _uv() -> str | None:
    """Where uv is, if it is: on the path, or beside this Python."""
    return shutil.which("uv") or shutil.which("uv", path=Path(sys.executable).parent)


def _run(command: Sequence[str]) -> int:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"{command[0]} {command[1]}: {error}", file=sys.stderr)
        return 1
    if done.returncode:
        print(
            f"{command[0]} {command[1]}: {done.stdout[-1000:]}{done.stderr[-1000:]}",
            file=sys.stderr,
        )
    return done.returncode


@contextmanager
def _no_services() -> Iterator[None]:
    """Nothing that is installed meanwhile starts by itself."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
