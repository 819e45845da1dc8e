# SPDX-License-Identifier: Apache-2.0
"""The calculator of the tools service: arithmetic, statistics and units, without I/O.

- `calculate` works out an expression: `12 % of 349.90`, `sqrt(16)`, `square root of 16`.
- `statistics` describes a list of numbers.
- `functions` lists what an expression may contain.
- `convert` turns a quantity into another unit.

An expression takes this way: `tokens` (text into numbers, names and signs), `words` (what people
say into what the grammar reads), `grammar` (tokens into a tree), `evaluation` (the tree into a
value, with `numbers`, `series`, `functions` and `operators`), `rendering` (the value into JSON).
Nothing is ever handed to Python's own parser. `limits` bounds all of it; a `Budget` counts the
steps, so that the bound is one of work and not of time. An expression takes at most about a quarter
of a second, mostly a tenth of a millisecond; `statistics` of 100,000 numbers takes about a second;
the first `convert` loads pint in a third of a second. Call them from a worker thread.
"""

from rollcall.tools.calculator.calculator import calculate
from rollcall.tools.calculator.catalogue import functions
from rollcall.tools.calculator.models import (
    Calculation,
    Conversion,
    FunctionInfo,
    FunctionList,
    StatisticsResult,
)
from rollcall.tools.calculator.statistics import statistics
from rollcall.tools.calculator.units import convert

__all__ = [
    "Calculation",
    "Conversion",
    "FunctionInfo",
    "FunctionList",
    "StatisticsResult",
    "calculate",
    "convert",
    "functions",
    "statistics",
]
