# SPDX-License-Identifier: Apache-2.0
"""How people say arithmetic, and the symbols and function names for it."""

from __future__ import annotations

from typing import Final

OPERATORS: Final[dict[str, str]] = {
    "+": "+",
    "plus": "+",
    "added to": "+",
    "-": "-",
    "\u2212": "-",
    "\u2013": "-",
    "minus": "-",
    "*": "*",
    "\u00d7": "*",
    "·": "*",
    "x": "*",
    "\u2715": "*",
    "times": "*",
    "multiplied by": "*",
    "multiplied with": "*",
    "mal": "*",
    "/": "/",
    "÷": "/",
    "divided by": "/",
    "over": "/",
    "geteilt durch": "/",
    "durch": "/",
    "mod": "%",
    "modulo": "%",
    "**": "**",
    "^": "**",
    "to the power of": "**",
    "raised to the power of": "**",
    "raised to": "**",
    "hoch": "**",
}
PREFIXES: Final[dict[str, str]] = {
    "square root of": "sqrt",
    "square root": "sqrt",
    "root of": "sqrt",
    "sqrt of": "sqrt",
    "√": "sqrt",
    "sqrt": "sqrt",
    "quadratwurzel aus": "sqrt",
    "wurzel aus": "sqrt",
    "quadratwurzel von": "sqrt",
    "wurzel von": "sqrt",
    "cube root of": "cbrt",
    "cubic root of": "cbrt",
    "factorial of": "factorial",
    "absolute value of": "abs",
    "natural logarithm of": "ln",
    "natural log of": "ln",
    "ln of": "ln",
    "logarithm of": "log",
    "log of": "log",
    "sine of": "sin",
    "sin of": "sin",
    "cosine of": "cos",
    "cos of": "cos",
    "tangent of": "tan",
    "tan of": "tan",
}
POSTFIXES: Final[dict[str, str]] = {
    "squared": " ** 2",
    "cubed": " ** 3",
    "²": " ** 2",
    "³": " ** 3",
    "factorial": "!",
    "!": "!",
}
SHARES: Final[dict[str, str]] = {
    "half of": "1 / 2",
    "a third of": "1 / 3",
    "a quarter of": "1 / 4",
    "twice": "2",
    "double": "2",
}
SIGNS: Final = ("%", "percent", "per cent", "prozent", "pct")
OF: Final = ("of", "von")

_N: Final = r"(-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,.]*\d)|-?\d+(?:[.,]\d+)?(?![\d,.]*\d))"
_SHARE: Final = r"(?:percent(?:age)?|per\s+cent|%|prozent)"
SAID: Final = (
    (rf"\b(?:add|sum)\s+(?:up\s+)?{_N}\s+(?:and|to|with|plus)\s+{_N}", "{0} + {1}"),
    (rf"\b(?:sum|total)\s+of\s+{_N}\s+and\s+{_N}", "{0} + {1}"),
    (rf"\bsubtract\s+{_N}\s+from\s+{_N}", "{1} - {0}"),
    (rf"\b(?:take|deduct)\s+{_N}\s+(?:away\s+)?from\s+{_N}", "{1} - {0}"),
    (rf"\bdifference\s+(?:between|of)\s+{_N}\s+and\s+{_N}", "{0} - {1}"),
    (rf"\bmultiply\s+{_N}\s+(?:by|with|and)\s+{_N}", "{0} * {1}"),
    (rf"\bproduct\s+of\s+{_N}\s+and\s+{_N}", "{0} * {1}"),
    (rf"\b(?:divide|split)\s+{_N}\s+by\s+{_N}", "{0} / {1}"),
    (rf"\b(?:quotient|ratio)\s+of\s+{_N}\s+and\s+{_N}", "{0} / {1}"),
    (rf"{_N}\s*{_SHARE}\s+off\s+(?:of\s+)?{_N}", "{1} * (1 - {0} / 100)"),
    (rf"\bround\s+{_N}\s+to\s+{_N}\s+(?:decimal|digit|place)\w*", "round({0}, {1})"),
    (rf"\bwhat\s+{_SHARE}\s+is\s+{_N}\s+of\s+{_N}", "{0} / {1} * 100"),
    (rf"\bwhat\s+{_SHARE}\s+of\s+{_N}\s+is\s+{_N}", "{1} / {0} * 100"),
    (rf"{_N}\s+is\s+what\s+{_SHARE}\s+of\s+{_N}", "{0} / {1} * 100"),
)
"""Sentences about two numbers, and what they come to."""

SUMMED: Final = (
    r"\b(?:sum|total|add(?:\s+up)?)\s+(?:of\s+)?"
    r"(?P<numbers>\d[\d.]*(?:\s*(?:,|\+|&|\band\b)\s*(?:and\s+)?\d[\d.]*){2,})(?!\s*[\d%])"
)
"""What is to be added, three numbers or more."""
