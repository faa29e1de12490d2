"""Whether a live schema is the one that its files make, object by object.

The files that the ledger knows are run again in a scratch database on the same server, and both catalogs compared.
Partitions, which the files do not name, are compared with their parents. Nothing is changed and no lock taken.
"""

import difflib
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper

from database import ledger
from database.catalog import Catalog, Difference, compare, plain_spelling, read_catalog
from database.errors import HistoryError, StateError
from database.execution import SEARCH_PATH, source
from database.history import SchemaFile, read_history
from database.ledger import Match
from database.management import Exit
from database.reports import heading
from database.scratch import COMPATIBILITY, Database, scratch_database
from database.status import State, read_status

PARTITIONS = Path(__file__).with_name("partitions.sql")
MONTH = re.compile(
    r"FOR VALUES FROM \('(\d{4})-(\d\d)-01 00:00:00\+00'\) TO \('(\d{4})-(\d\d)-01 00:00:00\+00'\)"  # in UTC
)
# What a database grants on objects that are yet to be made; Supabase grants much. A rebuilt schema needs the same.
GRANTED_BEFOREHAND = """
    SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA public GRANT %s ON %s TO %s%s',
        defaclrole::regrole, privilege_type,
        CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' ELSE 'TYPES' END,
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM pg_default_acl, aclexplode(defaclacl)
    WHERE defaclnamespace = 'public'::regnamespace AND defaclobjtype IN ('r', 'S', 'f', 'T')
        AND pg_has_role(defaclrole, 'MEMBER')
    UNION ALL
    -- To use the schema is everybody's right on plain PostgreSQL; Supabase names its roles one by one.
    SELECT format('GRANT USAGE ON SCHEMA public TO %s', grantee::regrole)
    FROM pg_namespace, aclexplode(nspacl)
    WHERE nspname = 'public' AND privilege_type = 'USAGE'
        AND grantee::regrole::text IN ('anon', 'authenticated', 'service_role')
"""


class Severity(StrEnum):
    """Whether a finding keeps a database from being what its files say."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, and what to do about it."""

    code: str
    object: str
    detail: str
    fix: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return "\n    ".join(f"{self.code} {self.object}: {self.detail}".splitlines())


@dataclass(frozen=True)
class Verification:
    """What a comparison found; `files` were rebuilt, `objects` compared."""

    files: int
    objects: int
    findings: tuple[Finding, ...]

    @property
    def code(self) -> Exit:
        """NEEDS_A_PERSON on any error; warnings alone are well."""
        errors = any(finding.severity == Severity.ERROR for finding in self.findings)
        return Exit.NEEDS_A_PERSON if errors else Exit.DONE

    @property
    def summary(self) -> str:
        """One sentence."""
        compared = f"{self.objects} objects compared with a rebuild of {self.files} files"
        if not self.findings:
            return f"{compared}: equal."
        errors = sum(finding.severity == Severity.ERROR for finding in self.findings)
        return f"{compared}: {errors} errors, {len(self.findings) - errors} warnings."

    def report(self, connection: BaseDatabaseWrapper) -> dict[str, object]:
        """What a machine reads and the text is written from: plain values, no password."""
        return {
            **heading("schema_verify"),
            "database": connection.settings_dict["NAME"],
            "files": self.files,
            "objects": self.objects,
            "findings": [asdict(finding) for finding in self.findings],
            "summary": self.summary,
        }


def verify(connection: BaseDatabaseWrapper) -> Verification:
    """Compares files, ledger and live schema; StateError where tables stand without a ledger."""
    ledger.refuse_unknown_database(connection)
    with tempfile.TemporaryDirectory() as folder:
        files = files_as_applied(connection, Path(folder))
        found, objects = drift(connection, files)
    return Verification(len(files), objects, (*file_findings(connection), *found))


def drift(connection: BaseDatabaseWrapper, files: Sequence[SchemaFile]) -> tuple[list[Finding], int]:
    """Where the live schema is not what these files make, partitions included, and how many objects were compared."""
    reached = Database.of(connection)
    with reached.connect() as session:
        expected = rebuilt_catalog(reached, files, granted_beforehand(session))
        return departures(session, expected)


def departures(session: psycopg.Connection, expected: Catalog) -> tuple[list[Finding], int]:
    """Where the schema that the session sees is not this catalog, and how many objects were compared."""
    found = read_catalog(session)
    findings = [*map(_as_finding, compare(expected, found)), *partition_findings(session)]
    return findings, len(expected.keys() | found.keys())


def granted_beforehand(session: psycopg.Connection) -> list[str]:
    """Statements that give a new database the rights that this one grants on objects yet to be made."""
    return [text for (text,) in session.execute(GRANTED_BEFOREHAND)]


def rebuilt_catalog(server: Database, files: Iterable[SchemaFile], beforehand: Iterable[str] = ()) -> Catalog:
    """The catalog of a scratch database in which the files ran, after the statements of `beforehand`."""
    with _may_create_databases(), scratch_database(server) as scratch, scratch.connect() as session:
        session.execute("SET synchronous_commit = off")  # nobody misses a scratch database after a crash
        with session.transaction():
            session.execute(COMPATIBILITY.read_bytes())
        for statement in beforehand:
            session.execute(statement.encode())
        build(session, files)
        return read_catalog(session)


def build(session: psycopg.Connection, files: Iterable[SchemaFile]) -> None:
    """Runs the files in a session of a database that is prepared; HistoryError where the server refuses one."""
    session.execute(f"SET search_path = {SEARCH_PATH}".encode())
    for file in files:
        try:
            if file.transactional:
                with session.transaction():
                    session.execute(file.sql.encode())
            else:
                for statement in file.statements:
                    session.execute(source(file, statement).encode())
        except psycopg.Error as error:
            raise HistoryError(
                f"{file.name} does not run in an empty database after its predecessors: {error}"
            ) from error


def files_as_applied(connection: BaseDatabaseWrapper, folder: Path) -> tuple[SchemaFile, ...]:
    """The files that the ledger knows, as they were applied; those that were edited since are written to `folder`."""
    on_disk = {file.name: file for file in read_history()}
    applied = []
    for name, entry in ledger.entries(connection).items():
        file = on_disk.get(name)
        if file is None or entry.match(file) is Match.OTHER:
            kept = ledger.applied_sql(connection, name)
            if kept is not None:
                (folder / name).write_bytes(kept)
                file = SchemaFile(entry.number, folder / name)
        if file is not None:
            applied.append(file)
    return tuple(applied)


def file_findings(connection: BaseDatabaseWrapper) -> list[Finding]:
    """What is wrong with the files, the ledger or Django's records; that a file only waits is not."""
    files = {file.name: file for file in read_history()}
    return [
        Finding(
            code=str(row.state),
            object=row.name,
            detail=_edit(connection, files[row.name]) if row.state == State.CHANGED else DETAILS[row.state],
            fix=row.cure,
            severity=Severity.WARNING if row.state == State.CHANGED_COSMETIC else Severity.ERROR,
        )
        for row in read_status(connection)
        if row.state not in (State.APPLIED, State.PENDING)
    ]


DETAILS = {
    State.CHANGED_COSMETIC: "its comments, blanks or line ends were edited; to PostgreSQL it says the same.",
    State.MISSING_FILE: "it was applied, and is not in database/migrations.",
    State.MISSING_DJANGO: "Django has no record of it.",
    State.MISSING_LEDGER: "Django has a record of it, the ledger has none.",
    State.OUT_OF_ORDER: "it was not applied, a later one was.",
    State.FAILED_PARTIAL: "only its first statements were applied.",
}


def _edit(connection: BaseDatabaseWrapper, file: SchemaFile) -> str:
    """What was edited in a file since it was applied, as a unified diff."""
    if ledger.entries(connection).get(file.name) is None:
        return "it was edited after its migration was written; it was not applied here."
    kept = ledger.applied_sql(connection, file.name)
    if kept is None:
        return "it was edited after it was applied; the ledger of that time did not keep its text."
    lines = difflib.unified_diff(
        kept.decode("utf-8-sig").splitlines(), file.sql.splitlines(), "as applied", "on disk", n=1, lineterm=""
    )
    return "\n".join(["it was edited after it was applied:", *lines])


def partition_findings(session: psycopg.Connection) -> Iterator[Finding]:
    """Where a partition is not as its parent, or does not hold exactly one month of UTC."""
    with plain_spelling(session):
        rows = session.execute(PARTITIONS.read_bytes()).fetchall()
    for partition, kind, name, expected, found in rows:
        table = partition.removeprefix("public.")
        if kind == "bounds":
            if not is_month(found):
                yield Finding(
                    "PARTITION-BOUNDS",
                    f"partition {table}",
                    f"holds {found}, which is not one month of UTC.",
                    "Detach it, move its rows to partitions made by create_meter_reading_partition, and drop it.",
                )
        elif kind == "pending detachment":
            yield Finding(
                "PARTITION-DETACHING",
                f"partition {table}",
                "its detachment was interrupted: its rows are out of sight and new ones are refused.",
                f"End it with ALTER TABLE ... DETACH PARTITION {table} FINALIZE; attach it again or keep it apart.",
            )
        else:
            yield Finding(
                "PARTITION-DIFFERS",
                f"partition {table}",
                f"{f'{kind} {name}'.strip()} is {found or 'missing'}, its parent's is {expected or 'missing'}",
                "Make the partition as its parent is. A partition that is named directly is guarded by its own rights.",
            )


def is_month(bounds: str) -> bool:
    """Whether the bounds of a partition, spelled in UTC, are exactly one month."""
    match = MONTH.fullmatch(bounds)
    if match is None:
        return False
    year, month, next_year, next_month = map(int, match.groups())
    return next_year * 12 + next_month == year * 12 + month + 1


def _as_finding(difference: Difference) -> Finding:
    name = f"{difference.kind} {difference.identity}"
    if difference.found is None:
        fix = "Put it back as described; if it went on purpose, write that into a new file with new_migration."
        return Finding("MISSING", name, f"expected {difference.expected}", fix)
    if difference.expected is None:
        fix = "Remove it; if it is wanted, write it into a new file with new_migration."
        return Finding("EXTRA", name, f"found {difference.found}", fix)
    fix = "Change it back; if the change is wanted, write it into a new file with new_migration."
    return Finding("DIFFERENT", name, str(difference).removeprefix(name).lstrip(), fix)


@contextmanager
def _may_create_databases() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        if "create database" not in str(error):
            raise
        raise StateError(
            "A scratch database is needed for the comparison, and this login may not create one. Nothing was changed."
            " Let it: ALTER ROLE ... CREATEDB."
        ) from error
