"""Bytes to numbered lines of text, a block at a time."""

from collections.abc import Iterator
from typing import BinaryIO, Final

import polars as pl

from metering.formats.canonical import ProblemList

BLOCK_BYTES: Final = 2 * 2**20
LONGEST_LINE: Final = 2**20
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def numbered_lines(stream: BinaryIO, block_bytes: int, problems: ProblemList) -> Iterator[pl.DataFrame]:
    """Blocks of `line` and `text`, without line ends. A line that is no text is recorded and left empty."""
    line, offset = 1, 0
    for block in _whole_lines(stream, block_bytes, problems):
        mark = len(BYTE_ORDER_MARK) if offset == 0 and block.startswith(BYTE_ORDER_MARK) else 0
        text = _decoded(block[mark:], line, offset + mark, problems).removesuffix("\n")
        texts = pl.Series("text", [text]).str.split("\n").explode()
        if "\r" in text:
            texts = texts.str.strip_suffix("\r")
        yield pl.select(pl.int_range(line, line + len(texts), dtype=pl.Int64).alias("line"), texts)
        line += len(texts)
        offset += len(block)


def _whole_lines(stream: BinaryIO, block_bytes: int, problems: ProblemList) -> Iterator[bytes]:
    """Blocks of bytes that end where a line ends; the last line may lack its end."""
    rest, line = b"", 1
    while chunk := stream.read(block_bytes):
        cut = chunk.rfind(b"\n") + 1
        if cut:
            block = rest + chunk[:cut]
            yield block
            rest, line = chunk[cut:], line + block.count(b"\n")
        else:
            rest += chunk
        if len(rest) > max(LONGEST_LINE, block_bytes):
            problems.add_whole(line, None, "", f"the line is longer than {LONGEST_LINE} bytes")
            return
    if rest:
        yield rest


def _decoded(block: bytes, line: int, offset: int, problems: ProblemList) -> str:
    """The text of the lines from `line` on; `offset` is where in the file they start."""
    if (cause := not_text(block, offset)) is None:
        return block.decode()
    kept = []
    for number, raw in enumerate(block.split(b"\n"), line):
        if cause := not_text(raw, offset):
            problems.add(number, None, raw[:100].decode(errors="replace"), cause)
        kept.append("" if cause else raw.decode())
        offset += len(raw) + 1
    return "\n".join(kept)


def not_text(raw: bytes, offset: int) -> str | None:
    """Why the bytes, which start at `offset`, are no text; None where they are."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        at = error.start
        return f"byte 0x{raw[at]:02X} at offset {offset + at} is not UTF-8: save the file as UTF-8"
    at = raw.find(b"\0")
    return None if at < 0 else f"byte 0x00 at offset {offset + at} belongs in no text file"
