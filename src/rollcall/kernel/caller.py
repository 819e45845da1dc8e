# SPDX-License-Identifier: Apache-2.0
"""Who asks, what they may do, and the errors that turn them away."""

from __future__ import annotations

from dataclasses import dataclass

from rollcall.kernel.errors import RollcallError

READ = "read"
"""May look at everything in its namespace."""
REGISTER = "register"
"""May also register records and change those that it registered."""
ADMIN = "admin"
"""May do everything in its namespace."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who has shown who they are.

    Args:
        subject: The name that changes are recorded under, the same for as long as the key or the
            account lives: `key:...`, `jwt:...`, or `local`.
        namespace: The tenant whose records this caller sees.
        scopes: What the caller was granted. `admin` holds every other scope, `register` holds
            `read`.
    """

    subject: str
    namespace: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Whether `scope` was granted, by its name or within a wider one."""
        granted = self.scopes
        return scope in granted or ADMIN in granted or (scope == READ and REGISTER in granted)


class NotAuthenticated(RollcallError):
    """Nobody knows who is asking.

    Args:
        problem: What is missing or wrong, without the credential itself.
        presented: Whether a credential came at all.
    """

    def __init__(self, problem: str, *, presented: bool = True) -> None:
        super().__init__(problem)
        self.problem = problem
        self.presented = presented


class NotPermitted(RollcallError, PermissionError):
    """The caller is known and may not do this.

    Args:
        problem: Why not.
        scope: The scope that would do; None where no scope would.
    """

    def __init__(self, problem: str, *, scope: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.scope = scope


@dataclass(frozen=True, slots=True)
class Quota:
    """How often somebody may ask, and what is left of that.

    Args:
        name: What the limit is called.
        requests: How many requests it lets through in a row.
        window: Seconds after which a used-up limit is whole again.
        remaining: Requests that are left.
        reset: Seconds until it is whole again; where nothing is left, until there is one.
    """

    name: str
    requests: int
    window: float
    remaining: int
    reset: float


class RateLimited(RollcallError):
    """The caller asks too often.

    Args:
        retry_after: Seconds after which the same request would be taken.
        quota: The limit that is used up, where that is known.
    """

    def __init__(self, retry_after: float, quota: Quota | None = None) -> None:
        super().__init__(f"too many requests: try again in {retry_after:.3g} s")
        self.retry_after = retry_after
        self.quota = quota
