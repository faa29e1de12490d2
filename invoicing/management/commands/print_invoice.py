"""The face of `invoicing.documents`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from database.management import FrontierCommand
from invoicing.documents import cii, factur_x, pdf, ubl
from invoicing.documents.sheet import sheet_of
from invoicing.documents.sources import document_of
from invoicing.errors import InvoicingError

_FORMATS: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "pdf": (".pdf", lambda invoice: pdf.render(sheet_of(invoice))),
    "factur-x": (".pdf", lambda invoice: factur_x.write(sheet_of(invoice), document_of(invoice))),
    "ubl": (".xml", lambda invoice: ubl.write(document_of(invoice))),
    "cii": (".xml", lambda invoice: cii.write(document_of(invoice))),
}
_BY_SUFFIX = {".pdf": "pdf", ".xml": "ubl"}


class Command(FrontierCommand):
    help = "Writes an invoice or credit note: a PDF for people, UBL 2.1 or CII by EN 16931, or Factur-X, which is both."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("invoice", type=int, help="the id of the invoice")
        parser.add_argument("path", type=Path, help="where to write, with .pdf or .xml")
        parser.add_argument("--format", choices=[*_FORMATS], help="otherwise .pdf is a plain PDF and .xml is UBL")

    def handle(self, *args: str, **options: Any) -> None:
        path: Path = options["path"]
        if path.suffix not in _BY_SUFFIX:
            raise CommandError(f"{path} ends in neither .pdf nor .xml: one of them says what to write")
        chosen = options["format"] or _BY_SUFFIX[path.suffix]
        suffix, write = _FORMATS[chosen]
        if path.suffix != suffix:
            raise CommandError(f"{path} does not end in {suffix}, as {chosen} does")
        try:
            content = write(options["invoice"])
        except InvoicingError as error:
            raise CommandError(str(error)) from error
        path.write_bytes(content)
        self.stdout.write(f"{path}: {len(content):,} bytes written.")
