"""The client is light: what it costs to import, and what it does not bring along."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {
    "aiosqlite",
    "fastapi",
    "httpx",
    "numpy",
    "pydantic",
    "rollcall.backends",
    "rollcall.registry.service",
    "rollcall.web",
    "sqlalchemy",
    "sqlite3",
    "starlette",
    "uvicorn",
}


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=True
    )


def test_no_part_of_a_server_comes_along_and_httpx_only_with_the_first_request() -> None:
    code = """
import sys
from rollcall.client import RegistryClient, SyncRegistryClient, get_registration_client
RegistryClient("http://r", "a", "A", "http://a")
get_registration_client()
print(*sys.modules)
"""
    assert HEAVY.isdisjoint(python("-c", code).stdout.split())


def test_it_brings_few_modules_along() -> None:
    # Time is measured by hand (`python -X importtime`: under 100 ms), and follows this number.
    code = """
import sys
before = len(sys.modules)
import rollcall.client
print(len(sys.modules) - before)
"""
    assert int(python("-c", code).stdout) < 250
