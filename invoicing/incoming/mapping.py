"""What the columns of a file of invoices hold: declared, never guessed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from invoicing.incoming.document import read_date

DOCUMENT_FIELDS = (
    *("number", "currency", "document_type", "corrects_number", "invoice_date", "due_date", "total_amount"),
    *("exchange_rate", "supplier"),
)
LINE_FIELDS = (
    *("line_type", "net_amount", "description", "quantity", "unit", "unit_price", "price_bucket"),
    *("tax_category", "tax_rate", "tax_amount", "first_day", "last_day"),
)
FIELDS = frozenset(DOCUMENT_FIELDS + LINE_FIELDS)
REQUIRED = ("number", "currency", "line_type", "net_amount")  # of a file without a format of its own
_TABLES = ("columns", "constants", "values")
_OPTIONS = ("delimiter", "decimal_separator", "date_format", "tax_rate_in")


@dataclass(frozen=True, slots=True)
class InvoiceMapping:
    """Where each field is found.

    `columns` names the column of a field, or the property of an item in an e-invoice. `constants` gives a field that
    is the same in every row. `values` says what a field's texts stand for here, like {"line_type": {"Energie":
    "ENERGY"}}; other texts stand for themselves. `tax_rate_in` is percent or share.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    delimiter: str = ","
    decimal_separator: str = "."
    date_format: str = "%Y-%m-%d"
    tax_rate_in: str = "percent"

    def said(self, name: str, text: str) -> str:
        """What a text of a field stands for."""
        return self.values.get(name, {}).get(text, text)


def read_mapping(declared: Mapping[str, object]) -> InvoiceMapping:
    """The mapping that a JSON object declares. Raises `ValueError` with every problem at once."""
    problems = [
        f"{key!r} is not a part of a mapping: known are {', '.join(_TABLES + _OPTIONS)}"
        for key in declared.keys() - {*_TABLES, *_OPTIONS}
    ]
    tables: dict[str, dict[str, object]] = {}
    for name in _TABLES:
        table = declared.get(name, {})
        if not isinstance(table, dict):
            problems.append(f"{name} is not an object")
            continue
        tables[name] = table
        problems += [
            f"{name}: {key!r} is not a field: known are {', '.join(sorted(FIELDS))}" for key in table.keys() - FIELDS
        ]
        is_text = _is_texts if name == "values" else _is_text
        problems += [f"{name}: {key}: {value!r} is not text" for key, value in table.items() if not is_text(value)]
    columns, constants = tables.get("columns", {}), tables.get("constants", {})
    problems += [f"{key} is both a column and a constant" for key in columns.keys() & constants.keys()]
    options = {name: declared[name] for name in _OPTIONS if name in declared}
    problems += [f"{name}: {value!r} is not text" for name, value in options.items() if not _is_text(value)]
    for name in ("delimiter", "decimal_separator"):
        if len(str(options.get(name, "."))) != 1:
            problems.append(f"{name} is one character")
    if options.get("decimal_separator", ".") not in (".", ","):
        problems.append("decimal_separator is a point or a comma")
    if options.get("tax_rate_in", "share") not in ("percent", "share"):
        problems.append("tax_rate_in is percent or share")
    pattern = str(options.get("date_format", "%Y-%m-%d"))
    try:
        is_whole = read_date(date(2001, 12, 31).strftime(pattern), pattern) == date(2001, 12, 31)
    except ValueError:
        is_whole = False
    if not is_whole:
        problems.append(f"date_format {pattern!r} does not tell every day from every other")
    if problems:
        raise ValueError("; ".join(sorted(problems)))
    return InvoiceMapping(**tables, **options)  # type: ignore[arg-type]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_texts(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))
