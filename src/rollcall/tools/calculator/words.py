# SPDX-License-Identifier: Apache-2.0
"""What people say, into what a calculator reads.

A pure pass over the tokens in front of the grammar: `square root of 16` becomes `sqrt of 16`,
`10 plus 5` becomes `10 + 5`, `twenty-five` becomes `25`. Tokens of a plain expression pass
unchanged; a property test holds it to that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rollcall.tools.calculator.tokens import Kind, Token

_OPERATIONS = {
    "+": "plus; increased by; added to",
    "-": "minus; negative; decreased by; reduced by; less",
    "*": "times; multiplied by; multiplied with",
    "/": "divided by; over",
    "**": "to the power of; to the power; raised to the power of; raised to the power; raised to",
    "mod": "mod; modulo; modulus",
    "percent": "percents; per cent; pct; percentage; percent",
    "squared": "squared; to the square",
    "cubed": "cubed",
    "!": "factorial",
    "degrees": "degree; degrees; deg",
    "==": "is equal to; is equal; equals; equal to; is",
    "!=": "is not equal to; is not; not equal to",
    ">": "is greater than; is more than; is larger than; is bigger than; greater than; more than",
    "<": "is less than; is smaller than; smaller than; less than",
    ">=": "is at least; at least; is greater than or equal to; greater than or equal to",
    "<=": "is at most; at most; is less than or equal to; less than or equal to",
    "rounded": "rounded to",
    "share of": "is what percent of; is what percentage of; as percentage of; as percent of",
    "of": "of; tip on; tax on; vat on; interest on; commission on", "off": "off; off of",
    "and": "and", "or": "or", "not": "not", "to": "to",
    "by": "by", "with": "with", "from": "from", "between": "between", "base": "base",
}  # fmt: skip
_FUNCTIONS = {
    "sqrt": "square root; squareroot",
    "cbrt": "cube root; cubic root; third root",
    "abs": "absolute value; absolute",
    "ln": "natural logarithm; natural log",
    "log": "logarithm; common logarithm",
    "sin": "sine", "cos": "cosine", "tan": "tangent",
    "asin": "arcsine; arcsin; inverse sine", "acos": "arccosine; arccos; inverse cosine",
    "atan": "arctangent; arctan; inverse tangent",
    "mean": "arithmetic mean",
    "max": "maximum; largest; biggest; greatest; highest",
    "min": "minimum; smallest; lowest",
    "sum": "total; sum total",
    "gcd": "greatest common divisor; greatest common factor; highest common factor; hcf",
    "lcm": "least common multiple; lowest common multiple",
}  # fmt: skip
_FRACTIONS = {
    2: "half; halves", 3: "third; thirds", 4: "quarter; quarters; fourth; fourths",
    5: "fifth; fifths", 8: "eighth; eighths", 10: "tenth; tenths",
}  # fmt: skip
_MULTIPLES = {2: "twice; double", 3: "triple; thrice"}
_BEHIND_NUMBERS = frozenset(") ] ! percent squared cubed degrees".split())
_ARTICLES = frozenset("the a an".split())
_FILLERS = frozenset(
    "what whats is are calculate calc compute evaluate how much many work out find please can"
    " could would you tell me give show solve get result value answer for it i hey hi us"
    " do does if when we".split()
)
_PAUSES = frozenset((":", ",", "!"))
_POLITE = frozenset("please thanks equals is".split())

_SMALL = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
        " fifteen sixteen seventeen eighteen nineteen".split()
    )
}
_TENS = {
    word: value * 10
    for value, word in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2
    )
}
_SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_NUMERALS = frozenset([*_SMALL, *_TENS])


def _phrases() -> dict[tuple[str, ...], tuple[Token, ...]]:
    made: dict[tuple[str, ...], tuple[Token, ...]] = {}

    def say(phrases: str, *tokens: Token) -> None:
        for phrase in phrases.split(";"):
            made[tuple(word for word in phrase.split() if word not in _ARTICLES)] = tokens

    for sign, phrases in _OPERATIONS.items():
        say(phrases, Token(Kind.SIGN, sign))
    for name, phrases in _FUNCTIONS.items():
        say(phrases, Token(Kind.NAME, name))
    for denominator, phrases in _FRACTIONS.items():
        say(phrases, Token(Kind.FRACTION, str(denominator)))
    for factor, phrases in _MULTIPLES.items():
        say(phrases, Token(Kind.NUMBER, str(factor)), Token(Kind.SIGN, "*"))
    say("decimal places; decimals; decimal digits; places; digits")
    say("root of", Token(Kind.NAME, "sqrt"), Token(Kind.SIGN, "of"))
    say("modulus of", Token(Kind.NAME, "abs"), Token(Kind.SIGN, "of"))
    return made


_PHRASES = _phrases()
_LONGEST = max(len(phrase) for phrase in _PHRASES)


def translate(tokens: Sequence[Token], functions: frozenset[str]) -> list[Token]:
    """The same expression without words, as far as they are understood; O(tokens).

    Args:
        tokens: What was said.
        functions: The names of functions. One of them is left alone where no number stands in
            front of it, as in `degrees(pi)`; so is every word that nothing is known about.
    """
    said = _without_fillers(tokens)
    found: list[Token] = []
    at = 0
    while at < len(said):
        token = said[at]
        if token.kind is not Kind.NAME:
            found.append(token)
            at += 1
            continue
        read = _scale(said, at, found) or _numeral(said, at) or _phrase(said, at)
        if read and read[1] == 1 and token.text in functions:
            read = read if _ends_operand(found, functions) else None
        if read is None:
            read = ((_times(said, at) or token,), 1)
        found.extend(read[0])
        at += read[1]
    return found


def _without_fillers(tokens: Sequence[Token]) -> list[Token]:
    start, end = 0, len(tokens)
    while start < end and (
        _is_word(tokens[start], _FILLERS | _ARTICLES) or (start and tokens[start].text in _PAUSES)
    ):
        start += 1
    if start and start < end and _is_word(tokens[start], ["of"]):
        start += 1
    while end > start and _is_word(tokens[end - 1], _POLITE):
        end -= 1
    return [token for token in tokens[start:end] if not _is_word(token, _ARTICLES)]


def _is_word(token: Token, words: Iterable[str]) -> bool:
    return token.kind is Kind.NAME and token.text in words


def _ends_operand(found: Sequence[Token], functions: frozenset[str]) -> bool:
    """Whether a number stands in front, so that what comes now works on it."""
    if not found:
        return False
    last = found[-1]
    if last.kind is Kind.NAME:
        return last.text not in functions
    return last.kind is not Kind.SIGN or last.text in _BEHIND_NUMBERS


def _phrase(said: Sequence[Token], at: int) -> tuple[tuple[Token, ...], int] | None:
    """The longest phrase that begins here, and how many words it has."""
    words: list[str] = []
    for token in said[at : at + _LONGEST]:
        if token.kind is not Kind.NAME:
            break
        words.append(token.text)
    for length in range(len(words), 0, -1):
        tokens = _PHRASES.get(tuple(words[:length]))
        if tokens is not None:
            return tokens, length
    return None


def _times(said: Sequence[Token], at: int) -> Token | None:
    """`3 x 4`: nothing else has this name."""
    return Token(Kind.SIGN, "*") if said[at].text == "x" and 0 < at < len(said) - 1 else None


def _scale(
    said: Sequence[Token], at: int, found: Sequence[Token]
) -> tuple[tuple[Token, ...], int] | None:
    """`5 million`, `2 dozen`: a factor behind a number."""
    word = said[at].text
    if not found or found[-1].kind is not Kind.NUMBER:
        return None
    if word in _SCALES:
        factor = str(10 ** _SCALES[word])
    elif word in ("dozen", "hundred"):
        factor = {"dozen": "12", "hundred": "100"}[word]
    else:
        return None
    return (Token(Kind.SIGN, "scaled"), Token(Kind.NUMBER, factor)), 1


def _numeral(said: Sequence[Token], at: int) -> tuple[tuple[Token, ...], int] | None:
    """A whole number in words, such as `one hundred and twenty five thousand`."""
    start, total, group = at, 0, 0
    while at < len(said) and said[at].kind is Kind.NAME:
        word = said[at].text
        tens = group % 100
        if word in _TENS and tens == 0:
            group += _TENS[word]
        elif word in _SMALL and (tens == 0 or (tens % 10 == 0 < tens - 10 and _SMALL[word] < 10)):
            group += _SMALL[word]
        elif word == "hundred" and group < 100 and (group or at == start):
            group = max(group, 1) * 100
        elif word in _SCALES and group < 1000 and (group or at == start):
            total += max(group, 1) * 10 ** _SCALES[word]
            group = 0
        elif not _joins(said, at, start):
            break
        at += 1
    if at == start:
        return None
    return (Token(Kind.NUMBER, str(total + group)),), at - start


def _joins(said: Sequence[Token], at: int, start: int) -> bool:
    """Whether this is the `and` inside a number: `one hundred and five`."""
    if at == start or said[at].text != "and" or at + 1 == len(said):
        return False
    before, after = said[at - 1].text, said[at + 1].text
    return after in _NUMERALS and (before == "hundred" or before in _SCALES)
