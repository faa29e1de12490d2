"""The lake: where meter files are kept, in a directory or on S3-compatible storage, by the same names.

raw/{source}/{organization}/{date}/...   what was offered, as it came
validated/...                            what was loaded
quarantine/...                           what was refused
archive/...                              readings of months that left the database

A name is a path inside the lake, its parts separated by slashes. What comes from outside becomes part of a name
through `sanitised` alone.
"""

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, Self, cast

import fsspec  # type: ignore[import-untyped]
from fsspec.spec import AbstractFileSystem  # type: ignore[import-untyped]

from metering.errors import StorageError

RAW: Final = "raw"
VALIDATED: Final = "validated"
QUARANTINE: Final = "quarantine"
ARCHIVE: Final = "archive"

_LONGEST_PART: Final = 120
_CHUNK: Final = 2**20
_PARTIAL: Final = ".partial"


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of the lake: its name, where it is for whoever reads it without this module, its size and SHA-256."""

    name: str
    uri: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Lake:
    """The files under one folder or one bucket and prefix. Every write is whole or absent, whatever interrupts it.

    Of S3 storage other than Amazon's, and of its keys, the environment tells: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY. Every method raises `StorageError` where the storage cannot be used.
    """

    root: str
    files: AbstractFileSystem

    @classmethod
    def from_url(cls, url: str | Path) -> Self:
        """The lake at a folder, or at a URL that fsspec knows, such as s3://bucket/prefix."""
        try:
            files, root = fsspec.url_to_fs(str(url))
        except (ValueError, ImportError) as error:
            raise StorageError(f"{url} is no place for files: {error}") from error
        return cls(root.rstrip("/"), files)

    @property
    def folder(self) -> Path | None:
        """The folder of a lake on this machine's disk; None where it is elsewhere."""
        return Path(self.root) if "file" in _protocols(self.files) else None

    def uri(self, name: str) -> str:
        """Where the file of this name is, as other programs address it."""
        return self.files.unstrip_protocol(self._place(name)) if self.folder is None else self._place(name)

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """A stream to write a file with. It takes its name when the block ends, and never where the block fails."""
        with _told(f"{self.uri(name)} cannot be written"):
            if self.folder is not None:
                with _written_beside(Path(self._place(name))) as stream:
                    yield stream
                return
            # Parts of an upload are no file until it is completed.
            upload = self.files.open(self._place(name), "wb", autocommit=False)
            try:
                yield cast(BinaryIO, upload)
                upload.close()
                upload.commit()
            except BaseException:
                with suppress(OSError):
                    upload.discard()
                raise

    def put(self, name: str, content: BinaryIO | bytes) -> Stored:
        """Keeps the bytes, from where the stream stands to its end, under this name; replaces what bears it."""
        stream = BytesIO(content) if isinstance(content, bytes) else content
        digest, size = hashlib.sha256(), 0
        with self.writing(name) as target:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
        return Stored(name, self.uri(name), size, digest.hexdigest())

    def put_file(self, name: str, path: Path) -> None:
        """Keeps a copy of a file of this machine under this name."""
        with self.writing(name) as target, path.open("rb") as source:
            shutil.copyfileobj(source, target, _CHUNK)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """The bytes of a file, to read."""
        with _told(f"{self.uri(name)} cannot be read"), self.files.open(self._place(name), "rb") as stream:
            yield cast(BinaryIO, stream)

    def sha256(self, name: str) -> str:
        """SHA-256 of a file's bytes, in hexadecimal."""
        digest = hashlib.sha256()
        with self.open(name) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name, as the storage says now."""
        with _told(f"{self.uri(name)} cannot be looked for"):
            self.files.invalidate_cache()
            return bool(self.files.isfile(self._place(name)))

    def names(self, folder: str = "") -> list[str]:
        """The names of all files under a folder, sorted; none where there is no such folder."""
        place = self._place(folder) if folder else self.root
        with _told(f"{place} cannot be listed"):
            self.files.invalidate_cache()
            found = self.files.find(place)
        names = (str(path).removeprefix(self.root).lstrip("/") for path in found)
        return sorted(name for name in names if not name.endswith(_PARTIAL))

    def move(self, name: str, to: str) -> str:
        """Gives a file another name and returns it. Moving what was moved before changes nothing."""
        with _told(f"{self.uri(name)} cannot be moved to {to}"):
            if self.folder is not None:
                target = Path(self._place(to))
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    Path(self._place(name)).replace(target)
                except FileNotFoundError:
                    if not target.is_file():
                        raise
                return to
            self.files.invalidate_cache()
            if not self.files.isfile(self._place(name)) and self.files.isfile(self._place(to)):
                return to
            # The copy is whole before the original goes: a file is twice for a moment, never nowhere.
            self.files.copy(self._place(name), self._place(to))
            self.files.rm(self._place(name))
            return to

    def remove(self, name: str) -> None:
        """Removes a file, if it is there."""
        with _told(f"{self.uri(name)} cannot be removed"), suppress(FileNotFoundError):
            self.files.rm(self._place(name))

    def _place(self, name: str) -> str:
        parts = name.split("/")
        if not all(parts) or {".", ".."} & set(parts) or "\0" in name or "\\" in name:
            raise StorageError(f"{name!r} is no name of a file in the lake")
        return f"{self.root}/{name}"


def sanitised(name: str) -> str:
    """A name from outside as one part of a lake's name: letters, digits, point, hyphen and underscore, no path.

    >>> sanitised("../../etc/passwd"), sanitised("März 2026.csv"), sanitised("")
    ('passwd', 'M_rz_2026.csv', 'file')
    """
    last = re.split(r"[/\\]", name)[-1]
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", last).lstrip(".-")
    if len(plain) > _LONGEST_PART:
        stem, point, ending = plain.rpartition(".")
        ending = point + ending if point and len(ending) < 12 else ""
        plain = (stem or plain)[: _LONGEST_PART - len(ending)] + ending
    return plain or "file"


def raw_name(source: str, organization_id: int, day: date, name: str) -> str:
    """A name in the folder of what was offered that no other file has, whatever its own name is."""
    return f"{RAW}/{sanitised(source)}/{organization_id}/{day:%Y-%m-%d}/{secrets.token_hex(6)}-{sanitised(name)}"


def moved_to(folder: str, name: str) -> str:
    """The same name in another of the lake's folders."""
    return f"{folder}/{name.partition('/')[2]}"


def _protocols(files: AbstractFileSystem) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Says what could not be done where the storage refuses."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{what}: {error.strerror or error}") from error


@contextmanager
def _written_beside(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name when it is whole and on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name[:40]}.{secrets.token_hex(6)}{_PARTIAL}")
    try:
        with draft.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
