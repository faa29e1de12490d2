"""One module per file format, all with the same function: bytes in, canonical readings out; no database.

A format's `parse` takes the open file, the declared mapping and the name of the file for messages, gives blocks
of `canonical.SCHEMA`, and raises `BadFile` that lists what is wrong.
"""

from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from metering.errors import FormatError
from metering.formats import delimited
from metering.formats.canonical import Block
from metering.formats.mapping import ColumnMapping

_PARSERS: Final[dict[str, Callable[[BinaryIO, ColumnMapping, str], Iterator[Block]]]] = {
    "csv": delimited.parse,
}
KNOWN_FORMATS: Final = tuple(_PARSERS)


def parse(name: str, stream: BinaryIO, mapping: ColumnMapping, file_name: str) -> Iterator[Block]:
    """The readings of a file in the format `name`. Raises `FormatError` at once, `BadFile` while iterating."""
    if name not in _PARSERS:
        raise FormatError(name, KNOWN_FORMATS)
    return _PARSERS[name](stream, mapping, file_name)
