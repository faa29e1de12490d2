"""The face of `invoicing.documents`."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from database.management import FrontierCommand
from invoicing.documents.pdf import render
from invoicing.documents.sources import document_of, sheet_of
from invoicing.documents.ubl import write
from invoicing.errors import InvoicingError


class Command(FrontierCommand):
    help = "Writes an invoice or credit note as PDF, or with .xml as UBL 2.1 that keeps the rules of EN 16931."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("invoice", type=int, help="the id of the invoice")
        parser.add_argument("path", type=Path, help="where to write, with .pdf or .xml")

    def handle(self, *args: str, **options: Any) -> None:
        path: Path = options["path"]
        if path.suffix not in {".pdf", ".xml"}:
            raise CommandError(f"{path} ends in neither .pdf nor .xml: one of them says what to write")
        try:
            is_pdf = path.suffix == ".pdf"
            content = render(sheet_of(options["invoice"])) if is_pdf else write(document_of(options["invoice"]))
        except InvoicingError as error:
            raise CommandError(str(error)) from error
        path.write_bytes(content)
        self.stdout.write(f"{path}: {len(content):,} bytes written.")
