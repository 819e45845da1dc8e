from __future__ import annotations

import json

from rollcall.web.answers import answer


def test_an_answer_is_json_with_its_status_and_headers() -> None:
    made = answer({"id": "clerk"}, 201, headers={"Location": "/agents/clerk"})
    assert (made.status_code, json.loads(made.body)) == (201, {"id": "clerk"})
    assert made.headers["content-type"] == "application/json"
    assert made.headers["location"] == "/agents/clerk"
    assert "etag" not in made.headers


def test_an_answer_about_a_revision_has_its_entity_tag() -> None:
    made = answer([], revision=7, headers={"Link": "</agents>"})
    assert (made.headers["etag"], made.headers["link"]) == ('"7"', "</agents>")
