from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from filelock import FileLock

from rollcall.app.doctor import examine
from rollcall.app.findings import Finding, Grade
from rollcall.app.settings import Settings
from rollcall.backends.records.sqlite import SqliteStore
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from support.servers.postgres import Postgres

Examined = Callable[..., dict[str, Finding]]


@pytest.fixture
def examined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Examined:
    """What is found with settings that differ from those of a fresh folder, by its subject."""
    monkeypatch.chdir(tmp_path)

    def find(**variables: str) -> dict[str, Finding]:
        settings = Settings.load(
            {
                "SERVICE_REGISTRY_PORT": "0",
                "ROLLCALL_AGENT_REGISTRY_PORT": "0",
                "ROLLCALL_DATA_DIR": str(tmp_path / "data"),
                **variables,
            }
        )
        return {one.subject: one for one in examine(settings)}

    return find


def test_a_folder_that_a_process_has_is_said(examined: Examined, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with FileLock(tmp_path / "data" / "records.db.lock"):
        found = examined()["records.db"]
    assert found.grade is Grade.WARNING
    assert "in use" in found.text


def test_a_file_of_something_else_is_an_error(examined: Examined, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "records.db").write_text("Dear diary", encoding="utf-8")
    found = examined()["records.db"]
    assert found.grade is Grade.ERROR
    assert "no SQLite file" in found.text


def test_a_file_with_secrets_that_others_may_read_is_a_warning(
    examined: Examined, tmp_path: Path
) -> None:
    env = tmp_path / ".env"
    env.write_text("POSTGRES_PASSWORD=x\n", encoding="utf-8")
    env.chmod(0o644)
    assert "chmod 600" in examined()[".env"].text
    env.chmod(0o600)
    assert examined()[".env"].grade is Grade.OK


@contextlib.contextmanager
def answering(said: bytes) -> Iterator[int]:
    """A server that says this to whoever asks something, and hangs up; its port."""

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(16)
            connection.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        yield listening.getsockname()[1]
        thread.join(30)


def test_a_port_of_somebody_else_is_an_error(examined: Examined) -> None:
    with answering(b"220 mail.example ready") as port:
        found = examined(SERVICE_REGISTRY_PORT=str(port))[f"port {port}"]
    assert found.grade is Grade.ERROR
    assert "SERVICE_REGISTRY_PORT" in found.text


def test_where_others_can_reach_it_keys_and_encryption_are_asked_for(examined: Examined) -> None:
    found = examined(ROLLCALL_HOST="0.0.0.0")  # noqa: S104
    assert "keys create" in found["login"].text
    assert "TLS" in found["encryption"].text
    with_tokens = examined(
        ROLLCALL_HOST="0.0.0.0",  # noqa: S104
        ROLLCALL_JWT_ISSUER="https://id",
        ROLLCALL_JWT_JWKS_URL="https://id/keys",
    )
    assert with_tokens["login"].grade is Grade.OK
    assert with_tokens["settings"].grade is Grade.OK


def test_an_address_that_is_none_is_an_error(examined: Examined) -> None:
    found = examined(ROLLCALL_HOST="http://[::1", SERVICE_REGISTRY_PORT="9")["port 9"]
    assert found.grade is Grade.ERROR
    assert "ROLLCALL_HOST" in found.text


def test_settings_that_contradict_each_other_are_an_error(examined: Examined) -> None:
    found = examined(ZOOKEEPER_HOSTS="zk:2181", POSTGRES_HOST="pg")["settings"]
    assert found.grade is Grade.ERROR
    assert "ROLLCALL_STORE" in found.text


@pytest.mark.parametrize(
    ("said", "grade", "text"),
    [
        (
            b"Zookeeper version: 3.8.0-, built on 2022\nLatency min/avg/max: 0/0/0\nMode: leader\n",
            Grade.OK,
            "version 3.8.0, leader",
        ),
        (b"srvr is not executed because it is not in the whitelist.\n", Grade.WARNING, "whitelist"),
    ],
)
def test_zookeeper_is_asked_how_it_is(
    said: bytes, grade: Grade, text: str, examined: Examined
) -> None:
    with answering(said) as port:
        found = examined(ZOOKEEPER_HOSTS=f"127.0.0.1:{port}")["ZooKeeper"]
    assert found.grade is grade
    assert text in found.text


def test_a_zookeeper_that_is_away_is_an_error(examined: Examined) -> None:
    assert examined(ZOOKEEPER_HOSTS="127.0.0.1:9")["ZooKeeper"].grade is Grade.ERROR


@pytest.mark.server
def test_postgresql_says_its_version_and_the_form_of_our_tables(
    examined: Examined, postgres: Postgres, fresh_database: Callable[[], str]
) -> None:
    found = examined(ROLLCALL_STORE=fresh_database())
    assert found["PostgreSQL"].grade is Grade.OK
    assert "tables at 0" in found["PostgreSQL"].text
    assert found["clock"].grade is Grade.OK

    empty = examined(ROLLCALL_STORE=postgres.create("doctor_empty"))
    assert "no tables yet" in empty["PostgreSQL"].text


def execute(url: str, statement: str) -> None:
    """Have a database do one thing."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(run())


@pytest.mark.server
def test_tables_of_another_version_are_said(
    examined: Examined, fresh_database: Callable[[], str]
) -> None:
    url = fresh_database()
    execute(url, "UPDATE rollcall_version SET version_num = '9999'")
    assert examined(ROLLCALL_STORE=url)["PostgreSQL"].grade is Grade.ERROR
    execute(url, "UPDATE rollcall_version SET version_num = '0001'")
    found = examined(ROLLCALL_STORE=url)["PostgreSQL"]
    assert found.grade is Grade.WARNING
    assert "backup" in found.text


@pytest.mark.server
def test_a_clock_that_is_off_the_stores_is_a_warning(postgres: Postgres, tmp_path: Path) -> None:
    settings = Settings.load({"ROLLCALL_STORE": postgres.url(), "ROLLCALL_DATA_DIR": str(tmp_path)})
    late = FrozenClock(SystemClock().now() - 60)
    (found,) = [one for one in examine(settings, late) if one.subject == "clock"]
    assert found.grade is Grade.WARNING
    assert "behind" in found.text


@pytest.mark.server
def test_a_database_that_is_not_there_is_an_error(examined: Examined, postgres: Postgres) -> None:
    found = examined(ROLLCALL_STORE=postgres.url("nowhere"))["PostgreSQL"]
    assert found.grade is Grade.ERROR
    assert "nowhere" in found.text


async def test_a_clock_that_was_set_back_is_a_warning(tmp_path: Path) -> None:
    clock = FrozenClock()
    store = SqliteStore(tmp_path / "data" / "records.db", clock, RandomIds())
    await store.open()
    await store.renew([], clock.now())
    await store.close()
    settings = Settings.load(
        {
            "SERVICE_REGISTRY_PORT": "0",
            "ROLLCALL_AGENT_REGISTRY_PORT": "0",
            "ROLLCALL_DATA_DIR": str(tmp_path / "data"),
        }
    )

    def clock_at(now: float) -> Finding:
        found = examine(settings, FrozenClock(now))
        return next(one for one in found if one.subject == "clock")

    later, earlier = await asyncio.gather(
        *(asyncio.to_thread(clock_at, clock.now() + by) for by in (60, -60))
    )
    assert later.grade is Grade.OK
    assert earlier.grade is Grade.WARNING
    assert "60 s before" in earlier.text


def test_without_anything_to_compare_it_with_the_time_is_shown(examined: Examined) -> None:
    found = examined()["clock"]
    assert found.grade is Grade.OK
    assert "UTC; there is nothing here to compare it with" in found.text


def test_traces_need_their_extra(examined: Examined) -> None:
    found = examined(ROLLCALL_TRACES="console")["extra otel"]
    assert found.grade is Grade.OK
    assert found.text == "installed: traces"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"ROLLCALL_GATEWAY_ROUTES": "/api/agents/x=quotes"}, "ROLLCALL_GATEWAY_ROUTES"),
        ({"ROLLCALL_TRUSTED_PROXIES": "somewhere"}, "ROLLCALL_TRUSTED_PROXIES"),
        ({"AGENT_SERVICE_URL": "http://a", "AGENT_WIZARD_URL": "http://b"}, "AGENT_WIZARD_URL"),
    ],
)
def test_what_the_gateway_would_not_start_with_is_an_error(
    variables: dict[str, str], said: str, examined: Examined
) -> None:
    found = examined(**variables)["settings"]
    assert found.grade is Grade.ERROR
    assert said in found.text
