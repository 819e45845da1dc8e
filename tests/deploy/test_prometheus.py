# SPDX-License-Identifier: Apache-2.0
"""The alert rules, checked by Prometheus' own tool and against what is really exposed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from rollcall.app.services import SERVICES
from rollcall.app.settings import Settings
from support.servers.provision import missing
from support.serving import eventually, serving

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
RULES = (FOLDER / "rollcall.rules.yml").read_text(encoding="utf-8")


@pytest.mark.server
@pytest.mark.parametrize(
    "words",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "rollcall.rules.yml"),
        ("test", "rules", "rollcall.test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_is_content(words: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        missing("Prometheus", "prometheus")
    done = subprocess.run(
        [str(promtool), *words],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each service exposes after some use, by its port where settings name none."""
    with serving(tmp_path_factory.mktemp("exposed"), "up", ROLLCALL_STORE="memory") as one:
        card = {"agent_id": "a", "agent_name": "A", "base_url": "http://a:1"}
        httpx.post(f"{one.agents}/register", json=card).raise_for_status()
        httpx.post(f"{one.agents}/agents/a/heartbeat").raise_for_status()
        eventually("calculate", f"{one.talk}/api/v1/tools")
        asked_for = {"session_id": "s", "user_input": "Calculate 10 + 5"}
        httpx.post(f"{one.talk}/api/v1/process", json=asked_for, timeout=30).raise_for_status()
        httpx.get(f"{one.dashboard}/api/dashboard", timeout=30).raise_for_status()
        return {title: httpx.get(f"{url}/metrics").text for title, url in one.urls.items()}


def families(text: str) -> set[str]:
    """The names of our own figures, as queries name them."""
    told = re.findall(r"^# TYPE ((?:rollcall|agent_registry)_[a-z_]+)", text, re.MULTILINE)
    return {name for name in told if not name.endswith("_created")}


def test_every_metric_in_a_rule_is_exposed(exposed: dict[str, str]) -> None:
    expressions = re.findall(r"expr: >?\s*(.+?)(?=\n        (?:for|labels):)", RULES, re.DOTALL)
    asked = set(re.findall(r"\b(?:rollcall|agent_registry)_[a-z_]+", " ".join(expressions)))
    assert len(asked) >= 9
    names = set(re.findall(r"^([a-z_]+)[{ ]", "".join(exposed.values()), re.MULTILINE))
    # Told only where events go to Kafka.
    assert asked - names == {"rollcall_events_unsent"}
    assert "rollcall_records{" in exposed["service registry"]


def test_every_figure_that_is_exposed_is_documented_and_the_other_way_round(
    exposed: dict[str, str],
) -> None:
    page = (FOLDER.parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`((?:rollcall|agent_registry)_[a-z_]+)(?:\{[^`]*\})?`", page))
    there = {name for text in exposed.values() for name in families(text)}
    assert told == there | {"rollcall_events_unsent"}


def test_every_service_is_scraped() -> None:
    targets = re.findall(
        r"- 127\.0\.0\.1:([0-9]+)", (FOLDER / "prometheus.yml").read_text(encoding="utf-8")
    )
    assert {int(port) for port in targets} == {
        one.port(Settings.model_construct()) for one in SERVICES.values()
    }


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    alerts = RULES.split("- alert: ")[1:]
    assert len(alerts) >= 10
    for alert in alerts:
        assert "summary:" in alert
        assert "action:" in alert
        assert "severity:" in alert
