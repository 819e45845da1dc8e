# SPDX-License-Identifier: Apache-2.0
"""The errors of tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rollcall.kernel.errors import InvalidInput, RollcallError


class InvalidTool(RollcallError, TypeError):
    """A function cannot be a tool as it is declared.

    Args:
        name: The tool.
        problem: What is wrong with it and what would be right.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"the tool {name!r} {problem}")
        self.name = name
        self.problem = problem


class ToolNotFound(RollcallError, LookupError):
    """There is no such tool."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no tool {name!r:.100}")
        self.name = name


class ToolError(RollcallError):
    """A tool says that it did not work. Tools raise it.

    Args:
        message: Why, in words that the model and its user are shown: no secrets.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ToolBroken(RollcallError):
    """A tool failed in a way that nobody expected; the log says how.

    Args:
        tool: Its name.
    """

    def __init__(self, tool: str, problem: str) -> None:
        super().__init__(f"the tool {tool!r} failed: {problem}")
        self.tool = tool


class InvalidArguments(InvalidInput):
    """A tool cannot be called with these arguments; it was not run.

    Args:
        errors: What is wrong, at least one, as Pydantic has it: `loc` (the way to the value, which
            begins with the argument), `type` and `msg`.
    """

    def __init__(self, errors: Sequence[dict[str, Any]]) -> None:
        told = [
            (".".join(str(part) for part in error["loc"]) or "arguments", str(error["msg"]))
            for error in errors
        ]
        super().__init__(*told[0])
        self.errors = list(errors)
        self.told = "; ".join(f"{field}: {problem}" for field, problem in told)
        """All of them as one sentence, for a model."""
