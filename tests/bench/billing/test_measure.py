# SPDX-License-Identifier: Apache-2.0
import pytest
from bench.billing.measure import Found, measured, page


def test_an_invoice_is_made_and_verifies() -> None:
    found = measured(30)
    assert (found.usages, found.verified) == (30, True)
    assert min(found.recorded, found.draft, found.final, found.verify) > 0


@pytest.mark.parametrize(("final", "word"), [(59.0, "met"), (61.0, "MISSED")])
def test_finalising_may_take_a_minute(final: float, word: str) -> None:
    text = page(Found(100_000, 1.0, 2.0, final, 3.0, True, 2**20))
    assert f"- {word}: an invoice of 100,000 usages" in text
    assert "1 MiB" in text
