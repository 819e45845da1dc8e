# SPDX-License-Identifier: Apache-2.0
"""The service side by side with others, one after the other on the same two cores.

python -m bench.service.measure [--quick] [--postgres URL]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.service import loads, ours, peers
from bench.service.rows import Measured, table, verdicts
from bench.service.wrk import CLIENT_CORE, Figures, NotMeasured, load, pinned

AGENTS: Final = 10_000
SUBSCRIBERS: Final = 256
_EXPIRE: Final = re.compile(rb"([0-9.]+) requests per second(?:, p50=([0-9.]+) msec)?")


class Bench:
    """Measures, and keeps what was found.

    Args:
        seconds: For each figure.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.found: dict[str, Figures | str] = {}

    def take(self, name: str, measure: Callable[[], Figures]) -> None:
        """Measure one figure, or keep why there is none."""
        print(f"bench: {name} ...", file=sys.stderr)
        try:
            self.found[name] = measure()
        except NotMeasured as error:
            self.miss(name, str(error))

    def miss(self, name: str, why: str) -> None:
        print(f"bench: NOT MEASURED, {name}: {why}", file=sys.stderr)
        self.found[name] = why

    def service(self, folder: Path, store: str | None = None) -> None:
        """Rollcall itself."""
        kind = "" if store is None else f", {store.partition(':')[0]}"
        with self._or_missing(f"rollcall{kind}"), ours.server(folder, AGENTS, store) as server:
            known = {"BENCH_KEY": server.key, "BENCH_AGENTS": str(AGENTS)}
            sizes = {1_000: "1,000", 10_000: "10,000"}
            if store is None:
                self.wrk("heartbeats, single", server.url, "single.lua", known)
                for size, said in sizes.items():
                    more = {**known, "BENCH_SIZE": str(size)}
                    name = f"heartbeats, {said} a request"
                    self.wrk(name, server.url, "batch.lua", more, each=size)
                same = {"url": server.url, "key": server.key, "agents": AGENTS}
                for size, said in sizes.items():
                    self.take(
                        f"heartbeats, {said} a message, WebSocket",
                        lambda size=size: loads.run(
                            "websocket", **same, size=size, seconds=self.seconds
                        ),
                    )
                phrases = {**known, "BENCH_PHRASES": str(ours.PHRASES)}
                self.wrk("search, five found", server.url, "search.lua", phrases)
                changes = 50 if self.seconds > 1 else 10
                self.take(
                    f"events to {SUBSCRIBERS} subscribers",
                    lambda: loads.run("fanout", **same, subscribers=SUBSCRIBERS, changes=changes),
                )
            for clients in (64, 1):
                more = {**known, "BENCH_ROUND": f"r{clients}"}
                said = f"registrations, {clients} client{'s' if clients > 1 else ''}{kind}"
                self.wrk(said, server.url, "register.lua", more, clients=clients)
            if store is None:
                print(f"bench: {server.resident():,.0f} MB resident", file=sys.stderr)
                self.found["resident memory at the end, MB"] = Figures(server.resident())

    def nginx(self, folder: Path) -> None:
        with self._or_missing("nginx 204"), peers.nginx(folder) as url:
            self.wrk("nginx 204", url, "single.lua", {"BENCH_AGENTS": str(AGENTS)})

    def etcd(self, folder: Path) -> None:
        with (
            self._or_missing("etcd keepalive", "etcd range of five", "etcd put, 64 clients"),
            peers.etcd(folder) as url,
        ):
            for number in range(5):
                key = peers.encoded(f"five/{number}")
                peers.asked(f"{url}/v3/kv/put", {"key": key, "value": peers.encoded("x" * 220)})
            lease = peers.asked(f"{url}/v3/lease/grant", {"TTL": 600})["ID"]
            keepalive = {"BENCH_BODY": f'{{"ID":"{lease}"}}'}
            self.wrk("etcd keepalive", f"{url}/v3/lease/keepalive", "body.lua", keepalive)
            first, last = peers.encoded("five/"), peers.encoded("five0")
            five = {"BENCH_BODY": f'{{"key":"{first}","range_end":"{last}"}}'}
            self.wrk("etcd range of five", f"{url}/v3/kv/range", "body.lua", five)
            keys = ",".join(peers.encoded(f"agents/{number:04}") for number in range(1_000))
            for clients in (64, 1):
                said = f"etcd put, {clients} client{'s' if clients > 1 else ''}"
                self.wrk(said, url, "put.lua", {"BENCH_KEYS": keys}, clients=clients)

    def redis(self, folder: Path) -> None:
        with self._or_missing("Redis EXPIRE"), peers.redis(folder) as port:
            self.take("Redis EXPIRE", lambda: _expire(port, self.seconds))

    def zookeeper(self, folder: Path) -> None:
        kinds = ("ping", "set", "create")
        with (
            self._or_missing(*(f"ZooKeeper {kind}, kazoo" for kind in kinds)),
            peers.zookeeper(folder) as port,
        ):
            for kind in kinds:
                self.take(
                    f"ZooKeeper {kind}, kazoo",
                    lambda kind=kind: loads.run(
                        "zookeeper", port=port, kind=kind, flight=64, round="r",
                        seconds=self.seconds,
                    ),
                )  # fmt: skip

    def wrk(
        self,
        name: str,
        url: str,
        script: str,
        variables: dict[str, str],
        *,
        clients: int = 64,
        each: int = 1,
    ) -> None:
        self.take(
            name,
            lambda: load(
                url, seconds=self.seconds, clients=clients, script=script, variables=variables
            ).times(each),
        )

    @contextmanager
    def _or_missing(self, *names: str) -> Iterator[None]:
        try:
            yield
        except NotMeasured as error:
            for name in names:
                self.found.setdefault(name, str(error))
            print(f"bench: NOT MEASURED, {', '.join(names)}: {error}", file=sys.stderr)


def measured(seconds: float, postgres: str | None = None) -> Measured:
    """All figures there are to be had."""
    bench = Bench(seconds)
    parts: list[Callable[[Path], None]] = [
        bench.service,
        *([lambda folder: bench.service(folder, postgres)] if postgres else []),
        bench.nginx,
        bench.etcd,
        bench.redis,
        bench.zookeeper,
    ]
    for part in parts:
        with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
            # nginx's worker is another user's process.
            Path(folder).chmod(0o755)
            part(Path(folder))
    return bench.found


def page(found: Measured) -> str:
    """What is printed, as Markdown."""
    told = "\n".join(f"- {one}" for one in verdicts(found))
    return f"{table(found)}\n\nAims:\n\n{told}\n"


def _expire(port: int, seconds: float) -> Figures:
    command = ["redis-benchmark", "-p", str(port), "-c", "64", "-n", str(round(60_000 * seconds))]
    done = subprocess.run(
        pinned(CLIENT_CORE, [*command, "-q", "EXPIRE", "agent", "600"]),
        capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    said = _EXPIRE.findall(done.stdout)
    if done.returncode or not said:
        raise NotMeasured(f"redis-benchmark failed: {done.stderr.decode()[-200:]}")
    rate, p50 = said[-1]
    return Figures(float(rate), float(p50) / 1e3 if p50 else None)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.service.measure", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a second for each figure")
    parser.add_argument("--postgres", metavar="URL", help="register there too: an empty database")
    chosen = parser.parse_args()
    peers.install()
    print(page(measured(1 if chosen.quick else 5, chosen.postgres)))


if __name__ == "__main__":
    main()
