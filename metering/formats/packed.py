"""Files that come in gzip, or alone in a zip archive: unpacked as they are read, within bounds.

A small file may unpack to more than any disk holds: what grows beyond the bounds is refused while it is read.
"""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final, cast

from metering.errors import BadFile, Problem

LARGEST: Final = 16 * 2**30
# Up to this size any ratio is fine: a day of zeros packs very well.
_SMALL: Final = 64 * 2**20
_HIGHEST_RATIO: Final = 200
_KEPT_IN_MEMORY: Final = 16 * 2**20
_CHUNK: Final = 2**20
_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_NAMES_SHOWN: Final = 20
# What macOS adds beside each file.
_RESOURCE_FORKS: Final = "__MACOSX/"
# What makes a zip archive a workbook.
_WORKBOOK_PART: Final = "[Content_Types].xml"
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 1
# What the modules of the library raise for bytes that make no sense: they trust lengths and versions.
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    NotImplementedError,
)


@contextmanager
def unpacked(stream: BinaryIO, file_name: str, *, seeks: bool) -> Iterator[BinaryIO]:
    """The content of a file, whether it is packed or not; one that can be sought in, where the format `seeks`.

    What the file is, its first bytes say. Raises `BadFile` for an archive that is damaged, encrypted, holds several
    files, or unpacks to something out of all proportion; also while the content is read.
    """
    start = stream.read(4)
    stream.seek(0)
    if not start.startswith((_GZIP, *_ZIP)):
        yield stream
        return
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if start.startswith(_GZIP):
        with gzip.GzipFile(fileobj=stream) as packed:
            yield from _content(cast(BinaryIO, packed), size, file_name, seeks=seeks)
        return
    with opened(stream, file_name) as archive:
        member = _only_member(archive, file_name)
        if member is None:
            stream.seek(0)
            yield stream
            return
        with _damage_refused(file_name):
            content = archive.open(member)
        with content:
            yield from _content(cast(BinaryIO, content), member.compress_size, file_name, seeks=seeks)


@contextmanager
def opened(stream: BinaryIO, file_name: str) -> Iterator[zipfile.ZipFile]:
    """The zip archive in a file. Raises `BadFile` where there is none."""
    with _damage_refused(file_name):
        archive = zipfile.ZipFile(stream)
    with archive:
        yield archive


def member_content(archive: zipfile.ZipFile, name: str, file_name: str) -> BinaryIO:
    """One part of an archive, read within bounds. Raises `KeyError` where there is none of that name."""
    member = archive.getinfo(name)
    _check_member(member, file_name)
    with _damage_refused(file_name):
        content = archive.open(member)
    return _bounded(cast(BinaryIO, content), member.compress_size, file_name)


@contextmanager
def _damage_refused(file_name: str) -> Iterator[None]:
    """Says that the file is damaged, whatever it is that the damage leads to."""
    try:
        yield
    except _DAMAGE as error:
        raise _refusal(file_name, f"the packed file is damaged: {error}") from error


def _content(packed: BinaryIO, size: int, file_name: str, *, seeks: bool) -> Iterator[BinaryIO]:
    plain = _bounded(packed, size, file_name)
    start = plain.peek(4)[:4]
    if start.startswith((_GZIP, *_ZIP)) and not (seeks and start.startswith(_ZIP)):
        raise _refusal(file_name, "the file is packed twice: unpack it once")
    if not seeks:
        yield plain
        return
    with SpooledTemporaryFile[bytes](max_size=_KEPT_IN_MEMORY) as whole:
        while chunk := plain.read(_CHUNK):
            whole.write(chunk)
        whole.seek(0)
        yield cast(BinaryIO, whole)


def _bounded(packed: BinaryIO, size: int, file_name: str) -> io.BufferedReader:
    return io.BufferedReader(_Bounded(packed, size, file_name), buffer_size=_CHUNK)


class _Bounded(io.RawIOBase):
    """Reads what a packed file unpacks to, and refuses damage and disproportion."""

    def __init__(self, packed: BinaryIO, size: int, file_name: str) -> None:
        super().__init__()
        self._packed, self._file_name = packed, file_name
        self._left = min(LARGEST, max(_SMALL, size * _HIGHEST_RATIO))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # always called with a memoryview
        with _damage_refused(self._file_name):
            chunk = self._packed.read(min(len(buffer), _CHUNK))
        self._left -= len(chunk)
        if self._left < 0:
            raise _refusal(
                self._file_name,
                f"the packed file unpacks to more than {_HIGHEST_RATIO} times its size or to more than"
                f" {LARGEST // 2**30} GiB: unpack it by hand if it is right",
            )
        buffer[: len(chunk)] = chunk
        return len(chunk)


def _only_member(archive: zipfile.ZipFile, file_name: str) -> zipfile.ZipInfo | None:
    """The one file of an archive; None where the archive is a workbook itself."""
    members = [member for member in archive.infolist() if not member.filename.endswith("/")]
    if any(member.filename == _WORKBOOK_PART for member in members):
        return None
    members = [member for member in members if not member.filename.startswith(_RESOURCE_FORKS)]
    if len(members) != 1:
        names = ", ".join(repr(member.filename[:100]) for member in members[:_NAMES_SHOWN]) or "none"
        more = f" and {len(members) - _NAMES_SHOWN} more" if len(members) > _NAMES_SHOWN else ""
        raise _refusal(file_name, f"a zip archive may hold one file, this one holds {len(members)}: {names}{more}")
    _check_member(members[0], file_name)
    return members[0]


def _check_member(member: zipfile.ZipInfo, file_name: str) -> None:
    if member.flag_bits & _ENCRYPTED:
        raise _refusal(file_name, f"{member.filename[:100]!r} in the archive is encrypted")
    if member.compress_type not in _METHODS:
        raise _refusal(file_name, f"{member.filename[:100]!r} is packed by another method than deflate")


def _refusal(file_name: str, cause: str) -> BadFile:
    return BadFile(file_name, [Problem(1, None, "", cause)], 1)
