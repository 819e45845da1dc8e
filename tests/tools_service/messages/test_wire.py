# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from rollcall.tools.messages.wire import DESCRIPTION, SearchAnswer, SearchRequest


def test_a_request_needs_no_more_than_a_query() -> None:
    request = SearchRequest.model_validate_json('{"query": "late"}')
    assert (request.limit, request.relax, request.conversation_id) == (10, True, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"query": ""},
        {"query": "x" * 1001},
        {"limit": 0},
        {"limit": 101},
        {"conversation_id": ""},
        {"conversation_id": "a\0"},
        {"sender_id": "a\nb"},
        {"sender_id": "x" * 257},
        {"sender_id": "\ud800"},
        {"since": "2026-01-31T12:00:00"},
        {"until": "yesterday"},
        {"source": "mail"},
        {"cursor": "x" * 201},
        {"sender": "anna"},
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_field(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        SearchRequest.model_validate({"query": "late", **fields})
    assert [error["loc"] for error in caught.value.errors()] == [tuple(fields)]


@pytest.mark.parametrize("model", [SearchRequest, SearchAnswer])
def test_every_field_is_described(model: type[SearchRequest] | type[SearchAnswer]) -> None:
    schema = model.model_json_schema()
    for name, field in schema["properties"].items():
        assert "description" in field or name == "results", name
    assert "conversations" in DESCRIPTION
