# SPDX-License-Identifier: Apache-2.0
"""What the calculator knows, told to people and models; from the tables that it works with."""

from __future__ import annotations

from collections.abc import Mapping

from rollcall.tools.calculator.functions import CONSTANTS, FUNCTIONS, Function
from rollcall.tools.calculator.models import FunctionInfo, FunctionList
from rollcall.tools.calculator.operators import NOTATIONS, Notation
from rollcall.tools.calculator.statistics import OPERATIONS


def functions() -> FunctionList:
    """Lists what the calculator knows: its functions, constants, operators and statistics.

    Every entry has a name, how it is written, what it gives, and an example. Which functions are
    there, what can be calculated, how is a formula written.
    """
    known = _written(FUNCTIONS)
    constants = [
        FunctionInfo(name=name, signature=name, description=made.description, example=made.example)
        for name, made in CONSTANTS.items()
    ]
    operators = _written(NOTATIONS)
    figures = [
        FunctionInfo(name=name, signature=name, description=made.description, example=name)
        for name, made in OPERATIONS.items()
    ]
    return FunctionList(
        functions=known,
        constants=constants,
        operators=operators,
        statistics=figures,
        total_count=len(known) + len(constants) + len(operators) + len(figures),
    )


def _written(table: Mapping[str, Function] | Mapping[str, Notation]) -> list[FunctionInfo]:
    return [
        FunctionInfo(
            name=name,
            signature=made.signature,
            description=made.description,
            example=made.example,
        )
        for name, made in table.items()
    ]
