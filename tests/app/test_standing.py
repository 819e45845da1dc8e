# SPDX-License-Identifier: Apache-2.0
"""What each service stands on, and whether it answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from rollcall.app.doctor import examine
from rollcall.app.findings import Finding, Grade
from rollcall.app.services import SERVICES
from rollcall.app.settings import Settings
from support.gateways import served
from support.servers.ports import free_ports

Examined = Callable[..., dict[str, Finding]]


@pytest.fixture
def examined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Examined:
    """What is found with these settings and a fresh folder, by its subject."""
    monkeypatch.chdir(tmp_path)

    def find(**variables: str) -> dict[str, Finding]:
        told = dict.fromkeys((one.variable for one in SERVICES.values()), "0")
        told |= {"ROLLCALL_DATA_DIR": str(tmp_path / "data"), **variables}
        return {one.subject: one for one in examine(Settings.load(told))}

    return find


async def well(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("{}")(scope, receive, send)


async def ill(scope: Scope, receive: Receive, send: Send) -> None:
    await Response("", 503)(scope, receive, send)


def nobody() -> str:
    return f"http://127.0.0.1:{free_ports(1)[0]}"


def test_every_service_says_what_it_stands_on(examined: Examined) -> None:
    found = examined()
    assert {found[one.title].grade for one in SERVICES.values()} == {Grade.OK}
    assert found["tools service"].text == "stands on records.db and services.db: all is well"
    assert "events and model: all is well" in found["gateway"].text
    assert "services.db, events, facts and accounts: all is well" in found["analytics"].text


def test_accounts_that_cannot_be_billed_so_are_an_error_of_billing(examined: Examined) -> None:
    assert examined()["accounts"].text == (
        "billed in USD by the days of UTC, with 8.00 % tax, to be paid in 15 days;"
        " nobody is named on invoices"
    )
    for variable, value in (
        ("ROLLCALL_TIME_ZONE", "Mars/Base"),
        ("ROLLCALL_CURRENCY", "coins"),
        ("ROLLCALL_WEBHOOK_SECRETS", "stripe=secret"),
        ("ROLLCALL_INVOICE_ISSUER", r"Acme\n\nBerlin"),
        ("ROLLCALL_INVOICE_TAX_ID", "7" * 101),
    ):
        found = examined(**{variable: value})
        assert found["accounts"].grade is Grade.ERROR
        assert found["accounts"].text.startswith(variable)
        assert found["billing"].grade is Grade.ERROR


def test_a_library_that_cannot_be_read_keeps_everything_from_starting(
    examined: Examined, tmp_path: Path
) -> None:
    well = examined()["library"]
    assert well.grade is Grade.OK
    assert well.text == "12 industries, as shipped"
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "models.yaml").write_text("openai:gpt: {label: 7}\n", encoding="utf-8")
    found = examined(ROLLCALL_LIBRARY_DIR=str(folder))
    assert found["library"].grade is Grade.ERROR
    assert "models.yaml" in found["library"].text
    for one in SERVICES.values():
        assert "library (error: see above)" in found[one.title].text


def test_a_service_at_a_url_is_asked_how_it_is(examined: Examined) -> None:
    with served(well) as one, served(ill) as other:
        found = examined(BILLING_SERVICE_URL=one, ANALYTICS_SERVICE_URL=other)
    assert found["BILLING_SERVICE_URL"].grade is Grade.OK
    assert "answers, and is well" in found["BILLING_SERVICE_URL"].text
    assert found["ANALYTICS_SERVICE_URL"].grade is Grade.WARNING
    assert "not well (503)" in found["ANALYTICS_SERVICE_URL"].text
    assert found["gateway"].grade is Grade.WARNING
    text = "ANALYTICS_SERVICE_URL (warning: see above) and BILLING_SERVICE_URL"
    assert found["gateway"].text.endswith(text)
    assert found["agent service"].grade is Grade.OK


def test_a_registry_that_is_away_is_told_of_all_who_need_it(examined: Examined) -> None:
    found = examined(SERVICE_REGISTRY_URL=nobody())
    assert found["SERVICE_REGISTRY_URL"].grade is Grade.WARNING
    assert "does not answer" in found["SERVICE_REGISTRY_URL"].text
    for one in SERVICES.values():
        trouble = "SERVICE_REGISTRY_URL (warning: see above)" in found[one.title].text
        assert trouble is (one.registration is not None)


def test_a_url_that_is_none_is_an_error(examined: Examined) -> None:
    found = examined(WIDGET_SERVICE_URL="widgets:8006")
    assert found["WIDGET_SERVICE_URL"].grade is Grade.ERROR
    assert found["gateway"].grade is Grade.ERROR


def test_a_database_that_is_away_is_an_error_of_every_service(examined: Examined) -> None:
    url = nobody().replace("http://", "postgresql://")
    found = examined(ROLLCALL_STORE=f"{url}/fleet")
    for one in SERVICES.values():
        assert found[one.title].grade is Grade.ERROR
        assert "PostgreSQL (error: see above)" in found[one.title].text


def test_a_model_s_server_is_asked_without_a_key(examined: Examined) -> None:
    asked: list[tuple[str, set[bytes]]] = []

    async def model(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append((scope["path"], {name for name, _ in scope["headers"]}))
        await Response("", 401)(scope, receive, send)

    with served(model) as url:
        place = f"{url.replace('//', '//me:secret@')}/v1"
        told = {"ROLLCALL_MODEL": "openai-compatible:m", "ROLLCALL_MODEL_URL": place}
        found = examined(**told, ROLLCALL_MODEL_KEY="sk-secret")
    ((path, headers),) = asked
    assert path == "/v1/models"
    assert b"authorization" not in headers
    assert found["model server"].grade is Grade.OK
    assert "secret" not in "".join(one.text for one in found.values())


def test_a_model_s_server_that_is_away_is_a_warning(examined: Examined) -> None:
    told = {"ROLLCALL_MODEL": "openai-compatible:m", "ROLLCALL_MODEL_URL": nobody()}
    found = examined(**told)
    assert found["model server"].grade is Grade.WARNING
    assert found["agent service"].grade is Grade.WARNING
    assert found["tools service"].grade is Grade.OK
