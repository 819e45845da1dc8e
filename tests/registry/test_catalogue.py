# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.registry.catalogue import open_store
from rollcall.testing.clock import FrozenClock


async def made_at(url: str) -> None:
    store = open_store(url, FrozenClock(), RandomIds())
    await store.open()
    await store.close()


@pytest.mark.parametrize("url", ["memory", "memory://", "MEMORY://"])
async def test_memory_needs_no_place(url: str) -> None:
    store = open_store(url, FrozenClock(), RandomIds())
    assert not store.traits.durable
    assert (await store.open()).revision == 0


async def test_three_slashes_are_a_path_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await made_at("sqlite:///data/fleet.db")
    assert (tmp_path / "data" / "fleet.db").is_file()


async def test_four_slashes_are_an_absolute_path(tmp_path: Path) -> None:
    await made_at(f"sqlite:///{tmp_path}/fleet.db")
    assert (tmp_path / "fleet.db").is_file()


async def test_a_path_is_percent_decoded(tmp_path: Path) -> None:
    await made_at(f"sqlite:///{tmp_path}/my%20fleet%3F.db")
    assert (tmp_path / "my fleet?.db").is_file()


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("sqlite://fleet.db", "sqlite:///fleet.db"),
        ("sqlite://var/fleet.db", "sqlite:///var/fleet.db"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///a%00b", "names no file"),
        ("sqlite:fleet.db", "sqlite:///fleet.db"),
        ("sqlite", "sqlite:///fleet.db"),
        ("fleet.db", "sqlite:///fleet.db"),
        ("/var/lib/fleet.db", "sqlite:////var/lib/fleet.db"),
        ("", "sqlite:///fleet.db"),
        ("  ", "sqlite:///fleet.db"),
        ("localhost:5432", "sqlite:///fleet.db"),
        ("memory://here", "memory://"),
        ("memory:///here", "memory://"),
        ("sqlite:///fleet.db?mode=ro", "%3F"),
        ("sqlite:///fleet.db#1", "%23"),
        ("sqlite://[bad/fleet.db", "no URL"),
    ],
)
def test_a_url_that_cannot_be_used_says_what_would_be_right(url: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_store(url, FrozenClock(), RandomIds())
    assert caught.value.field == "store"
    assert hint in caught.value.problem


def test_an_unknown_scheme_lists_the_known(subtests: pytest.Subtests) -> None:
    for url in ("sqlte:///fleet.db", "mysql://host/db", "://x"):
        with (
            subtests.test(url=url),
            pytest.raises(InvalidInput, match="memory://, postgresql://, sqlite://, zookeeper://"),
        ):
            open_store(url, FrozenClock(), RandomIds())


@given(st.text())
def test_any_text_gives_a_store_or_a_clear_error(text: str) -> None:
    with suppress(InvalidInput):
        open_store(text, FrozenClock(), RandomIds())


def test_another_distribution_may_bring_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rollcall.record_stores]\ntheirs = their_store:make\n")
    (tmp_path / "their_store.py").write_text(
        "from rollcall.backends.records.inmemory import InMemoryStore\n"
        "class TheirStore(InMemoryStore):\n"
        "    place = ''\n"
        "def make(url, clock, ids):\n"
        "    store = TheirStore(clock, ids)\n"
        "    store.place = url.netloc\n"
        "    return store\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    store = open_store("theirs://host:7", FrozenClock(), RandomIds())
    assert getattr(store, "place") == "host:7"  # noqa: B009
    with pytest.raises(InvalidInput, match="theirs://"):
        open_store("nobody://", FrozenClock(), RandomIds())


def test_the_catalogue_loads_no_driver() -> None:
    code = (
        "import sys, rollcall.registry.catalogue as c;"
        "from rollcall.testing.clock import FrozenClock; from rollcall.kernel.ids import RandomIds;"
        "c.open_store('memory', FrozenClock(), RandomIds());"
        "assert 'sqlite3' not in sys.modules and 'filelock' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
