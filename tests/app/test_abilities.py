from __future__ import annotations

import pytest

from rollcall.app.abilities import abilities, answering
from rollcall.app.banner import Running, commands
from rollcall.app.findings import Finding, Grade
from rollcall.app.settings import Settings
from rollcall.kernel.errors import InvalidInput

SECRET = "sk-hunter2"  # noqa: S105 - what must not be shown


def found(**variables: str) -> dict[str, Finding]:
    settings = Settings.load(variables)
    return {one.subject: one for one in abilities(settings, on_sqlite=True)}


def test_without_a_model_the_offline_planner_answers_and_it_is_said_how_to_have_one() -> None:
    model = found()["model"]
    assert model.grade is Grade.OK
    assert "offline planner" in model.text
    assert "OPENAI_API_KEY" in model.text
    assert answering(Settings.load({})) == "offline-planner"


@pytest.mark.parametrize(
    ("variables", "grade", "said"),
    [
        ({"OPENAI_API_KEY": SECRET}, Grade.OK, "there is a key"),
        (
            {"ROLLCALL_MODEL": "anthropic:claude", "ANTHROPIC_API_KEY": SECRET},
            Grade.OK,
            "anthropic:claude answers; there is a key",
        ),
        ({"ROLLCALL_MODEL": "openai:gpt"}, Grade.WARNING, "there is no key"),
        (
            {"ROLLCALL_MODEL": "qwen3:8b", "ROLLCALL_MODEL_URL": f"http://me:{SECRET}@box:1/v1"},
            Grade.OK,
            "openai-compatible:qwen3:8b at box:1 answers; there is no key",
        ),
        ({"ROLLCALL_MODEL": "groq:llama"}, Grade.OK, "provider's own variable"),
        ({"ROLLCALL_MODEL": "opnai:gpt"}, Grade.WARNING, "is it a provider"),
        ({"ROLLCALL_MODEL": "llama"}, Grade.ERROR, "must be provider:model"),
        ({"OLLAMA_BASE_URL": f"http://me:{SECRET}@[::1"}, Grade.ERROR, "OLLAMA_BASE_URL: must be"),
        ({"ROLLCALL_MODEL": "qwen3:8b", "ROLLCALL_MODEL_URL": "box"}, Grade.ERROR, "MODEL_URL"),
    ],
)
def test_the_model_in_use_is_named_and_whether_it_has_a_key_but_never_the_key(
    variables: dict[str, str], grade: Grade, said: str
) -> None:
    model = found(**variables)["model"]
    assert model.grade is grade
    assert said in model.text
    assert SECRET not in model.text


def test_a_model_without_a_sensible_name_is_an_error_before_anything_starts() -> None:
    with pytest.raises(InvalidInput, match="ROLLCALL_MODEL"):
        answering(Settings.load({"ROLLCALL_MODEL": "llama"}))


def test_what_is_loaded_later_is_tried_and_so_is_full_text_search() -> None:
    there = found()
    assert {"wordllama", "trafilatura", "mcp"} <= there.keys()
    assert all(there[one].grade is Grade.OK for one in ("wordllama", "trafilatura", "mcp"))
    assert "FTS5" in there["SQLite"].text


@pytest.mark.parametrize(
    ("names", "paths"),
    [
        (
            ("service-registry", "agent-registry", "agent", "tools"),
            ("agent/api/v1/process", "agent-registry/register", "agent-registry/capabilities"),
        ),
        (("agent",), ("agent/api/v1/process", "agent/api/v1/sessions/hello", "agent/api/v1/tools")),
        (("tools",), ("tools/calculate", "tools/tools", "tools/functions")),
        (("agent-registry",), ("/register", "/capabilities/search", "/stats")),
        (("service-registry",), ("/api/v1/register", "/api/v1/discover", "/api/v1/stats")),
    ],
)
@pytest.mark.parametrize("login", [False, True])
def test_whatever_runs_there_are_three_commands_the_main_job_first(
    names: tuple[str, ...], paths: tuple[str, ...], login: bool
) -> None:
    tries = commands([Running(one, one, f"http://{one}") for one in names], login=login)

    assert len(tries) == 3
    assert all(path in command for path, command in zip(paths, tries, strict=True))
    assert all(("$ROLLCALL_API_KEY" in command) == login for command in tries)
