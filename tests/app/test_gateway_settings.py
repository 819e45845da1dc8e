# SPDX-License-Identifier: Apache-2.0
"""Where services are that the settings name by a URL."""

from __future__ import annotations

import pytest

from rollcall.app.gateway_settings import GatewayVariables
from rollcall.gateway.catalogue import SERVICES
from rollcall.kernel.errors import InvalidInput

WIZARD = "http://wizard:8001"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in GatewayVariables.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)


@pytest.mark.parametrize("name", ["AGENT_SERVICE_URL", "AGENT_WIZARD_URL"])
def test_the_wizard_has_a_fixed_address_by_either_name(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, WIZARD)
    assert GatewayVariables().urls() == {"AGENT_SERVICE_URL": WIZARD}


def test_both_names_may_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_SERVICE_URL", WIZARD)
    monkeypatch.setenv("AGENT_WIZARD_URL", f"{WIZARD}/")
    assert GatewayVariables().urls() == {"AGENT_SERVICE_URL": WIZARD}


def test_the_wizard_is_not_in_two_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_SERVICE_URL", WIZARD)
    monkeypatch.setenv("AGENT_WIZARD_URL", "http://other:8001")
    with pytest.raises(InvalidInput, match=r"AGENT_WIZARD_URL.*AGENT_SERVICE_URL"):
        GatewayVariables().urls()


def test_every_service_of_the_catalogue_can_be_given_an_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The registry's own has another home in the settings: every process reads it.
    wanted = {one.variable for one in SERVICES} - {"SERVICE_REGISTRY_URL"}
    for variable in wanted:
        monkeypatch.setenv(str(variable), f"http://{str(variable).lower()}")
    assert GatewayVariables().urls().keys() == wanted
