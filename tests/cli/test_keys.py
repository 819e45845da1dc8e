from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.serving import REGISTRIES, Serving, serving
from support.typed import Shell


@pytest.fixture
def alone(tmp_path: Path) -> Shell:
    """At a machine where nothing runs."""
    return Shell({"ROLLCALL_DATA_DIR": str(tmp_path), "ROLLCALL_STORE": "sqlite"})


def test_keys_are_made_listed_and_revoked_before_the_first_start(alone: Shell) -> None:
    made = alone("keys", "create", "--name", "first", "--scope", "admin", "--scope", "read")
    text = made.out.strip()
    assert (made.code, text[:4]) == (0, "rck_")
    assert "not shown again" in made.err
    key_id = text.split("_")[1]

    listed = alone("keys", "list")
    assert listed.lines[1][:3] == [key_id, "first", "admin, read"]
    assert listed.lines[1][4:] == ["never", "no"]
    assert text not in listed.out + listed.err

    tried = alone("keys", "revoke", key_id, "--dry-run")
    assert "would revoke" in tried.out
    assert "first" in tried.out
    assert alone("keys", "revoke", key_id, typed="n\n").code == 1
    assert alone.json("keys", "list")[0]["revoked_at"] is None
    assert alone("keys", "revoke", key_id, "--yes").out == f"{key_id} is revoked\n"
    assert alone.json("keys", "list")[0]["revoked_at"] is not None


def test_a_key_that_is_not_there_is_not_found(alone: Shell) -> None:
    done = alone("keys", "revoke", "0" * 16, "--yes")
    assert (done.code, done.out) == (3, "")
    assert "keys list" in done.err


@pytest.mark.parametrize(
    "words",
    [
        "create --name x --scope everything",
        "create --name x --scope read --expires-in-days 0",
        "create --scope read",
    ],
)
def test_a_key_of_no_sense_is_wrong_usage(words: str, alone: Shell) -> None:
    assert alone("keys", *words.split()).code == 2
    assert alone("keys", "list").out == ""


def test_keys_need_a_place_that_outlives_the_command(alone: Shell) -> None:
    done = alone("keys", "list", ROLLCALL_STORE="memory")
    assert done.code == 2
    assert "memory keeps no keys" in done.err


def test_where_no_registry_answers_it_is_said_how_the_first_key_is_made(alone: Shell) -> None:
    done = alone("keys", "list", "--url", "http://127.0.0.1:9")
    assert (done.code, done.err.count("\n")) == (4, 2)
    assert "--data-dir" in done.err


@pytest.fixture
def first(tmp_path: Path) -> str:
    """An administrator's key in the data folder of `guarded`."""
    shell = Shell({})
    words = ("--name", "first", "--scope", "admin", "--data-dir", str(tmp_path / "data"))
    return shell("keys", "create", *words).out.strip()


@pytest.fixture
def guarded(first: str, tmp_path: Path) -> Iterator[Serving]:
    """A server that wants to know who its callers are."""
    with serving(tmp_path, *REGISTRIES, ROLLCALL_LOGIN="required") as server:
        yield server


def test_a_key_lets_in_where_a_login_is_required(guarded: Serving, first: str) -> None:
    shell = Shell(
        {"ROLLCALL_REGISTRY_URL": guarded.agents, "SERVICE_REGISTRY_URL": guarded.services}
    )
    refused = shell("stats")
    assert refused.code == 5
    assert "ROLLCALL_API_KEY" in refused.err
    assert shell("stats", "--api-key", first).code == 0

    made = shell("keys", "create", "--name", "reader", "--scope", "read", ROLLCALL_API_KEY=first)
    reader = made.out.strip()
    assert shell("stats", ROLLCALL_API_KEY=reader).code == 0
    words = ("agents", "register", "x", "--base-url", "http://x:1")
    denied = shell(*words, ROLLCALL_API_KEY=reader)
    assert denied.code == 5
    assert "scope register" in denied.err

    key_id = reader.split("_")[1]
    assert len(shell("keys", "list", ROLLCALL_API_KEY=first).lines) == 3
    done = shell("keys", "revoke", key_id, "--yes", ROLLCALL_API_KEY=first)
    assert done.out == f"{key_id} is revoked\n"
    assert shell("stats", ROLLCALL_API_KEY=reader).code == 5
    assert shell("keys", "revoke", "0" * 16, "--yes", ROLLCALL_API_KEY=first).code == 3
    assert first.split("_")[2] not in guarded.errors()


def test_while_a_registry_runs_on_the_data_it_is_asked(
    guarded: Serving, first: str, tmp_path: Path
) -> None:
    shell = Shell({"SERVICE_REGISTRY_URL": guarded.services, "ROLLCALL_API_KEY": first})
    rows = shell.json("keys", "list", "--data-dir", str(tmp_path / "data"))
    assert [one["name"] for one in rows] == ["first"]


def test_that_registry_is_looked_for_where_the_settings_say(
    guarded: Serving, first: str, tmp_path: Path
) -> None:
    shell = Shell(
        {
            "ROLLCALL_API_KEY": first,
            "ROLLCALL_DATA_DIR": str(tmp_path / "data"),
            "SERVICE_REGISTRY_PORT": guarded.services.rpartition(":")[2],
        }
    )
    assert [one["name"] for one in shell.json("keys", "list")] == ["first"]


def test_no_file_holds_the_text_of_a_key(alone: Shell, tmp_path: Path) -> None:
    text = alone("keys", "create", "--name", "a", "--scope", "read").out.strip()
    secret = text.split("_")[2].encode()
    assert all(secret not in one.read_bytes() for one in tmp_path.iterdir())
