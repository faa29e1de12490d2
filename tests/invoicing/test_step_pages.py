"""The pages on which a person takes the next step of an invoice."""

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from core.models import Contract, User
from invoicing.issuing import dispute, verify
from invoicing.models import DocumentType, InvoiceHeader, InvoiceStatus, InvoiceStatusChange
from invoicing.step_pages import MOST_AT_ONCE, STEPS
from tests.factories import TaxRuleFactory
from tests.invoicing.test_issuing import DAY, issued, make_contract, make_draft

pytestmark = pytest.mark.django_db

LIST = "/admin/invoicing/invoiceheader/"


@pytest.fixture
def contract(db: None) -> Contract:
    return make_contract()


@pytest.fixture
def billing(client: Client) -> Client:
    """A browser of a person who may change invoices."""
    return signed_in(client, "view_invoiceheader", "change_invoiceheader")


def signed_in(client: Client, *permissions: str) -> Client:
    user = User.objects.create_user("bea", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def step(name: str, *invoices: InvoiceHeader) -> str:
    """The address of a step."""
    return f"{LIST}steps/{name}/?invoices={','.join(str(invoice.pk) for invoice in invoices)}"


def offered(client: Client, invoice: InvoiceHeader) -> list[str]:
    """The steps whose buttons are on the page of the invoice."""
    page = client.get(f"{LIST}{invoice.pk}/change/").content.decode()
    return re.findall(rf"{LIST}steps/(\w+)/\?invoices={invoice.pk}\"", page)


def said(answer: Any) -> list[str]:
    """What the next page tells."""
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_an_invoice_goes_from_draft_to_paid_by_its_buttons(billing: Client, contract: Contract) -> None:
    invoice = make_draft(contract, "100", "0.50")
    day = str(DAY)
    seen = {}
    for name, told in (
        ("verify", {"on": day}),
        ("reopen", {"reason": "a reading came late"}),
        ("verify", {"on": day}),
        ("issue", {"on": day, "due": ""}),
        ("dispute", {"reason": "the meter was off"}),
        ("settle", {"reason": "the meter was right"}),
        ("pay", {"on": "2026-03-01"}),
    ):
        seen[invoice.status] = offered(billing, invoice)
        assert billing.get(step(name, invoice)).status_code == 200
        answer = billing.post(step(name, invoice), told)
        assert answer.status_code == 302, answer.content.decode()
        assert answer["Location"] == f"{LIST}{invoice.pk}/change/"
        invoice.refresh_from_db()
    seen[invoice.status] = offered(billing, invoice)

    assert seen == {
        "draft": ["verify"],
        "verified": ["reopen", "issue"],
        "sent": ["pay", "dispute", "credit"],
        "disputed": ["pay", "settle", "credit"],
        "paid": ["credit"],
    }
    assert (invoice.invoice_date, invoice.due_date) == (DAY, DAY + timedelta(days=30))
    changes = InvoiceStatusChange.objects.filter(invoice_header=invoice).order_by("pk")
    assert {change.changed_by for change in changes if change.from_status} == {"bea"}
    assert [change.reason for change in changes if change.reason] == [
        "a reading came late",
        "the meter was off",
        "the meter was right",
    ]
    assert changes.get(to_status=InvoiceStatus.PAID).effective_on == date(2026, 3, 1)


def test_a_part_of_an_invoice_is_credited_and_a_credit_note_is_not(billing: Client, contract: Contract) -> None:
    invoice = issued(contract, "100")
    asked = {"on": str(DAY), "reason": "a meter was replaced", "amount": "40"}

    assert said(billing.post(step("credit", invoice), asked))[0].startswith("credit note CN-2026-00001: credited")
    note = InvoiceHeader.objects.get(corrects=invoice)
    assert (note.document_type, note.total_amount) == (DocumentType.CREDIT_NOTE, Decimal(40))
    assert "credit" not in offered(billing, note)

    refused = billing.post(step("credit", invoice), {**asked, "amount": "60.01"})
    assert "60.01 cannot be credited: USD 60.00 are left" in said(refused)[0]


def test_of_many_chosen_one_that_is_refused_is_named_and_does_not_stop_the_others(
    billing: Client, contract: Contract
) -> None:
    fine, empty = make_draft(contract, "100"), make_draft(contract)
    chosen = billing.post(LIST, {"action": "verify", "_selected_action": [fine.pk, empty.pk]})
    assert chosen["Location"] == f"{LIST}steps/verify/?invoices={fine.pk}%2C{empty.pk}"

    answer = billing.post(chosen["Location"], {"on": str(DAY)})
    assert answer["Location"] == LIST
    verified, refused = said(answer)
    assert "verified, USD 100.00" in verified
    assert refused == f"invoice {empty.pk}, draft, nothing was written: it has no lines"
    assert [*InvoiceHeader.objects.order_by("pk").values_list("status", flat=True)] == ["verified", "draft"]


def test_what_cannot_be_undone_says_so_and_waits_until_it_is_confirmed(billing: Client, contract: Contract) -> None:
    invoice = make_draft(contract, "100")
    verify(invoice.pk, by="Ana", on=DAY)
    page = billing.get(step("issue", invoice)).content.decode()
    assert "This cannot be undone." in page
    assert "USD 100.00" in page
    assert "This cannot be undone." not in billing.get(step("reopen", invoice)).content.decode()

    unfilled = billing.post(step("issue", invoice), {"on": ""})
    assert "This field is required." in unfilled.content.decode()
    assert not InvoiceHeader.objects.exclude(invoice_number=None).exists()
    assert {name for name, each in STEPS.items() if each.is_final} == {"issue", "pay", "credit"}


def test_a_step_that_the_status_does_not_allow_is_refused_with_the_reason(billing: Client, contract: Contract) -> None:
    invoice = make_draft(contract, "100")
    assert "it is draft, and must be verified" in said(billing.post(step("issue", invoice), {"on": str(DAY)}))[0]


def test_who_may_only_look_takes_no_step_and_has_the_pdf(client: Client, contract: Contract) -> None:
    reader = signed_in(client, "view_invoiceheader")
    invoice = make_draft(contract, "100")
    assert offered(reader, invoice) == []
    assert reader.get(step("verify", invoice)).status_code == 403
    assert reader.post(step("verify", invoice), {"on": str(DAY)}).status_code == 403
    assert "Verify …" not in reader.get(LIST).content.decode()
    assert reader.get(f"{LIST}{invoice.pk}/pdf/").status_code == 200


def test_who_may_not_see_invoices_has_no_pdf(client: Client, contract: Contract) -> None:
    assert signed_in(client).get(f"{LIST}{make_draft(contract, '1').pk}/pdf/").status_code == 403


@pytest.mark.parametrize(
    "address",
    [
        "steps/shred/?invoices=1",
        "steps/verify/",
        "steps/verify/?invoices=x",
        "steps/verify/?invoices=999999",
        f"steps/verify/?invoices={','.join(['1'] * (MOST_AT_ONCE + 1))}",
        "999999/pdf/",
    ],
)
def test_an_address_of_nothing_is_not_found(billing: Client, address: str) -> None:
    assert billing.get(LIST + address).status_code == 404


def test_the_pdf_is_a_file_named_after_the_number_and_holds_the_invoice_for_machines(
    billing: Client, contract: Contract
) -> None:
    TaxRuleFactory.create(organization=contract.organization, tax_code="VAT")
    for party, number in ((contract.organization, "DE123456789"), (contract.counterparty, "FR99123456789")):
        party.country, party.vat_number = number[:2], number
        party.save()
    draft, invoice = make_draft(contract, "100"), issued(contract, "100")
    dispute(invoice.pk, by="Ana", reason="a test")
    files = [billing.get(reverse("admin:invoicing_invoiceheader_pdf", args=[each.pk])) for each in (draft, invoice)]

    assert [each["Content-Type"] for each in files] == ["application/pdf"] * 2
    assert [each["Content-Disposition"] for each in files] == [
        f'attachment; filename="draft-{draft.pk}.pdf"',
        'attachment; filename="INV-2026-00001.pdf"',
    ]
    assert [each.content.startswith(b"%PDF") for each in files] == [True, True]
    assert [b"factur-x.xml" in each.content for each in files] == [False, True]
