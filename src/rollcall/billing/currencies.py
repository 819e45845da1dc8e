# SPDX-License-Identifier: Apache-2.0
"""Currencies by ISO 4217, and how many digits their smallest unit has: pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.money import quantised

_TWO: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD"
    " CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD"
    " GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD"
    " MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP"
    " PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS"
    " TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_NONE: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE: Final = "BHD IQD JOD KWD LYD OMR TND"
_EXPONENTS: Final = {
    code: digits for codes, digits in ((_TWO, 2), (_NONE, 0), (_THREE, 3)) for code in codes.split()
}


def exponent(currency: str) -> int:
    """How many digits behind the point an amount of `currency` has: 2 for USD, 0 for JPY.

    Raises:
        InvalidInput: ISO 4217 lists no such currency.
    """
    try:
        return _EXPONENTS[currency]
    except KeyError:
        raise InvalidInput(
            "currency", f"must be a code of ISO 4217 such as USD, not {currency!r:.20}"
        ) from None


def rounded(amount: Decimal, currency: str) -> Decimal:
    """`amount` in whole smallest units of `currency`, half to even."""
    return quantised(amount, exponent(currency))


def minor(amount: Decimal, currency: str, field: str = "amount") -> int:
    """`amount` counted in the smallest units of `currency`: 12.50 USD is 1250.

    Raises:
        InvalidInput: It has a fraction of such a unit.
    """
    digits = exponent(currency)
    units = amount.scaleb(digits)
    if units != units.to_integral_value():
        kept = f"at most {digits} digits behind the point" if digits else "no digits behind it"
        raise InvalidInput(field, f"must have {kept} in {currency}, not {amount}")
    return int(units)


def major(units: int, currency: str) -> Decimal:
    """So many smallest units of `currency` as an amount: 1250 of USD are 12.50."""
    return Decimal(units).scaleb(-exponent(currency))
