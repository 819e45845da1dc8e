from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from rollcall.kernel.ids import RandomIds
from rollcall.web.auth import NO_KEY, ODD_KEY
from rollcall.web.correlation import CorrelationMiddleware
from rollcall.web.logs import REDACTED, handler, install, is_secret, redacted, told


@pytest.mark.parametrize(
    "name",
    [
        *("password", "PASSWORD", "db_password", "token", "access_token", "accessToken"),
        *("api_key", "apiKey", "X-API-Key", "Authorization", "proxy-authorization", "Set-Cookie"),
        *("client_secret", "private_key", "aws.credentials", "POSTGRES_PASSWORD"),
    ],
)
def test_secrets_are_told_by_their_names(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "tokens", "key_id", "key", "monkey", "passwordless", "secretary", "public_key"],
)
def test_what_only_sounds_like_a_secret_is_shown(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {REDACTED}"),
        (NO_KEY, NO_KEY),
        (ODD_KEY, ODD_KEY),
        ("postgresql://user:hunter2@db/x", f"postgresql://user:{REDACTED}@db/x"),
        (f"key rck_{'a' * 16}_{'b' * 64}", f"key rck_{'a' * 16}_{REDACTED}"),
        ("shown: rcp_eyJh.eyJi-_.c0.", f"shown: rcp_{REDACTED}"),
        ("http://localhost:8009/agents", "http://localhost:8009/agents"),
        ({"a": [{"token": "x", "n": 1}]}, {"a": [{"token": REDACTED, "n": 1}]}),
        (("Basic eHk=", 1.5, None), [f"Basic {REDACTED}", 1.5, None]),
        (f"the key sk-proj-{'c' * 40} is refused", f"the key sk-{REDACTED} is refused"),
    ],
)
def test_secrets_are_taken_out_wherever_they_are(value: object, shown: object) -> None:
    assert redacted(value) == shown


def test_what_is_nested_without_end_is_cut_short() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop

    assert "..." in str(redacted(loop))


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logger(stream: io.StringIO) -> Iterator[logging.Logger]:
    made = logging.getLogger("tests.web.logs")
    out = handler(stream, development=False)
    made.addHandler(out)
    made.propagate = False
    yield made
    made.removeHandler(out)
    made.propagate = True


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_in_production_a_line_is_one_object(logger: logging.Logger, stream: io.StringIO) -> None:
    logger.warning("agent %s is late", "a1", extra={"seconds": 3, "api_key": "x", "at": object()})

    [line] = lines(stream)
    assert line["event"] == "agent a1 is late"
    assert (line["level"], line["logger"], line["seconds"]) == ("warning", "tests.web.logs", 3)
    assert line["api_key"] == REDACTED
    assert line["timestamp"].endswith("Z")


def test_a_traceback_is_part_of_the_line_and_shows_no_secret(
    logger: logging.Logger, stream: io.StringIO
) -> None:
    try:
        raise ConnectionError("cannot reach postgresql://user:hunter2@db")
    except ConnectionError:
        logger.exception("failed")

    [line] = lines(stream)
    assert "ConnectionError: cannot reach postgresql" in line["exception"]
    assert "hunter2" not in stream.getvalue()


async def test_every_line_says_which_request_it_is_about(
    logger: logging.Logger, stream: io.StringIO, connect
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        logger.warning("inside")
        await PlainTextResponse("")(scope, receive, send)

    async with connect(CorrelationMiddleware(app, RandomIds())) as client:
        await client.get("/", headers={"X-Request-ID": "order-17"})
    logger.warning("outside")

    inside, outside = lines(stream)
    assert inside["request_id"] == "order-17"
    assert len(inside["trace_id"]) == 32
    assert "request_id" not in outside


def test_in_development_a_line_is_for_people(stream: io.StringIO) -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "hello", (), None)
    record.password = "hunter2"  # noqa: S105

    text = handler(stream, development=True).format(record)

    assert "hello" in text
    assert "hunter2" not in text
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_structlog_goes_the_same_way(logger: logging.Logger, stream: io.StringIO) -> None:
    wrapped = structlog.wrap_logger(
        logger,
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
    )

    wrapped.warning("bound", token="x", count=1)  # noqa: S106

    [line] = lines(stream)
    assert (line["event"], line["token"], line["count"]) == ("bound", REDACTED, 1)


def test_installed_it_takes_what_everybody_logs(stream: io.StringIO) -> None:
    root, uvicorn = logging.getLogger(), logging.getLogger("uvicorn.access")
    before = root.handlers[:], root.level, uvicorn.handlers[:], uvicorn.propagate
    try:
        uvicorn.addHandler(logging.NullHandler())
        install(handler(stream, development=False), "info")
        uvicorn.info("GET /")
        root.debug("not this")
    finally:
        root.handlers[:], uvicorn.handlers[:] = before[0], before[2]
        root.setLevel(before[1])
        uvicorn.propagate = before[3]

    assert [line["event"] for line in lines(stream)] == ["GET /"]


def test_installed_it_has_the_server_say_nothing_of_what_was_told(stream: io.StringIO) -> None:
    root, server = logging.getLogger(), logging.getLogger("uvicorn.error")
    before = root.handlers[:], root.level, server.handlers[:], server.propagate, server.filters[:]
    error = ConnectionError("lost")
    try:
        install(handler(stream, development=False), "info")
        server.error("before", exc_info=error)
        told(error)
        server.error("after", exc_info=error)
        server.error("without")
    finally:
        root.handlers[:], server.handlers[:], server.filters[:] = before[0], before[2], before[4]
        root.setLevel(before[1])
        server.propagate = before[3]

    assert [line["event"] for line in lines(stream)] == ["before", "without"]


@pytest.mark.parametrize("development", [True, False])
def test_a_traceback_shows_no_values(stream: io.StringIO, development: bool) -> None:
    out = handler(stream, development=development)
    given = "what the caller sent"
    try:
        raise ValueError(f"Bearer hunter2, {len(given)} characters")
    except ValueError:
        record = logging.makeLogRecord({"msg": "failed", "exc_info": sys.exc_info()})
    out.handle(record)

    said = stream.getvalue()
    assert "Traceback" in said
    assert f"Bearer {REDACTED}, 20 characters" in said
    assert given not in said


@pytest.mark.parametrize("development", [True, False])
def test_what_somebody_said_neither_begins_a_line_nor_steers_a_terminal(
    stream: io.StringIO, development: bool
) -> None:
    out = handler(stream, development=development)
    forged = "x\r\n2026-01-01T00:00:00Z [info] all is well\x1b[2J\u202e\u2028"
    record = logging.makeLogRecord({"msg": f"refused: {forged}", "told": forged, "one": ["\x1b"]})
    try:
        raise ValueError(forged)
    except ValueError:
        record.exc_info = sys.exc_info()
    out.handle(record)

    said = stream.getvalue()
    assert not set(said) & set("\r\x1b\u202e\u2028")
    assert sum(line.startswith("20") for line in said.splitlines()) == (1 if development else 0)
    assert all(line[0] in " 2{" for line in said.splitlines())


def test_what_is_long_is_cut(logger: logging.Logger, stream: io.StringIO) -> None:
    long = f"{'a' * 1_000_000}the end"
    logger.warning(long, extra={"values": ["b" * 1_000_000]})

    [line] = lines(stream)
    assert len(stream.getvalue()) < 20_000
    assert line["event"].endswith("the end")
    assert "992,007 characters" in line["event"]
