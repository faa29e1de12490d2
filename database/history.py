"""The history of the schema: the baseline and the numbered SQL files, in order.

The files are the only source of the schema. This module reads them and says what is wrong with them; it neither
imports Django nor touches a database.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from database.errors import HistoryError
from database.tokens import statements

ROOT = Path(__file__).resolve().parent
BASELINE = "v1.0_baseline.sql"
NUMBERED = re.compile(r"(?P<number>\d{3})_[a-z0-9_]+\.sql")

# What would leave the file's own transaction, outlive it or mean nothing to one of its two readers, with the reason.
# The group is what the message quotes.
REFUSED = {
    r"(BEGIN|COMMIT|ROLLBACK|ABORT|END|SAVEPOINT|RELEASE)\b": "the runner owns the transaction",
    r"((?:START|PREPARE)\s+TRANSACTION)\b": "the runner owns the transaction",
    r"(VACUUM)\b": "cannot run in a transaction",
    r".*\b(CONCURRENTLY)\b": "cannot run in a transaction",
    r"(COPY)\b.*\bFROM\s+STDIN\b": "only psql can read the rows",
    r"(SET)\b(?!\s+(?:LOCAL|CONSTRAINTS)\b)": "outlives the file; write SET LOCAL",
    r"(RESET|DISCARD)\b": "outlives the file",
    r".*\b(set_config)\s*\([^()]*\bfalse\b": "outlives the file; write SET LOCAL",
    r"[^\\]*(\\\w*)": "only psql understands it",
}


@dataclass(frozen=True)
class SchemaFile:
    """One file of the history; the baseline has the number 0."""

    number: int
    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def content(self) -> bytes:
        return self.path.read_bytes()

    @property
    def sql(self) -> str:
        return self.content.decode()

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def problems(self) -> Iterator[str]:
        """Statements that may not stand in a schema file, each with its line and the reason."""
        for statement in statements(self.sql):
            for pattern, reason in REFUSED.items():
                if found := re.match(pattern, statement.text, re.IGNORECASE | re.DOTALL):
                    line = statement.line + statement.text.count("\n", 0, found.start(1))
                    yield f"{self.name}, line {line}: {' '.join(found[1].split())} may not be used: {reason}"


def read_history(root: Path = ROOT) -> tuple[SchemaFile, ...]:
    """All files in the order in which they apply; HistoryError where the numbers have a gap or a double."""
    files = [SchemaFile(0, root / "versions" / BASELINE)]
    if not files[0].path.is_file():
        raise HistoryError(f"{files[0].path} is missing: the history begins with it.")
    for path in sorted((root / "migrations").glob("*.sql")):
        match = NUMBERED.fullmatch(path.name)
        if match is None:
            raise HistoryError(f"{path.name} is not named like 012_add_this.sql: number, lower-case words.")
        files.append(SchemaFile(int(match["number"]), path))
    for expected, file in enumerate(files):
        if file.number != expected:
            raise HistoryError(
                f"{file.name} stands where number {expected:03d} belongs: numbers go up by one, none twice."
            )
    return tuple(files)


def find_file(name: str, root: Path = ROOT) -> SchemaFile:
    """The file of this name; HistoryError where there is none."""
    for file in read_history(root):
        if file.name == name:
            return file
    raise HistoryError(f"{name} is not among the files of database/versions and database/migrations.")
