# SPDX-License-Identifier: Apache-2.0
"""Settings: each from one variable, each in `.env.example`, none that nobody reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from rollcall.app.bigquery_settings import BigqueryVariables, bigquery_of
from rollcall.app.gateway_settings import GatewayVariables
from rollcall.app.provider_settings import ProviderSettings
from rollcall.app.settings import Environment, LogLevel, Settings
from rollcall.backends.facts.bigquery_client import BigquerySettings
from rollcall.cli.dotenv_file import TAKEN
from rollcall.kernel.errors import InvalidInput

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
VARIABLES = {str(field.validation_alias): name for name, field in Settings.model_fields.items()}
OF_CLIENTS = {*TAKEN} - {*VARIABLES}
OF_THE_GATEWAY = {
    str(field.validation_alias)
    for name, field in GatewayVariables.model_fields.items()
    if name.endswith("_url")
}
OF_BIGQUERY = {str(one.validation_alias) for one in BigqueryVariables.model_fields.values()}
OF_PROVIDERS = {str(one.validation_alias) for one in ProviderSettings.model_fields.values()}
OF_THE_DOCUMENTS = {
    "AGENT_PORT",
    "EXT_TOOL_PORT",
    "SERVICE_REGISTRY_URL",
    "SERVICE_REGISTRY_PORT",
    "ZOOKEEPER_HOSTS",
    "ZOOKEEPER_ROOT",
    "ZOOKEEPER_TIMEOUT",
    "LOG_LEVEL",
    "PORT",
    "POSTGRES_HOST",
    "POSTGRES_PORT",
    "POSTGRES_DB",
    "POSTGRES_USER",
    "POSTGRES_PASSWORD",
    "POSTGRES_PASSWORD_FILE",
    "HEARTBEAT_TIMEOUT_SECONDS",
    "ROLLCALL_STORE",
    "ENVIRONMENT",
}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_example_lists_every_variable_and_no_other() -> None:
    listed = re.findall(r"^#([A-Z][A-Z0-9_]*)=", EXAMPLE, re.MULTILINE)
    assert sorted(listed) == sorted([*VARIABLES, *OF_CLIENTS])


def test_every_variable_of_documents_1_and_2_is_a_setting() -> None:
    assert set(VARIABLES) >= OF_THE_DOCUMENTS


def test_the_defaults_of_the_example_are_those_of_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = Settings.load()
    given = dict(re.findall(r"^#([A-Z][A-Z0-9_]*)=(.+)$", EXAMPLE, re.MULTILINE))
    for variable in [*OF_CLIENTS, "ROLLCALL_DATA_DIR"]:
        given.pop(variable, None)
    for variable, text in given.items():
        monkeypatch.setenv(variable, text)
    assert Settings.load() == plain


def test_the_keys_of_providers_are_handed_on_by_their_own_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in OF_PROVIDERS:
        monkeypatch.setenv(variable, f"of {variable}")
    settings = Settings.load()
    assert settings.variables() == {variable: f"of {variable}" for variable in OF_PROVIDERS}
    assert "of OPENAI_API_KEY" not in repr(settings)


def test_what_is_set_of_bigquery_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "GOOGLE_CLOUD_PROJECT_ID": "project",
        "BIGQUERY_DATASET_ID": "agenthub_dev",
        "GOOGLE_SERVICE_ACCOUNT_KEY": "zebra",
        "BIGQUERY_EMULATOR_HOST": "http://localhost:9050",
        "BIGQUERY_LOCATION": "EU",
        "BIGQUERY_FLUSH_SECONDS": "0.25",
        "BIGQUERY_FLUSH_FACTS": "7",
        "BIGQUERY_MAXIMUM_BYTES_BILLED": "1000",
    }
    assert {*told, "USE_BIGQUERY"} == OF_BIGQUERY
    for variable, value in told.items():
        monkeypatch.setenv(variable, value)
    assert bigquery_of(Settings.load()) is None
    settings = Settings.load({"USE_BIGQUERY": "true"})
    assert bigquery_of(settings) == BigquerySettings(
        project="project",
        dataset="agenthub_dev",
        key="zebra",
        emulator="http://localhost:9050",
        location="EU",
        flush_seconds=0.25,
        flush_facts=7,
        maximum_bytes=1000,
    )
    assert "zebra" not in f"{settings!r}{bigquery_of(settings)!r}"
    wrong = Settings.load({"USE_BIGQUERY": "true", "BIGQUERY_DATASET_ID": "a b"})
    with pytest.raises(InvalidInput, match="BIGQUERY_DATASET_ID"):
        bigquery_of(wrong)


@pytest.mark.parametrize("variable", sorted({*VARIABLES} - OF_PROVIDERS - OF_THE_GATEWAY))
def test_each_setting_is_read_somewhere_outside_of_the_settings(variable: str) -> None:
    name = VARIABLES[variable]
    sources = [
        path.read_text(encoding="utf-8")
        for path in (ROOT / "src" / "rollcall" / "app").glob("*.py")
    ]
    assert any(re.search(rf"\bsettings\.{name}\b", source) for source in sources) or (
        name == "environment" and any("settings.development" in source for source in sources)
    )


def test_an_option_counts_more_than_a_variable_and_that_more_than_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("LOG_LEVEL=ERROR\nENVIRONMENT=production\nROLLCALL_HOST=::1\n")
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("ENVIRONMENT", "development")
    settings = Settings.load({"LOG_LEVEL": "WARNING"})
    assert settings.log_level is LogLevel.WARNING
    assert settings.environment is Environment.DEVELOPMENT
    assert settings.host == "::1"


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    assert Settings.load().port is None


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SERVICE_REGISTRY_PORT", "web"),
        ("PORT", "70000"),
        ("LOG_LEVEL", "LOUD"),
        ("HEARTBEAT_TIMEOUT_SECONDS", "0"),
        ("HEARTBEAT_TIMEOUT_SECONDS", "nan"),
    ],
)
def test_a_value_of_no_sense_is_an_error_that_names_its_variable(
    variable: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(InvalidInput) as refused:
        Settings.load()
    assert refused.value.field == variable


def test_secrets_are_not_shown() -> None:
    settings = Settings.load(
        {
            "POSTGRES_PASSWORD": "hunter2",
            "ROLLCALL_STORE": "postgresql://me:hunter2@db/fleet",
            "ROLLCALL_JWT_SECRET": "hunter2",
            "ROLLCALL_DATABASE": "postgresql://me:hunter2@db/fleet",
        }
    )
    assert "hunter2" not in f"{settings!r} {settings}"
    assert settings.postgres_password == SecretStr("hunter2")
