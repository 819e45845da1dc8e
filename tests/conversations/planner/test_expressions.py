import ast
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.conversations.planner.expressions import expression


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("the square root of 16", "sqrt(16)"),
        ("12 % of 349.90", "349.90 * 12 / 100"),
        ("what is 12 percent of 349.90?", "349.90 * 12 / 100"),
        ("What's 10 plus 5?", "10 + 5"),
        ("2+2", "2+2"),
        ("twenty-five times four", "25 * 4"),
        ("2 to the power of 10", "2 ** 10"),
        ("2^10", "2 ** 10"),
        ("9 squared", "9 ** 2"),
        ("square root of (9 + 16)", "sqrt(9 + 16)"),
        ("5!", "factorial(5)"),
        ("what is the factorial of 6?", "factorial(6)"),
        ("factorial of 3 plus 1", "factorial(3) + 1"),
        ("what is 6 factorial", "factorial(6)"),
        ("cube root of 27", "cbrt(27)"),
        ("100 plus 10 %", "100 * (1 + 10 / 100)"),
        ("50 + 50 plus 10 %", "(50 + 50) * (1 + 10 / 100)"),
        ("17 % 5", "17 % 5"),
        ("subtract 3 from 10", "10 - 3"),
        ("divide 84 by 7", "84 / 7"),
        ("what percentage is 12 of 48", "12 / 48 * 100"),
        ("Wurzel aus 144", "sqrt(144)"),
        ("15 Prozent von 240", "240 * 15 / 100"),
        ("sqrt(2) / 2", "sqrt(2) / 2"),
        ("1,250.75 * 3", "1250.75 * 3"),
        ("half of 9", "1 / 2 * 9"),
        ("sin of 30 degrees", "sin(30 * pi / 180)"),
        ("sin(30°)", "sin(30 * pi / 180)"),
        ("round 3.14159 to 2 decimals", "round(3.14159, 2)"),
        ("12 percent off 80", "80 * (1 - 12 / 100)"),
        ("the sum of 1, 2, 3 and 4", "1 + 2 + 3 + 4"),
        ("add 1,000 and 2", "1000 + 2"),
        ("What is 5 + 6!", "5 + 6"),
        ("3x4", "3 * 4"),
    ],
)
def test_arithmetic_in_words_becomes_symbols(text: str, symbols: str) -> None:
    found = expression(text)
    assert found is not None
    assert found.symbols == symbols


@pytest.mark.parametrize(
    "text",
    [
        "10 km in miles",
        "tell me a joke",
        "1, 2 and 3",
        "room 12",
        "-40 celsius",
        "(((((",
        "5 and 6",
    ],
)
def test_what_has_no_operation_is_no_arithmetic(text: str) -> None:
    assert expression(text) is None


def test_two_numbers_and_an_operator_are_told_apart() -> None:
    found = expression("What is 81 divided by 9?")
    assert found is not None
    assert found.parts == ("81", "/", "9")


def test_an_x_between_numbers_may_be_a_size() -> None:
    found = expression("800 x 600")
    assert found is not None
    assert not found.certain


@pytest.mark.parametrize("piece", ["(", "-", "1+", "2**", "sqrt(", "square root of ", "1!", "√"])
def test_what_is_nested_or_repeated_without_end_is_read(piece: str) -> None:
    expression(piece * 600 + "1 + 1")


@given(st.text(alphabet="0123456789+-*/^%!().,x √²apiof squretminlsd", max_size=60))
def test_any_text_is_read(text: str) -> None:
    found = expression(text)
    if found is not None:
        assert 0 <= found.start < found.end <= len(text)
        assert found.symbols


_LEAF = st.integers(0, 999).map(str)
_TREE = st.recursive(
    _LEAF,
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(
        lambda one: f"({one[0]} {one[1]} {one[2]})"
    ),
    max_leaves=8,
).filter(lambda text: not text.isdigit())


@given(_TREE)
def test_symbols_keep_their_worth(text: str) -> None:
    found = expression(f"please work out {text} for me")
    assert found is not None
    assert math.isclose(_worth(found.symbols), _worth(text))


def _worth(text: str) -> float:
    def walk(node: ast.expr) -> float:
        match node:
            case ast.BinOp(left, ast.Add(), right):
                return walk(left) + walk(right)
            case ast.BinOp(left, ast.Sub(), right):
                return walk(left) - walk(right)
            case ast.BinOp(left, ast.Mult(), right):
                return walk(left) * walk(right)
            case ast.Constant(int() as value):
                return value
            case _:
                raise AssertionError(ast.dump(node))

    return walk(ast.parse(text, mode="eval").body)
