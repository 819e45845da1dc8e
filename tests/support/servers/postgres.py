"""A real PostgreSQL, which can be stopped, killed and started again on the same data."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
from pathlib import Path

from support.servers.ports import free_ports
from support.servers.provision import missing

OWNER = "postgres"
"""Who the server runs as where we are root, which it refuses to be."""
PATIENCE = 60


def binaries() -> Path:
    """The folder with `initdb` and `pg_ctl`; a test that asks is left out where there is none."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    folders += [Path(found).resolve().parent] if found else []
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    missing("PostgreSQL", "postgresql-15")
    raise AssertionError("not reached")


class Postgres:
    """One server, on a free port of the loopback, with its data in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._bin = binaries()
        self._folder = folder
        self._data = folder / "data"
        (self.port,) = free_ports(1)
        folder.mkdir(parents=True, exist_ok=True)
        if _root():
            shutil.chown(folder, OWNER, OWNER)
            # Whoever owns the server must be able to get there.
            for parent in folder.parents:
                if parent.owner() == getpass.getuser() and not parent.stat().st_mode & 0o1:
                    parent.chmod(parent.stat().st_mode | 0o11)
        self._run(
            "initdb",
            "-D",
            self._data,
            "-U",
            OWNER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        )

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, database: str = OWNER) -> str:
        """Where a database is."""
        return f"postgresql://{OWNER}@{self.place}/{database}"

    def start(self) -> None:
        """Start, and return when it answers."""
        options = f"-h 127.0.0.1 -p {self.port} -k {self._folder} -c max_connections=200"
        self._run(
            "pg_ctl",
            "-D",
            self._data,
            "-w",
            "-t",
            str(PATIENCE),
            "-l",
            self._folder / "log",
            "-o",
            options,
            "start",
        )

    def stop(self) -> None:
        """Stop, cutting off whoever is connected."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "fast", "stop")

    def kill(self) -> None:
        """`kill -9` of the server and all its children."""
        pid = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        children = subprocess.run(
            ["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        for one in (pid, *map(int, children)):
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                continue
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def freeze(self, *, on: bool) -> None:
        """Have every process of it stand still, or go on: as a network that lets nothing by."""
        pid = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        children = subprocess.run(
            ["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        for one in (pid, *map(int, children)):
            os.kill(one, signal.SIGSTOP if on else signal.SIGCONT)

    def create(self, database: str) -> str:
        """Make a database; its URL."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", OWNER, database)
        return self.url(database)

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [str(self._bin / program), *map(str, arguments)]
        if _root():
            command = ["runuser", "-u", OWNER, "--", *command]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            # Not pipes: the server would inherit them, and they would never end.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE + 30,
            cwd=self._folder,
            check=False,
        )
        if done.returncode:
            log = self._folder / "log"
            said = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            raise RuntimeError(f"{program} failed with {done.returncode}: {said}")


def _root() -> bool:
    return os.geteuid() == 0
