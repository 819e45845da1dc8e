"""Who sends invoices is fixed when an invoice is."""

from __future__ import annotations

from msgspec.structs import replace

from rollcall.billing.issuers import NOBODY, Issuer
from support.books import Shop

FIRST = Issuer(name="First Ltd\nStreet 1\n10115 Berlin", tax_id="DE 111")
SECOND = Issuer(name="Second Ltd", tax_id="DE 222")


async def test_a_sent_invoice_keeps_its_issuer_when_the_setting_changes(small: Shop) -> None:
    before = Shop(small.database, issuer=FIRST)
    await before.use()
    sent = await before.sent()
    await before.use("painter")
    draft = await before.draft("painter")
    paper = await before.books.papers.invoice(await before.shown(sent), [])
    assert draft.terms.issuer == FIRST

    after = Shop(small.database, issuer=SECOND)
    async with after.client() as client:
        path = f"/api/invoices/{sent.id}"
        found = (await client.get(path)).json()
        assert (found["issuer"], found["issuer_tax_id"]) == (FIRST.name, FIRST.tax_id)
        assert (await client.get(f"{path}/verify")).json()["verified"]
        assert (await client.get(f"{path}/pdf")).content == paper
        await client.patch(f"{path}/status", json={"status": "void"})
        found = (await client.get(path)).json()
        assert (found["status"], found["issuer"]) == ("void", FIRST.name)

        # A draft says nothing for good yet.
        (again,) = (await client.post("/api/invoices/generate", json={})).json()
        assert (again["id"], again["issuer"]) == (draft.id, SECOND.name)
        path = f"/api/invoices/{draft.id}"
        final = (await client.patch(f"{path}/status", json={"status": "sent"})).json()
        assert (final["issuer"], final["issuer_tax_id"]) == (SECOND.name, SECOND.tax_id)


async def test_the_issuer_stands_on_paper(small: Shop) -> None:
    shop = Shop(small.database, issuer=FIRST)
    await shop.use()
    shown = await shop.shown(await shop.sent())
    invoice = shown.invoice
    papers = {
        await shop.books.papers.invoice(
            shown._replace(invoice=replace(invoice, terms=replace(invoice.terms, issuer=issuer))),
            [],
        )
        for issuer in (FIRST, replace(FIRST, tax_id=""), SECOND, NOBODY)
    }
    assert len(papers) == 4


async def test_where_nobody_is_named_nobody_is(small: Shop) -> None:
    await small.use()
    invoice = await small.sent()
    async with small.client() as client:
        found = (await client.get(f"/api/invoices/{invoice.id}")).json()
        assert (found["issuer"], found["issuer_tax_id"]) == (None, None)
