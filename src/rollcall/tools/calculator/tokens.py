# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: RUF001 - signs that look alike are what this is about
"""Text into numbers, names and signs."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from rollcall.tools.calculator.errors import CannotCalculate, shown
from rollcall.tools.calculator.limits import MAX_DIGITS, MAX_EXPONENT


class Kind(Enum):
    """What a token is."""

    NUMBER = "number"
    NAME = "name"
    SIGN = "sign"
    FRACTION = "fraction"
    """A share in words (half, third): `text` is the denominator."""
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression.

    Args:
        kind: What it is.
        text: A number's digits, a name in lower case, a sign as `SIGNS` spells it.
    """

    kind: Kind
    text: str


END = Token(Kind.END, "the end")

SIGNS = {
    "×": "*", "x": "*", "X": "*", "·": "*", "⋅": "*", "∙": "*", "∗": "*", "•": "*",
    "÷": "/", "∕": "/", "⁄": "/",
    "−": "-", "–": "-", "—": "-", "＋": "+",
    "^": "**", "∧": "and", "∨": "or", "¬": "not",
    "=": "==", "≠": "!=", "<>": "!=", "≤": "<=", "≥": ">=", "=<": "<=", "=>": ">=",
    "&&": "and", "||": "or",
    "²": "squared", "³": "cubed", "°": "degrees", "√": "sqrt", "∛": "cbrt",
}  # fmt: skip
"""Other ways to write a sign, or a word, that the grammar knows."""

NAMES = {"π": "pi", "τ": "tau", "sqrt": "sqrt", "cbrt": "cbrt"}

_TOKEN = re.compile(
    r"""(?P<space>[\s\u00a0\u2009\u202f`“”]+)
    |(?P<based>0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+)(?![\w.])
    |(?P<grouped>\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?)
    |(?P<number>(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+)(?:[eE][+-]?\d+(?![\w.]))?)
    |(?P<sign>(?<=\d)[xX](?=\d)|\*\*|//|==|!=|<=|>=|<>|=<|=>|&&|\|\||[-+*/%^!<>=(),:\[\]×·⋅∙∗•÷∕⁄−–—＋∧∨¬≠≤≥²³°√∛])
    |(?:math\.)?(?P<name>[A-Za-z][A-Za-z0-9]*|[πτ])
    |(?P<currency>[$€£¥₹])
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_APOSTROPHE = re.compile(r"(?<=[A-Za-z])['’](?=[A-Za-z])")
_HYPHEN = re.compile(
    r"(?<=[a-z]ty)-(?=(?:one|two|three|four|five|six|seven|eight|nine)\b)", re.IGNORECASE
)
_ORDINAL = re.compile(r"\bto the (\d{1,9})(?:st|nd|rd|th)(?: power)?\b", re.IGNORECASE)
_WHAT_PERCENT = re.compile(r"(?<=what)\s?%", re.IGNORECASE)
_QUOTES = "\"'`“”‘’"
_ENDINGS = string.whitespace + "?.;:=" + _QUOTES


def tokens_of(text: str) -> list[Token]:
    """The tokens of an expression, without `END`.

    A comma between a digit and three digits (`1,234.50`) groups thousands, outside the
    parentheses of a function: `max(1,234)` has two arguments. A sign of currency is left out, as
    long as there is only one. What ends a question (`?`, `=`) is left out at the end.

    Raises:
        CannotCalculate: A character means nothing here, or a number is out of range.
    """
    text = _plain(text)
    found: list[Token] = []
    calls: list[bool] = []
    currencies: set[str] = set()
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        assert match is not None, "the last alternative matches everything"
        kind, piece = match.lastgroup, match.group()
        at = match.end()
        if kind == "grouped" and any(calls):
            piece = piece.partition(",")[0]
            at = match.start() + len(piece)
            kind = "number"
        if kind == "currency":
            currencies.add(piece)
        elif kind == "other":
            raise CannotCalculate(
                f"{shown(piece)} means nothing in an expression: use numbers, + - * / ^ %,"
                " parentheses and the names of functions"
            )
        elif kind == "name":
            name = match.group("name")
            found.append(Token(Kind.NAME, NAMES.get(name, name.lower())))
        elif kind == "sign":
            _follow(calls, piece, found)
            found.append(_sign(piece))
        elif kind != "space":
            found.append(Token(Kind.NUMBER, _digits(piece, based=kind == "based")))
    if len(currencies) > 1:
        raise CannotCalculate("amounts in different currencies cannot be calculated together")
    return found


def _plain(text: str) -> str:
    """The text without what only writing has: apostrophes, hyphens in words, quotes around it."""
    text = _HYPHEN.sub(" ", _APOSTROPHE.sub("", text))
    text = _WHAT_PERCENT.sub(" percent", _ORDINAL.sub(r"to the power of \1", text))
    return text.lstrip(string.whitespace + _QUOTES).rstrip(_ENDINGS)


def number_of(text: str) -> Decimal:
    """The value of a number's token, exactly.

    Raises:
        CannotCalculate: It has more digits than a calculation takes.
    """
    mantissa, _, exponent = text.lower().partition("e")
    if len(exponent.lstrip("+-0")) > len(str(MAX_EXPONENT)):
        raise CannotCalculate(f"{shown(text)} is out of range: the exponent is too large")
    value = Decimal(f"{mantissa}E{exponent or 0}")
    if value and value.adjusted() >= MAX_DIGITS:
        raise CannotCalculate(
            f"{shown(text)} is too large: numbers have at most {MAX_DIGITS} digits before the point"
        )
    if value and value.adjusted() < -MAX_EXPONENT:
        raise CannotCalculate(f"{shown(text)} is too close to 0 to be calculated with")
    if len(value.as_tuple().digits) > MAX_DIGITS:
        raise CannotCalculate(
            f"{shown(text)} has too many digits: at most {MAX_DIGITS} are calculated with"
        )
    return value


def _follow(calls: list[bool], sign: str, found: list[Token]) -> None:
    """Keep the stack of open parentheses: true for those of a function and for brackets."""
    if sign in "([":
        calls.append(sign == "[" or bool(found and found[-1].kind is Kind.NAME))
    elif sign in ")]" and calls:
        calls.pop()


def _sign(piece: str) -> Token:
    sign = SIGNS.get(piece, piece)
    return Token(Kind.NAME if sign in NAMES else Kind.SIGN, sign)


def _digits(piece: str, *, based: bool) -> str:
    if not based:
        return piece.replace(",", "").replace("_", "")
    if len(piece) > MAX_DIGITS:
        raise CannotCalculate(
            f"{shown(piece)} is too large: numbers have at most {MAX_DIGITS} digits"
        )
    return str(int(piece, 0))
