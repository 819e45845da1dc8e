"""How another library takes the place of the one that counts."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from rollcall.agents.wizard.shelf import Shelf
from rollcall.kernel.errors import InvalidInput
from rollcall.testing.clock import FrozenClock
from support.trades import SHELF


class Folder:
    """An operator's, with a list of models."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.say("openai:one: {label: One}\n")

    def say(self, text: str) -> None:
        (self.path / "models.yaml").write_text(text)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def test_a_broken_file_leaves_everything_as_it_was_and_a_good_one_counts_at_once(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FrozenClock()
    shelf = Shelf(clock, folder.path, SHELF)
    first, since = shelf.load(), shelf.loaded_at
    assert "openai:one" in first.models

    await clock.advance(60)
    folder.say("openai:one: {label: One}\nopenai:two: {}\n")
    with pytest.raises(InvalidInput, match=r"models\.yaml:2: openai:two: label is missing"):
        await shelf.reload()
    assert shelf.library is first
    assert shelf.loaded_at == since
    assert shelf.refused is not None
    assert "label is missing" in shelf.refused.problem

    folder.say("openai:two: {label: Two}\n")
    second = await shelf.reload()
    assert shelf.library is second
    assert (shelf.loaded_at - since).total_seconds() == 60
    assert shelf.refused is None
    assert second.revision != first.revision
    assert "openai:one" not in second.models

    folder.say("nonsense\n")
    with caplog.at_level(logging.INFO):
        await shelf.reload_or_tell()
    assert "the library stays as it was" in caplog.text
    folder.say("openai:one: {label: One}\n")
    with caplog.at_level(logging.INFO):
        await shelf.reload_or_tell()
    assert f"at revision {first.revision} now" in caplog.text


def test_a_broken_file_at_the_start_is_named(folder: Folder) -> None:
    folder.say("openai:one: 1\n")
    with pytest.raises(InvalidInput, match=r"models\.yaml:1: openai:one: expected object"):
        Shelf(FrozenClock(), folder.path, SHELF).load()
