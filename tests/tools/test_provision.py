"""What the script that installs servers decides; it installs nothing here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from support.servers import bigquery
from support.servers.kafka import jars

SCRIPT = Path(__file__).parents[2] / "tools" / "provision.py"
_spec = spec_from_file_location("provision", SCRIPT)
assert _spec is not None
assert _spec.loader is not None
provision = module_from_spec(_spec)
sys.modules["provision"] = provision
_spec.loader.exec_module(provision)


class Apt:
    """Answers each command with the next code, and with the last from then on."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.commands: list[Sequence[str]] = []

    def __call__(self, command: Sequence[str]) -> int:
        self.commands.append(command)
        return self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]


def test_a_server_is_there_where_its_files_are(tmp_path: Path) -> None:
    (postgres,) = [one for one in provision.SERVERS if one.name == "PostgreSQL"]
    assert not provision.installed(postgres, tmp_path)
    program = tmp_path / "usr/lib/postgresql/15/bin/initdb"
    program.parent.mkdir(parents=True)
    program.touch()
    assert provision.installed(postgres, tmp_path)


def test_packages_are_installed_with_fresh_lists_and_without_what_they_recommend() -> None:
    apt = Apt(0)
    assert provision.install(["zookeeper"], apt)
    assert apt.commands[0][:2] == ("apt-get", "update")
    assert apt.commands[1][1] == "install"
    assert {"--no-install-recommends", "zookeeper"} <= set(apt.commands[1])


@pytest.mark.parametrize("codes", [(1, 0), (0, 100, 0, 0)])
def test_trouble_on_the_way_is_tried_again(codes: tuple[int, ...]) -> None:
    assert provision.install(["zookeeper"], Apt(*codes))


def test_trouble_that_stays_is_given_up() -> None:
    apt = Apt(1)
    assert not provision.install(["zookeeper"], apt)
    assert len(apt.commands) == provision.TRIES


def test_who_may_not_install_is_told_how() -> None:
    missing = list(provision.SERVERS)
    assert "sudo apt-get install" in provision.advice(missing, root=False, apt=True)
    assert "postgresql-15" in provision.advice(missing, root=True, apt=False)
    assert provision.advice(missing, root=True, apt=True) == ""


class Maven:
    """Fetches two files with each command that ends well; the codes are given."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.commands: list[Sequence[str]] = []

    def __call__(self, command: Sequence[str]) -> int:
        self.commands.append(command)
        (folder,) = [
            Path(one.partition("=")[2]) for one in command if one.startswith("-DoutputDirectory=")
        ]
        folder.mkdir(exist_ok=True)
        (folder / "kafka.jar").touch()
        return self.codes.pop(0)


def test_kafka_is_fetched_once_and_taken_for_there_only_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "kafka"
    assert not provision.fetch_kafka(folder, Maven(1, 1, 1))
    assert not folder.exists()

    maven = Maven(1, 0)
    assert provision.fetch_kafka(folder, maven)
    assert sorted(one.name for one in folder.iterdir()) == ["complete", "kafka.jar"]
    assert sorted(one.name for one in folder.parent.iterdir()) == ["kafka"]
    assert provision.fetch_kafka(folder, maven)
    assert len(maven.commands) == 2


def test_the_pinned_kafka_is_the_one_that_is_cached() -> None:
    assert f"<version>{provision.KAFKA}</version>" in provision.POM.read_text(encoding="utf-8")
    assert provision.kafka_folder() == jars()


class Installer:
    """Makes an environment as the standard library does; each other step ends as is told."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.commands: list[Sequence[str]] = []

    def __call__(self, command: Sequence[str]) -> int:
        self.commands.append(command)
        if command[1:3] == ("-m", "venv"):
            python = Path(command[3], "bin", "python")
            python.parent.mkdir()
            python.touch()
            return 0
        return self.codes.pop(0)


def test_the_emulator_is_installed_once_and_taken_for_there_only_as_a_whole(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "cache" / "emulator"
    assert not provision.fetch_emulator(folder, Installer(1, 0, 1), None)
    assert not folder.exists()

    installer = Installer(0, 0)
    assert provision.fetch_emulator(folder, installer, None)
    assert provision.emulator_there(folder)
    assert [one.name for one in folder.parent.iterdir()] == ["emulator"]
    assert "--require-hashes" in installer.commands[1]
    assert provision.fetch_emulator(folder, installer, None)
    assert len(installer.commands) == 3

    (folder / "complete").write_text("of other pins")
    assert not provision.emulator_there(folder)
    assert provision.fetch_emulator(folder, Installer(0, 0), None)

    (folder / "bin" / "python").unlink()
    assert not provision.emulator_there(folder)
    assert provision.fetch_emulator(folder, Installer(0, 0), None)
    assert provision.emulator_there(folder)


def test_pip_installs_the_emulator_where_uv_cannot(tmp_path: Path) -> None:
    installer = Installer(1, 0, 0)
    assert provision.fetch_emulator(tmp_path / "emulator", installer, "/usr/bin/uv")
    ways = [one for one in installer.commands if "--requirement" in one]
    assert [one[0] == "/usr/bin/uv" for one in ways] == [True, False]


def test_the_pinned_emulator_is_the_one_that_is_cached() -> None:
    pins = provision.PINS.read_text(encoding="utf-8").splitlines()
    assert any(one.startswith(f"bqemulator=={provision.EMULATOR} ") for one in pins)
    assert provision.emulator_folder() == bigquery.folder()


def test_it_explains_itself_and_checks_without_installing() -> None:
    told = subprocess.run(
        [sys.executable, SCRIPT, "--help"], capture_output=True, text=True, check=True
    )
    assert "--check" in told.stdout
    checked = subprocess.run(
        [sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode in (0, 1)
    assert all(server.name in checked.stdout for server in provision.SERVERS)
