"""One module per file format, all with the same function: bytes in, canonical readings out; no database.

A format's `parse` takes the open file, the declared mapping and the name of the file for messages, gives blocks
of `canonical.SCHEMA`, and raises `BadFile` that lists what is wrong. Any of them may come in gzip or alone in a zip
archive.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol, Self

from metering.errors import FormatError, MeteringError
from metering.formats import delimited, enphase, espi, goodwe, json_rows, mdff, parquet, sma, solaredge, workbook
from metering.formats.bodies import BodyMapping
from metering.formats.canonical import Block
from metering.formats.channels import Channels
from metering.formats.mapping import ColumnMapping
from metering.formats.packed import unpacked


class Declared(Protocol):
    """What a source declares about its files beside the format."""

    @classmethod
    def from_json(cls, saved: Mapping[str, object]) -> Self:
        """The declaration that was saved. Raises `MappingError` that lists every problem."""
        ...


@dataclass(frozen=True, slots=True)
class _Format:
    mapping: type[Declared]
    parse: Callable[..., Iterator[Block]]
    seeks: bool = False
    rejects_rows: bool = False


_PARSERS: Final[dict[str, _Format]] = {
    "csv": _Format(ColumnMapping, delimited.parse, rejects_rows=True),
    "json": _Format(ColumnMapping, json_rows.parse_document, rejects_rows=True),
    "ndjson": _Format(ColumnMapping, json_rows.parse_lines, rejects_rows=True),
    "parquet": _Format(ColumnMapping, parquet.parse, seeks=True, rejects_rows=True),
    "xlsx": _Format(ColumnMapping, workbook.parse, seeks=True, rejects_rows=True),
    "nem12": _Format(Channels, mdff.parse_nem12),
    "nem13": _Format(Channels, mdff.parse_nem13),
    "espi": _Format(Channels, espi.parse),
    "solaredge": _Format(BodyMapping, solaredge.parse_v2, rejects_rows=True),
    "solaredge_v1": _Format(BodyMapping, solaredge.parse_v1, rejects_rows=True),
    "enphase": _Format(BodyMapping, enphase.parse, rejects_rows=True),
    "sma": _Format(BodyMapping, sma.parse, rejects_rows=True),
    "goodwe": _Format(BodyMapping, goodwe.parse, rejects_rows=True),
}
KNOWN_FORMATS: Final = tuple(_PARSERS)


def read_mapping(name: str, saved: Mapping[str, object]) -> Declared:
    """What was saved for files of the format `name`. Raises `FormatError`, and `MappingError` for what is wrong."""
    return _format(name).mapping.from_json(saved)


def parse(
    name: str, stream: BinaryIO, mapping: Declared, file_name: str, *, reject_rows: bool = False
) -> Iterator[Block]:
    """The readings of a file in the format `name`, unpacked where it is packed.

    Raises `FormatError` at once, `BadFile` while iterating. With `reject_rows`, rows that are wrong are left out and
    listed in their block, where the format has rows; what is wrong with the file as a whole refuses it still.
    """
    found = _format(name)
    if not isinstance(mapping, found.mapping):
        raise TypeError(f"{name} is read with {found.mapping.__name__}, not {type(mapping).__name__}")
    if reject_rows and not found.rejects_rows:
        raise MeteringError(f"single rows cannot be left out of a file in {name}: it is loaded whole or not at all")
    return _blocks(found, stream, mapping, file_name, reject_rows=reject_rows)


def _blocks(
    found: _Format, stream: BinaryIO, mapping: Declared, file_name: str, *, reject_rows: bool
) -> Iterator[Block]:
    options = {"reject_rows": True} if reject_rows else {}
    with unpacked(stream, file_name, seeks=found.seeks) as content:
        yield from found.parse(content, mapping, file_name, **options)


def _format(name: str) -> _Format:
    if name not in _PARSERS:
        raise FormatError(name, KNOWN_FORMATS)
    return _PARSERS[name]
