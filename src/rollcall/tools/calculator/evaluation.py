# SPDX-License-Identifier: Apache-2.0
"""Walks the tree of an expression and works it out."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, Overflow
from typing import Final

from rollcall.tools.calculator.errors import CannotCalculate
from rollcall.tools.calculator.functions import ARITIES, CONSTANTS, FUNCTIONS
from rollcall.tools.calculator.grammar import parse
from rollcall.tools.calculator.limits import Budget
from rollcall.tools.calculator.nodes import CALL, COMPARE, NAME, NUMBER, Node
from rollcall.tools.calculator.numbers import Numbers, too_large
from rollcall.tools.calculator.operators import OPERATORS, compared
from rollcall.tools.calculator.tokens import tokens_of
from rollcall.tools.calculator.words import translate

Value = Decimal | bool

_FUNCTION_NAMES: Final = frozenset(FUNCTIONS)
_LOGIC: Final = frozenset(("and", "or", "not"))


def worked_out(expression: str, budget: Budget) -> Value:
    """The value of an expression, to the working digits.

    Args:
        expression: What to work out.
        budget: Pays for the work.

    Raises:
        CannotCalculate: There is none, or none within the limits.
    """
    tokens = translate(tokens_of(expression), _FUNCTION_NAMES)
    if not tokens:
        raise CannotCalculate("there is nothing to calculate: give an expression such as 10 + 5")
    tree = parse(tokens, ARITIES, frozenset(CONSTANTS))
    try:
        return _walk(tree, Numbers(budget))
    except Overflow:
        raise too_large() from None


def _walk(root: Node, numbers: Numbers) -> Value:
    """Children before parents, without recursion: a sum may have a thousand terms."""
    waiting: list[tuple[Node, bool]] = [(root, False)]
    values: list[Value] = []
    while waiting:
        node, is_ready = waiting.pop()
        if not is_ready:
            waiting.append((node, True))
            waiting.extend((child, False) for child in reversed(node.children))
            continue
        first = len(values) - len(node.children)
        given = values[first:]
        del values[first:]
        values.append(_value(node, given, numbers))
    return values[0]


def _value(node: Node, given: Sequence[Value], numbers: Numbers) -> Value:
    numbers.spend()
    if node.kind == NUMBER:
        return node.value
    if node.kind == NAME:
        return CONSTANTS[node.text].run(numbers)
    if node.kind in _LOGIC:
        return _logic(node.kind, given)
    decimals = [_number(one) for one in given]
    if node.kind == COMPARE:
        return compared(numbers, node.text.split(), decimals)
    if node.kind == CALL:
        return FUNCTIONS[node.text].run(numbers, decimals)
    return OPERATORS[node.kind](numbers, decimals)


def _number(value: Value) -> Decimal:
    if isinstance(value, bool):
        raise CannotCalculate(
            "a comparison is true or false and cannot be calculated with: compare numbers"
        )
    return value


def _logic(sign: str, given: Sequence[Value]) -> bool:
    truths = [value for value in given if isinstance(value, bool)]
    if len(truths) != len(given):
        raise CannotCalculate(
            f"{sign!r} joins comparisons, as in 1 < 2 and 3 < 4: these are numbers"
        )
    if sign == "not":
        return not truths[0]
    return all(truths) if sign == "and" else any(truths)
