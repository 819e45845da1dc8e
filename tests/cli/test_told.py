from __future__ import annotations

import contextlib
import io
import json
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from rollcall.cli.exits import Exit, code_of, errors_told
from rollcall.cli.told import age, as_json, as_json_line, cells, clean, pairs, table
from rollcall.client.errors import RegistryUnavailable, UnexpectedAnswer
from rollcall.kernel.caller import NotAuthenticated, NotPermitted, RateLimited
from rollcall.kernel.errors import Compacted, InvalidInput, RollcallError, StoreUnavailable
from rollcall.kernel.record_errors import RecordNotFound


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=5), "5 s ago"),
        (timedelta(seconds=119), "119 s ago"),
        (timedelta(seconds=150), "2 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=9), "9 d ago"),
        (timedelta(seconds=-3), "0 s ago"),
    ],
)
def test_an_age_is_told_in_the_unit_that_fits(ago: timedelta, words: str) -> None:
    now = datetime(2026, 1, 10, tzinfo=UTC)
    assert age((now - ago).isoformat(), now) == words


def test_what_is_no_time_is_shown_as_it_is() -> None:
    assert age("yesterday") == "yesterday"
    assert age(None) == "never"


@given(st.text())
def test_no_text_of_others_can_steer_a_terminal(text: str) -> None:
    shown = clean(text)
    assert len(shown) == len(text)
    assert not {unicodedata.category(one) for one in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(one) for one in shown} & {
        *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    }


def test_letters_and_pictures_are_shown_as_they_are() -> None:
    assert clean("Grüße 👋") == "Grüße 👋"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_says_everything_and_steers_nothing(text: str) -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        as_json_line({"text": text})
        as_json({"text": text})
    line, rest = said.getvalue().split("\n", 1)
    assert json.loads(line) == json.loads(rest) == {"text": text}
    assert "Cc" not in {unicodedata.category(one) for one in said.getvalue().replace("\n", "")}


def test_off_a_terminal_a_table_has_tabs_and_no_colours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table(("name", "status"), [("a\tb", "active")])
    cells(["x", None, "", "active -> offline"])
    pairs([("status", "active"), ("missing", None), ("the rest", 0)])
    assert capsys.readouterr().out.splitlines() == [
        "name\tstatus",
        "a\ufffdb\tactive",
        "x\tactive -> offline",
        "status    active",
        "the rest  0",
    ]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RecordNotFound("default", "x"), Exit.NOT_FOUND),
        (UnexpectedAnswer("http://x", 404, "no"), Exit.NOT_FOUND),
        (UnexpectedAnswer("http://x", 500, "no"), Exit.FAILED),
        (RegistryUnavailable("http://x", "no answer"), Exit.UNREACHABLE),
        (StoreUnavailable("away"), Exit.UNREACHABLE),
        (NotAuthenticated("no key"), Exit.NOT_PERMITTED),
        (NotPermitted("not yours"), Exit.NOT_PERMITTED),
        (InvalidInput("field", "must be"), Exit.USAGE),
        (RateLimited(1.0), Exit.FAILED),
        (Compacted(1, 2), Exit.FAILED),
    ],
)
def test_each_sort_of_error_has_its_exit_code(error: RollcallError, code: int) -> None:
    assert code_of(error) == code


def told(error: RollcallError, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(typer.Exit), errors_told():
        raise error
    return capsys.readouterr().err


def test_what_a_service_has_a_word_for_is_told_without_doubt_about_its_address(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = UnexpectedAnswer("http://here/api", 404, "there is no invoice 'x'", ours=True)
    assert told(error, capsys) == "rollcall: there is no invoice 'x'\n"


def test_an_answer_of_somebody_else_is_told_with_its_address_and_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = told(UnexpectedAnswer("http://here/api", 404, "Not Found"), capsys)
    assert "http://here/api answered 404: Not Found" in said
    assert "--url" in said
