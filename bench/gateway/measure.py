# SPDX-License-Identifier: Apache-2.0
"""What the gateway costs: a service asked directly, through the gateway, and through nginx.

The service runs on the client's core, whoever is measured in front of it on the server's.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.service.peers import READY, free_port
from bench.service.rows import Measured, table
from bench.service.wrk import (
    CLIENT_CORE,
    SERVER_CORE,
    Figures,
    NotMeasured,
    load,
    median_of,
    pinned,
)

ROOT: Final = Path(__file__).resolve().parents[2]
CLIENTS: Final = {1: "1 client", 32: "32 clients"}
DIRECTLY, GATEWAY, NGINX = "directly", "through the gateway", "through nginx"
PREFIX: Final = "/services/shop/"
CONFIGURATION: Final = """
daemon off; pid {folder}/pid; worker_processes 1; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream shop {{ server 127.0.0.1:{service}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    location {prefix} {{
      proxy_pass http://shop/; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_buffering off;
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
"""


def measured(seconds: float, rounds: int) -> Measured:
    """All figures there are to be had: medians of rounds in which all are asked in turn.

    Args:
        seconds: For each figure of a round.
        rounds: How many.
    """
    found: dict[str, list[Figures] | str] = {}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-bench-"))
        # nginx's worker is another user's process.
        Path(folder).chmod(0o755)
        places = _places(stack, Path(folder))
        for turn in range(rounds + 1):
            for name, url in places.items():
                # The first round warms up and does not count.
                for row, one in _loads(name, url, seconds if turn else 1).items():
                    if isinstance(one, str):
                        found[row] = one
                    elif turn and isinstance(some := found.setdefault(row, []), list):
                        some.append(one)
    return {row: one if isinstance(one, str) else median_of(one) for row, one in found.items()}


def _places(stack: contextlib.ExitStack, folder: Path) -> dict[str, str | NotMeasured]:
    """Start everything; where each is, or why it is not."""
    ports = {name: free_port() for name in (DIRECTLY, GATEWAY, NGINX)}
    direct = f"http://127.0.0.1:{ports[DIRECTLY]}/"
    commands = {
        DIRECTLY: (CLIENT_CORE, _python(ports[DIRECTLY])),
        GATEWAY: (SERVER_CORE, _python(ports[GATEWAY], direct.rstrip("/"))),
        NGINX: (SERVER_CORE, _nginx(folder, ports[DIRECTLY], ports[NGINX])),
    }
    places: dict[str, str | NotMeasured] = {}
    for name, (core, command) in commands.items():
        url = direct if name == DIRECTLY else f"http://127.0.0.1:{ports[name]}{PREFIX}"
        try:
            stack.enter_context(running(core, command, url))
            places[name] = url
        except NotMeasured as error:
            print(f"bench: NOT MEASURED, {name}: {error}", file=sys.stderr)
            places[name] = error
    return places


def page(found: Measured) -> str:
    """The table and what the gateway is beside nginx, as Markdown."""
    said = [one for one in (_beside(found, clients) for clients in CLIENTS.values()) if one]
    return f"{table(found)}\n\n" + "\n".join(said) + "\n"


def _beside(found: Measured, clients: str) -> str:
    ours, theirs = (found.get(f"{name}, {clients}", "") for name in (GATEWAY, NGINX))
    if isinstance(ours, str) or isinstance(theirs, str):
        return ""
    return f"- {clients}: the gateway has {ours.rate / theirs.rate:.2f} times the rate of nginx"


def _loads(name: str, url: str | NotMeasured, seconds: float) -> dict[str, Figures | str]:
    found: dict[str, Figures | str] = {}
    for clients, said in CLIENTS.items():
        row = f"{name}, {said}"
        if isinstance(url, NotMeasured):
            found[row] = str(url)
            continue
        print(f"bench: gateway, {row} ...", file=sys.stderr)
        try:
            found[row] = load(url, seconds=seconds, clients=clients)
        except NotMeasured as error:
            found[row] = str(error)
    return found


def _python(port: int, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "bench.gateway.service", str(port), *arguments]


def _nginx(folder: Path, service: int, port: int) -> list[str]:
    conf = folder / "nginx.conf"
    conf.write_text(CONFIGURATION.format(prefix=PREFIX, folder=folder, service=service, port=port))
    return ["nginx", "-c", str(conf), "-e", f"{folder}/error.log"]


@contextlib.contextmanager
def running(core: str, command: list[str], url: str) -> Iterator[None]:
    """A process, once `url` answers.

    Raises:
        NotMeasured: It is not installed, or does not answer.
    """
    name, *arguments = command
    program = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if program is None:
        raise NotMeasured(f"{name} is not installed")
    process = subprocess.Popen(pinned(core, [program, *arguments]), cwd=ROOT)
    try:
        _until(url, process)
        yield
    finally:
        process.terminate()
        process.wait(READY)


def _until(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise NotMeasured(f"{process.args!r:.60} does not answer")
