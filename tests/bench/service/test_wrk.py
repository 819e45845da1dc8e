# SPDX-License-Identifier: Apache-2.0
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from bench.service.wrk import Figures, NotMeasured, load, median_of, parsed

from support.servers.provision import missing

SAID = """Running 4s test @ http://127.0.0.1:18209
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.29ms   10.11ms 145.19ms   96.93%
    Req/Sec    55.23k     5.32k   60.85k    92.50%
  Latency Distribution
     50%  980.00us
     75%    1.23ms
     90%    1.62ms
     99%    1.20s
  224451 requests in 4.00s, 66.78MB read
Requests/sec:  56113.73
Transfer/sec:     16.69MB
"""


def test_the_rate_and_the_percentiles_are_read() -> None:
    assert parsed(SAID) == Figures(56113.73, 980e-6, 1.2)


def test_a_load_of_too_few_answers_has_a_rate_and_no_percentiles() -> None:
    few = SAID.replace("980.00us", "0.00us").replace("1.20s", "0.00us")
    assert parsed(few) == Figures(56113.73, None, None)


def test_of_some_rounds_each_figure_is_the_middle_one() -> None:
    rounds = [Figures(10.0, 0.3, 0.9), Figures(30.0, 0.1, 0.8), Figures(20.0, 0.2, 7.0)]
    assert median_of(rounds) == Figures(20.0, 0.2, 0.9)


def test_rounds_without_a_figure_do_not_count_in_its_middle() -> None:
    rounds = [Figures(10.0, None, None), Figures(30.0, 0.1, None), Figures(20.0, 0.3, None)]
    assert median_of(rounds) == Figures(20.0, pytest.approx(0.2), None)


def test_a_batch_counts_as_often_as_it_holds() -> None:
    assert parsed(SAID).times(1_000).rate == pytest.approx(56_113_730)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "no rate"),
        (SAID + "  Non-2xx or 3xx responses: 17\n", "17 answers"),
        (SAID + "  Socket errors: connect 0, read 3, write 0, timeout 0\n", "read 3"),
    ],
)
def test_what_is_no_success_is_no_figure(said: str, why: str) -> None:
    with pytest.raises(NotMeasured, match=why):
        parsed(said)


class Quiet(ThreadingHTTPServer):
    """wrk leaves in the middle of its last requests, which is no error here."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class Heard(BaseHTTPRequestHandler):
    """Answers everything, and keeps what was asked."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[set[tuple[str, str, str]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
        self.asked.add((self.path, self.headers.get("authorization", ""), body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - what the standard library calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def heard() -> Iterator[tuple[str, set[tuple[str, str, str]]]]:
    class Own(Heard):
        asked: ClassVar[set[tuple[str, str, str]]] = set()

    server = Quiet(("127.0.0.1", 0), Own)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", Own.asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("script", "variables", "path", "part"),
    [
        ("single.lua", {"BENCH_AGENTS": "10"}, "/agents/agent-000007/heartbeat", ""),
        ("batch.lua", {"BENCH_AGENTS": "10", "BENCH_SIZE": "5"}, "/heartbeats", '"agent-000005"'),
        ("search.lua", {"BENCH_PHRASES": "3"}, "/capabilities/search?q=skill-0002&limit=5", ""),
        ("register.lua", {"BENCH_ROUND": "r"}, "/register", '"agent_id":"r-0000002"'),
    ],
)
def test_the_scripts_ask_what_the_service_understands(
    heard: tuple[str, set[tuple[str, str, str]]],
    script: str,
    variables: dict[str, str],
    path: str,
    part: str,
) -> None:
    if shutil.which("wrk") is None:
        missing("wrk", "wrk")
    url, asked = heard
    load(url, seconds=1, clients=2, script=script, variables={**variables, "BENCH_KEY": "rck_x"})
    found = [one for one in asked if one[0] == path and part in one[2]]
    assert found
    assert {one[1] for one in found} == {"Bearer rck_x"}
