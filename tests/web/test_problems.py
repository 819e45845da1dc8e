from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.responses import Response

from rollcall.kernel.caller import ADMIN, NotAuthenticated, NotPermitted, RateLimited
from rollcall.kernel.errors import (
    Closed,
    Compacted,
    InvalidInput,
    OutcomeUnknown,
    RollcallError,
    StoreUnavailable,
)
from rollcall.kernel.record_errors import Contention, RecordExists, RecordNotFound, RevisionMismatch
from rollcall.web.problems import (
    LONGEST_DETAIL,
    STANDARD,
    TYPE_PREFIX,
    Kind,
    Problems,
    ProblemTable,
    field_error,
)
from rollcall.web.refusals import HeadersTooLarge, PayloadTooLarge, UrlTooLong

problems = Problems(ProblemTable(), development=False)


def body(response: Response) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    return json.loads(bytes(response.body))


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (InvalidInput("name", "must not be empty"), 422, "invalid-input"),
        (PayloadTooLarge(10), 413, "payload-too-large"),
        (UrlTooLong(10), 414, "url-too-long"),
        (HeadersTooLarge("must be 3 at most"), 431, "headers-too-large"),
        (NotAuthenticated("no key"), 401, "not-authenticated"),
        (NotPermitted("no"), 403, "not-permitted"),
        (RateLimited(1), 429, "rate-limited"),
        (RecordNotFound("default", "a1"), 404, "record-not-found"),
        (RecordExists("default", "a1"), 409, "record-exists"),
        (Contention("default", "a1", 5), 409, "contention"),
        (RevisionMismatch("default", "a1", 3, 4), 412, "revision-mismatch"),
        (Compacted(1, 7), 410, "compacted"),
        (StoreUnavailable("gone"), 503, "store-unavailable"),
        (OutcomeUnknown("who knows"), 503, "outcome-unknown"),
        (Closed("closed"), 503, "closed"),
        (TimeoutError(), 504, "timeout"),
        (RollcallError("not in the table"), 500, "internal"),
        (ZeroDivisionError(), 500, "internal"),
    ],
)
def test_each_error_has_its_status_and_type(error: Exception, status: int, name: str) -> None:
    response = problems.response(error)

    assert response.status_code == status
    told = body(response)
    assert (told["status"], told["type"]) == (status, TYPE_PREFIX + name)


def test_no_two_kinds_of_problems_share_a_type() -> None:
    names = [kind.name for kind in STANDARD.values()]

    assert len(set(names)) == len(names)


def test_bad_input_names_its_field() -> None:
    told = body(problems.response(InvalidInput("capabilities.0.name", "must not be empty")))

    assert told["errors"] == [{"field": "capabilities.0.name", "problem": "must not be empty"}]
    assert told["detail"] == "capabilities.0.name: must not be empty"


def test_a_problem_carries_the_data_of_its_error() -> None:
    told = body(problems.response(RevisionMismatch("default", "a1", 3, 4)))

    assert (told["namespace"], told["record_id"]) == ("default", "a1")
    assert (told["expected"], told["current"]) == (3, 4)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (RateLimited(0.01), "1"),
        (RateLimited(2.1), "3"),
        (StoreUnavailable("gone"), "1"),
        (Closed("closed"), "1"),
    ],
)
def test_who_may_come_back_is_told_when_in_whole_seconds(error: Exception, seconds: str) -> None:
    assert problems.response(error).headers["retry-after"] == seconds


@pytest.mark.parametrize(
    ("error", "challenge"),
    [
        (NotAuthenticated("no key", presented=False), 'Bearer realm="rollcall"'),
        (NotAuthenticated("bad key"), 'Bearer realm="rollcall", error="invalid_token"'),
        (
            NotPermitted("no", scope=ADMIN),
            'Bearer realm="rollcall", error="insufficient_scope", scope="admin"',
        ),
    ],
)
def test_a_caller_is_challenged_as_rfc_6750_says(error: Exception, challenge: str) -> None:
    assert problems.response(error).headers["www-authenticate"] == challenge


def test_a_refusal_that_no_scope_would_lift_is_no_challenge() -> None:
    assert "www-authenticate" not in problems.response(NotPermitted("no")).headers


def test_a_connection_with_an_unread_body_is_closed() -> None:
    assert problems.response(PayloadTooLarge(10)).headers["connection"] == "close"


@pytest.mark.parametrize("error", [ValueError("pw=hunter2"), StoreUnavailable("pw=hunter2")])
def test_what_went_wrong_inside_is_shown_in_development_alone(error: Exception) -> None:
    shown = Problems(ProblemTable(), development=True).response(error)
    hidden = problems.response(error)

    assert "hunter2" in body(shown)["detail"]
    assert b"hunter2" not in bytes(hidden.body)


def test_what_only_http_has_a_word_for_is_about_blank() -> None:
    response = problems.response(HTTPException(405, headers={"Allow": "GET"}))

    assert response.headers["allow"] == "GET"
    assert body(response) == {
        "type": "about:blank",
        "title": "Method Not Allowed",
        "status": 405,
        "detail": "this path takes GET",
    }


def test_a_path_that_nothing_has_is_told_where_to_look() -> None:
    said = body(problems.response(HTTPException(404)))
    assert said["title"] == "Not Found"
    assert "/docs" in said["detail"]


def test_what_was_said_of_a_status_is_kept() -> None:
    said = body(problems.response(HTTPException(404, "there is no such page")))
    assert said["detail"] == "there is no such page"


class WidgetTaken(RollcallError):
    def __init__(self, widget: str) -> None:
        super().__init__(f"widget {widget} is taken")
        self.widget = widget


class WidgetTakenTwice(WidgetTaken):
    pass


TAKEN: Mapping[type[Exception], Kind] = {
    WidgetTaken: Kind(409, "widget-taken", "The widget is taken", ("widget",))
}


@pytest.mark.parametrize("error", [WidgetTaken("w1"), WidgetTakenTwice("w1")])
def test_a_service_brings_lines_for_its_own_errors_and_their_subclasses(error: Exception) -> None:
    own = Problems(ProblemTable(TAKEN), development=False)

    assert own.expected(error)
    assert body(own.response(error)) == {
        "type": TYPE_PREFIX + "widget-taken",
        "title": "The widget is taken",
        "status": 409,
        "detail": "widget w1 is taken",
        "widget": "w1",
    }
    assert not problems.expected(error)


def test_an_error_has_one_line_alone() -> None:
    table = ProblemTable(TAKEN, TAKEN)

    with pytest.raises(ValueError, match="WidgetTaken is 'widget-taken' already"):
        table.register(WidgetTaken, Kind(400, "other", "Other"))


@pytest.mark.parametrize(
    ("loc", "kind", "field"),
    [
        (("body", "capabilities", 0, "name"), "missing", "capabilities.0.name"),
        (("query", "limit"), "int_parsing", "limit"),
        (("body",), "missing", "body"),
        (("body", 17), "json_invalid", "body"),
    ],
)
def test_a_field_is_named_without_the_part_of_the_request_it_is_in(
    loc: tuple[object, ...], kind: str, field: str
) -> None:
    told = field_error({"loc": loc, "type": kind, "msg": "no good", "input": "secret"})

    assert told == {"field": field, "problem": "no good"}


def test_many_errors_are_told_in_part() -> None:
    errors = [{"loc": ("body", n), "type": "missing", "msg": "m" * 3000} for n in range(500)]

    told = body(problems.response(RequestValidationError(errors)))

    assert len(told["errors"]) == 100
    assert len(told["errors"][0]["problem"]) == len(told["detail"]) == LONGEST_DETAIL


@given(st.text(st.characters(exclude_categories=[]), max_size=50))
@example("half a character: \ud800")
def test_whatever_was_sent_and_is_quoted_can_be_told(text: str) -> None:
    told = body(problems.response(InvalidInput(text, text)))

    assert told["errors"] == [{"field": text, "problem": text}]


@pytest.mark.parametrize("name", ["type", "title", "status", "detail", "instance", "request_id"])
def test_no_data_of_an_error_stands_in_the_place_of_what_every_problem_has(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}'"):
        Kind(409, "taken", "It is taken", ("invoice_id", name))
