# SPDX-License-Identifier: Apache-2.0
"""`rollcall billing`: invoices and the books, from a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from rollcall.cli.exits import Exit, errors_told
from rollcall.cli.options import BillingUrl, Key, Limit, Machine, examples, one_of
from rollcall.cli.remote import Row, ask, collected
from rollcall.cli.told import as_json, note, pairs, say, table
from rollcall.cli.words import InvoiceStatus
from rollcall.client.connection import Connection, segment
from rollcall.kernel.errors import InvalidInput

app: Final = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, show, print and verify invoices, and look into the books.",
)

LONG: Final = 600.0
"""Seconds that working out a large invoice again may take."""
_PAGE: Final = 200

Which = Annotated[
    str, typer.Argument(metavar="INVOICE", help="Its number (INV-000001), or its id.")
]


@app.command(
    epilog=examples(
        "rollcall billing invoices",
        "rollcall billing invoices --status overdue --json",
        "rollcall billing invoices --agent writer",
    )
)
def invoices(
    *,
    status: Annotated[
        InvoiceStatus | None,
        typer.Option(metavar=one_of(InvoiceStatus), help="Only with this status."),
    ] = None,
    agent: Annotated[
        str | None, typer.Option(metavar="AGENT_ID", help="Only of this agent.")
    ] = None,
    limit: Limit = 50,
    url: BillingUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """List invoices, the newest first."""
    params = {"status": status, "agent_id": agent, "limit": min(limit + 1, _PAGE)}

    async def read(billing: Connection) -> list[Row]:
        return await collected(billing.pages("/api/invoices", list[Row], params=params), limit)

    rows = ask(url, key, read)
    if machine:
        as_json(rows)
        return
    if not rows:
        note(
            "no invoices (of this sort); POST /api/invoices/generate makes drafts of what was used"
        )
        return
    table(
        ("number", "agent", "period", "status", "total", "due", "currency", "id"),
        [
            (
                one["number"] or "-",
                one["agent_id"],
                one["billing_period_id"].removeprefix("per_"),
                one["status"],
                one["total_amount"],
                one["amount_due"],
                one["currency"],
                one["id"],
            )
            for one in rows
        ],
    )


@app.command(
    epilog=examples("rollcall billing invoice INV-000001", "rollcall billing invoice inv_4f --json")
)
def invoice(*, which: Which, url: BillingUrl, key: Key = None, machine: Machine = False) -> None:
    """Show one invoice with its lines."""
    found = ask(url, key, lambda billing: _found(billing, which))
    if machine:
        as_json(found)
        return
    currency = found["currency"]
    pairs(
        [
            ("number", found["number"] or "none yet: it is a draft"),
            ("id", found["id"]),
            ("business", found["business_name"]),
            ("agent", found["agent_id"]),
            ("period", found["billing_period_id"].removeprefix("per_")),
            ("status", found["status"]),
            ("date", found["finalised_date"]),
            ("due date", found["due_date"]),
            ("paid", found["paid_date"]),
            ("subtotal", f"{found['subtotal']} {currency}"),
            ("tax", f"{found['tax_amount']} {currency} (rate {found['tax_rate']})"),
            ("total", f"{found['total_amount']} {currency}"),
            ("amount due", f"{found['amount_due']} {currency}"),
            ("usages", found["usages"]),
        ]
    )
    say("")
    table(
        ("#", "description", "quantity", "unit price", "amount"),
        [
            (
                one["number"],
                one["description"],
                one["quantity"],
                one["unit_price"] or "-",
                one["amount"],
            )
            for one in found["lines"]
        ],
    )


@app.command(
    epilog=examples("rollcall billing verify INV-000001", "rollcall billing verify inv_4f --json")
)
def verify(*, which: Which, url: BillingUrl, key: Key = None, machine: Machine = False) -> None:
    """Work an invoice out again, from each usage to the books; it must match to the last digit.

    The exit code is 1 where it does not.
    """

    async def read(billing: Connection) -> Row:
        id_ = (await _found(billing, which))["id"]
        return await billing.call("GET", f"/api/invoices/{segment('invoice', id_)}/verify", Row)

    report = ask(url, key, read, timeout=LONG)
    if machine:
        as_json(report)
    else:
        _tell(report)
    if not report["verified"]:
        raise typer.Exit(Exit.FAILED)


@app.command(
    epilog=examples("rollcall billing pdf INV-000001", "rollcall billing pdf inv_4f x.pdf")
)
def pdf(
    *,
    which: Which,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Where to; by default its number.", dir_okay=False),
    ] = None,
    url: BillingUrl,
    key: Key = None,
) -> None:
    """Save an invoice as a PDF."""

    async def read(billing: Connection) -> tuple[Row, bytes]:
        found = await _found(billing, which)
        path = f"/api/invoices/{segment('invoice', found['id'])}/pdf"
        return found, b"".join([piece async for piece in billing.download(path)])

    found, content = ask(url, key, read, timeout=LONG)
    path = file or Path(f"{found['number'] or found['id']}.pdf")
    with errors_told():
        try:
            path.write_bytes(content)
        except OSError as error:
            raise InvalidInput("FILE", f"{path} cannot be written: {error}") from None
    say(f"saved {path} ({len(content):,} bytes)")


@app.command(epilog=examples("rollcall billing ledger", "rollcall billing ledger --json"))
def ledger(*, url: BillingUrl, key: Key = None, machine: Machine = False) -> None:
    """Show the accounts with their balances, and whether the books balance.

    The exit code is 1 where they do not.
    """
    found = ask(url, key, lambda billing: billing.call("GET", "/api/billing/ledger", Row))
    if machine:
        as_json(found)
    elif not found["accounts"]:
        note("nothing is in the books yet: they begin with the first invoice that is sent")
    else:
        table(
            ("account", "currency", "debits", "credits", "balance"),
            [
                (one["account"], one["currency"], one["debits"], one["credits"], one["balance"])
                for one in found["accounts"]
            ],
        )
        for one in found["trial_balance"]:
            right = "the books balance" if found["balanced"] else "THE BOOKS DO NOT BALANCE"
            say(f"{one['currency']}: debits less credits are {one['difference']}: {right}")
    if not found["balanced"]:
        raise typer.Exit(Exit.FAILED)


async def _found(billing: Connection, which: str) -> Row:
    """An invoice by its number or its id."""
    pages = billing.pages("/api/invoices", list[Row], params={"number": which, "limit": 1})
    for one in await collected(pages, 1):
        return one
    return await billing.call("GET", f"/api/invoices/{segment('invoice', which)}", Row)


def _tell(report: Row) -> None:
    total = f"{report['total_amount']} {report['currency']}"
    name = report["number"] or f"{report['invoice_id']}, a draft"
    say(f"invoice {name}: {total}, {report['status']}, {report['usages']:,} usages")
    say("")
    table(
        ("result", "check", "compared", "what was done"),
        [
            ("ok" if one["ok"] else "failed", one["name"], f"{one['compared']:,}", one["says"])
            for one in report["checks"]
        ],
    )
    say("")
    if report["verified"]:
        say("Everything was worked out again and is the same to the last digit.")
        return
    count, shown = report["differences_count"], report["differences"]
    say(f"{count:,} things are not as they must be" + _first(count, len(shown)))
    for one in shown:
        say(f"  {one['check']}: {one['where']}, {one['field']}")
        say(f"    must be {one['expected']}")
        say(f"    but is  {one['found']}")


def _first(count: int, shown: int) -> str:
    return f"; the first {shown} are:" if count > shown else ":"
