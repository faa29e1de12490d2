"""Factur-X 1.0 (FNFE-MPE and FeRD): a PDF/A-3b that carries the same invoice as a Cross Industry Invoice.

Its metadata name what is attached: the PDF as typst sets it lacks them, since typst writes no properties of others.
"""

import re

from invoicing.documents import cii
from invoicing.documents.en16931 import Document
from invoicing.documents.pdf import Attachment, render
from invoicing.documents.sheet import Sheet

FILE_NAME = "factur-x.xml"
_NAMESPACE = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_PROPERTIES = {
    "DocumentType": ("INVOICE", "Whether an invoice or an order is attached"),
    "DocumentFileName": (FILE_NAME, "Name of the attached XML file"),
    "Version": ("1.0", "Version of the XML schema"),
    "ConformanceLevel": ("EN 16931", "Profile of the attached XML file"),
}
# PDF/A asks that the properties of others are described [ISO 19005-3, 6.6.2.3].
_DESCRIPTION = (
    '<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>'
    f"<pdfaSchema:namespaceURI>{_NAMESPACE}</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix>"
    "<pdfaSchema:property><rdf:Seq>"
    + "".join(
        f'<rdf:li rdf:parseType="Resource"><pdfaProperty:name>{name}</pdfaProperty:name>'
        "<pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{meaning}</pdfaProperty:description></rdf:li>"
        for name, (_, meaning) in _PROPERTIES.items()
    )
    + "</rdf:Seq></pdfaSchema:property></rdf:li>"
)
_VALUES = (
    f'<rdf:Description rdf:about="" xmlns:fx="{_NAMESPACE}">'
    + "".join(f"<fx:{name}>{value}</fx:{name}>" for name, (value, _) in _PROPERTIES.items())
    + "</rdf:Description>"
)
_METADATA = re.compile(rb"<</Length (\d+)/Type/Metadata/Subtype/XML>>\nstream\n")
_OFFSET = re.compile(rb"\d{10}(?= \d{5} n)")  # of an object, in the table of references
_TABLE_AT = re.compile(rb"(?<=startxref\n)\d+(?=\n%%EOF)")


def write(sheet: Sheet, document: Document) -> bytes:
    """The PDF with the XML in it. Raises `DocumentError` for a document that breaks a rule of EN 16931."""
    xml = Attachment(FILE_NAME, cii.write(document), "text/xml", "Invoice by EN 16931")
    return _described(render(sheet, xml))


def _described(pdf: bytes) -> bytes:
    """The PDF with the properties of Factur-X in its metadata; what stands behind them moves."""
    stream, table_at = _METADATA.search(pdf), _TABLE_AT.search(pdf)
    assert stream is not None  # the metadata of PDF/A are not compressed
    assert table_at is not None  # a PDF that was written once has one table of references
    end, objects_end = stream.end() + int(stream[1]), int(table_at[0])
    metadata = pdf[stream.end() : end]
    for anchor, text in ((b"</rdf:Bag></pdfaExtension:schemas>", _DESCRIPTION), (b"</rdf:RDF>", _VALUES)):
        assert anchor in metadata  # PDF/A describes properties, also typst's own
        metadata = metadata.replace(anchor, text.encode() + anchor)
    written = b"<</Length %d/Type/Metadata/Subtype/XML>>\nstream\n" % len(metadata) + metadata
    moved = len(written) - (end - stream.start())

    def placed(offset: re.Match[bytes]) -> bytes:
        return b"%010d" % (int(offset[0]) + (moved if int(offset[0]) > stream.start() else 0))

    table = _OFFSET.sub(placed, pdf[objects_end:])
    table = _TABLE_AT.sub(b"%d" % (objects_end + moved), table)
    return pdf[: stream.start()] + written + pdf[end:objects_end] + table
