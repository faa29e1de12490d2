"""Documents: sums by EN 16931, XML that reads back equal, a PDF that people can read."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from invoicing.crediting import credit
from invoicing.documents.en16931 import (
    CREDIT_NOTE,
    INVOICE,
    Charge,
    Document,
    Line,
    Party,
    sum_up,
)
from invoicing.documents.pdf import render
from invoicing.documents.rules import broken_rules, check
from invoicing.documents.sheet import sheet_of
from invoicing.documents.sources import document_of
from invoicing.documents.ubl import write
from invoicing.errors import DocumentError
from invoicing.issuing import verify_and_issue
from invoicing.models import InvoiceHeader
from tests.factories import ClauseTariffFactory, CurrencyFactory, RuleOutputFactory, TaxRuleFactory
from tests.invoicing.test_issuing import DAY, issued, make_contract, make_draft
from tests.invoicing.ubl_reading import read
from tests.soak import rounds

SELLER = Party("Helios", "DE", "Sonnenweg 1", "DE123456789")
BUYER = Party("Stadtwerk & Söhne", "FR", "1, rue <du> Soleil", "FR99123456789", email="buyer@example.org")


LEVY = Charge("Grid levy", Decimal("3.10"), "S", Decimal(19))


def line(amount: str, category: str = "S", rate: str = "19", number: int = 1) -> Line:
    sign = -1 if Decimal(amount) < 0 else 1
    return Line(
        str(number), "Energy", Decimal(sign), "KWH", abs(Decimal(amount)), Decimal(amount), category, Decimal(rate)
    )


def document(*lines: Line, charges: tuple[Charge, ...] = (), seller: Party = SELLER, buyer: Party = BUYER) -> Document:
    totals = sum_up(lines, charges, lambda category: None if category in "SZ" else "for a reason")
    return Document(
        type_code=INVOICE,
        number="INV-2026-00001",
        issued_on=DAY,
        due_on=date(2026, 3, 5),
        currency="EUR",
        seller=seller,
        buyer=buyer,
        first_day=date(2026, 1, 1),
        last_day=date(2026, 1, 31),
        lines=lines,
        charges=charges,
        vat=totals.vat,
        lines_total=totals.lines_total,
        charges_total=totals.charges_total,
        total_without_vat=totals.total_without_vat,
        vat_total=totals.vat_total,
        total_with_vat=totals.total_with_vat,
        payable=totals.total_with_vat,
        account="DE02120300000000202051",
    )


def names(document: Document) -> set[str]:
    return {rule.partition(":")[0] for rule in broken_rules(document)}


def test_the_sums_are_those_of_an_example_of_the_committee() -> None:
    """CEN/TC 434, eInvoicing-EN16931, ubl/examples/ubl-tc434-example2.xml: its lines by rate, its breakdown, its sums.

    Its discount and its freight, 100.00 each, are both at 25 % and cancel out.
    """
    found = document(line("1460.50", rate="25"), line("1.00", rate="15", number=2), line("-25.00", "E", "0", number=3))
    assert {(group.category, group.rate_percent): group.vat_amount for group in found.vat} == {
        ("S", Decimal(25)): Decimal("365.13"),
        ("S", Decimal(15)): Decimal("0.15"),
        ("E", Decimal(0)): Decimal(0),
    }
    assert (found.total_without_vat, found.vat_total, found.total_with_vat) == (
        Decimal("1436.50"),
        Decimal("365.28"),
        Decimal("1801.78"),
    )
    assert names(found) == set()


@pytest.mark.soak
def test_random_invoices_satisfy_the_sums() -> None:
    """A million in full."""
    chance = random.Random(16931)
    categories = [("S", "19"), ("S", "7"), ("S", "5.5"), ("Z", "0"), ("E", "0"), ("AE", "0"), ("G", "0"), ("K", "0")]
    for _ in range(rounds(1_000_000, 2_000)):
        used = chance.sample(categories, chance.randint(1, 3))
        lines = tuple(
            line(f"{chance.randint(-(10**8), 10**9) / Decimal(100)}", *chance.choice(used), number)
            for number in range(1, chance.randint(2, 9))
        )
        taxed = {(one.category, one.rate_percent) for one in lines}
        charges = tuple(
            Charge("levy", Decimal(chance.randint(1, 10**6)) / 100, *group)
            for group in sorted(taxed)
            if chance.random() < 0.2
        )
        found = document(*lines, charges=charges)
        assert list(broken_rules(found)) == []
        assert found.payable == sum(one.net_amount for one in (*lines,)) + found.charges_total + found.vat_total


EXEMPT = document(line("100.00", "E", "0"))
BROKEN: list[tuple[str, Callable[[Document], Document]]] = [
    ("BR-02", lambda d: replace(d, number="")),
    ("BR-04", lambda d: replace(d, type_code="999")),
    ("BR-05", lambda d: replace(d, currency=" ")),
    ("BR-CL-04", lambda d: replace(d, currency="euro")),
    ("BR-06", lambda d: replace(d, seller=replace(SELLER, name=" "))),
    ("BR-07", lambda d: replace(d, buyer=replace(BUYER, name=""))),
    ("BR-09", lambda d: replace(d, seller=replace(SELLER, country="Germany"))),
    ("BR-11", lambda d: replace(d, buyer=replace(BUYER, country=""))),
    ("BR-25", lambda d: replace(d, lines=(replace(d.lines[0], name=""),))),
    ("BR-27", lambda d: replace(d, lines=(replace(d.lines[0], unit_price=Decimal(-1)),))),
    ("BR-29", lambda d: replace(d, last_day=date(2025, 1, 1))),
    ("BR-55", lambda d: replace(d, preceding=("", DAY))),
    ("BR-21", lambda d: replace(d, lines=(replace(d.lines[0], id=""),))),
    ("BR-23", lambda d: replace(d, lines=(replace(d.lines[0], unit=""),))),
    ("BR-37", lambda d: document(line("1.00"), charges=(replace(LEVY, category=""),))),
    ("BR-38", lambda d: document(line("1.00"), charges=(replace(LEVY, reason=" "),))),
    ("BR-47", lambda d: replace(d, vat=(*d.vat, replace(d.vat[0], category="")))),
    ("BR-50", lambda d: replace(d, account=" ")),
    ("BR-CO-04", lambda d: replace(d, lines=(replace(d.lines[0], category=""),))),
    ("BR-CO-09", lambda d: replace(d, seller=replace(SELLER, vat_number="12-3456"))),
    ("BR-CO-10", lambda d: replace(d, lines_total=Decimal(1))),
    ("BR-CO-12", lambda d: replace(d, charges_total=Decimal(1))),
    ("BR-CO-13", lambda d: replace(d, total_without_vat=Decimal(1))),
    ("BR-CO-14", lambda d: replace(d, vat_total=Decimal(1))),
    ("BR-CO-15", lambda d: replace(d, total_with_vat=Decimal(1))),
    ("BR-CO-16", lambda d: replace(d, payable=Decimal(1))),
    ("BR-CO-17", lambda d: replace(d, vat=(replace(d.vat[0], vat_amount=Decimal("19.01")),))),
    ("BR-CO-18", lambda d: replace(d, vat=())),
    ("BR-CO-25", lambda d: replace(d, due_on=None)),
    ("BR-CO-26", lambda d: replace(d, seller=replace(SELLER, vat_number=None))),
    ("BR-S-01", lambda d: replace(d, vat=(replace(d.vat[0], category="Z"),))),
    ("BR-S-02", lambda d: replace(d, seller=replace(SELLER, vat_number=None, legal_id="HRB 1"))),
    ("BR-S-04", lambda d: replace(document(line("1.00"), charges=(LEVY,)), seller=replace(SELLER, vat_number=None))),
    ("BR-S-07", lambda d: document(line("1.00"), charges=(replace(LEVY, rate_percent=Decimal(0)),))),
    ("BR-Z-01", lambda d: replace(z := document(line("1.00", "Z", "0")), vat=z.vat * 2)),
    ("BR-IC-02", lambda d: document(line("1.00", "K", "0"), buyer=replace(BUYER, vat_number=None, legal_id="1"))),
    ("BR-G-02", lambda d: document(line("1.00", "G", "0"), seller=replace(SELLER, vat_number=None))),
    ("BR-O-05", lambda d: document(line("1.00", "O", "5"))),
    ("BR-O-12", lambda d: document(line("1.00", "O", "0"), line("1.00", number=2))),
    ("BR-S-05", lambda d: document(line("100.00", "S", "0"))),
    ("BR-S-08", lambda d: replace(d, vat=(replace(d.vat[0], taxable_amount=Decimal(99)),))),
    ("BR-S-10", lambda d: replace(d, vat=(replace(d.vat[0], exemption_reason="none"),))),
    ("BR-Z-05", lambda d: document(line("100.00", "Z", "5"))),
    ("BR-E-09", lambda d: replace(EXEMPT, vat=(replace(d.vat[0], category="E"),))),
    (
        "BR-E-10",
        lambda d: replace(e := document(line("1.00", "E", "0")), vat=(replace(e.vat[0], exemption_reason=None),)),
    ),
    ("BR-AE-02", lambda d: document(line("1.00", "AE", "0"), buyer=replace(BUYER, vat_number=None))),
    ("BR-O-02", lambda d: document(line("1.00", "O", "0"))),
    ("BR-O-11", lambda d: document(line("1.00", "O", "0"), line("1.00", number=2))),
    ("BR-CL-17", lambda d: document(line("1.00", "X", "0"))),
    ("BR-DEC-23", lambda d: document(line("1.005"))),
]


@pytest.mark.parametrize("rule, spoil", BROKEN, ids=[rule for rule, _ in BROKEN])
def test_a_document_that_breaks_a_rule_is_told_so_by_name(rule: str, spoil: Callable[[Document], Document]) -> None:
    sound = document(line("100.00"))
    assert names(sound) == set()
    spoiled = spoil(sound)
    assert rule in names(spoiled)
    with pytest.raises(DocumentError, match=rule):
        check(spoiled)


# --- UBL


EXAMPLES = {
    "levy and credit": document(line("100.00"), line("-20.50", number=2), charges=(LEVY,)),
    "named item": document(replace(line("100.00"), item_id="ENERGY")),
    "zero rated": document(line("100.00", "Z", "0")),
    "exempt and charged": document(line("100.00", "E", "0"), line("5.00", number=2)),
    "reverse charge": document(line("100.00", "AE", "0"), line("5.00", "S", "7.5", 2)),
    "within the union": document(line("100.00", "K", "0")),
    "export": document(line("100.00", "G", "0")),
    "outside the scope": document(
        line("100.00", "O", "0"), seller=Party("Helios", "DE", legal_id="HRB 1"), buyer=Party("Stadtwerk", "FR")
    ),
    "account of another kind": replace(document(line("100.00")), account="021000021 / 1234567"),
    "owed to the buyer": replace(document(line("10.00"), line("-30.00", number=2)), due_on=None),
    "credit note": replace(
        document(line("100.00")),
        type_code=CREDIT_NOTE,
        due_on=None,
        preceding=("INV-2025-00009", date(2025, 12, 1)),
        payment_terms="Credited against INV-2025-00009",
    ),
}


@pytest.mark.parametrize("made", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_what_is_written_as_ubl_reads_back_equal(made: Document) -> None:
    assert read(write(made)) == made


def test_a_document_that_breaks_a_rule_is_not_written() -> None:
    with pytest.raises(DocumentError, match="BR-CO-16"):
        write(replace(document(line("1.00")), payable=Decimal(2)))


# --- from the database


@pytest.fixture
def invoice(db: None) -> InvoiceHeader:
    contract = make_contract()
    TaxRuleFactory.create(organization=contract.organization, tax_code="VAT")
    for party, number in ((contract.organization, "DE123456789"), (contract.counterparty, "FR99123456789")):
        party.country, party.vat_number = number[:2], number
        party.save()
    return issued(contract, "100.00", "50.55", "-30.00")


def test_an_issued_invoice_and_its_credit_notes_are_documents_by_the_standard(invoice: InvoiceHeader) -> None:
    found = document_of(invoice.pk)
    assert (found.type_code, found.number, found.payable) == ("380", "INV-2026-00001", Decimal("143.45"))
    damages = found.lines[2]
    assert (damages.quantity, damages.unit_price, damages.net_amount) == (Decimal(-1), Decimal(30), Decimal(-30))
    assert damages.item_id == "ENERGY"
    assert read(write(found)) == found
    for place, amount in enumerate((Decimal("33.33"), Decimal("0.01"), Decimal("70.01"), None)):
        note = document_of(credit(invoice.pk, by="Ana", on=DAY, reason=f"part {place}", amount=amount).invoice_id)
        assert (note.type_code, note.preceding) == ("381", ("INV-2026-00001", DAY))
        assert read(write(note)) == note


def test_what_has_no_number_is_no_document_and_its_sheet_says_so(db: None) -> None:
    draft = make_draft(make_contract(), "10.00")
    with pytest.raises(DocumentError, match="BR-02"):
        document_of(draft.pk)
    assert sheet_of(draft.pk).stamp == "draft, not issued"
    assert render(sheet_of(draft.pk)).startswith(b"%PDF")


def test_a_sheet_shows_every_number_and_how_it_came_about(invoice: InvoiceHeader) -> None:
    sheet = sheet_of(invoice.pk)
    assert (sheet.title, sheet.number, sheet.total) == ("Invoice", "INV-2026-00001", ("Total", "USD 143.45"))
    assert sheet.sums == (("Net amount", "120.55"), ("VAT 19 % of 120.55", "22.90"))
    assert [item.amount for item in sheet.items] == ["100.00", "50.55", "−30.00"]
    multiply, rounded = sheet.items[1].explanation
    assert multiply.values == (("Quantity", "1"), ("Rate", "USD 50.55"), ("Exact", "USD 50.55"))
    assert (rounded.title, rounded.values) == ("Round once", (("Amount", "USD 50.55"),))


def test_a_credit_note_over_a_part_takes_back_an_amount_and_no_energy(db: None) -> None:
    contract = make_contract()
    contract.organization.vat_number = "DE123456789"
    contract.organization.country = contract.counterparty.country = "DE"
    contract.organization.save()
    contract.counterparty.save()
    TaxRuleFactory.create(organization=contract.organization)
    draft = make_draft(contract, "100.00")
    draft.lines.update(clause_tariff=ClauseTariffFactory.create(contract=contract, unit="kWh"))
    verify_and_issue(draft.pk, by="Ana", on=DAY)
    part = credit(draft.pk, by="Ana", on=DAY, reason="late readings", amount=Decimal("11.90")).invoice_id
    (taken,) = document_of(part).lines
    assert (taken.quantity, taken.unit, taken.unit_price) == (Decimal(1), "C62", Decimal(10))
    (item,) = sheet_of(part).items
    assert (item.quantity, item.unit, item.price, item.amount) == ("", "", "", "10.00")
    assert item.explanation[0].values == (("Invoiced", "USD 100.00"), ("Credited", "USD 10.00"))
    assert sheet_of(part).notes == ("Reason: late readings.",)
    assert document_of(draft.pk).lines[0].unit == "KWH"


def test_damages_of_another_currency_are_shown_in_both(db: None) -> None:
    draft = make_draft(make_contract(), "-110.00")
    verdict = RuleOutputFactory.create(
        clause=draft.contract.clauses.get(),
        currency=CurrencyFactory.create(code="EUR"),
        ld_amount=Decimal("100.00"),
        metadata_detail={"steps": [{"step": "rate", "rate": "50"}]},
    )
    draft.lines.update(rule_output=verdict, description="Liquidated damages, EUR 100.00 at the rate of 2026-01-30")
    (item,) = sheet_of(draft.pk).items
    assert [step.values for step in item.explanation] == [
        (("Rate", "EUR 50"),),
        (("Damages", "EUR 100.00"),),
        (("Amount", "USD −110.00"),),
    ]
    assert (item.source, item.quantity, item.amount) == (draft.contract.clauses.get().name, "", "−110.00")


def test_a_tariff_of_many_lines_is_explained_once_and_a_provisional_rate_is_named(db: None) -> None:
    draft = make_draft(make_contract(), "10.00", "20.00")
    tariff = ClauseTariffFactory.create(contract=draft.contract, base_rate=Decimal("0.1"), unit="kWh")
    draft.lines.update(clause_tariff=tariff, is_provisional=True)
    first, second = sheet_of(draft.pk).items
    assert first.explanation[0].values == (("Base rate", f"{tariff.currency.code} 0.10 per kWh"),)
    assert second.explanation[0].values == (("Explained", "at line 1"),)
    assert sheet_of(draft.pk).notes == ("Provisional: once the rate is final, the difference is credited or charged.",)


def test_outside_the_scope_no_rate_is_shown_and_numbers_are_registrations(db: None) -> None:
    contract = make_contract()
    contract.organization.vat_number = "US860417000"
    contract.organization.save()
    rule = {"rate": Decimal(0), "vat_category": "O", "exemption_reason": "Electricity for resale."}
    TaxRuleFactory.create(organization=contract.organization, **rule)
    sheet = sheet_of(issued(contract, "100.00").pk)
    assert (sheet.sums, sheet.notes, sheet.seller[-1]) == (
        (),
        ("Electricity for resale.",),
        "Registration no. US860417000",
    )


def test_the_same_sheet_gives_the_same_bytes(invoice: InvoiceHeader) -> None:
    assert render(sheet_of(invoice.pk)) == render(sheet_of(invoice.pk))


def test_the_command_writes_pdf_and_xml(invoice: InvoiceHeader, tmp_path: Path) -> None:
    for arguments, said in (
        (["invoice.pdf"], b"%PDF"),
        (["invoice.xml"], b"<Invoice xmlns="),
        (["cii.xml", "--format", "cii"], b"<rsm:CrossIndustryInvoice"),
        (["factur-x.pdf", "--format", "factur-x"], b"<fx:ConformanceLevel>EN 16931<"),
    ):
        call_command("print_invoice", invoice.pk, tmp_path / arguments[0], *arguments[1:])
        assert said in (tmp_path / arguments[0]).read_bytes()
    with pytest.raises(CommandError, match=r"does not end in \.pdf, as factur-x does"):
        call_command("print_invoice", invoice.pk, tmp_path / "invoice.xml", "--format", "factur-x")
    with pytest.raises(CommandError, match=r"neither \.pdf nor \.xml"):
        call_command("print_invoice", invoice.pk, tmp_path / "invoice.doc")
