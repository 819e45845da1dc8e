"""A real Apache Kafka, one node, which can be stopped, killed and started again on its data."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from rollcall.kernel.clock import SystemClock
from support.servers.ports import free_ports
from support.servers.provision import missing

VERSION = "4.1.1"
PATIENCE = 60.0
_CLUSTER = "cm9sbGNhbGwtdGVzdHMtMQ"
_JAVA = ("java", "-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/data
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
auto.create.topics.enable=false
"""
_clock = SystemClock()


def jars() -> Path:
    """The folder that `tools/provision.py` fetches it into; outside of the repository."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "rollcall" / f"kafka-{VERSION}"


class Kafka:
    """One broker on a free port of the loopback, with its data in a folder of its own."""

    def __init__(self) -> None:
        if not (jars() / "complete").exists() or shutil.which("java") is None:
            missing("Apache Kafka", "maven, openjdk-17-jre-headless")
        self._folder = Path(tempfile.mkdtemp(prefix="rollcall-kafka-"))
        self.port, controller = free_ports(2)
        self._settings = self._folder / "server.properties"
        self._settings.write_text(
            _SETTINGS.format(port=self.port, controller=controller, folder=self._folder)
        )
        self._log = self._folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        form = ("kafka.tools.StorageTool", "format", "--standalone", "-t", _CLUSTER, "-c")
        done = subprocess.run(
            [*_JAVA, "-cp", f"{jars()}/*", *form, str(self._settings)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"Kafka's folder cannot be made: {done.stdout[-2000:]!r}")

    @property
    def place(self) -> str:
        """Where it is, as clients want it."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and return when it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_JAVA, "-cp", f"{jars()}/*", "kafka.Kafka", str(self._settings)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # It writes logs of its own below this folder where nobody says otherwise.
                cwd=self._folder,
            )
        deadline = _clock.monotonic() + PATIENCE
        while not self._answers():
            said = self._log.read_text(errors="replace")[-2000:]
            if self._process.poll() is not None or _clock.monotonic() > deadline:
                raise RuntimeError(f"Kafka does not serve: {said}")
            threading.Event().wait(0.05)

    def stop(self) -> None:
        """Stop it in order; at the latest by force."""
        process = self._taken()
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """`kill -9`."""
        process = self._taken()
        process.kill()
        process.wait()

    def freeze(self, *, on: bool) -> None:
        """Have it stand still, or go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def remove(self) -> None:
        """End it, if it runs, and remove its data."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self._folder)

    def _taken(self) -> subprocess.Popen[bytes]:
        process, self._process = self._process, None
        assert process is not None, "it does not run"
        return process

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
