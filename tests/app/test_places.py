# SPDX-License-Identifier: Apache-2.0
"""Which settings decide where things are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollcall.app.places import Places, places, told
from rollcall.app.settings import Settings
from rollcall.kernel.errors import InvalidInput


def of(tmp_path: Path, **variables: str) -> Places:
    return places(Settings.load({"ROLLCALL_DATA_DIR": str(tmp_path), **variables}))


def test_without_any_setting_it_is_sqlite_in_the_data_folder(tmp_path: Path) -> None:
    where = of(tmp_path)
    assert where.records == f"sqlite:///{tmp_path}/records.db"
    assert where.database == f"sqlite:///{tmp_path}/services.db"
    assert where.kind == "sqlite"
    assert of(tmp_path, ROLLCALL_STORE="sqlite") == where


def test_a_folder_with_odd_characters_is_written_so_that_it_is_read_back(tmp_path: Path) -> None:
    where = of(tmp_path / "50% off? #1")
    assert "%25" in where.records
    assert "?" not in where.records
    assert "#" not in where.records


def test_a_file_that_is_named_has_the_database_beside_it(tmp_path: Path) -> None:
    where = of(tmp_path, ROLLCALL_STORE="sqlite:////srv/fleet.db")
    assert where.database == "sqlite:////srv/fleet.services.db"
    assert of(tmp_path, ROLLCALL_STORE="sqlite:///fleet.db").database == (
        "sqlite:///fleet.services.db"
    )


def test_memory_keeps_nothing(tmp_path: Path) -> None:
    where = of(tmp_path, ROLLCALL_STORE="memory")
    assert where == Places("memory", "memory")


def test_postgres_variables_choose_postgresql_for_both(tmp_path: Path) -> None:
    where = of(tmp_path, POSTGRES_HOST="db", POSTGRES_USER="me", POSTGRES_PASSWORD="a/b@c:d")  # noqa: S106
    assert where.records == "postgresql://me:a%2Fb%40c%3Ad@db:5432/rollcall"
    assert where.database == where.records
    assert where.told == "postgresql://me@db:5432/rollcall"
    assert of(tmp_path, ROLLCALL_STORE="postgresql", POSTGRES_HOST="db").kind == "postgresql"


def test_the_password_may_be_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    where = of(tmp_path, POSTGRES_HOST="db", POSTGRES_PASSWORD_FILE=str(secret))
    assert where.records == "postgresql://rollcall:hunter2@db:5432/rollcall"


def test_a_password_file_that_is_not_there_is_an_error_that_names_the_variable(
    tmp_path: Path,
) -> None:
    with pytest.raises(InvalidInput) as refused:
        of(tmp_path, POSTGRES_HOST="db", POSTGRES_PASSWORD_FILE=str(tmp_path / "none"))
    assert refused.value.field == "POSTGRES_PASSWORD_FILE"


def test_zookeeper_keeps_records_and_sqlite_the_rest(tmp_path: Path) -> None:
    where = of(tmp_path, ZOOKEEPER_HOSTS="a:2181,b:2181")
    assert where.records == "zookeeper://a:2181,b:2181/services?timeout=10"
    assert where.database == f"sqlite:///{tmp_path}/services.db"


def test_both_at_once_is_an_error_that_explains(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="both ZOOKEEPER_HOSTS and POSTGRES_HOST") as refused:
        of(tmp_path, ZOOKEEPER_HOSTS="a:2181", POSTGRES_HOST="db")
    assert refused.value.field == "ROLLCALL_STORE"


def test_both_at_once_with_the_store_named_is_fine(tmp_path: Path) -> None:
    where = of(
        tmp_path,
        ROLLCALL_STORE="zookeeper",
        ZOOKEEPER_HOSTS="a:2181",
        POSTGRES_HOST="db",
        ZOOKEEPER_ROOT="/fleet",
    )
    assert where.records == "zookeeper://a:2181/fleet?timeout=10"
    assert where.database == "postgresql://rollcall@db:5432/rollcall"


@pytest.mark.parametrize(
    ("store", "variable"), [("zookeeper", "ZOOKEEPER_HOSTS"), ("postgresql", "POSTGRES_HOST")]
)
def test_a_store_that_is_named_without_its_server_is_an_error(
    store: str, variable: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput) as refused:
        of(tmp_path, ROLLCALL_STORE=store)
    assert refused.value.field == variable


def test_the_database_can_be_named(tmp_path: Path) -> None:
    where = of(tmp_path, ROLLCALL_STORE="memory", ROLLCALL_DATABASE="sqlite:///keys.db")
    assert where.database == "sqlite:///keys.db"


def test_what_is_told_of_a_place_holds_no_password() -> None:
    assert told("postgresql://me:hun%40ter2@db/fleet") == "postgresql://me@db/fleet"
    assert told("postgresql://db/fleet") == "postgresql://db/fleet"
    assert told("sqlite:////srv/fleet.db") == "/srv/fleet.db"
    assert told("zookeeper://a:1,b:2/fleet?timeout=10") == "zookeeper://a:1,b:2/fleet"
    assert told("memory") == "memory"


def test_facts_are_in_a_file_beside_the_services_and_each_registry_has_its_own(
    tmp_path: Path,
) -> None:
    assert of(tmp_path).facts == tmp_path / "analytics.duckdb"
    odd = tmp_path / "50% off? #1"
    assert of(odd).facts == odd / "analytics.duckdb"
    named = of(tmp_path, ROLLCALL_STORE="sqlite:////srv/fleet.db")
    assert named.facts == Path("/srv/fleet.analytics.duckdb")
    assert of(tmp_path, ROLLCALL_STORE="memory").facts is None
    assert of(tmp_path, ROLLCALL_STORE="postgresql://db/fleet").facts is None
