# SPDX-License-Identifier: Apache-2.0
"""One description of the gateway and of what is behind it."""

from __future__ import annotations

from typing import Any

from rollcall.gateway.describing import merged
from rollcall.gateway.models import RouteTable
from support.gateways import SHOP

PROBLEM = "application/problem+json"


def described(responses: dict[str, Any]) -> dict[str, Any]:
    """The responses of the shop's one operation as the gateway shows them."""
    shop = {"paths": {"/till": {"get": {"operationId": "till", "responses": responses}}}}
    paths = merged({"paths": {}}, {"shop": shop}, RouteTable([SHOP]))["paths"]
    return paths["/services/shop/till"]["get"]["responses"]


def test_the_gateway_s_own_refusals_stand_beside_those_of_a_service() -> None:
    theirs = {"description": "No", "content": {"application/json": {"schema": {"type": "object"}}}}
    found = described({"200": {"description": "Yes"}, "4XX": theirs, "503": {"description": "Off"}})
    assert found["200"] == {"description": "Yes"}
    assert set(found["4XX"]["content"]) == {"application/json", PROBLEM}
    assert found["4XX"]["description"] == "No"
    assert set(found["503"]["content"]) == {PROBLEM}


def test_where_a_service_tells_of_no_refusal_the_gateway_s_are_told() -> None:
    found = described({"200": {"description": "Yes"}})
    assert set(found) == {"200", "4XX", "5XX"}
    assert all(PROBLEM in found[status]["content"] for status in ("4XX", "5XX"))
