"""A real PostgreSQL, which can be stopped, killed and started again on the same data."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg

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
    """One server, on a free port of the loopback, with its data in a folder of its own.

    Args:
        durable: Whether what it commits survives more than its own end; that takes longer.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._bin = binaries()
        self._durable = durable
        # Not in pytest's folder, where only its owner gets to; also, sockets want short paths.
        self._folder = Path(tempfile.mkdtemp(prefix="rollcall-pg-"))
        self._data = self._folder / "data"
        (self.port,) = free_ports(1)
        if _root():
            shutil.chown(self._folder, OWNER, OWNER)
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
        sync = "on" if self._durable else "off"
        options = (
            f"-h 127.0.0.1 -p {self.port} -k {self._folder} -c max_connections=400 -c fsync={sync}"
        )
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

    def remove(self) -> None:
        """Stop, if it runs, and remove its data."""
        if (self._data / "postmaster.pid").exists():
            # Nobody reads the data any more, so that writing it out is time lost.
            self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(self._folder)

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
        for one in (pid, *map(int, children)):
            while _lives(one):
                threading.Event().wait(0.01)
        # What a crash leaves behind, and nobody else may hold by then.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        for left in self._folder.glob(".s.PGSQL.*"):
            left.unlink()

    def freeze(self, *, on: bool) -> None:
        """Have every process of it stand still, or go on: as a network that lets nothing by."""
        pid = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        children = subprocess.run(
            ["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        for one in (pid, *map(int, children)):
            os.kill(one, signal.SIGSTOP if on else signal.SIGCONT)

    def create(self, database: str, template: str = "template0") -> str:
        """Make a database; its URL."""
        self.execute(f"CREATE DATABASE {database} TEMPLATE {template}")
        return self.url(database)

    def execute(self, statement: str) -> None:
        """Have the server do one thing, also while a loop is running."""

        async def execute() -> None:
            connection = await asyncpg.connect(self.url())
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, execute()).result(PATIENCE)

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


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    # One that is dead and only waits to be noticed by its parent holds nothing any more.
    return state not in "ZX"


def _root() -> bool:
    return os.geteuid() == 0
