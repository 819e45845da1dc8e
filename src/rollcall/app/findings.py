# SPDX-License-Identifier: Apache-2.0
"""What `rollcall doctor` says of the things that it looks at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was looked at.

    Args:
        subject: What.
        grade: How it is; an error keeps Rollcall from starting.
        text: What that means, and what to do.
    """

    subject: str
    grade: Grade
    text: str

    def as_dict(self) -> dict[str, str]:
        return {"subject": self.subject, "grade": self.grade.value, "text": self.text}
