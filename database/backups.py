"""Backups: plain SQL files that were restored once before they are called backups, and their way back.

    backups/backup_2026-01-31_02-00-00.sql             what psql can run; .sql.enc where it is encrypted
    backups/backup_2026-01-31_02-00-00.manifest.json   rows and checksums of each table, and of the file itself

A file stands under its name only when it is complete: it is written, compared and restored under a hidden name, which
its writer keeps locked. A database is restored under a scratch name, which its maker keeps locked too, and renamed
when it is what the manifest says. Whatever a killed run leaves behind is unlocked, and the next run removes it.

BackupError
├── RefusedError    a guard: rows that would be missing, a database that exists, a server that is too old
├── UnusableError   no backup, no key or no place to write
└── DamagedError    a file or a restored database is not what the manifest says
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import IO, Any, Self

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from database import ledger
from database.contents import (
    FOREIGN_USERS,
    Contents,
    Rows,
    differences,
    has_foreign_users,
    owned_schemas,
    read_contents,
)
from database.embedded import find_binaries
from database.encryption import DecryptionError, KeyFormatError, decrypted, encrypted, read_key
from database.errors import LockedError, SchemaError
from database.history import ROOT
from database.locks import schema_lock
from database.management import Exit
from database.production import ProductionError, refuse_in_production
from database.reports import heading
from database.scratch import COMPATIBILITY, ClientError, Database

FOLDER = ROOT.parent / "backups"
KEY_VARIABLE = "FRONTIER_BACKUP_KEY"
FORMAT = "frontier backup 1"
NAME = re.compile(r"backup_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")
SCRATCH = re.compile(r"scratch_restore_[0-9a-f]{12}")
# "rest" as ASCII: the first half of the advisory lock that keeps a scratch database; the second is its name's CRC.
SCRATCH_LOCK = 0x72657374

DROPPABLE = "SELECT datname FROM pg_database WHERE pg_has_role(datdba, 'USAGE') ORDER BY datname"
SERVER_MAJOR = "SELECT current_setting('server_version_num')::integer / 10000"
MARKER = "SELECT max(name) FROM frontier_ops.environment"
PIECE_BYTES = 1 << 16
SUFFIXES = (".sql", ".sql.enc")
MANIFEST_PART = ".manifest.part"

EMPTY_ONLY = b"""SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS public;
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace) THEN
        RAISE EXCEPTION 'this database is not empty' USING HINT = 'Load the backup into a new one.';
    END IF;
END $$;

"""

Tell = Callable[[str], object]


class BackupError(SchemaError):
    """Base of what can be wrong with a backup."""


class RefusedError(BackupError):
    """A guard stands before the deed; nothing was changed."""


class UnusableError(BackupError):
    """There is no backup, no key or no place to write; nothing was changed."""


class DamagedError(BackupError):
    """A file, or what was restored from it, is not what its manifest says."""


EXITS: dict[type[SchemaError], Exit] = {
    RefusedError: Exit.REFUSED,
    ProductionError: Exit.REFUSED,
    UnusableError: Exit.WRONG_CONFIGURATION,
    DamagedError: Exit.NEEDS_A_PERSON,
    ClientError: Exit.NOT_REACHABLE,
    LockedError: Exit.LOCKED,
}


# --- what is known of a backup


@dataclass(frozen=True)
class Manifest:
    """What was backed up, and of which bytes the file consists."""

    file: str
    size_bytes: int
    sha256: str
    encrypted: bool
    taken_at: str
    database: str
    encoding: str
    server_version: str
    client_version: str
    last_file: str | None  # of the ledger: how far the schema was
    environment: str | None  # the marker: a production backup restores to a production database
    drill_seconds: float | None  # None where the restore was not tried
    contents: Contents

    @property
    def server_major(self) -> int:
        return int(self.server_version.partition(".")[0])

    def render(self) -> bytes:
        """The manifest as it is written, with its own checksum at the end."""
        told: dict[str, Any] = {"format": FORMAT, **asdict(self)}
        told["manifest_sha256"] = hashlib.sha256(json.dumps(told).encode()).hexdigest()
        return (json.dumps(told, indent=1) + "\n").encode()

    @classmethod
    def parse(cls, written: bytes) -> Self:
        """The manifest from its file; DamagedError unless it is byte for byte as it was written."""
        try:
            told = json.loads(written)
            told.pop("manifest_sha256")
            if told.pop("format") != FORMAT:
                raise DamagedError("it is of another format")
            contents = told.pop("contents")
            tables = {name: Rows(**rows) for name, rows in contents.pop("tables").items()}
            manifest = cls(**told, contents=Contents(tables, **contents))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedError(f"it cannot be read: {error}") from error
        if manifest.render() != written:
            raise DamagedError("it was changed after it was written")
        return manifest


@dataclass(frozen=True)
class Backup:
    """A complete backup: its file and what it holds."""

    path: Path
    manifest: Manifest

    def __str__(self) -> str:
        held, seconds = self.manifest.contents, self.manifest.drill_seconds
        proof = "not restored yet" if seconds is None else f"restored and compared in {seconds:.1f} s"
        size = f"{self.manifest.size_bytes / 2**20:,.1f} MiB"
        return f"{self.path}: {len(held.tables)} tables, {held.rows:,} rows, {size}, {proof}."


def manifest_path(path: Path) -> Path:
    """Where the manifest of a backup file lies."""
    return path.with_name(path.name.partition(".")[0] + ".manifest.json")


def read_backup(path: Path) -> Backup:
    """A backup whose every byte was compared with its manifest.

    UnusableError where there is none; DamagedError where the file or the manifest is not as it was written.
    """
    backup = _read_manifest(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != backup.manifest.sha256:
        raise DamagedError(f"{path.name} was changed after it was written: its SHA-256 is not the manifest's.")
    return backup


def list_backups(folder: Path = FOLDER) -> list[Backup]:
    """The complete backups of a folder, the oldest first; their manifests are read, and the sizes compared."""
    found = []
    for path in sorted(folder.glob("backup_*")):
        if NAME.fullmatch(path.name.partition(".")[0]) and path.name.endswith(SUFFIXES):
            with contextlib.suppress(BackupError):
                found.append(_read_manifest(path))
    return found


def _read_manifest(path: Path) -> Backup:
    if not path.is_file():
        raise UnusableError(f"{path} is not there.")
    beside = manifest_path(path)
    if not beside.is_file():
        raise UnusableError(
            f"{path.name} has no manifest beside it ({beside.name}), so nobody knows whether it is complete."
            " Only a file that backup_database wrote is restored."
        )
    try:
        manifest = Manifest.parse(beside.read_bytes())
    except DamagedError as error:
        raise DamagedError(f"{beside.name} is damaged: {error}.") from error
    if manifest.file != path.name:
        raise DamagedError(f"{beside.name} is the manifest of {manifest.file}, not of {path.name}.")
    if (size := path.stat().st_size) != manifest.size_bytes:
        raise DamagedError(f"{path.name} has {size:,} bytes instead of {manifest.size_bytes:,}: it is not complete.")
    return Backup(path, manifest)


# --- taking one


@dataclass(frozen=True)
class Plan:
    """What is looked at before anything is written."""

    database: Database
    server_major: int
    program: Path
    key: bytes | None


def take(
    connection: BaseDatabaseWrapper,
    folder: Path = FOLDER,
    *,
    tell: Tell,
    drill: bool = True,
    keep: int | None = None,
    encrypt: bool = False,
) -> Backup:
    """Writes a backup, restores it into a scratch database, and removes all but `keep` of this database's backups.

    The schema lock is held until the file is written, so that no table changes its shape on the way. DamagedError
    when the file is not what the database held: it stays under a name that ends with .failed.
    """
    plan = _plan(connection, drill=drill, encrypt=encrypt)
    with _explained("There is no new backup."):
        sweep_databases(plan.database)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep_files(folder)
        with _reserved(folder, ".sql.enc" if encrypt else ".sql") as draft:
            with schema_lock(connection, tell):
                manifest = _write(plan, draft, connection, tell)
            try:
                if drill:
                    manifest = replace(manifest, drill_seconds=_drill(plan, draft, manifest, tell))
            except DamagedError as error:
                failed = draft.fail(manifest)
                raise DamagedError(f"The backup is not good and was put aside as {failed.name}. {error}") from error
            backup = Backup(draft.publish(manifest), manifest)
    for old in _outdated(folder, manifest.database, keep) if keep else ():
        tell(f"Removing {old.path.name}: {keep} newer backups are kept.")
        # In this order: a file never stands without its manifest.
        old.path.unlink(missing_ok=True)
        manifest_path(old.path).unlink(missing_ok=True)
    return backup


@contextmanager
def _explained(outcome: str) -> Iterator[None]:
    """What the server or the disk refuses on the way, as one of our errors; `outcome` says where that leaves us."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise RefusedError(f"PostgreSQL refuses this role: {_first_line(error)}. {outcome}") from error
    except psycopg.OperationalError as error:
        raise ClientError(f"The server ended the work: {_first_line(error)}. {outcome}") from error
    except OSError as error:
        raise UnusableError(f"{error}. {outcome}") from error


def _first_line(error: psycopg.Error) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def _plan(connection: BaseDatabaseWrapper, *, drill: bool, encrypt: bool) -> Plan:
    """Refuses what would go wrong later, before anything is written."""
    refuse_hidden_rows(connection)
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolcreatedb, current_user FROM pg_roles WHERE rolname = current_user")
        may_create, role = cursor.fetchone()
        cursor.execute(SERVER_MAJOR)
        (major,) = cursor.fetchone()
    if drill and not may_create:
        raise RefusedError(
            f"The restore drill makes a scratch database, and {role} may not. ALTER ROLE {role} CREATEDB,"
            " or give --no-drill. There is no new backup."
        )
    if drill:
        closest_program("psql", major)
    return Plan(Database.of(connection), major, closest_program("pg_dump", major), key() if encrypt else None)


def refuse_hidden_rows(connection: BaseDatabaseWrapper) -> None:
    """RefusedError for a role from which row security may hide rows: what it counts and dumps is not all there is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls, current_user FROM pg_roles WHERE rolname = current_user")
        sees_all, role = cursor.fetchone()
    if not sees_all:
        raise RefusedError(
            f"Row security may hide rows from {role}, so that nobody would miss them. Nothing was done."
            f" Connect as a superuser, or ALTER ROLE {role} BYPASSRLS."
        )


def key() -> bytes:
    """The key of encrypted backups, from the environment; UnusableError where there is none."""
    text = os.environ.get(KEY_VARIABLE, "")
    try:
        if text:
            return read_key(text)
        problem = "it is not set"
    except KeyFormatError as error:
        problem = str(error)
    raise UnusableError(
        f"{KEY_VARIABLE} has to hold the key of encrypted backups: {problem}. `openssl rand -base64 32` makes one."
    )


@cache
def closest_program(name: str, server_major: int) -> Path:
    """The client program of the server's own version, else of the next newer; ClientError where all are older.

    A newer pg_dump writes for newer servers, an older one refuses.
    """
    candidates = [str(binaries.folder / name) for binaries in find_binaries()]
    candidates += [path for path in (shutil.which(name),) if path]
    versions: dict[str, int] = {}
    for program in candidates:
        with contextlib.suppress(FileNotFoundError):
            said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
            if version := re.search(r"\(PostgreSQL\) (\d+)", said):
                versions.setdefault(program, int(version[1]))
    fitting = [program for program, major in versions.items() if major >= server_major]
    if fitting:
        return Path(min(fitting, key=versions.__getitem__))
    there = f"the newest here is of {max(versions.values())}" if versions else "there is none here"
    raise ClientError(
        f"The server is PostgreSQL {server_major} and needs a {name} of that version or newer; {there}."
        f' Install one: pip install "frontier-energy[embedded]" or apt-get install postgresql-client-{server_major}.'
    )


@dataclass
class Draft:
    """A backup under its hidden name, locked by this process for as long as it is written."""

    folder: Path
    stem: str
    suffix: str
    file: IO[bytes] = field(repr=False)

    @property
    def hidden(self) -> Path:
        return self.folder / f".{self.stem}.part"

    def publish(self, manifest: Manifest) -> Path:
        """Gives file and manifest their names; the file last, since it counts only with its manifest."""
        path = self.folder / manifest.file
        self._put(manifest_path(path), manifest)
        self.hidden.rename(path)
        _sync(self.folder)
        return path

    def fail(self, manifest: Manifest) -> Path:
        """Puts the file aside under a name that no one takes for a backup's."""
        path = self.folder / f"{manifest.file}.failed"
        self._put(self.folder / f"{self.stem}.manifest.json.failed", manifest)
        self.hidden.rename(path)
        return path

    def _put(self, path: Path, manifest: Manifest) -> None:
        hidden = self.folder / f".{self.stem}{MANIFEST_PART}"
        with os.fdopen(os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(manifest.render())
            file.flush()
            os.fsync(file.fileno())
        hidden.rename(path)


@contextmanager
def _reserved(folder: Path, suffix: str) -> Iterator[Draft]:
    """A draft under the first second that no other backup has; removed unless it was given another name."""
    while True:
        stem = f"backup_{datetime.now(UTC):%Y-%m-%d_%H-%M-%S}"
        hidden = folder / f".{stem}.part"
        with contextlib.suppress(FileExistsError):
            file = os.fdopen(os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b")
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(hidden, file):
                if not list(folder.glob(f"{stem}.*")):
                    break
                hidden.unlink()
            file.close()
        time.sleep(0.1)
    draft = Draft(folder, stem, suffix, file)
    try:
        yield draft
    finally:
        draft.hidden.unlink(missing_ok=True)
        (folder / f".{stem}{MANIFEST_PART}").unlink(missing_ok=True)
        file.close()


def _is_at(path: Path, file: IO[bytes]) -> bool:
    """Whether the file still has its name: before it was locked, another run may have taken it for abandoned."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _write(plan: Plan, draft: Draft, connection: BaseDatabaseWrapper, tell: Tell) -> Manifest:
    """Dumps the database into the draft, and counts and sums its rows, both as one snapshot shows it."""
    taken_at = datetime.now(UTC).isoformat(timespec="seconds")
    applied = list(ledger.entries(connection))
    with plan.database.connect() as session:
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot, encoding, version = _one(
            session,
            "SELECT pg_export_snapshot(), current_setting('server_encoding'),"
            " split_part(current_setting('server_version'), ' ', 1)",
        )
        tell(f"Counting and summing the rows of {plan.database.name}.")
        contents = read_contents(session)
        environment = _one(session, MARKER) if "frontier_ops.environment" in contents.tables else (None,)
        tell(f"Dumping {contents.rows:,} rows of {len(contents.tables)} tables.")
        written: dict[str, int] = {}
        text = _counted(_dump(plan, session, snapshot), written, plan.server_major)
        size, digest = _store(encrypted(text, plan.key) if plan.key else text, draft.file)
        session.execute("ROLLBACK")
    client = subprocess.run([str(plan.program), "--version"], capture_output=True, text=True, check=True).stdout
    manifest = Manifest(
        file=draft.stem + draft.suffix,
        size_bytes=size,
        sha256=digest,
        encrypted=plan.key is not None,
        taken_at=taken_at,
        database=plan.database.name,
        encoding=encoding,
        server_version=version,
        client_version=client.strip(),
        last_file=applied[-1] if applied else None,
        environment=environment[0],
        drill_seconds=None,
        contents=contents,
    )
    wrong = [
        f"table {name} is missing from it"
        if name not in written
        else f"table {name} has {written[name]:,} rows in it instead of {rows.count:,}"
        for name, rows in contents.tables.items()
        if written.get(name) != rows.count
    ]
    if wrong:
        failed = draft.fail(manifest)
        raise DamagedError(f"The backup is not complete and was put aside as {failed.name}: {'; '.join(wrong)}.")
    return manifest


def _one(session: psycopg.Connection, query: str) -> tuple[Any, ...]:
    row = session.execute(query.encode()).fetchone()
    assert row is not None
    return row


def _dump(plan: Plan, session: psycopg.Connection, snapshot: str) -> Iterator[bytes]:
    """The lines of the file: what an empty database needs first, then what pg_dump says."""
    yield from _preamble(session)
    schemas = owned_schemas(session)
    extensions = session.execute(
        "SELECT extname FROM pg_extension WHERE extnamespace::regnamespace::text = ANY (%s)", [schemas]
    ).fetchall()
    command = [str(plan.program), "--no-password", "--no-owner", f"--snapshot={snapshot}"]
    command += [f'--schema="{name}"' for name in schemas]
    command += ['--extension="{}"'.format(name.replace('"', '""')) for (name,) in extensions]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, env=plan.database.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
        )
        assert process.stdout is not None
        try:
            yield from process.stdout
        finally:
            # Ends a pg_dump whose reader gave up: it cannot write on.
            process.stdout.close()
            code = process.wait()
        if code != 0:
            raise ClientError(f"pg_dump failed, there is no new backup:\n{_words(said)}")


def _preamble(session: psycopg.Connection) -> Iterator[bytes]:
    """What the dump stands on: roles that grants and policies name, people who are kept outside of our schemas."""
    yield b"-- Made by Frontier's backup_database. Load it into an empty database, whole or not at all:\n"
    yield b"-- psql -X -1 -v ON_ERROR_STOP=1 -f THIS_FILE\n\n"
    roles = session.execute(
        "SELECT DISTINCT rolname FROM pg_shdepend JOIN pg_roles ON pg_roles.oid = refobjid"
        " WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND refclassid = 'pg_authid'::regclass AND deptype IN ('a', 'r') ORDER BY rolname"
    ).fetchall()
    for (role,) in roles:
        make = sql.SQL("CREATE ROLE {} NOLOGIN NOINHERIT").format(sql.Identifier(role)).as_string()
        yield f"DO $$ BEGIN IF to_regrole({_literal(role)}) IS NULL THEN {make}; END IF; END $$;\n".encode()
    yield EMPTY_ONLY
    if has_foreign_users(session):
        yield COMPATIBILITY.read_bytes() + b"\n"
        columns = sql.SQL(", ").join(map(sql.Identifier, FOREIGN_USERS)).as_string()
        yield f"COPY auth.users ({columns}) FROM stdin;\n".encode()
        with session.cursor().copy(f"COPY auth.users ({columns}) TO STDOUT".encode()) as rows:
            for row in rows:
                yield bytes(row)
        yield b"\\.\n"
        yield b"\n"


def _literal(text: str) -> str:
    return sql.Literal(sql.Identifier(text).as_string()).as_string()


def _counted(lines: Iterable[bytes], written: dict[str, int], server_major: int) -> Iterator[bytes]:
    """The same lines in larger pieces; enters into `written` how many rows of each table went by."""
    table: str | None = None
    piece = bytearray()
    for line in lines:
        if table is not None:
            if line == b"\\.\n":
                table = None
            else:
                written[table] += 1
        elif line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n"):
            table = line[5:].decode().partition(" (")[0]
            written[table] = 0
        elif line == b"CREATE SCHEMA public;\n":
            continue  # Every new database has it, with rights that pg_dump takes for granted.
        elif line == b"SET transaction_timeout = 0;\n" and server_major < 17:
            continue  # A newer pg_dump writes it for every server, and servers before 17 do not know it.
        piece += line
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


def _store(pieces: Iterable[bytes], file: IO[bytes]) -> tuple[int, str]:
    """Size and SHA-256 of what was written; it has reached the disk."""
    size, digest = 0, hashlib.sha256()
    for piece in pieces:
        file.write(piece)
        digest.update(piece)
        size += len(piece)
    file.flush()
    os.fsync(file.fileno())
    return size, digest.hexdigest()


def _drill(plan: Plan, draft: Draft, manifest: Manifest, tell: Tell) -> float:
    """Seconds that a restore of the draft took; DamagedError when it did not bring everything back."""
    tell("Restoring the backup into a scratch database.")
    started = time.monotonic()
    with scratch_for_restore(plan.database, manifest.encoding) as scratch:
        _load(scratch, Backup(draft.hidden, manifest), plan.server_major)
        _compare(scratch, manifest, plan.server_major)
    return round(time.monotonic() - started, 2)


def _outdated(folder: Path, database: str, keep: int) -> list[Backup]:
    mine = [backup for backup in list_backups(folder) if backup.manifest.database == database]
    return mine[: max(len(mine) - keep, 0)]


def _sync(folder: Path) -> None:
    """Has the disk know the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- bringing one back


@dataclass(frozen=True)
class Restored:
    """A new database, equal to what its backup says."""

    database: str
    backup: Backup
    seconds: float

    def __str__(self) -> str:
        held, name = self.backup.manifest.contents, self.backup.path.name
        said = f"{self.database}: {len(held.tables)} tables, {held.rows:,} rows as in {name}, in {self.seconds:.1f} s."
        if self.backup.manifest.environment == "production":
            said += " It is marked as production, like the database it was taken from."
        return said


def restore(connection: BaseDatabaseWrapper, path: Path, into: str, *, tell: Tell) -> Restored:
    """Makes the database `into` from a backup, on the server of the connection; all of it or nothing.

    The file is compared with its manifest before anything is made, the restored rows afterwards. Refused where the
    connection is to production, and where `into` exists.
    """
    refuse_in_production(connection, f"restore_database --into {into}")
    refuse_hidden_rows(connection)
    database = Database.of(connection)
    with connection.cursor() as cursor:
        cursor.execute(SERVER_MAJOR)
        (major,) = cursor.fetchone()
    if not into or len(into.encode()) > 63 or SCRATCH.fullmatch(into):
        raise UnusableError(f"{into!r} cannot be the name of a database. Nothing was made.")
    with _explained("Nothing was made."):
        return _restore(database, major, path, into, tell)


def _restore(database: Database, major: int, path: Path, into: str, tell: Tell) -> Restored:
    _refuse_existing(database, into)
    tell(f"Comparing {path.name} with its manifest.")
    backup = read_backup(path)
    if backup.manifest.server_major > major:
        raise RefusedError(
            f"{path.name} is of PostgreSQL {backup.manifest.server_version} and this server is older: {major}."
            " Nothing was made. Restore it on a server of that version or newer."
        )
    if backup.manifest.encrypted:
        key()
    closest_program("psql", major)
    sweep_databases(database)
    started = time.monotonic()
    with scratch_for_restore(database, backup.manifest.encoding) as scratch:
        tell(f"Restoring {backup.manifest.contents.rows:,} rows of {len(backup.manifest.contents.tables)} tables.")
        _load(scratch, backup, major)
        tell("Comparing what was restored with the manifest.")
        _compare(scratch, backup.manifest, major)
        with scratch.connect() as session:
            session.execute("ANALYZE")
        _rename(scratch, into)
    return Restored(into, backup, round(time.monotonic() - started, 2))


def _refuse_existing(database: Database, name: str) -> None:
    with database.sibling("postgres").connect() as session:
        if session.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None:
            raise RefusedError(
                f"There is a database {name} already. A backup is restored into a new one: give another name,"
                " compare, and rename the two when you are sure."
            )


def _rename(scratch: Database, name: str) -> None:
    with scratch.sibling("postgres").connect() as session:
        try:
            names = (sql.Identifier(scratch.name), sql.Identifier(name))
            session.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*names))
        except psycopg.errors.DuplicateDatabase as error:
            raise RefusedError(f"Meanwhile somebody made a database {name}. Nothing was changed.") from error


def _load(database: Database, backup: Backup, server_major: int) -> None:
    """Runs the file with psql in one transaction; DamagedError where the server refuses a line of it.

    The bytes are summed once more on their way: what is restored is what was compared.
    """
    command = [str(closest_program("psql", server_major)), "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", "-"]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, env=database.environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said
        )
        assert process.stdin is not None
        try:
            for piece in _text(backup):
                process.stdin.write(piece)
            process.stdin.close()
        except BrokenPipeError:
            pass  # psql has ended, and says why.
        except BaseException:
            # Without its end: psql would commit what it has at the end of the file.
            process.kill()
            raise
        finally:
            code = process.wait()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        if code != 0:
            raise DamagedError(f"psql could not restore {backup.manifest.file}:\n{_words(said)}")


def _words(file: IO[bytes]) -> str:
    """What a program wrote to its standard error."""
    file.seek(0)
    return file.read().decode(errors="replace").strip()


def _text(backup: Backup) -> Iterator[bytes]:
    """The SQL of a backup, decrypted; DamagedError at its end when the bytes were not the manifest's."""
    with backup.path.open("rb") as raw:
        digest = hashlib.sha256()

        def read(size: int) -> bytes:
            piece = raw.read(size)
            digest.update(piece)
            return piece

        try:
            if backup.manifest.encrypted:
                yield from decrypted(read, key())
            else:
                while piece := read(PIECE_BYTES):
                    yield piece
        except DecryptionError as error:
            raise DamagedError(f"{backup.manifest.file} cannot be decrypted: {error}.") from error
        if digest.hexdigest() != backup.manifest.sha256:
            raise DamagedError(f"{backup.manifest.file} changed while it was read.")


def _compare(database: Database, manifest: Manifest, server_major: int) -> None:
    with database.connect() as session:
        found = read_contents(session)
    wrong = differences(manifest.contents, found, with_schema=manifest.server_major == server_major)
    if wrong:
        raise DamagedError(f"What was restored is not what was backed up: {'; '.join(wrong)}.")


# --- what killed runs leave


@contextmanager
def scratch_for_restore(server: Database, encoding: str) -> Iterator[Database]:
    """An empty database under a scratch name, dropped at the end unless it was renamed.

    A lock on its name is held meanwhile; a name without one is of a killed run, and `sweep_databases` drops it.
    """
    scratch = server.sibling(f"scratch_restore_{secrets.token_hex(6)}")
    with server.sibling("postgres").connect() as session:
        # The lock lives as long as the session, which idles while psql works.
        session.execute("SET idle_session_timeout = 0")
        session.execute("SELECT pg_advisory_lock(%s, %s)", _lock_key(scratch.name))
        session.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {}").format(
                sql.Identifier(scratch.name), sql.Literal(encoding)
            )
        )
        try:
            yield scratch
        finally:
            _drop(session, scratch.name)


def sweep_databases(server: Database) -> list[str]:
    """Drops the databases that killed restores and drills left half done; returns their names."""
    swept = []
    with server.sibling("postgres").connect() as session:
        names = [name for (name,) in session.execute(DROPPABLE).fetchall()]
        for name in filter(SCRATCH.fullmatch, names):
            alone = session.execute("SELECT pg_try_advisory_lock(%s, %s)", _lock_key(name)).fetchone()
            if alone == (True,):
                _drop(session, name)
                session.execute("SELECT pg_advisory_unlock(%s, %s)", _lock_key(name))
                swept.append(name)
    return swept


def _lock_key(name: str) -> tuple[int, int]:
    crc = zlib.crc32(name.encode())
    return SCRATCH_LOCK, crc - (1 << 32) if crc >= 1 << 31 else crc


def _drop(session: psycopg.Connection, name: str) -> None:
    session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def sweep_files(folder: Path) -> list[str]:
    """Removes what killed runs left unfinished in a folder of backups; returns the names."""
    swept = []
    for part in sorted(folder.glob(".backup_*.part"), key=lambda part: part.name.endswith(MANIFEST_PART)):
        # A writer holds the lock on its draft; the manifest goes with it.
        with contextlib.suppress(FileNotFoundError, BlockingIOError), part.open("rb") as file:
            if not part.name.endswith(MANIFEST_PART):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            elif (folder / f"{part.name.removesuffix(MANIFEST_PART)}.part").exists():
                continue
            part.unlink()
            swept.append(part.name)
    for beside in sorted(folder.glob("backup_*.manifest.json")):
        stem = beside.name.removesuffix(".manifest.json")
        # In this order: the draft becomes the file.
        if not (folder / f".{stem}.part").exists() and not any((folder / (stem + end)).exists() for end in SUFFIXES):
            beside.unlink()
            swept.append(beside.name)
    return swept


# --- for people and machines


def amount(text: str) -> int:
    """How many backups to keep, at least the one just taken; ValueError otherwise."""
    if (number := int(text)) < 1:
        raise ValueError(f"{number} is less than 1")
    return number


def report(command: str, backup: Backup, summary: str) -> dict[str, object]:
    """What a machine reads: plain values, no password."""
    manifest = asdict(backup.manifest)
    contents = manifest.pop("contents")
    return {
        **heading(command),
        "database": backup.manifest.database,
        "path": str(backup.path),
        "backup": manifest,
        "items": [{"table": name, **rows} for name, rows in contents["tables"].items()],
        "findings": [],
        "summary": summary,
    }
