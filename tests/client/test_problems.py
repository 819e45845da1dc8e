from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.client.errors import RegistryUnavailable, UnexpectedAnswer
from rollcall.client.problems import error_of, retry_after
from rollcall.kernel.caller import NotAuthenticated, NotPermitted, RateLimited
from rollcall.kernel.errors import Compacted, InvalidInput, RollcallError, Unavailable
from rollcall.kernel.record_errors import (
    Contention,
    LeaseNotFound,
    RecordExists,
    RecordNotFound,
    RevisionMismatch,
)
from rollcall.testing.clock import FrozenClock

URL = "http://registry:8009/agents/a"


def read(
    status: int,
    body: Any = None,
    headers: dict[str, str] | None = None,
    record_id: str | None = None,
) -> RollcallError:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return error_of(
        URL, status, headers or {}, content, record_id=record_id, authenticated=True, now=0.0
    )


def problem(name: str, **members: Any) -> dict[str, Any]:
    return {"type": f"urn:rollcall:problem:{name}", "title": "A title", **members}


@pytest.mark.parametrize(
    ("status", "name", "error"),
    [
        (404, "record-not-found", RecordNotFound("n", "r")),
        (404, "lease-not-found", LeaseNotFound("n", "l")),
        (409, "record-exists", RecordExists("n", "r")),
        (409, "contention", Contention("n", "r", 5)),
        (412, "revision-mismatch", RevisionMismatch("n", "r", 3, 7)),
        (410, "compacted", Compacted(3, 9)),
    ],
)
def test_what_the_registry_raised_is_raised_again_with_its_data(
    status: int, name: str, error: RollcallError
) -> None:
    again = read(status, problem(name, **vars(error)))

    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert str(again) == str(error)


def test_the_standard_table_of_the_web_kit_and_this_one_speak_of_the_same_errors() -> None:
    problems = pytest.importorskip("rollcall.web.problems")
    ours = problems.Problems(problems.ProblemTable(), development=False)

    for error in (
        RecordNotFound("n", "r"),
        LeaseNotFound("n", "l"),
        RecordExists("n", "r"),
        Contention("n", "r", 5),
        RevisionMismatch("n", "r", 3, 7),
        Compacted(3, 9),
        InvalidInput("capabilities.0.name", "must not be empty"),
        NotPermitted("your key is for reading", scope="register"),
        NotAuthenticated("the API key has expired"),
        RateLimited(3.0),
    ):
        answer = ours.response(error)
        again = error_of(
            URL,
            answer.status_code,
            answer.headers,
            bytes(answer.body),
            record_id=None,
            authenticated=True,
            now=0.0,
        )
        assert (type(again), vars(again)) == (type(error), vars(error))


def test_a_problem_that_does_not_say_which_record_is_about_the_one_asked_for() -> None:
    error = read(404, problem("record-not-found"), record_id="a")
    assert isinstance(error, RecordNotFound)
    assert (error.namespace, error.record_id) == ("default", "a")


def test_bad_input_names_its_field_and_mentions_the_others() -> None:
    errors = [{"field": "a", "problem": "is wrong"}, {"field": "b.0", "problem": "is missing"}]

    error = read(422, problem("invalid-input", errors=errors))

    assert isinstance(error, InvalidInput)
    assert (error.field, error.problem) == ("a", "is wrong")
    assert error.__notes__ == ["b.0: is missing"]


def test_a_problem_of_anothers_making_is_known_by_its_status() -> None:
    assert isinstance(read(404, {"detail": "Not Found"}, record_id="a"), RecordNotFound)
    assert isinstance(read(404, b"<html>", record_id=None), UnexpectedAnswer)
    assert isinstance(read(422, {"detail": [{"loc": ["body"]}]}), InvalidInput)
    assert isinstance(read(401, b""), NotAuthenticated)
    assert isinstance(read(403, {"detail": "no"}), NotPermitted)
    assert isinstance(read(302, b""), UnexpectedAnswer)
    assert isinstance(read(500, b"\xff\xfe"), UnexpectedAnswer)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_nobody_there_is_a_registry_unavailable_and_says_when_to_come_back(status: int) -> None:
    error = read(status, {"title": "The store does not answer"}, {"retry-after": "7"})

    assert isinstance(error, RegistryUnavailable)
    assert isinstance(error, Unavailable)
    assert error.retry_after == 7
    assert "The store does not answer" in str(error)


def test_too_many_requests_say_when_to_come_back() -> None:
    error = read(429, problem("rate-limited"), {"retry-after": "12"})
    assert isinstance(error, RateLimited)
    assert error.retry_after == 12


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("Sun, 15 Jun 2025 15:06:45 GMT", 5.0),
        ("Sun, 15 Jun 2025 15:06:35 GMT", 0.0),
        ("Sunday, 15-Jun-25 15:06:45 GMT", 5.0),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, FrozenClock().now()) == seconds


@given(st.integers(300, 599), st.binary() | st.text().map(str.encode), st.text())
def test_no_answer_whatever_breaks_the_reader(status: int, content: bytes, header: str) -> None:
    headers = {"retry-after": header}
    error = error_of(URL, status, headers, content, record_id="a", authenticated=False, now=0.0)
    assert isinstance(error, RollcallError)


@pytest.mark.parametrize(("type_", "ours"), [("urn:rollcall:problem:not-found", True), ("", False)])
def test_it_is_known_whether_a_service_of_ours_said_it(type_: str, ours: bool) -> None:
    error = read(404, {"type": type_, "detail": "there is none"}, record_id=None)
    assert isinstance(error, UnexpectedAnswer)
    assert (error.ours, error.problem) == (ours, "there is none")
