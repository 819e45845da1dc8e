"""A real ZooKeeper, alone or as an ensemble, whose members can be stopped, killed and started."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from kazoo.client import KazooClient

from rollcall.kernel.clock import SystemClock
from support.servers.ports import free_ports
from support.servers.provision import missing

JAR = Path("/usr/share/java/zookeeper.jar")
PATIENCE = 60.0
_clock = SystemClock()


class Zookeeper:
    """Some servers on free ports of the loopback, with their data in a folder of their own."""

    def __init__(self, members: int = 1) -> None:
        if not JAR.exists() or shutil.which("java") is None:
            missing("ZooKeeper", "zookeeper")
        self._folder = Path(tempfile.mkdtemp(prefix="rollcall-zk-"))
        ports = free_ports(3 * members)
        self.ports = ports[:members]
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        lines = [
            f"server.{n}=127.0.0.1:{ports[members + n]}:{ports[2 * members + n]}"
            for n in range(members)
        ]
        ensemble = ["standaloneEnabled=false", *lines] if members > 1 else []
        for number, port in enumerate(self.ports):
            home = self._folder / str(number)
            (home / "data").mkdir(parents=True)
            (home / "data" / "myid").write_text(str(number))
            settings = [
                "tickTime=500",
                "initLimit=10",
                "syncLimit=4",
                f"dataDir={home}/data",
                f"clientPort={port}",
                "clientPortAddress=127.0.0.1",
                "admin.enableServer=false",
                "4lw.commands.whitelist=srvr,mntr,ruok,stat",
                *ensemble,
            ]
            (home / "zoo.cfg").write_text("\n".join(settings) + "\n")

    @property
    def hosts(self) -> str:
        """Where its members are, as clients want it."""
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    @property
    def place(self) -> str:
        """The same, as messages about them say it."""
        return self.hosts

    def start(self) -> None:
        """Start whoever does not run, and return when all serve."""
        for number in range(len(self.ports)):
            if number not in self._processes:
                self._launch(number)
        self._until(lambda: all(self.mode(n) for n in range(len(self.ports))))

    def kill(self, number: int) -> None:
        """`kill -9` of one member."""
        process = self._processes.pop(number)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def freeze(self, *, on: bool) -> None:
        """Have all members stand still, or go on."""
        for process in self._processes.values():
            process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)
        for process in self._processes.values() if on else ():
            _stands_still(process.pid)

    def stop(self) -> None:
        """End all members."""
        for number in list(self._processes):
            self.kill(number)

    def wipe(self) -> None:
        """Forget everything; when all members are stopped."""
        for number in range(len(self.ports)):
            shutil.rmtree(self._folder / str(number) / "data" / "version-2")

    def remove(self) -> None:
        """End all members and remove their data."""
        self.stop()
        shutil.rmtree(self._folder)

    def leader(self) -> int:
        """The number of the member that leads."""
        return next(n for n in range(len(self.ports)) if self.mode(n) == "leader")

    def mode(self, number: int) -> str:
        """What a member says that it is; empty: it does not serve."""
        try:
            with socket.create_connection(("127.0.0.1", self.ports[number]), timeout=2) as one:
                one.sendall(b"srvr")
                said = b""
                while more := one.recv(65_536):
                    said += more
        except OSError:
            return ""
        words = [line for line in said.decode().splitlines() if line.startswith("Mode: ")]
        return words[0].removeprefix("Mode: ") if words else ""

    def _launch(self, number: int) -> None:
        home = self._folder / str(number)
        with (home / "log").open("ab") as log:
            self._processes[number] = subprocess.Popen(
                [
                    *("java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
                    *("-cp", f"{home}:{JAR}"),
                    "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                    str(home / "zoo.cfg"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _until(self, done: object) -> None:
        deadline = _clock.monotonic() + PATIENCE
        while not done():  # type: ignore[operator]
            if _clock.monotonic() > deadline:
                logs = [
                    one.read_text(errors="replace")[-1000:] for one in self._folder.glob("*/log")
                ]
                raise RuntimeError(f"ZooKeeper does not serve: {logs}")
            threading.Event().wait(0.05)


def below(outside: KazooClient, path: str) -> list[str]:
    """A node and all below it, parents first."""
    found = [path]
    for name in outside.get_children(path):
        found += below(outside, f"{path}/{name}")
    return found


def _stands_still(process: int) -> None:
    """Return once no thread of a process that was told to stop runs any more.

    Raises:
        RuntimeError: One still does.
    """
    deadline = _clock.monotonic() + PATIENCE
    while True:
        try:
            states = {
                stat.read_text().rpartition(")")[2].split()[0]
                for stat in Path(f"/proc/{process}/task").glob("*/stat")
            }
        except OSError:
            # A thread ended meanwhile.
            continue
        if states <= {"T", "Z", "X"}:
            return
        if _clock.monotonic() > deadline:
            raise RuntimeError(f"process {process} does not stand still: {states}")
        threading.Event().wait(0.005)
