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
from database.tokens import Kind, Statement, fingerprint, scan, statements

ROOT = Path(__file__).resolve().parent
BASELINE = "v1.0_baseline.sql"
NUMBERED = re.compile(r"(?P<number>\d{3})_[a-z0-9_]+\.sql")

# In the comments at the head of a file: its statements run one by one, each in a transaction of its own.
NO_TRANSACTION = "-- frontier: no transaction"

# What outlives a file or means nothing to one of its two readers, with the reason. The group is what messages quote.
REFUSED = {
    r"(BEGIN|COMMIT|ROLLBACK|ABORT|END|SAVEPOINT|RELEASE)\b": "the runner owns the transaction",
    r"((?:START|PREPARE)\s+TRANSACTION)\b": "the runner owns the transaction",
    r"(COPY)\b.*\bFROM\s+STDIN\b": "only psql can read the rows",
    r"(SET)\b(?!\s+(?:LOCAL|CONSTRAINTS)\b)": "outlives the file; write SET LOCAL",
    r"(RESET|DISCARD)\b": "outlives the file",
    r".*\b(set_config)\s*\([^()]*\bfalse\b": "outlives the file; write SET LOCAL",
    r"[^\\]*(\\\w*)": "only psql understands it",
    r"(ALTER\s+SYSTEM|(?:CREATE|DROP)\s+(?:DATABASE|TABLESPACE))\b": "is the server's affair, not the schema's",
}
# What needs a file that says so.
NEEDS_HEAD = f"cannot run in a transaction; put it into a file of its own that begins with {NO_TRANSACTION}"
OUTSIDE_ONLY = {r"(VACUUM)\b": NEEDS_HEAD, r".*\b(CONCURRENTLY)\b": NEEDS_HEAD}
# All that such a file may hold: what is one step by itself, and may be taken again after an interruption.
ONE_STEP = re.compile(
    r"""
      CREATE \s+ (?:UNIQUE\s+)? INDEX \s+ CONCURRENTLY \s+ IF \s+ NOT \s+ EXISTS \b
    | DROP \s+ INDEX \s+ CONCURRENTLY \s+ IF \s+ EXISTS \b
    | REINDEX \s .* \b CONCURRENTLY \b
    | REFRESH \s+ MATERIALIZED \s+ VIEW \s+ CONCURRENTLY \b
    | ALTER \s+ TABLE \s .* \b DETACH \s+ PARTITION \s .* \b (?:CONCURRENTLY | FINALIZE) \b
    | ALTER \s+ TABLE \s+ [^\s,]+ \s+ VALIDATE \s+ CONSTRAINT \s+ [^\s,]+ $
    | ALTER \s+ TYPE \s .* \b ADD \s+ VALUE \s+ IF \s+ NOT \s+ EXISTS \b
    | (?: VACUUM | ANALYZE | COMMENT \s+ ON ) \b
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


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

    @cached_property
    def sql(self) -> str:
        """The text, without the byte order mark that some editors write; HistoryError where it is not UTF-8."""
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = self.content.count(b"\n", 0, error.start) + 1
            raise HistoryError(f"{self.name}, line {line}: the file is not UTF-8. Save it as UTF-8.") from error

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """The checksum of what the file says, whatever it looks like."""
        return fingerprint(self.sql)

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        return tuple(statements(self.sql))

    @cached_property
    def transactional(self) -> bool:
        """Whether the file runs in one transaction; False where its head says otherwise."""
        for token in scan(self.sql):
            if token.kind not in (Kind.SPACE, Kind.COMMENT):
                break
            if token.text.rstrip().lower() == NO_TRANSACTION:
                return False
        return True

    def problems(self) -> Iterator[str]:
        """Statements that may not stand in a schema file, each with its line and the reason."""
        refused = REFUSED | (OUTSIDE_ONLY if self.transactional else {})
        for statement in self.statements:
            allowed = True
            for pattern, reason in refused.items():
                if found := re.match(pattern, statement.text, re.IGNORECASE | re.DOTALL):
                    allowed = False
                    line = statement.line + statement.text.count("\n", 0, found.start(1))
                    yield f"{self.name}, line {line}: {' '.join(found[1].split())} may not be used: {reason}"
            if allowed and not self.transactional and not ONE_STEP.match(statement.text):
                yield (
                    f"{self.name}, line {statement.line}: {' '.join(statement.text.split()[:3])} may not be used:"
                    " a file without a transaction holds only single steps that may be taken twice"
                )


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
