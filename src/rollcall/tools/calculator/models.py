# SPDX-License-Identifier: Apache-2.0
"""What the calculator answers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class Calculation(_Answer):
    """The result of an arithmetic expression."""

    expression: str = Field(description="The expression as it was given.")
    result: bool | int | float | str | None = Field(
        description="The result: a number; a string of digits where a number of JSON cannot hold"
        " them; true or false for a comparison; null where there is none."
    )
    success: bool = Field(description="Whether there is a result.")
    error: str | None = Field(
        default=None, description="Why there is no result, and what to do; null where there is one."
    )
    precision: int = Field(description="Decimal places to which the result is rounded.")


class StatisticsResult(_Answer):
    """Figures that describe a list of numbers."""

    count: int = Field(description="How many numbers there are.")
    operations: list[str] = Field(description="What was asked for, by its names.")
    results: dict[str, int | float | str | list[int | float | str]] = Field(
        description="The figures by the name of the operation. quantiles and multimode are lists."
    )
    success: bool = Field(description="Whether everything that was asked for could be worked out.")
    error: str | None = Field(
        default=None, description="What could not be worked out, and why; null: everything could."
    )


class FunctionInfo(_Answer):
    """Something that an expression may contain."""

    name: str = Field(description="Its name or sign.")
    signature: str = Field(description="How it is written.")
    description: str = Field(description="What it gives.")
    example: str = Field(description="An expression that uses it.")


class FunctionList(_Answer):
    """Everything that an expression may contain."""

    functions: list[FunctionInfo] = Field(description="Functions, such as sqrt(x).")
    constants: list[FunctionInfo] = Field(description="Constants, such as pi.")
    operators: list[FunctionInfo] = Field(description="Operators, such as + and % of.")
    statistics: list[FunctionInfo] = Field(description="Operations of the statistics tool.")
    total_count: int = Field(description="How many there are in all.")


class Conversion(_Answer):
    """A quantity in another unit."""

    value: float = Field(description="The quantity as it was given.")
    from_unit: str = Field(description="The unit of the value.")
    to_unit: str = Field(description="The unit of the result.")
    result: int | float | None = Field(
        description="The quantity in the unit asked for; null where there is none."
    )
    unit_type: str | None = Field(
        default=None, description="What is measured, such as length or temperature, if known."
    )
    success: bool = Field(description="Whether there is a result.")
    error: str | None = Field(
        default=None, description="Why there is no result, and what to do; null where there is one."
    )
