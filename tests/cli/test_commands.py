from __future__ import annotations

import pytest

from rollcall import __version__
from rollcall.cli import words
from rollcall.protocols.admin import wire as admin
from rollcall.protocols.agent_registry import wire as agents
from rollcall.protocols.service_registry import wire as services
from rollcall.registry import events, models, query
from support.typed import Shell

COMMANDS = [
    "",
    "up",
    "serve",
    "doctor",
    "ask",
    "chat",
    "find",
    "stats",
    "events",
    "events dead",
    "events replay",
    "events skip",
    "export",
    "import",
    "backup",
    "keys",
    "keys create",
    "keys list",
    "keys revoke",
    "tools",
    "tools list",
    "tools call",
    "tools new",
    "messages",
    "messages search",
    "messages import",
    *(
        f"{noun} {verb}".strip()
        for noun in ("agents", "services")
        for verb in ("", "list", "get", "register", "status", "deregister", "watch")
    ),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, shell: Shell) -> None:
    done = shell(*command.split(), "--help")
    assert done.code == 0
    assert done.out.startswith(f"Usage: rollcall {command}".rstrip())
    # What only holds commands has them as its examples.
    if command not in {"agents", "keys", "messages", "services", "tools"}:
        assert f"Examples:\n    rollcall {command}".rstrip() in done.out


def test_the_help_says_what_exit_codes_mean(shell: Shell) -> None:
    said = " ".join(shell("--help").out.split())
    assert "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found" in said


def test_the_version_is_told(shell: Shell) -> None:
    assert shell("-V").out == f"rollcall {__version__}\n"


@pytest.mark.parametrize("line", ["nope", "agents nope", "find", "agents list --limit 0"])
def test_wrong_usage_is_told_with_where_to_look(line: str, shell: Shell) -> None:
    done = shell(*line.split())
    assert done.code == 2
    assert "Usage: rollcall" in done.err


def test_options_know_the_words_of_the_protocols() -> None:
    assert {*words.AgentStatus} == {*map(str, agents.AgentStatus)}
    assert {*words.ReportedStatus} == {*map(str, agents.ReportedStatus)}
    assert {*words.ServiceStatus} == {*map(str, services.ServiceStatus)}
    assert {*words.ServiceType} == {one.value for one in models.Kind}
    assert {*words.Kind} == {*words.ServiceType, "any"}
    assert {*words.Match} == {one.value for one in query.Match}
    assert {*words.EventType} == {one.value for one in events.EventType}
    assert {*words.Scope} == {*admin.ScopeWord.__args__}
