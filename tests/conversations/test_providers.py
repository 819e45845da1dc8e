"""Which models there are by the settings, and how they are reached."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from rollcall.conversations.providers import OFFLINE, Chosen, Models, ModelSettings
from rollcall.conversations.providers_build import ollama_url
from rollcall.kernel.errors import InvalidInput

HIDDEN = "sk-very-secret-0123456789"


def models(planner: Any = None, **variables: str) -> Models:
    return Models(ModelSettings.from_environment(variables), planner=planner)


def a_planner() -> Any:
    from pydantic_ai.models.test import TestModel

    return TestModel()


async def opened(**variables: str) -> Chosen:
    there = models(**variables)
    return await there.open(there.chain(None)[0])


def at(chosen: Chosen) -> str:
    provider = chosen.model.provider
    assert provider is not None
    return str(provider.base_url).rstrip("/")


def test_nothing_set_up_leaves_the_planner() -> None:
    assert models(a_planner).names() == (OFFLINE,)
    assert models(a_planner).chain(None) == (OFFLINE,)


def test_nothing_at_all_says_what_to_do() -> None:
    with pytest.raises(InvalidInput, match="ROLLCALL_MODEL"):
        models().chain(None)


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({"OPENAI_API_KEY": "k"}, ("openai:gpt-6-luna",)),
        ({"ANTHROPIC_API_KEY": "k"}, ("anthropic:claude-haiku-5-5",)),
        ({"GEMINI_API_KEY": "k"}, ("google:gemini-3.8-flash",)),
        ({"GOOGLE_API_KEY": "k"}, ("google:gemini-3.8-flash",)),
        ({"OLLAMA_BASE_URL": "http://box:11434"}, ("ollama:llama3.2",)),
        ({"OPENAI_BASE_URL": "http://box/v1"}, ("openai:gpt-6-luna",)),
        ({"OPENAI_API_KEY": "  "}, ()),
        ({"ROLLCALL_MODEL": "gemini:pro"}, ("google:pro",)),
        ({"ROLLCALL_MODEL": "openai-chat:gpt"}, ("openai:gpt",)),
        (
            {"ROLLCALL_MODEL": "anthropic:claude", "ROLLCALL_MODEL_FALLBACK": "ollama:a, groq:b"},
            ("anthropic:claude", "ollama:a", "groq:b"),
        ),
        (
            {"ROLLCALL_MODEL": "ollama:qwen3:8b", "OPENAI_API_KEY": "k"},
            ("ollama:qwen3:8b", "openai:gpt-6-luna"),
        ),
        (
            {"ROLLCALL_MODEL": "qwen3:8b", "ROLLCALL_MODEL_URL": "http://box/v1"},
            ("openai-compatible:qwen3:8b",),
        ),
    ],
)
def test_settings_name_models(variables: Mapping[str, str], names: tuple[str, ...]) -> None:
    assert models(**variables).names() == names


def test_the_planner_comes_last() -> None:
    assert models(a_planner, OPENAI_API_KEY="k").names() == ("openai:gpt-6-luna", OFFLINE)


def test_the_planner_may_be_what_answers_when_the_model_does_not() -> None:
    there = models(
        a_planner, ROLLCALL_MODEL="openai:gpt", OPENAI_API_KEY="k", ROLLCALL_MODEL_FALLBACK=OFFLINE
    )
    assert there.chain(None) == ("openai:gpt", OFFLINE)


@pytest.mark.parametrize(
    "variable",
    [{"ROLLCALL_MODEL": "gpt"}, {"ROLLCALL_MODEL": "openai:"}, {"ROLLCALL_MODEL_FALLBACK": "gpt"}],
)
def test_a_name_that_says_no_provider_is_refused_by_its_variable(variable: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        models(**variable)
    assert caught.value.field == next(iter(variable))


def test_a_model_may_be_asked_for_by_its_own_name() -> None:
    there = models(ROLLCALL_MODEL="openai:gpt", OPENAI_API_KEY="k", ANTHROPIC_API_KEY="k")
    assert there.chain("claude-haiku-5-5") == ("anthropic:claude-haiku-5-5",)
    assert there.chain("openai:another") == ("openai:another",)


def test_the_default_model_keeps_its_fallback_where_it_is_asked_for_by_name() -> None:
    there = models(ROLLCALL_MODEL="openai:gpt", ROLLCALL_MODEL_FALLBACK="openai:other")
    assert there.chain("openai:gpt") == there.chain(None) == ("openai:gpt", "openai:other")
    assert there.chain("openai:other") == ("openai:other",)


@pytest.mark.parametrize("asked", ["nobody:gpt", "claude", "", ":", "openai:", f"{OFFLINE}:x"])
def test_a_model_of_a_provider_without_a_key_is_refused(asked: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        models(OPENAI_API_KEY="k").chain(asked)
    assert caught.value.field == "model"


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"OPENAI_API_KEY": "k"}, "https://api.openai.com/v1"),
        ({"OPENAI_BASE_URL": "http://box/v1"}, "http://box/v1"),
        (
            {"ROLLCALL_MODEL": "openai-responses:gpt", "OPENAI_API_KEY": "k"},
            "https://api.openai.com/v1",
        ),
        ({"ROLLCALL_MODEL": "ollama:a"}, "http://127.0.0.1:11434/v1"),
        ({"OLLAMA_BASE_URL": "http://box:11434/"}, "http://box:11434/v1"),
        ({"ROLLCALL_MODEL": "m", "ROLLCALL_MODEL_URL": "http://box/v2"}, "http://box/v2"),
        ({"ANTHROPIC_API_KEY": "k"}, "https://api.anthropic.com"),
        ({"GEMINI_API_KEY": "k"}, "https://generativelanguage.googleapis.com"),
        (
            {"ROLLCALL_MODEL": "deepseek:chat", "ROLLCALL_MODEL_KEY": "k"},
            "https://api.deepseek.com",
        ),
    ],
)
async def test_a_provider_is_reached_where_it_is(variables: Mapping[str, str], url: str) -> None:
    assert at(await opened(**variables)) == url


async def test_an_environment_of_the_process_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere/v1")
    assert at(await opened(OPENAI_API_KEY="k")) == "https://api.openai.com/v1"


@pytest.mark.parametrize(
    "variables",
    [
        {"ROLLCALL_MODEL": "openai:gpt"},
        {"ROLLCALL_MODEL": "nobody:gpt"},
        {"ROLLCALL_MODEL": "openai-compatible:gpt"},
        {"ROLLCALL_MODEL": "ollama:a", "ROLLCALL_MODEL_URL": "ftp://box"},
        {
            "ROLLCALL_MODEL": "openai:gpt",
            "ROLLCALL_MODEL_URL": "http://[::1",
            "OPENAI_API_KEY": "k",
        },
    ],
)
async def test_what_cannot_be_reached_is_refused_when_it_is_opened(
    variables: Mapping[str, str],
) -> None:
    with pytest.raises(InvalidInput):
        await opened(**variables)


async def test_a_model_is_made_once() -> None:
    there = models(OPENAI_API_KEY="k")
    assert await there.open("openai:gpt") is await there.open("openai:gpt")


async def test_a_warm_model_keeps_its_connections_until_it_is_closed() -> None:
    there = models(OPENAI_API_KEY="k")
    await there.warm()
    provider = (await there.open("openai:gpt-6-luna")).model.provider
    assert provider is not None
    client = provider.client._client
    async with provider:
        pass
    assert not client.is_closed
    await there.aclose()
    assert client.is_closed


async def test_of_many_models_that_were_asked_for_the_default_one_stays() -> None:
    there = models(OPENAI_API_KEY="k")
    await there.warm()
    default = await there.open("openai:gpt-6-luna")
    for number in range(100):
        await there.open(f"openai:gpt-{number}")
    assert await there.open("openai:gpt-6-luna") is default
    await there.aclose()


def test_settings_show_no_secret() -> None:
    settings = ModelSettings.from_environment(
        {
            "ROLLCALL_MODEL": "openai:gpt",
            "ROLLCALL_MODEL_KEY": HIDDEN,
            "OPENAI_API_KEY": HIDDEN,
            "OPENAI_BASE_URL": f"http://u:{HIDDEN}@box/v1",
            "ROLLCALL_MODEL_URL": f"http://u:{HIDDEN}@box/v1",
        }
    )
    assert HIDDEN not in repr(settings)
    assert "openai:gpt" in repr(settings)
    assert settings.secrets == (HIDDEN, HIDDEN)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, "http://127.0.0.1:11434/v1"),
        ("http://box:1", "http://box:1/v1"),
        ("http://box:1/", "http://box:1/v1"),
        ("http://box:1/v1", "http://box:1/v1"),
        ("https://box/ollama/v1/", "https://box/ollama/v1/"),
    ],
)
def test_ollama_speaks_below_v1(url: str | None, expected: str) -> None:
    assert ollama_url(url) == expected


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_client_that_is_not_installed_is_named_with_its_extra() -> None:
    said = run(
        "import sys, asyncio\n"
        "sys.modules['anthropic'] = None\n"
        "from rollcall.conversations.providers import Models, ModelSettings\n"
        "from rollcall.kernel.errors import MissingExtra\n"
        "there = Models(ModelSettings(model='anthropic:claude', key='k'))\n"
        "try:\n"
        "    asyncio.run(there.open('anthropic:claude'))\n"
        "except MissingExtra as error:\n"
        "    print(error.extra, error)\n"
    )
    assert said.startswith("anthropic a model of anthropic")
    assert "rollcall-ai[anthropic]" in said


def test_nothing_heavy_is_imported_before_a_model_is_asked() -> None:
    said = run(
        "import sys\n"
        "import rollcall.conversations.loop\n"
        "from rollcall.conversations.providers import Models, ModelSettings\n"
        "Models(ModelSettings(keys={'openai': 'k', 'google': 'k', 'anthropic': 'k'})).names()\n"
        "heavy = {'pydantic_ai', 'openai', 'anthropic', 'google.genai', 'genai_prices'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    assert said == "[]"
