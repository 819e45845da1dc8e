# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between a client, a registry and the agents it finds there."""

from __future__ import annotations

from collections.abc import Mapping

from rollcall.kernel.errors import RollcallError, Unavailable


class RegistryUnavailable(Unavailable):
    """The registry was not reached, did not answer in time, or cannot serve now.

    Args:
        url: What was asked.
        problem: Why there is no answer.
        retry_after: Seconds after which the registry wants to be asked again; None: it did not say.
    """

    def __init__(self, url: str, problem: str, retry_after: float | None = None) -> None:
        later = "" if retry_after is None else f" (it asks to come back in {retry_after:g} s)"
        super().__init__(f"{url}: {problem}{later}")
        self.url = url
        self.problem = problem
        self.retry_after = retry_after


class UnexpectedAnswer(RollcallError):
    """An answer that no client of a registry has a word for: is the URL right?

    Args:
        url: What was asked.
        status: The HTTP status of the answer.
        problem: What is wrong with it.
        ours: Whether a service of Rollcall said so, so that the URL is right.
    """

    def __init__(self, url: str, status: int, problem: str, *, ours: bool = False) -> None:
        super().__init__(f"{url} answered {status}: {problem}")
        self.url = url
        self.status = status
        self.problem = problem
        self.ours = ours


class NoInstance(RollcallError, LookupError):
    """No healthy instance of a service is known.

    Args:
        wanted: What was looked for.
        passed_over: The status of each instance that is there, but cannot be used.
    """

    def __init__(self, wanted: str, passed_over: Mapping[str, str] | None = None) -> None:
        self.wanted = wanted
        self.passed_over = dict(passed_over or {})
        super().__init__(f"no healthy instance of {wanted}{_reasons(self.passed_over)}")


class NoAgentFound(RollcallError, ValueError):
    """No agent can take the task now.

    Args:
        wanted: What was looked for: one or two capabilities, or a task.
        passed_over: Why each agent that was looked at was not taken.
    """

    def __init__(self, wanted: str, passed_over: Mapping[str, str] | None = None) -> None:
        self.wanted = wanted
        self.passed_over = dict(passed_over or {})
        super().__init__(f"no healthy agent found for {wanted}{_reasons(self.passed_over)}")


class AnswerLost(Unavailable):
    """A request reached an agent, and its answer was lost: it may have been done or not.

    Args:
        agent_id: Who was asked.
        request_id: Which request; the agent knows it by this id.
        problem: How the answer was lost.
    """

    def __init__(self, agent_id: str, request_id: str, problem: str) -> None:
        super().__init__(
            f"agent {agent_id!r} was sent request {request_id!r}, and its answer was lost"
            f" ({problem}): it may have been done or not"
        )
        self.agent_id = agent_id
        self.request_id = request_id
        self.problem = problem


def _reasons(passed_over: Mapping[str, str]) -> str:
    reasons = "; ".join(f"{one}: {why}" for one, why in passed_over.items())
    return f" ({reasons})" if reasons else ""
