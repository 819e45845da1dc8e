# SPDX-License-Identifier: Apache-2.0
"""The variables of analytics, billing and the dashboard."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


def _variable(name: str, default: Any, about: str, **bounds: Any) -> Any:
    return Field(default=default, validation_alias=name, description=about, **bounds)


def _port(name: str, default: int, about: str) -> Any:
    return _variable(name, default, f"Port of {about}", ge=0, le=65535)


class NumberVariables(BaseSettings):
    """Where facts are kept, how accounts are billed, and where that can be asked for."""

    analytics_port: int = _port("ANALYTICS_PORT", 8002, "analytics")
    billing_port: int = _port("BILLING_PORT", 8003, "billing")
    dashboard_port: int = _port("DASHBOARD_PORT", 8004, "the dashboard")
    duckdb_memory: str = _variable(
        "ROLLCALL_DUCKDB_MEMORY",
        "512MB",
        "Memory of DuckDB; what does not fit goes to the disk",
    )
    duckdb_threads: int = _variable(
        "ROLLCALL_DUCKDB_THREADS", 2, "Threads that answer one question of analytics", ge=1, le=256
    )
    time_zone: str = _variable(
        "ROLLCALL_TIME_ZONE", "UTC", "Whose midnights part an account's days, such as Europe/Berlin"
    )
    currency: str = _variable("ROLLCALL_CURRENCY", "USD", "What accounts are billed in, ISO 4217")
    tax_rate: Decimal = _variable(
        "ROLLCALL_TAX_RATE", Decimal("0.08"), "The tax on invoices, as a share", ge=0, le=1
    )
    terms_days: int = _variable(
        "ROLLCALL_TERMS_DAYS", 15, "Days in which an invoice is to be paid", ge=0, le=365
    )
    invoice_issuer: str | None = _variable(
        "ROLLCALL_INVOICE_ISSUER",
        None,
        "Who sends invoices: name and address, \\n between the lines; final ones keep theirs",
    )
    invoice_tax_id: str | None = _variable(
        "ROLLCALL_INVOICE_TAX_ID", None, "The tax number of who sends invoices"
    )
    webhook_secrets: SecretStr | None = _variable(
        "ROLLCALL_WEBHOOK_SECRETS",
        None,
        "What payment providers sign with, as provider=whsec_...,provider=whsec_...",
    )
