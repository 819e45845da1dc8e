# SPDX-License-Identifier: Apache-2.0
"""What the gateway costs: a service asked directly, through the gateway, and through nginx.

python -m bench.gateway.measure [SECONDS]

The service runs on the client's core, whoever is measured in front of it on the server's.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench.service.peers import READY, free_port
from bench.service.wrk import CLIENT_CORE, SERVER_CORE, NotMeasured, load, pinned

NGINX = """
daemon off; pid {folder}/pid; worker_processes 1; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream shop {{ server 127.0.0.1:{service}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    location /services/shop/ {{
      proxy_pass http://shop/; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_buffering off;
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
"""


@contextlib.contextmanager
def running(core: str, command: list[str], url: str) -> Iterator[str]:
    """A process, once `url` answers."""
    process = subprocess.Popen(pinned(core, command))
    try:
        _until(url, process)
        yield url
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
    raise NotMeasured(f"{process.args} does not answer")


def main(seconds: float) -> None:
    """Print one table."""
    service, gateway, nginx = free_port(), free_port(), free_port()
    direct = f"http://127.0.0.1:{service}/"
    python = [sys.executable, "-m", "bench.gateway.service"]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        conf = Path(folder) / "nginx.conf"
        conf.write_text(NGINX.format(folder=folder, service=service, port=nginx))
        stack.enter_context(running(CLIENT_CORE, [*python, str(service)], direct))
        through = {
            "directly": direct,
            "gateway": stack.enter_context(
                running(
                    SERVER_CORE,
                    [*python, str(gateway), direct.rstrip("/")],
                    f"http://127.0.0.1:{gateway}/services/shop/",
                )
            ),
            "nginx": stack.enter_context(
                running(
                    SERVER_CORE,
                    ["nginx", "-c", str(conf), "-e", f"{folder}/error.log"],
                    f"http://127.0.0.1:{nginx}/services/shop/",
                )
            ),
        }
        print(f"{'':10} {'p50, 1 client':>14} {'requests/s, 32':>15} {'p99, 32':>10}")
        for name, url in through.items():
            alone = load(url, seconds=seconds, clients=1)
            many = load(url, seconds=seconds, clients=32)
            print(
                f"{name:10} {1000 * (alone.p50 or 0):>11.3f} ms {many.rate:>15.0f}"
                f" {1000 * (many.p99 or 0):>7.1f} ms"
            )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
