# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from rollcall.tools.calculator import FunctionInfo, calculate, functions, statistics

KNOWN = functions()
USABLE = [*KNOWN.functions, *KNOWN.constants, *KNOWN.operators]


@pytest.mark.parametrize("info", USABLE, ids=lambda info: info.name)
def test_every_example_can_be_worked_out(info: FunctionInfo) -> None:
    answer = calculate(info.example)

    assert answer.error is None


@pytest.mark.parametrize("info", [*KNOWN.functions, *KNOWN.constants], ids=lambda info: info.name)
def test_an_example_uses_what_it_is_about(info: FunctionInfo) -> None:
    assert info.name in info.example
    assert info.signature.startswith(info.name)


@pytest.mark.parametrize("info", KNOWN.functions, ids=lambda info: info.name)
def test_a_function_takes_what_its_signature_says(info: FunctionInfo) -> None:
    arguments = info.signature.partition("(")[2].rstrip(")").split(", ")
    too_many = ", ".join(["1"] * (len(arguments) + 1))
    answer = calculate(f"{info.name}({too_many})")

    assert ("argument" in str(answer.error)) == (arguments[-1] != "...")


def test_the_statistics_that_are_listed_can_be_asked_for() -> None:
    answer = statistics([1, 2, 4], [info.example for info in KNOWN.statistics])

    assert answer.success
    assert set(answer.results) == {info.name for info in KNOWN.statistics}


def test_the_list_counts_what_is_in_it() -> None:
    assert KNOWN.total_count == len(USABLE) + len(KNOWN.statistics)
    assert {"sqrt", "log", "sin", "round", "factorial"} <= {info.name for info in KNOWN.functions}
