"""An invoice as a PDF for people, set by typst with the fonts it brings: nothing is downloaded.

The same sheet gives the same bytes.
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import typst

from invoicing.documents.sources import Sheet

TEMPLATE = Path(__file__).parent / "templates" / "invoice.typ"
_MADE_AT = datetime(2000, 1, 1, tzinfo=UTC)  # one instant for all, so that bytes depend on the sheet alone


def render(sheet: Sheet) -> bytes:
    """The document and, behind it, a page that explains each line."""
    compiled = typst.compile(
        TEMPLATE,
        sys_inputs={"sheet": json.dumps(asdict(sheet))},
        ignore_system_fonts=True,
        timestamp=_MADE_AT,
    )
    assert isinstance(compiled, bytes)  # of a PDF, all pages
    return compiled
