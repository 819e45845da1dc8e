# SPDX-License-Identifier: Apache-2.0
import sys

import pytest
from bench.gateway.measure import GATEWAY, NGINX, page, running
from bench.service.peers import free_port
from bench.service.wrk import Figures, NotMeasured


def test_the_gateway_is_told_beside_nginx() -> None:
    text = page(
        {
            f"{GATEWAY}, 1 client": Figures(50.0, 0.001, 0.002),
            f"{NGINX}, 1 client": Figures(200.0, 0.001, 0.002),
            f"{GATEWAY}, 32 clients": Figures(50.0),
            f"{NGINX}, 32 clients": "nginx is not installed",
        }
    )
    assert "| through nginx, 32 clients | not measured: nginx is not installed | | |" in text
    told = [line for line in text.splitlines() if line.startswith("- ")]
    assert told == ["- 1 client: the gateway has 0.25 times the rate of nginx"]


def test_the_gateway_answers_for_the_service_behind_it() -> None:
    service, gateway = free_port(), free_port()
    python = [sys.executable, "-m", "bench.gateway.service"]
    direct = f"http://127.0.0.1:{service}/"
    through = f"http://127.0.0.1:{gateway}/services/shop/"
    with (
        running("0", [*python, str(service)], direct),
        running("0", [*python, str(gateway), direct.rstrip("/")], through),
    ):
        pass


def test_what_is_not_installed_is_not_measured() -> None:
    with (
        pytest.raises(NotMeasured, match="is not installed"),
        running("0", ["no-such-program"], "http://127.0.0.1:1/"),
    ):
        pass


def test_what_does_not_start_is_not_measured() -> None:
    with (
        pytest.raises(NotMeasured, match="does not answer"),
        running("0", [sys.executable, "-c", ""], "http://127.0.0.1:1/"),
    ):
        pass
