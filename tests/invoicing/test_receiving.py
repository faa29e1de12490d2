"""Files of received invoices are read exactly, taken whole or not at all, and once."""

import json
import random
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from core.models import BillingPeriod, Contract
from invoicing.billing import Change
from invoicing.comparison import compare
from invoicing.documents.en16931 import CREDIT_NOTE, Charge
from invoicing.documents.ubl import write
from invoicing.errors import ReceivingError
from invoicing.incoming.einvoice import read_einvoice
from invoicing.incoming.mapping import InvoiceMapping, read_mapping
from invoicing.models import DocumentType, ReceivedInvoiceHeader, ReceivedInvoiceLineItem
from invoicing.receiving import receive
from tests.factories import (
    ContractFactory,
    ContractStatusFactory,
    CurrencyFactory,
    ExpectedInvoiceHeaderFactory,
    ExpectedInvoiceLineItemFactory,
    InvoiceLineItemTypeFactory,
)
from tests.invoicing.test_billing import november, written
from tests.invoicing.test_documents import document, line

D = Decimal

GERMAN = {
    "columns": {
        "number": "Rechnung",
        "invoice_date": "Datum",
        "line_type": "Art",
        "description": "Text",
        "quantity": "Menge",
        "unit_price": "Preis",
        "price_bucket": "Zone",
        "net_amount": "Netto",
        "tax_rate": "USt",
        "tax_amount": "Steuer",
        "total_amount": "Brutto",
    },
    "constants": {"currency": "EUR", "unit": "kWh"},
    "values": {"line_type": {"Strom": "ENERGY"}, "price_bucket": {"HT": "peak", "NT": "off-peak"}},
    "delimiter": ";",
    "decimal_separator": ",",
    "date_format": "%d.%m.%Y",
}
HEADER = "Rechnung;Datum;Art;Text;Menge;Preis;Zone;Netto;USt;Steuer;Brutto"
ROWS = (
    "R-7;05.12.2025;Strom;Tag;1000,5;0,1234567891;HT;123,52;19;23,47;205,61",
    "R-7;05.12.2025;Strom;=Nacht;500;0,1;NT;49,26;19;9,36;205,61",
    "R-8;06.12.2025;Strom;Tag;10;0,1;HT;1,00;19;0,19;1,19",
)


@pytest.fixture
def period(db: None) -> BillingPeriod:
    return november()


@pytest.fixture
def contract(db: None) -> Contract:
    for code in ("ENERGY", "ADJUSTMENT"):
        InvoiceLineItemTypeFactory.create(code=code)
    for code in ("EUR", "USD"):
        CurrencyFactory.create(code=code)
    return ContractFactory.create(name="PPA", contract_status=ContractStatusFactory.create(code="ACTIVE"))


def file_of(folder: Path, *rows: str, header: str = HEADER, name: str = "invoices.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def causes(refused: pytest.ExceptionInfo[ReceivingError]) -> list[str]:
    return [str(problem) for problem in refused.value.problems]


# --- delimited text


def test_a_file_becomes_invoices_with_every_digit(contract: Contract, period: BillingPeriod, tmp_path: Path) -> None:
    run = receive(file_of(tmp_path, *ROWS), contract, period, read_mapping(GERMAN))
    assert [(each.number, each.total, each.lines, each.change) for each in run.documents] == [
        ("R-7", D("205.61"), 2, Change.CREATED),
        ("R-8", D("1.19"), 1, Change.CREATED),
    ]
    header = ReceivedInvoiceHeader.objects.get(invoice_number="R-7")
    assert (header.counterparty, header.invoice_date, header.currency.code) == (
        contract.counterparty,
        date(2025, 12, 5),
        "EUR",
    )
    day, night = header.lines.order_by("id")
    assert (day.quantity, day.unit, day.line_unit_price) == (D("1000.5"), "kWh", D("0.1234567891"))
    assert (day.line_total_amount, day.tax_rate, day.tax_amount) == (D("123.52"), D("0.19"), D("23.47"))
    assert (day.price_bucket, night.price_bucket, night.description) == ("peak", "off-peak", "=Nacht")


def test_a_file_that_was_received_writes_nothing_again(
    contract: Contract, period: BillingPeriod, tmp_path: Path
) -> None:
    path = file_of(tmp_path, *ROWS)
    receive(path, contract, period, read_mapping(GERMAN))
    with written() as writes:
        run = receive(path, contract, period, read_mapping(GERMAN))
    assert {each.change for each in run.documents} == {Change.UNCHANGED}
    assert not writes


def test_an_einvoice_that_was_received_writes_nothing_again(
    contract: Contract, period: BillingPeriod, tmp_path: Path
) -> None:
    path = tmp_path / "u.xml"
    path.write_bytes(ubl())
    first = receive(path, contract, period, ITEMS)
    with written() as writes:
        again = receive(path, contract, period, ITEMS)
    assert [each.change for run in (first, again) for each in run.documents] == [Change.CREATED, Change.UNCHANGED]
    assert not writes


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(
    contract: Contract, period: BillingPeriod, tmp_path: Path
) -> None:
    with written() as writes:
        run = receive(file_of(tmp_path, *ROWS), contract, period, read_mapping(GERMAN), dry_run=True)
    assert str(run).splitlines() == [
        "Dry run: nothing was written.",
        "invoice R-7: EUR 205.61 in 2 lines, created.",
        "invoice R-8: EUR 1.19 in 1 line, created.",
    ]
    assert not writes


def test_a_number_that_said_something_else_before_is_refused(
    contract: Contract, period: BillingPeriod, tmp_path: Path
) -> None:
    receive(file_of(tmp_path, ROWS[2]), contract, period, read_mapping(GERMAN))
    changed = ROWS[2].replace("1,00;19;0,19;1,19", "2,00;19;0,38;2,38")
    with pytest.raises(ReceivingError) as refused:
        receive(file_of(tmp_path, ROWS[0], ROWS[1], changed), contract, period, read_mapping(GERMAN))
    assert causes(refused) == [
        "line 4: R-8 was received before: its total is 2.38 here and 1.1900 there",
        "line 4: R-8 was received before: its lines differ",
    ]
    assert ReceivedInvoiceHeader.objects.get().invoice_number == "R-8"


def test_one_number_of_a_supplier_is_not_booked_to_two_contracts(
    contract: Contract, period: BillingPeriod, tmp_path: Path
) -> None:
    path = file_of(tmp_path, ROWS[2])
    receive(path, contract, period, read_mapping(GERMAN))
    other = ContractFactory.create(counterparty=contract.counterparty, name="Other")
    with pytest.raises(ReceivingError, match="R-8 was received before: its contract is Other here and PPA there"):
        receive(path, other, period, read_mapping(GERMAN))


@pytest.mark.parametrize(
    "rows, problems",
    [
        (
            (ROWS[0].replace("1000,5", "1.000,5"), ROWS[1].replace("49,26", "49,26001")),
            [
                "line 2: Menge: '1.000,5' has a point where the decimal separator is ','",
                "line 3: Netto: '49,26001' has more than 4 decimals: nothing is rounded on the way in",
            ],
        ),
        (
            (ROWS[2].replace("06.12.2025", "2025-12-06"), ROWS[2].replace("R-8", "").replace("1,00;", ";")),
            [
                "line 2: Datum: '2025-12-06' is not a day written as %d.%m.%Y",
                "line 3: Rechnung: it is empty",
                "line 3: Netto: it is empty",
            ],
        ),
        (
            (ROWS[0], ROWS[1].replace("05.12.2025", "06.12.2025")),
            ["line 3: Datum: '06.12.2025' here and '05.12.2025' on line 2"],
        ),
        (
            (ROWS[2].replace(";1,19", ";1,20"),),
            ["line 2: Brutto: 1.20 is stated and the lines with their tax come to 1.19"],
        ),
        ((ROWS[2] + ";too much",), ["line 2: 12 cells where the header has 11"]),
        (
            (ROWS[2].replace("Strom", "Gas"),),
            ["line 2: R-8: line type 'Gas' is not known: declare in the mapping what it stands for, one of"],
        ),
        ((), ["it holds no rows"]),
        ((ROWS[2].replace(";1,00;", ";NaN;"),), ["line 2: Netto: 'NaN' is not a number: write digits and ',' alone"]),
    ],
)
def test_what_cannot_be_read_is_told_by_line_and_nothing_is_taken(
    contract: Contract, period: BillingPeriod, tmp_path: Path, rows: tuple[str, ...], problems: list[str]
) -> None:
    with pytest.raises(ReceivingError) as refused:
        receive(file_of(tmp_path, *rows), contract, period, read_mapping(GERMAN))
    found = causes(refused)
    assert len(found) == len(problems)
    assert all(one.startswith(other) for one, other in zip(found, problems, strict=True)), found
    assert not ReceivedInvoiceHeader.objects.exists()


@pytest.mark.parametrize(
    "content, cause",
    [
        (ROWS[2].replace("Tag", "x" * 140_000), "line 2: field larger than field limit"),
        (ROWS[2].replace("Tag", "T\0g"), "line 2: it holds a NUL character"),
        (ROWS[2].replace("Tag", '"Tag'), "unexpected end of data"),
        (ROWS[2].replace(";10;", ";=1+1;"), "line 2: Menge: '=1+1' is not a number"),
        (ROWS[2].replace(";10;", ";" + "9" * 5_000 + ";"), "digits before the decimal point"),
        (ROWS[2].replace("06.12.2025", "00.00.0000"), "line 2: Datum: '00.00.0000' is not a day"),
    ],
)
def test_text_that_is_meant_to_harm_is_refused_with_its_reason(
    contract: Contract, period: BillingPeriod, tmp_path: Path, content: str, cause: str
) -> None:
    with pytest.raises(ReceivingError) as refused:
        receive(file_of(tmp_path, content), contract, period, read_mapping(GERMAN))
    assert cause in str(refused.value)
    assert not ReceivedInvoiceHeader.objects.exists()


def test_a_file_larger_than_the_limit_is_not_even_read(
    contract: Contract, period: BillingPeriod, tmp_path: Path
) -> None:
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(32 * 2**20 + 1)  # a hole, which takes no room
    with pytest.raises(ReceivingError, match="it is larger than 32 MiB"):
        receive(path, contract, period, read_mapping(GERMAN))


def test_a_column_that_is_not_there_is_named(contract: Contract, period: BillingPeriod, tmp_path: Path) -> None:
    path = file_of(tmp_path, "1;2", header="Rechnung;Netto")
    with pytest.raises(ReceivingError, match="line 1: column 'Datum' is there 0 times"):
        receive(path, contract, period, read_mapping(GERMAN))
    with pytest.raises(ReceivingError, match="no column and no constant for number, currency, line_type, net_amount"):
        receive(path, contract, period, InvoiceMapping())


def test_a_mapping_that_cannot_be_used_is_refused_with_every_reason() -> None:
    with pytest.raises(ValueError, match="is not a part") as refused:
        read_mapping(
            {
                "column": {},
                "columns": {"nett": "x", "currency": "W"},
                "constants": {"currency": "EUR", "unit": 5},
                "decimal_separator": ";",
                "date_format": "%d.%m.",
            }
        )
    assert str(refused.value).count("; ") == 5


# --- e-invoices

EINVOICES = Path(__file__).parent / "einvoices"
ITEMS = InvoiceMapping(
    columns={"price_bucket": "Zone"},
    values={
        "line_type": {"E-01": "ENERGY", "Correction": "ADJUSTMENT", "Rebate": "ADJUSTMENT"},
        "price_bucket": {"HT": "peak"},
    },
)


def ubl() -> bytes:
    return (EINVOICES / "ubl.xml").read_bytes()


def ubl_credit_note() -> bytes:
    """The same, as UBL writes a credit note."""
    text = ubl().decode().replace("InvoicedQuantity", "CreditedQuantity").replace("InvoiceLine", "CreditNoteLine")
    return (
        text.replace("<Invoice ", "<CreditNote ")
        .replace("</Invoice>", "</CreditNote>")
        .replace(":Invoice-2", ":CreditNote-2")
        .encode()
    )


def test_an_invoice_of_ubl_is_read_with_its_charges_and_its_tax() -> None:
    read = read_einvoice(ubl(), ITEMS, "u.xml")
    assert (read.number, read.currency, read.total_amount, read.supplier) == ("U-1", "EUR", D("142.79"), "Netz AG")
    assert (read.invoice_date, read.due_date, read.is_credit_note) == (date(2025, 12, 5), date(2026, 1, 4), False)
    energy, correction, rebate = read.lines
    assert (energy.type_code, energy.quantity, energy.unit) == ("ENERGY", D(1000), "kWh")
    assert (energy.unit_price, energy.price_bucket) == (D("0.1234500000"), "peak")
    assert (energy.first_day, energy.last_day) == (date(2025, 11, 1), date(2025, 11, 30))
    assert [(each.type_code, each.net_amount) for each in (correction, rebate)] == [
        ("ADJUSTMENT", D("6.54")),
        ("ADJUSTMENT", D("-10.00")),
    ]
    # 23.46, 1.24 and -1.90 by themselves; together 22.80, as the invoice says.
    assert [each.tax_amount for each in read.lines] == [D("23.46"), D("1.24"), D("-1.90")]


def test_an_invoice_of_cii_says_the_same_as_one_of_ubl() -> None:
    read = read_einvoice((EINVOICES / "cii.xml").read_bytes(), ITEMS, "c.xml")
    assert read.lines == read_einvoice(ubl(), ITEMS, "u.xml").lines[:1]
    assert (read.number, read.total_amount, read.invoice_date) == ("U-1", D("146.91"), date(2025, 12, 5))


def test_what_our_own_invoices_say_in_ubl_is_what_a_receiver_reads() -> None:
    """Another program's writer: sums and tax of random documents with levies, as invoices and as credit notes."""
    chance = random.Random(1)
    mapping = read_mapping({"values": {"line_type": {"Energy": "ENERGY", "levy": "ADJUSTMENT"}}})
    for _ in range(60):
        rates = chance.sample(["19", "7", "5.5"], 2)
        lines = [line(f"{chance.randint(1, 10**9) / 100:.2f}", "S", chance.choice(rates), n) for n in range(1, 6)]
        levies = (Charge("levy", D(chance.randint(1, 10**6)) / 100, "S", lines[0].rate_percent),)
        sent = document(*lines, charges=levies)
        if chance.random() < 0.5:
            sent = replace(sent, type_code=CREDIT_NOTE, preceding=("INV-2026-00000", date(2026, 1, 5)))
        read = read_einvoice(write(sent), mapping, "sent.xml")
        assert (read.number, read.currency, read.is_credit_note) == (sent.number, "EUR", sent.type_code == CREDIT_NOTE)
        assert read.corrects_number == (sent.preceding and sent.preceding[0])
        assert read.total_amount == sent.total_with_vat
        assert sum(each.net_amount for each in read.lines) == sent.total_without_vat
        assert sum(each.tax_amount or 0 for each in read.lines) == sent.vat_total
        assert [each.type_code for each in read.lines] == ["ENERGY"] * 5 + ["ADJUSTMENT"]


def test_a_total_that_the_lines_do_not_come_to_is_refused() -> None:
    with pytest.raises(ReceivingError, match=r"its total is 142\.80 and lines, charges and tax come to 142\.79"):
        read_einvoice(ubl().replace(b"142.79", b"142.80"), ITEMS, "u.xml")


@pytest.mark.parametrize(
    "content, cause",
    [
        (b"<Invoice/>", "its root is 'Invoice'"),
        (ubl().replace(b">false</cbc:ChargeIndicator>", b">1</cbc:ChargeIndicator>"), "its total is 142.79"),
        (b"<Invoice", "it is no XML that may be read"),
        (
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Invoice>&e;</Invoice>',
            "it is no XML that may be read: DTDForbidden",
        ),
        (
            b'<!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Invoice>&b;&b;&b;&b;</Invoice>',
            "it is no XML that may be read: DTDForbidden",
        ),
        (b"<!DOCTYPE Invoice><Invoice/>", "it is no XML that may be read: DTDForbidden"),
        (b"<Invoice>&undeclared;</Invoice>", "it is no XML that may be read: undefined entity"),
        (b"<Invoice>\0</Invoice>", "it is no XML that may be read: not well-formed"),
        (ubl().replace(b'<cbc:Amount currencyID="EUR">', b'<cbc:Amount currencyID="USD">'), "has amounts in USD"),
        (ubl().replace(b"<cbc:ID>U-1</cbc:ID>", b""), "it has no ID"),
        (ubl().replace(b">1000<", b">1e3<"), "line 1: '1e3' is not a number"),
    ],
)
def test_an_einvoice_that_cannot_be_trusted_is_refused(content: bytes, cause: str) -> None:
    with pytest.raises(ReceivingError) as refused:
        read_einvoice(content, ITEMS, "u.xml")
    assert cause in str(refused.value)


def test_a_credit_note_is_taken_off_the_invoice_that_it_corrects(
    contract: Contract, period: BillingPeriod, tmp_path: Path
) -> None:
    """119.99 and 19 % of tax are taken back of 200 and 38: 80.01 and 15.20 are left."""
    expected = ExpectedInvoiceHeaderFactory.create(
        contract=contract, billing_period=period, currency__code="EUR", total_amount=D("95.21")
    )
    ExpectedInvoiceLineItemFactory.create(
        expected_invoice_header=expected,
        invoice_line_item_type__code="ENERGY",
        line_total_amount=D("80.01"),
        tax_amount=D("15.20"),
    )
    row = "U-0;05.12.2025;Strom;;;;;200,00;19;38,00;"
    receive(file_of(tmp_path, row), contract, period, read_mapping(GERMAN))
    note = tmp_path / "note.xml"
    note.write_bytes(ubl_credit_note())
    run = receive(note, contract, period, ITEMS)
    assert [each.document_type for each in run.documents] == [DocumentType.CREDIT_NOTE]
    assert run.warnings == (f"U-1 names 'Netz AG' and the contract is with {contract.counterparty.name!r}",)

    result = compare(contract, period)
    assert (result.received, result.variance, result.status.value) == (D("95.21"), D("0.00"), "matched")
    assert result.warnings == (
        "U-1 of 2025-12-05 credits EUR 142.79, which is taken off",
        "the totals agree and the lines do not",
    )
    assert result.split.total == 0
    assert sum(line.variance for line in result.lines if line.expected is None) == D("-142.79")


# --- the command


def test_receive_invoices_takes_a_file_and_says_so(
    contract: Contract, period: BillingPeriod, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps(GERMAN))
    arguments = (file_of(tmp_path, *ROWS), "--contract", str(contract.pk), "--period", "2025-11", "--mapping", mapping)
    call_command("receive_invoices", *map(str, arguments), "--json")
    told = json.loads(capsys.readouterr().out)
    assert [(each["number"], each["total"], each["change"]) for each in told["documents"]] == [
        ("R-7", "205.61", "created"),
        ("R-8", "1.19", "created"),
    ]
    assert ReceivedInvoiceLineItem.objects.count() == 3


@pytest.mark.parametrize(
    "contract_id, file, mapping, problem",
    [
        ("0", "invoices.csv", None, "contract 0 does not exist"),
        (None, "nowhere.csv", None, "nowhere.csv: nothing was written"),
        (None, "invoices.csv", '{"columns": []}', "columns is not an object"),
        (None, "invoices.csv", "[]", "it is not a JSON object"),
    ],
)
def test_receive_invoices_says_what_is_wrong(
    contract: Contract,
    period: BillingPeriod,
    tmp_path: Path,
    contract_id: str | None,
    file: str,
    mapping: str | None,
    problem: str,
) -> None:
    file_of(tmp_path, *ROWS)
    arguments = [str(tmp_path / file), "--contract", contract_id or str(contract.pk), "--period", "2025-11"]
    if mapping is not None:
        (tmp_path / "mapping.json").write_text(mapping)
        arguments += ["--mapping", str(tmp_path / "mapping.json")]
    with pytest.raises(CommandError, match=problem):
        call_command("receive_invoices", *arguments)
