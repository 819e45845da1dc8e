from __future__ import annotations

import subprocess
import sys

import pytest

import rollcall.tools

HEAVY = ("fastapi", "mcp", "pydantic", "uvicorn", "httpx", "starlette")


def loaded_by(statement: str) -> set[str]:
    """What a new process has loaded after `statement`, of all that is heavy."""
    code = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split()) & set(HEAVY)


def test_the_package_itself_is_light() -> None:
    assert loaded_by("import rollcall.tools") == set()


def test_the_sdk_of_mcp_is_not_loaded_with_the_service() -> None:
    assert "mcp" not in loaded_by("import rollcall.tools.module, rollcall.tools.serving")


def test_everything_that_is_exported_is_there() -> None:
    for name in rollcall.tools.__all__:
        assert getattr(rollcall.tools, name).__name__ == name
    with pytest.raises(AttributeError, match="'nothing'"):
        rollcall.tools.nothing  # type: ignore[attr-defined] # noqa: B018
