"""The import contracts of pyproject.toml hold, and break when somebody breaks them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = "Dependencies point one way"
CORE = "Core and services know no framework and no driver"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the source and its contracts, to plant imports in."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def plant(tree: Path, module: str, line: str) -> None:
    path = tree / "src" / "rollcall" / f"{module}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=tree,
        # Before the installed package, so that the copy is what is looked at.
        env={**os.environ, "PYTHONPATH": str(tree / "src"), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_source_keeps_every_contract(tree: Path) -> None:
    result = lint_imports(tree)

    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{LAYERS} KEPT" in result.stdout
    assert f"{CORE} KEPT" in result.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        pytest.param("kernel/planted", "import rollcall.registry", LAYERS, id="upwards"),
        pytest.param("policies/planted", "import rollcall.client", LAYERS, id="policies-client"),
        pytest.param("client/planted", "import rollcall.registry", LAYERS, id="client-registry"),
        pytest.param("events/planted", "import rollcall.registry", LAYERS, id="events-registry"),
        pytest.param("registry/planted", "import rollcall.backends", LAYERS, id="core-backends"),
        pytest.param("backends/planted", "import rollcall.testing", LAYERS, id="backends-testing"),
        pytest.param("registry/planted", "import sqlite3", CORE, id="driver-of-the-library"),
        pytest.param("client/planted", "from fastapi import FastAPI", CORE, id="framework"),
        pytest.param(
            "orchestration/planted", "from google.cloud import bigquery", CORE, id="namespace"
        ),
        pytest.param(
            "registry/planted",
            "def late() -> None:\n    import wordllama",
            CORE,
            id="inside-a-function",
        ),
    ],
)
def test_a_forbidden_import_breaks_the_contract_it_is_against(
    tree: Path, module: str, line: str, contract: str
) -> None:
    plant(tree, module, line)

    result = lint_imports(tree)

    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{contract} BROKEN" in result.stdout
    assert f"rollcall.{module.replace('/', '.')}" in result.stdout


def test_a_driver_behind_another_module_breaks_the_contract(tree: Path) -> None:
    plant(tree, "planted_helper/__init__", "import sqlite3")
    plant(tree, "registry/planted", "import rollcall.planted_helper")

    result = lint_imports(tree)

    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{CORE} BROKEN" in result.stdout
    assert "rollcall.planted_helper -> sqlite3" in result.stdout


def test_a_features_service_may_not_know_what_its_api_knows(tree: Path) -> None:
    plant(tree, "billing/__init__", "")
    plant(tree, "billing/api", "import fastapi")
    plant(tree, "billing/service", "import rollcall.billing.api")

    result = lint_imports(tree)

    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{CORE} BROKEN" in result.stdout
    assert "rollcall.billing.service -> rollcall.billing.api" in result.stdout


def test_siblings_among_the_features_may_not_import_each_other(tree: Path) -> None:
    plant(tree, "billing/__init__", "")
    plant(tree, "analytics/__init__", "import rollcall.billing")

    result = lint_imports(tree)

    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{LAYERS} BROKEN" in result.stdout
    assert "rollcall.analytics -> rollcall.billing" in result.stdout


def test_a_new_package_must_be_given_a_layer(tree: Path) -> None:
    plant(tree, "homeless/__init__", "")

    result = lint_imports(tree)

    assert result.returncode != 0
    assert "homeless" in result.stdout + result.stderr
