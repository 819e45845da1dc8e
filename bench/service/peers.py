# SPDX-License-Identifier: Apache-2.0
"""Other servers on the server's core, each in a folder of its own on free ports of the loopback.

python bench/service/peers.py --install    # from Debian, as root
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # run as a script, this folder is no package otherwise

from bench.service.wrk import SERVER_CORE, NotMeasured, pinned  # noqa: E402

PACKAGES: Final = {
    "wrk": "wrk",
    "nginx": "nginx-light",
    "etcd": "etcd-server",
    "redis-server": "redis-server",
    "redis-benchmark": "redis-tools",
    "java": "zookeeper",
}
"""What is run, and Debian's package of it."""
JAR: Final = Path("/usr/share/java/zookeeper.jar")
READY: Final = 30.0


def missing() -> list[str]:
    """The packages of what is not there."""
    gone = [package for program, package in PACKAGES.items() if _program(program) is None]
    return gone if JAR.exists() or "zookeeper" in gone else [*gone, "zookeeper"]


def install() -> None:
    """Install what is missing, where that may be done; say what is left out."""
    packages = missing()
    if not packages:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print(f"bench: NOT MEASURED beside {', '.join(packages)}: not installed", file=sys.stderr)
        return
    # Debian starts services that it installs; none of them is to run here.
    policy = Path("/usr/sbin/policy-rc.d")
    made = not policy.exists()
    if made:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        apt = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
        subprocess.run(apt, check=False, stdout=sys.stderr)
    finally:
        if made:
            policy.unlink()


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """The URL of an nginx of one worker that answers everything with 204."""
    port = free_port()
    conf = folder / "nginx.conf"
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf.write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 1000000000; {temporary}\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ return 204; }} }} }}\n"
    )
    with _running(["nginx", "-p", str(folder), "-c", str(conf)], folder, port):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def etcd(folder: Path) -> Iterator[str]:
    """The URL of an etcd of one member, which syncs commits to the disk as it does by itself."""
    port, peer = free_port(), f"http://127.0.0.1:{free_port()}"
    url = f"http://127.0.0.1:{port}"
    command = ["etcd", "--data-dir", str(folder / "data"), "--log-level", "error"]
    for option, value in (
        ("listen-client-urls", url),
        ("advertise-client-urls", url),
        ("listen-peer-urls", peer),
        ("initial-advertise-peer-urls", peer),
        ("initial-cluster", f"default={peer}"),
    ):
        command += [f"--{option}", value]
    with _running(command, folder, port):
        deadline = time.monotonic() + READY
        while True:
            try:
                asked(f"{url}/v3/kv/put", {"key": encoded("ready"), "value": encoded("1")})
            except OSError:
                if time.monotonic() > deadline:
                    raise NotMeasured("etcd elects no leader") from None
                time.sleep(0.05)
            else:
                break
        yield url


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[int]:
    """The port of a Redis that keeps nothing on the disk."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with _running([*command, "--appendonly", "no", "--dir", str(folder)], folder, port):
        yield port


@contextlib.contextmanager
def zookeeper(folder: Path) -> Iterator[int]:
    """The port of a ZooKeeper alone, which syncs its log to the disk as it does by itself."""
    if not JAR.exists():
        raise NotMeasured("zookeeper is not installed")
    port = free_port()
    conf = folder / "zoo.cfg"
    conf.write_text(
        f"tickTime=2000\ndataDir={folder}/data\nclientPort={port}\n"
        "clientPortAddress=127.0.0.1\nadmin.enableServer=false\n"
    )
    main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
    with _running(["java", "-cp", f"{folder}:{JAR}", main, str(conf)], folder, port):
        yield port


def asked(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer to a body of JSON."""
    request = urllib.request.Request(url, json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def encoded(text: str) -> str:
    """As etcd's gateway wants keys and values."""
    return base64.b64encode(text.encode()).decode()


def free_port() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


@contextlib.contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    program = _program(command[0])
    if program is None:
        raise NotMeasured(f"{command[0]} is not installed")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            pinned(SERVER_CORE, [program, *command[1:]]),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait(process, folder, port)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
    deadline = time.monotonic() + READY
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    said = (folder / "log").read_text(errors="replace")[-300:]
    raise NotMeasured(f"{process.args!r:.60} does not start: {said}")


if __name__ == "__main__":
    if sys.argv[1:] != ["--install"]:
        raise SystemExit(__doc__)
    install()
