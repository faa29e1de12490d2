"""An invoice as a PDF for people, set by typst with the fonts it brings: nothing is downloaded.

The same sheet gives the same bytes.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time
from pathlib import Path

import typst

from invoicing.documents.sheet import Sheet

TEMPLATE = Path(__file__).parent / "templates" / "invoice.typ"
_NOT_DATED = datetime(2000, 1, 1, tzinfo=UTC)  # one instant for all drafts, so that bytes depend on the sheet alone


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside the PDF that says the same; `content` is text."""

    name: str
    content: bytes
    media_type: str
    description: str


def render(sheet: Sheet, attachment: Attachment | None = None) -> bytes:
    """The document and, behind it, pages that explain each line; as PDF/A-3b where a file is attached."""
    inputs = {"sheet": json.dumps(asdict(sheet), default=str)}
    if attachment:
        inputs["attachment"] = json.dumps({**asdict(attachment), "content": attachment.content.decode()})
    made_at = datetime.combine(sheet.dated_on, time(), UTC) if sheet.dated_on else _NOT_DATED
    compiled = typst.compile(
        TEMPLATE,
        sys_inputs=inputs,
        ignore_system_fonts=True,
        timestamp=made_at,
        pdf_standards=["a-3b"] if attachment else [],
    )
    assert isinstance(compiled, bytes)  # of a PDF, all pages
    return compiled
