# SPDX-License-Identifier: Apache-2.0
"""The agent service beside the same loop written by hand, on the same model and the same tool.

Both are asked by wrk from the client's core and run on the server's; the model and the tools
service are processes of their own on the client's core. The two sides take turns.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bench.service.wrk import CLIENT_CORE, SERVER_CORE, Figures, load, median_of, pinned

ROOT: Final = Path(__file__).resolve().parents[2]
READY: Final = 30.0
CLIENTS: Final = (1, 32)
AIM: Final = 2.0
OURS, THEIRS = "Rollcall", "by hand"


def measured(seconds: float, rounds: int) -> tuple[dict[tuple[str, int], Figures], list[float]]:
    """The figures of both sides by their clients, and the discovery times in seconds."""
    found: dict[tuple[str, int], list[Figures]] = {}
    with tempfile.TemporaryDirectory() as folder, _everything(Path(folder)) as places:
        for turn in range(rounds + 1):
            for clients in CLIENTS:
                for side in (OURS, THEIRS):
                    print(f"bench: agent, {side}, {clients} clients ...", file=sys.stderr)
                    figures = load(
                        places[side],
                        # The first round warms up and does not count.
                        seconds=seconds if turn else 1,
                        clients=clients,
                        script="../agent/ask.lua",
                        variables={"BENCH_ROUND": f"r{turn}-{clients}"},
                    )
                    if turn:
                        found.setdefault((side, clients), []).append(figures)
        discovery = [_discovered(places, number) for number in range(5 * rounds)]
    return {key: median_of(some) for key, some in found.items()}, discovery


def page(found: Mapping[tuple[str, int], Figures], discovery: list[float]) -> str:
    """The table and what the aim says to it, as Markdown."""
    lines = [
        "| clients | | requests/s | p50 | p99 |",
        "|---:|---|---:|---:|---:|",
    ]
    for clients in CLIENTS:
        for side in (OURS, THEIRS):
            one = found[side, clients]
            lines.append(
                f"| {clients} | {side} | {one.rate:,.0f} | {_ms(one.p50)} | {_ms(one.p99)} |"
            )
    ours, theirs = found[OURS, 1].p50, found[THEIRS, 1].p50
    if ours is None or theirs is None:
        verdict = "not measured"
    else:
        ratio = ours / theirs
        verdict = f"{ratio:.2f} times, {'met' if ratio <= AIM else 'MISSED'}"
    middle, longest = statistics.median(discovery), max(discovery)
    return "\n".join(
        [
            *lines,
            "",
            f"- p50 of one client at most {AIM:g} times that by hand: {verdict}",
            (
                f"- a tool is offered {_ms(middle)} after its service was registered"
                f" (longest of {len(discovery)}: {_ms(longest)}; aim: under a second)"
            ),
        ]
    )


@contextlib.contextmanager
def _everything(folder: Path) -> Iterator[dict[str, str]]:
    """All processes; where each is."""
    names = ("registry", "tools", "model", OURS, THEIRS)
    ports = {name: _free_port() for name in names}
    at = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}

    def rollcall(service: str, name: str) -> tuple[list[str], dict[str, str]]:
        variables = {
            "PORT": str(ports[name]),
            "SERVICE_REGISTRY_URL": at["registry"],
            "ROLLCALL_DATA_DIR": str(folder / name),
            "ROLLCALL_MODEL": "openai-compatible:scripted",
            "ROLLCALL_MODEL_URL": f"{at['model']}/v1",
            "ROLLCALL_MODEL_KEY": "x",
            "LOG_LEVEL": "WARNING",
        }
        return ["-m", "rollcall", "serve", service], variables

    model = (["-m", "bench.agent.model", str(ports["model"])], {})
    by_hand = ["-m", "bench.agent.byhand", str(ports[THEIRS]), f"{at['model']}/v1", at["tools"]]
    with contextlib.ExitStack() as stack:
        for name, (arguments, variables), core, health in (
            ("registry", rollcall("service-registry", "registry"), CLIENT_CORE, "/health"),
            ("tools", rollcall("tools", "tools"), CLIENT_CORE, "/health"),
            ("model", model, CLIENT_CORE, None),
            (OURS, rollcall("agent", OURS), SERVER_CORE, "/health"),
            (THEIRS, (by_hand, {}), SERVER_CORE, "/openapi.json"),
        ):
            process = stack.enter_context(_process(core, arguments, variables, folder / "log"))
            _wait(process, ports[name], health)
        until = time.monotonic() + READY
        while not _names(at[OURS]) and time.monotonic() < until:
            time.sleep(0.01)
        yield at


@contextlib.contextmanager
def _process(
    core: str, arguments: list[str], variables: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as said:
        process = subprocess.Popen(
            pinned(core, [sys.executable, *arguments]),
            cwd=ROOT,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(READY)


def _wait(process: subprocess.Popen[bytes], port: int, health: str | None) -> None:
    until = time.monotonic() + READY
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError):
            if health is None:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            else:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{health}", timeout=5).close()
            return
        time.sleep(0.05)
    raise SystemExit(f"bench: {process.args!r} did not start")


def _discovered(places: Mapping[str, str], number: int) -> float:
    """Seconds from the registration of a tool service to its tool being offered."""
    name = f"late_{number}"
    tool = {"name": name, "path": f"/{name}", "description": "Comes late"}
    with _listing(json.dumps({"tools": [tool]}).encode()) as port:
        service = {"name": name, "service_type": "tool", "host": "127.0.0.1", "port": port}
        begun = time.perf_counter()
        _asked(f"{places['registry']}/api/v1/register", service)
        while name not in _names(places[OURS]):
            if time.perf_counter() - begun > READY:
                raise SystemExit(f"bench: {name} was never offered")
        return time.perf_counter() - begun


@contextlib.contextmanager
def _listing(body: bytes) -> Iterator[int]:
    """A service that says `body` to whatever it is asked; its port."""
    script = (
        "import http.server, sys\n"
        "class Says(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200)\n"
        "        self.send_header('Content-Type', 'application/json')\n"
        "        self.end_headers()\n"
        "        self.wfile.write(sys.argv[2].encode())\n"
        "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Says).serve_forever()\n"
    )
    port = _free_port()
    arguments = ["-c", script, str(port), body.decode()]
    with _process(CLIENT_CORE, arguments, {}, Path(os.devnull)) as process:
        _wait(process, port, None)
        yield port


def _names(agent: str) -> set[str]:
    return {one["name"] for one in _asked(f"{agent}/api/v1/tools")["tools"]}


def _asked(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def _ms(seconds: float | None) -> str:
    return "not measured" if seconds is None else f"{seconds * 1e3:,.1f} ms"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]
