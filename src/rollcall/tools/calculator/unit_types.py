# SPDX-License-Identifier: Apache-2.0
"""What units measure."""

from __future__ import annotations

from typing import Final

REFERENCES: Final = {
    "length": "meter",
    "mass": "kilogram",
    "temperature": "kelvin",
    "volume": "liter",
    "speed": "meter / second",
    "time": "second",
    "area": "meter ** 2",
    "data": "byte",
    "data rate": "byte / second",
    "energy": "joule",
    "power": "watt",
    "pressure": "pascal",
    "force": "newton",
    "angle": "radian",
    "angular speed": "radian / second",
    "frequency": "hertz",
    "acceleration": "meter / second ** 2",
    "density": "kilogram / meter ** 3",
    "flow": "liter / second",
    "electric current": "ampere",
    "electric charge": "coulomb",
    "voltage": "volt",
    "resistance": "ohm",
    "capacitance": "farad",
    "inductance": "henry",
    "amount of substance": "mole",
    "luminous intensity": "candela",
    "ratio": "percent",
}
"""Every kind of quantity, with a unit of it."""

SYNONYMS: Final = {
    "distance": "length", "height": "length", "width": "length", "depth": "length",
    "weight": "mass", "temp": "temperature", "temperatures": "temperature",
    "velocity": "speed", "duration": "time", "surface": "area",
    "capacity": "volume", "liquid": "volume",
    "storage": "data", "digital": "data", "digital storage": "data", "information": "data",
    "data storage": "data", "memory": "data",
    "bandwidth": "data rate", "data transfer": "data rate",
    "work": "energy", "heat": "energy", "current": "electric current", "charge": "electric charge",
    "electric potential": "voltage", "potential": "voltage", "dimensionless": "ratio",
    "percentage": "ratio", "volume flow": "flow",
}  # fmt: skip
"""Other words for them."""
