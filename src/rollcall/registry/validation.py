# SPDX-License-Identifier: Apache-2.0
"""What a record must look like before anything is written. All limits in one place."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.models import Capability, Record
from rollcall.registry.status import Status

MAX_ID: Final = 256
MAX_NAME: Final = MAX_ID
MAX_PHRASE: Final = 512
MAX_DESCRIPTION: Final = 10_000
MAX_TAG: Final = 128
MAX_TAGS: Final = 64
MAX_CAPABILITIES: Final = 1_000

_SUSPECT: Final = Status.SUSPECT


def check_record(record: Record, *, contents: bool = True) -> None:
    """Refuse a record that could not be kept, found or shown.

    Args:
        contents: Whether its capabilities are looked at, too; False where they were already.

    Raises:
        InvalidInput: Names the field and what would be right.
    """
    # Written out, since every registration passes here: the functions below find the words.
    if not _is_usual(record.namespace):
        _line("namespace", record.namespace, MAX_ID)
    key, name, runtime = record.id, record.name, record.runtime
    if not (0 < len(key) <= MAX_ID and key.isprintable() and not key.isspace()):
        _line("id", key, MAX_ID)
    if name is not key and not (
        0 < len(name) <= MAX_NAME and name.isprintable() and not name.isspace()
    ):
        _line("name", name, MAX_NAME)
    if runtime and not _is_usual(runtime):
        _line("runtime", runtime, MAX_ID)
    if record.reported is _SUSPECT:
        raise InvalidInput("reported", f"{record.reported.value!r} is concluded, never reported")
    if record.tags:
        _tags("tags", record.tags)
    if contents:
        check_capabilities(record.capabilities)


def check_capabilities(capabilities: Sequence[Capability]) -> None:
    """The same for all capabilities of a record."""
    if len(capabilities) > MAX_CAPABILITIES:
        raise InvalidInput(
            "capabilities", f"{len(capabilities)} of them; at most {MAX_CAPABILITIES} are kept"
        )
    for number, capability in enumerate(capabilities):
        check_capability(f"capabilities.{number}", capability)


def check_capability(field: str, capability: Capability) -> None:
    """The same for one capability; `field` is where it stands."""
    _line(f"{field}.name", capability.name, MAX_PHRASE)
    if capability.description:
        _text(f"{field}.description", capability.description, MAX_DESCRIPTION)
    if capability.tags:
        _tags(f"{field}.tags", capability.tags)


@lru_cache(maxsize=1024)
def _is_usual(value: str) -> bool:
    """Whether a namespace or runtime can be kept. Cached: many records share a few of them."""
    return 0 < len(value) <= MAX_ID and value.isprintable() and not value.isspace()


def _line(field: str, value: str, longest: int) -> None:
    if not 0 < len(value) <= longest:
        raise InvalidInput(field, f"must have 1 to {longest} characters, not {len(value)}")
    # Covers NUL, line ends, right-to-left marks and lone surrogates in one test.
    if not value.isprintable() or value.isspace():
        raise InvalidInput(field, "must be printable and not blank")


def _text(field: str, value: str, longest: int) -> None:
    if len(value) > longest:
        raise InvalidInput(field, f"must have at most {longest} characters, not {len(value)}")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidInput(field, "must be valid Unicode text without NUL")


def _tags(field: str, tags: tuple[str, ...]) -> None:
    if len(tags) > MAX_TAGS:
        raise InvalidInput(field, f"{len(tags)} of them; at most {MAX_TAGS} are kept")
    for number, tag in enumerate(tags):
        _line(f"{field}.{number}", tag, MAX_TAG)
