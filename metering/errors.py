"""What can go wrong with measurements.

MeteringError
├── MappingError    a declared mapping that cannot be used; lists every problem
├── FormatError     a file format that has no parser
├── BadFile         a meter file that cannot be read; lists line and cause
├── StorageError    a file of the lake that cannot be kept, read or moved
├── AlreadyLoaded   a meter file that was loaded before
├── MonthError      what was given is no month, or one that was never archived (metering.months)
├── MonthArchived   readings are in the archive that something new would have to rest on (metering.months)
├── ArchiveError    an archive that is not what it should be, or cannot come back (metering.archive)
├── EngineError     an engine that cannot aggregate here, or what it made cannot be used (metering.engines)
└── VendorError     a portal that did not answer as it should, with a tree of its own (metering.vendors.errors)
"""

from collections.abc import Sequence
from dataclasses import dataclass


class MeteringError(Exception):
    """Base of every error this app raises on purpose; its text is written for the person who can cure it."""


class MappingError(MeteringError):
    """A mapping of columns to readings cannot be used; `problems` holds one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("the column mapping cannot be used: " + "; ".join(problems))
        self.problems = tuple(problems)


class FormatError(MeteringError):
    """No parser reads files of this format."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"file format {name!r} is unknown: known are {', '.join(known)}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file: where, what stood there, and why it is refused.

    `line` is the physical line, 1 for the first; `column` is the file's own name for it, None where the whole
    line is meant; `value` is shortened.
    """

    line: int
    column: str | None
    value: str
    cause: str

    def __str__(self) -> str:
        place = f"line {self.line}" if self.column is None else f"line {self.line}, column {self.column!r}"
        return f"{place}, {self.value!r}: {self.cause}" if self.value else f"{place}: {self.cause}"


class BadFile(MeteringError):  # noqa: N818 - what it says is the file's state, met as `except BadFile`
    """A meter file cannot be read. `problems` holds the first ones by line, `total` counts them all."""

    def __init__(self, file_name: str, problems: Sequence[Problem], total: int) -> None:
        lines = [f"{file_name}: {total} problem{'s' if total > 1 else ''}"]
        lines += [f"{file_name} {problem}" for problem in problems]
        if total > len(problems):
            lines.append(f"{file_name}: {total - len(problems)} more, not listed")
        super().__init__("\n".join(lines))
        self.file_name = file_name
        self.problems = tuple(problems)
        self.total = total


class StorageError(MeteringError):
    """The lake cannot be used, or a name is none of a file in it."""


class AlreadyLoaded(MeteringError):  # noqa: N818 - what it says is the file's state, met as `except AlreadyLoaded`
    """The content of a meter file was loaded before for the same organization; `kept_at` is its name in the lake."""

    def __init__(self, message: str, kept_at: str | None = None) -> None:
        super().__init__(message)
        self.kept_at = kept_at
