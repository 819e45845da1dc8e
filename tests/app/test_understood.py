# SPDX-License-Identifier: Apache-2.0
"""Settings that make no sense: the error names the variable, before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollcall.app.compose import compose
from rollcall.app.doctor import examine
from rollcall.app.findings import Grade
from rollcall.app.settings import Settings
from rollcall.kernel.errors import InvalidInput

NO_URL = "http://me:hunter2@[::1"
SHARED = {"ROLLCALL_JWT_ISSUER": "https://id.example.com"}
SECRET = {**SHARED, "ROLLCALL_JWT_SECRET": "x" * 32}
SENSELESS: list[tuple[str, str, dict[str, str]]] = [
    ("OTEL_EXPORTER_OTLP_ENDPOINT", NO_URL, {}),
    ("POSTGRES_HOST", "db/other", {"ROLLCALL_STORE": "postgresql"}),
    ("POSTGRES_HOST", NO_URL, {"ROLLCALL_STORE": "postgresql"}),
    ("ROLLCALL_ADVERTISE_HOST", "http://here", {}),
    ("ROLLCALL_CORS_ORIGINS", "app.example.com", {}),
    ("ROLLCALL_DATABASE", NO_URL, {}),
    ("ROLLCALL_DATABASE", "mysql://me:hunter2@db/fleet", {}),
    ("ROLLCALL_DATA_DIR", __file__, {"ROLLCALL_STORE": "sqlite"}),
    ("ROLLCALL_DATA_DIR", "a" * 300, {"ROLLCALL_STORE": "sqlite"}),
    ("ROLLCALL_DATA_DIR", "~nobody-of-this-name/data", {"ROLLCALL_STORE": "sqlite"}),
    ("ROLLCALL_DUCKDB_MEMORY", "lots", {}),
    ("ROLLCALL_JWT_ALGORITHMS", "none", SECRET),
    ("ROLLCALL_JWT_ISSUER", "https://id.example.com", {}),
    ("ROLLCALL_JWT_JWKS_URL", "http://id.example.com/keys", SHARED),
    ("ROLLCALL_JWT_JWKS_URL", NO_URL, SHARED),
    ("ROLLCALL_JWT_SECRET", "hunter2", SHARED),
    ("ROLLCALL_LIBRARY_DIR", "/nowhere/at/all", {}),
    ("ROLLCALL_SCRAPER_HOSTS", "http://wiki", {}),
    ("ROLLCALL_STORE", NO_URL, {}),
    ("ROLLCALL_STORE", "mysql://me:hunter2@db/fleet", {}),
    ("ROLLCALL_STORE", "postgresql://me:hunter2?@db/fleet", {}),
    ("ROLLCALL_TOOL_KEYS", "hunter2", {}),
    ("ROLLCALL_WIDGET_BASE_URL", "agents.example.com", {}),
    ("ZOOKEEPER_HOSTS", "http://zk:2181", {"ROLLCALL_STORE": "zookeeper"}),
]


def of(folder: Path, variable: str, text: str, others: dict[str, str]) -> Settings:
    ports = (field.validation_alias for field in Settings.model_fields.values())
    return Settings.load(
        {
            **{str(port): "0" for port in ports if str(port).endswith("_PORT")},
            "POSTGRES_PORT": "5432",
            "ROLLCALL_DATA_DIR": str(folder),
            "ROLLCALL_STORE": "memory",
            **others,
            variable: text,
        }
    )


@pytest.mark.parametrize(("variable", "text", "others"), SENSELESS)
async def test_what_makes_no_sense_ends_the_start_with_an_error_that_names_its_variable(
    variable: str, text: str, others: dict[str, str], tmp_path: Path
) -> None:
    settings = of(tmp_path, variable, text, others)
    with pytest.raises(InvalidInput) as refused:
        await opened(settings)
    assert refused.value.field == variable
    assert "hunter2" not in str(refused.value)


async def opened(settings: Settings) -> None:
    async with compose(settings):
        pass


def found(settings: Settings) -> list[InvalidInput]:
    """The errors of the settings that the doctor finds."""
    said = [
        one.text
        for one in examine(settings)
        if one.subject == "settings" and one.grade is Grade.ERROR
    ]
    return [InvalidInput(*one.split(": ", 1)) for one in said]


@pytest.mark.parametrize(("variable", "text", "others"), SENSELESS)
def test_the_doctor_says_the_same(
    variable: str,
    text: str,
    others: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    errors = found(of(tmp_path, variable, text, others))
    assert [one.field for one in errors] == [variable]
    assert "hunter2" not in str(errors)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector"),
        ("ROLLCALL_ADVERTISE_HOST", "10.0.0.7"),
        ("ROLLCALL_ADVERTISE_HOST", "fd00::7"),
        ("ROLLCALL_ADVERTISE_HOST", "agents_1.example.com"),
        ("ROLLCALL_DUCKDB_MEMORY", "1.5 GiB"),
        ("ROLLCALL_DUCKDB_MEMORY", "80%"),
        ("ROLLCALL_SCRAPER_HOSTS", "wiki, wiki:8080, 10.0.0.0/8"),
    ],
)
def test_what_makes_sense_is_no_error(variable: str, text: str, tmp_path: Path) -> None:
    compose(of(tmp_path, variable, text, {}))
