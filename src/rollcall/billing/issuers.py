# SPDX-License-Identifier: Apache-2.0
"""Who sends invoices. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.web.lines import check_line

MOST_LINES: Final = 8
LONGEST_LINE: Final = 200
LONGEST_TAX_ID: Final = 100


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends invoices, as it stands on them.

    Args:
        name: The name and, below it, the lines of an address; empty: nobody is named.
        tax_id: By which the tax office knows the sender; empty: none is shown.
    """

    name: str = ""
    tax_id: str = ""


NOBODY: Final = Issuer()


def issuer_of(name: str | None, tax_id: str | None) -> Issuer:
    """The issuer that settings speak of.

    Args:
        name: Lines, between them line ends or the two characters `\\n`.
        tax_id: One line.

    Raises:
        InvalidInput: Too many lines, or one that cannot be printed; its field is `invoice_issuer`
            or `invoice_tax_id`.
    """
    lines = [line.strip() for line in (name or "").replace("\\n", "\n").splitlines()]
    if len(lines) > MOST_LINES:
        raise InvalidInput("invoice_issuer", f"must have at most {MOST_LINES} lines")
    for line in lines:
        check_line("invoice_issuer", line, LONGEST_LINE)
    tax_id = (tax_id or "").strip()
    check_line("invoice_tax_id", tax_id, LONGEST_TAX_ID, shortest=0)
    return Issuer(name="\n".join(lines), tax_id=tax_id)
