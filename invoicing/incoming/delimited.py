"""Received invoices in delimited text: a header on the first line, then a row for each line of an invoice."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import TypeVar

from invoicing.errors import Problem, ReceivingError
from invoicing.incoming.document import IncomingInvoice, IncomingLine, read_date, read_number, total_of
from invoicing.incoming.mapping import DOCUMENT_FIELDS, REQUIRED, InvoiceMapping

CREDIT_NOTE = "credit_note"
DOCUMENT_TYPES = ("invoice", CREDIT_NOTE)
_HUNDRED = Decimal(100)
_Read = TypeVar("_Read")


def read_delimited(content: bytes, mapping: InvoiceMapping, file_name: str) -> tuple[IncomingInvoice, ...]:
    """The invoices of a file in the order of their first rows; the rows of one bear its number.

    Raises `ReceivingError` with every problem by line: a column that is not there, a cell that cannot be read, rows
    of one invoice that say different things of it, a total that its lines do not come to.
    """
    problems: list[Problem] = []
    rows = list(_rows(content, mapping, file_name))
    if not rows:
        raise ReceivingError(file_name, Problem(None, "", "it holds no rows"))
    by_number: dict[str, list[_Row]] = {}
    for line, cells in rows:
        row = _Row(line, cells, mapping, problems)
        by_number.setdefault(row.need("number"), []).append(row)
    invoices = [_invoice(of_one, problems) for of_one in by_number.values()]
    if problems:
        raise ReceivingError(file_name, *problems)
    return tuple(invoices)


def _rows(content: bytes, mapping: InvoiceMapping, file_name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and cells by the name of their field. A line whose cells are all empty is passed over."""
    missing = [name for name in REQUIRED if name not in {*mapping.columns, *mapping.constants}]
    if missing:
        cause = f"the mapping declares no column and no constant for {', '.join(missing)}"
        raise ReceivingError(file_name, Problem(None, "", cause))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReceivingError(file_name, Problem(None, "", f"it is not UTF-8: {error.reason}")) from None
    if "\0" in text:  # which the database keeps in no text
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ReceivingError(file_name, Problem(line, "", "it holds a NUL character"))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mapping.delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if absent := [column for column in mapping.columns.values() if header.count(column) != 1]:
            causes = [f"column {column!r} is there {header.count(column)} times" for column in absent]
            raise ReceivingError(file_name, *(Problem(1, "", cause) for cause in causes))
        places = {name: header.index(column) for name, column in mapping.columns.items()}
        begins_at = reader.line_num + 1
        for cells in reader:
            if len(cells) != len(header) and any(cells):
                cause = f"{len(cells)} cells where the header has {len(header)}"
                raise ReceivingError(file_name, Problem(begins_at, "", cause))
            if any(cell.strip() for cell in cells):
                yield begins_at, {name: cells[place].strip() for name, place in places.items()}
            begins_at = reader.line_num + 1
    except csv.Error as error:
        raise ReceivingError(file_name, Problem(reader.line_num, "", str(error))) from None


class _Row:
    """The cells of one line by field; what cannot be read is added to the problems."""

    def __init__(self, line: int, cells: Mapping[str, str], mapping: InvoiceMapping, problems: list[Problem]) -> None:
        self.line, self._cells, self._mapping, self._problems = line, cells, mapping, problems

    def refuse(self, name: str, cause: str) -> None:
        self._problems.append(Problem(self.line, self._mapping.columns.get(name, name), cause))

    def text(self, name: str) -> str | None:
        """What the cell stands for; None where it is empty."""
        said = self._mapping.constants.get(name) or self._mapping.said(name, self._cells.get(name, ""))
        return said or None

    def need(self, name: str) -> str:
        said = self.text(name)
        if said is None:
            self.refuse(name, "it is empty")
        return said or ""

    def number(self, name: str, kind: str | None = None) -> Decimal | None:
        return self._read(name, lambda text: read_number(text, kind or name, self._mapping.decimal_separator))

    def amount(self, name: str) -> Decimal:
        """A number that must be there; nought where it was refused."""
        return self.number(name) or Decimal(0) if self.need(name) else Decimal(0)

    def share(self, name: str) -> Decimal | None:
        if self._mapping.tax_rate_in == "share":
            return self.number(name)
        percent = self.number(name, "tax_percent")
        return None if percent is None else percent / _HUNDRED

    def day(self, name: str) -> date | None:
        return self._read(name, lambda text: read_date(text, self._mapping.date_format))

    def _read(self, name: str, read: Callable[[str], _Read]) -> _Read | None:
        text = self.text(name)
        if text is None:
            return None
        try:
            return read(text)
        except ValueError as error:
            self.refuse(name, str(error))
            return None


def _invoice(rows: list[_Row], problems: list[Problem]) -> IncomingInvoice:
    head = rows[0]
    for row in rows[1:]:
        for name in DOCUMENT_FIELDS:
            if row.text(name) != head.text(name):
                row.refuse(name, f"{row.text(name)!r} here and {head.text(name)!r} on line {head.line}")
    document_type = head.text("document_type") or "invoice"
    if document_type not in DOCUMENT_TYPES:
        head.refuse("document_type", f"{document_type!r} is neither {' nor '.join(DOCUMENT_TYPES)}")
    found = len(problems)
    lines = tuple(_line(row) for row in rows)
    total = head.number("total_amount")
    if len(problems) == found and total is not None and total != total_of(lines):
        head.refuse("total_amount", f"{total} is stated and the lines with their tax come to {total_of(lines)}")
    return IncomingInvoice(
        place=head.line,
        number=head.text("number") or "",
        currency=head.need("currency"),
        total_amount=total_of(lines) if total is None else total,
        lines=lines,
        is_credit_note=document_type == CREDIT_NOTE,
        corrects_number=head.text("corrects_number"),
        invoice_date=head.day("invoice_date"),
        due_date=head.day("due_date"),
        exchange_rate=head.number("exchange_rate"),
        supplier=head.text("supplier"),
    )


def _line(row: _Row) -> IncomingLine:
    return IncomingLine(
        place=row.line,
        type_code=row.need("line_type"),
        net_amount=row.amount("net_amount"),
        description=row.text("description"),
        quantity=row.number("quantity"),
        unit=row.text("unit"),
        unit_price=row.number("unit_price"),
        price_bucket=row.text("price_bucket"),
        tax_category=row.text("tax_category"),
        tax_rate=row.share("tax_rate"),
        tax_amount=row.number("tax_amount"),
        first_day=row.day("first_day"),
        last_day=row.day("last_day"),
    )
