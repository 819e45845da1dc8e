# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from decimal import ROUND_FLOOR, Context, localcontext
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rollcall.tools.calculator import calculate
from rollcall.tools.calculator.limits import MAX_PRECISION

OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def exactly(text: str) -> Fraction:
    """The value of an expression by Python's own grammar, in fractions."""

    def walk(node: ast.AST) -> Fraction:
        match node:
            case ast.Expression(body=body):
                return walk(body)
            case ast.Constant():
                literal = ast.get_source_segment(text, node)
                assert literal is not None
                return Fraction(literal)
            case ast.UnaryOp(op=op, operand=operand):
                return OPERATORS[type(op)](walk(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return Fraction(OPERATORS[type(op)](walk(left), walk(right)))
            case _:
                raise AssertionError(ast.dump(node))

    return walk(ast.parse(text, mode="eval"))


NUMBERS = st.one_of(
    st.integers(0, 10**6).map(str),
    st.decimals(0, 1000, places=2).map(str),
    st.sampled_from(["0.1", "1.5", "7", "1000000", "3.0"]),
)
SPACES = st.sampled_from(["", " ", "  "])


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = st.sampled_from("+ - * / // %".split())
    return st.one_of(
        st.tuples(inner, SPACES, signs, SPACES, inner).map("".join),
        inner.map("({})".format),
        inner.map("(-{})".format),
        st.tuples(inner, st.integers(0, 6)).map(lambda p: f"({p[0]})**{p[1]}"),
        st.tuples(inner, st.integers(1, 3)).map(lambda p: f"({p[0]})**-{p[1]}"),
    )


EXPRESSIONS = st.recursive(NUMBERS, _combined, max_leaves=10)


@given(EXPRESSIONS)
def test_the_result_is_that_of_exact_fractions(expression: str) -> None:
    try:
        expected = exactly(expression)
    except ZeroDivisionError:
        assert not calculate(expression).success
        return
    answer = calculate(expression, precision=MAX_PRECISION)

    if abs(expected) >= 10**300:
        return
    assert answer.error is None
    assert abs(Fraction(str(answer.result)) - expected) <= Fraction(1, 2 * 10**MAX_PRECISION)


@given(EXPRESSIONS, EXPRESSIONS)
def test_comparisons_are_those_of_exact_fractions(left: str, right: str) -> None:
    try:
        expected = exactly(left), exactly(right)
    except ZeroDivisionError:
        return
    if max(map(abs, expected)) >= 10**300:
        return
    answers = [calculate(f"({left}) {sign} ({right})").result for sign in ("<", "==", ">")]

    assert answers == [
        expected[0] < expected[1],
        expected[0] == expected[1],
        expected[0] > expected[1],
    ]


@given(EXPRESSIONS, st.integers(1, 12))
def test_nobody_elses_decimal_context_has_an_influence(expression: str, digits: int) -> None:
    expected = calculate(expression)

    with localcontext(Context(prec=digits, rounding=ROUND_FLOOR, Emax=3, Emin=-3, traps=[])):
        assert calculate(expression) == expected
