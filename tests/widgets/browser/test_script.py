# SPDX-License-Identifier: Apache-2.0
"""The script as it is served."""

from __future__ import annotations

import re
from importlib.resources import files

from rollcall.widgets import browser


def test_it_is_the_same_at_every_call() -> None:
    assert browser.script() is browser.script()
    assert browser.script().startswith(
        b"/* Rollcall widget. SPDX-License-Identifier: Apache-2.0 */"
    )


def test_all_parts_are_in_it_and_no_comment_that_is_for_people_alone() -> None:
    served = browser.script().decode()
    folder = files(browser)
    assert {one.name for one in folder.iterdir() if one.name.endswith(".js")} == {
        f"{part}.js" for part in browser.PARTS
    }
    for part in browser.PARTS:
        source = folder.joinpath(f"{part}.js").read_text(encoding="utf-8")
        assert source.startswith("// SPDX-License-Identifier: Apache-2.0\n")
        assert len(source.splitlines()) <= 400, part
        assert source.rstrip().splitlines()[-1].strip() in served
    assert not re.search(r"^\s*//", served, re.MULTILINE)


def test_it_has_nothing_that_makes_code_or_html_of_text() -> None:
    served = browser.script().decode()
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
    ):
        assert word not in served
    assert 'setAttribute("style"' not in served
