from __future__ import annotations

import pytest

from rollcall.billing.issuers import NOBODY, Issuer, issuer_of
from rollcall.kernel.errors import InvalidInput


@pytest.mark.parametrize(
    "name", ["Rollcall Ltd\\nStreet 1 \\n 10115 Berlin", "Rollcall Ltd\nStreet 1\n10115 Berlin"]
)
def test_lines_are_parted_by_line_ends_however_they_are_written(name: str) -> None:
    wanted = Issuer(name="Rollcall Ltd\nStreet 1\n10115 Berlin", tax_id="DE 123")
    assert issuer_of(name, " DE 123 ") == wanted


def test_nobody_needs_to_be_named() -> None:
    assert issuer_of(None, None) == issuer_of("", "") == NOBODY


@pytest.mark.parametrize(
    ("name", "tax_id", "field"),
    [
        ("a\\n" * 9, "", "invoice_issuer"),
        ("a\\n\\nb", "", "invoice_issuer"),
        ("a\x00", "", "invoice_issuer"),
        ("a" * 201, "", "invoice_issuer"),
        ("a", "1\n2", "invoice_tax_id"),
        ("a", "1" * 101, "invoice_tax_id"),
    ],
)
def test_what_cannot_be_printed_is_refused(name: str, tax_id: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        issuer_of(name, tax_id)
    assert refused.value.field == field
