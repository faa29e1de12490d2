"""Snapshots: the whole schema of one version as one SQL file, for a database that is made anew.

The numbered files stay the source. A snapshot is dumped from a scratch database that they made, loaded into an empty
one, and kept where both have the same catalog. Its body is the same on every run, whatever client dumps it. Rows are
no part of it; the partitions of readings and their monthly job are made by the end of the body.

    SnapshotError             the snapshot does not make the schema that the files make
    ├── HeaderError           a file of database/versions is no snapshot
    ├── RefusedError          a version that exists, or that leaves the order of versions
    └── UnknownFileError      a number that no file of the history has
"""

import fcntl
import hashlib
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql

from database.catalog import Catalog, Partition, compare, read_catalog, read_partitions
from database.changelog import CHANGELOG, Section, changes, entry, with_entry, without_entries
from database.errors import LockedError, SchemaError
from database.history import BASELINE, ROOT, SchemaFile, read_history
from database.management import Exit
from database.reports import heading
from database.scratch import ClientError, Database, apply_with_psql, client_program, scratch_database

# What a database has before the first file.
EMPTY: Catalog = {("schema", "public"): "SCHEMA", ("grant", "schema public to PUBLIC"): "USAGE"}
NOT_IN_A_DUMP = Path(__file__).with_suffix(".sql")

NOTE = """\
-- Written by create_phase_snapshot and not to be edited: the files above are the source. Loaded into an empty
-- database, after functions/supabase_compat.sql: psql -X -1 -v ON_ERROR_STOP=1 -f THIS_FILE
"""
HEADER = re.compile(
    r"-- Schema Version: (?P<version>v\d+\.\d+)\n"
    r"-- Description: (?P<description>\S.*)\n"
    r"-- Date: (?P<date>\d{4}-\d{2}-\d{2})\n"
    r"-- Body SHA-256: (?P<sha256>[0-9a-f]{64})\n"
    r"-- Files:\n"
    r"(?P<files>(?:--   \d{3} \S+\n)+)"
    rf"--\n{re.escape(NOTE)}\n"
)
SLUG = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")


class SnapshotError(SchemaError):
    """The snapshot does not make the schema that the files make."""


class HeaderError(SnapshotError):
    """A file of database/versions is no snapshot."""


class RefusedError(SnapshotError):
    """The version exists, or does not follow the newest one."""


class UnknownFileError(SnapshotError):
    """No file of the history has this number."""


class Version(NamedTuple):
    """`v2.1` is the first change within phase 2."""

    phase: int
    change: int

    def __str__(self) -> str:
        return f"v{self.phase}.{self.change}"

    @classmethod
    def of(cls, text: str) -> "Version":
        """ValueError where the text is no version."""
        if not (match := re.fullmatch(r"v([1-9]\d*)\.(0|[1-9]\d*)", text)):
            raise ValueError(f"{text} is no version. Write v and two numbers: v3.1, or v4.0 for the next phase.")
        return cls(int(match[1]), int(match[2]))

    @property
    def followers(self) -> tuple["Version", "Version"]:
        """What may come next: another change within the phase, or the next phase."""
        return Version(self.phase, self.change + 1), Version(self.phase + 1, 0)


FIRST = Version(1, 0)  # the baseline itself

EDITED = "Restore it from version control: snapshots are not edited, numbered files are added."
OTHER_HISTORY = "Its header names other files than there are. Restore them, or the snapshot."


@dataclass(frozen=True)
class Snapshot:
    """One file of database/versions; `files` are the numbers of those that it contains, from the baseline on."""

    version: Version
    path: Path
    description: str
    made_on: date
    names: tuple[str, ...]
    body_sha256: str
    sql: str

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def files(self) -> tuple[int, ...]:
        return tuple(range(len(self.names)))

    @property
    def is_edited(self) -> bool:
        """Whether the body is not the one that the header speaks of."""
        return checksum(self.sql) != self.body_sha256

    @cached_property
    def text(self) -> str:
        """The file: header and body."""
        listed = "".join(f"--   {number:03d} {name}\n" for number, name in enumerate(self.names))
        return (
            f"-- Schema Version: {self.version}\n"
            f"-- Description: {self.description}\n"
            f"-- Date: {self.made_on}\n"
            f"-- Body SHA-256: {self.body_sha256}\n"
            f"-- Files:\n{listed}"
            f"--\n{NOTE}\n{self.sql}"
        )


@dataclass(frozen=True)
class Finding:
    """Something to be done about a snapshot or a file: EDITED, OTHER-HISTORY or WAITING."""

    code: str
    object: str
    fix: str


@dataclass(frozen=True)
class Made:
    """A snapshot that was written, and what changed since the one before."""

    snapshot: Snapshot
    sections: tuple[Section, ...]


def read_snapshot(path: Path) -> Snapshot:
    """The snapshot in a file; HeaderError where its header is not one."""
    text = path.read_bytes().decode(errors="replace")
    header = HEADER.match(text)
    if header is None:
        raise HeaderError(f"{path.name} does not begin with the header of a snapshot. Restore it.")
    listed = [line[len("--   ") :].split(" ") for line in header["files"].splitlines()]
    try:
        version, made_on = Version.of(header["version"]), date.fromisoformat(header["date"])
    except ValueError as error:
        raise HeaderError(f"The header of {path.name} cannot be read: {error}") from error
    if [int(number) for number, _ in listed] != list(range(len(listed))):
        raise HeaderError(f"The header of {path.name} does not count its files from 000 on by one. Restore it.")
    if not re.fullmatch(rf"{re.escape(str(version))}_{SLUG.pattern}\.sql", path.name):
        raise HeaderError(f"{path.name} holds {version}; its name is to be {version}_some_words.sql.")
    names = tuple(name for _, name in listed)
    return Snapshot(version, path, header["description"], made_on, names, header["sha256"], text[header.end() :])


def read_snapshots(root: Path = ROOT) -> tuple[Snapshot, ...]:
    """All snapshots, the oldest first; HeaderError where one cannot be read, or two have one version."""
    found = sorted(
        (read_snapshot(path) for path in (root / "versions").glob("*.sql") if path.name != BASELINE),
        key=lambda snapshot: (snapshot.version, snapshot.name),
    )
    for earlier, later in pairwise(found):
        if earlier.version == later.version:
            raise HeaderError(f"{earlier.name} and {later.name} hold the same version. Remove one.")
    return tuple(found)


def newest_snapshot(root: Path = ROOT) -> Snapshot | None:
    """The snapshot of the highest version; None where there is only the baseline."""
    return (read_snapshots(root) or (None,))[-1]


def checksum(body: str) -> str:
    """The SHA-256 of a body, as its header names it."""
    return hashlib.sha256(body.encode()).hexdigest()


def inspect(root: Path = ROOT) -> list[Finding]:
    """What is wrong with the snapshots, and the files that none of them includes; asks no database."""
    names = [file.name for file in read_history(root)]
    snapshots = read_snapshots(root)
    found = [Finding("EDITED", snapshot.name, EDITED) for snapshot in snapshots if snapshot.is_edited]
    found += [
        Finding("OTHER-HISTORY", snapshot.name, OTHER_HISTORY)
        for snapshot in snapshots
        if list(snapshot.names) != names[: len(snapshot.names)]
    ]
    included = snapshots[-1].files if snapshots else (0,)
    change, phase = (snapshots[-1].version if snapshots else FIRST).followers
    fix = f"Run create_phase_snapshot {change}, or {phase} for the next phase, with a description."
    return found + [Finding("WAITING", name, fix) for name in names[len(included) :]]


def verdict(found: Sequence[Finding]) -> Exit:
    """DONE when the snapshots are whole, PENDING when files only wait for one, NEEDS_A_PERSON for anything else."""
    codes = {finding.code for finding in found}
    if codes - {"WAITING"}:
        return Exit.NEEDS_A_PERSON
    return Exit.PENDING if codes else Exit.DONE


def report(found: Sequence[Finding], made: Made | None = None, root: Path = ROOT) -> dict[str, object]:
    """What a machine reads, and the sentences are drawn from: plain values."""
    snapshots = read_snapshots(root)
    spoiled = {finding.object for finding in found if finding.code != "WAITING"}
    waiting = sum(finding.code == "WAITING" for finding in found)
    newest = snapshots[-1].name if snapshots else BASELINE
    return {
        **heading("create_phase_snapshot"),
        "items": [
            {
                "version": str(snapshot.version),
                "name": snapshot.name,
                "description": snapshot.description,
                "made_on": snapshot.made_on.isoformat(),
                "files": list(snapshot.names),
                "body_sha256": snapshot.body_sha256,
                "is_whole": snapshot.name not in spoiled,
            }
            for snapshot in snapshots
        ],
        "made": made
        and {
            "version": str(made.snapshot.version),
            "name": made.snapshot.name,
            "changes": {section.title: section.items for section in made.sections},
        },
        "findings": [asdict(finding) for finding in found],
        "summary": (
            f"{newest} is the newest and has every file."
            if not found
            else f"{newest} is the newest. Not whole: {len(spoiled)}. Files that wait for the next: {waiting}."
        ),
    }


# Making one


def create_snapshot(
    server: Database,
    version: Version,
    description: str,
    *,
    name: str | None = None,
    through: int | None = None,
    root: Path = ROOT,
    tell: Callable[[str], object] = lambda _: None,
) -> Made | None:
    """Writes the snapshot of the files up to `through`, all by default, and its entry in SCHEMA_CHANGES.md.

    None, and nothing written, where the newest snapshot has these files already. May be run again after it was killed
    at any moment: the entry is written before the snapshot and replaced by the next run. RefusedError for a version
    that is taken or leaves the order; SnapshotError, nothing written, where the snapshot is not what the files make.
    """
    with only_run(root):
        history = read_history(root)
        if through is not None and through not in range(len(history)):
            raise UnknownFileError(f"There is no file {through:03d}: the last one is {history[-1].name}.")
        files = history if through is None else history[: through + 1]
        newest = newest_snapshot(root)
        before = len(newest.names) if newest else 1
        refuse_version(version, newest)
        if len(files) <= before:
            return None

        tell(f"Applying {len(files)} files to a scratch database")
        with scratch_database(server) as built, built.connect() as session:
            apply_with_psql(built, files[:before])
            old = read_catalog(session)
            apply_with_psql(built, files[before:])
            new, partitions = read_catalog(session), read_partitions(session)
            refuse_rows(session)
            body = dump_schema(built, session)

        description = " ".join(description.split())
        name = name or re.sub(r"[^a-z0-9]+", "_", description.lower()).strip("_") or "snapshot"
        path = root / "versions" / f"{version}_{name}.sql"
        names = tuple(file.name for file in files)
        snapshot = Snapshot(version, path, description, datetime.now(UTC).date(), names, checksum(body), body)
        # Always under the same name, so that the next run clears away what a killed one left.
        partial = path.with_name(".snapshot.partial")
        try:
            write_whole(partial, snapshot.text)
            tell("Loading the snapshot into an empty database and comparing both")
            refuse_unequal(server, SchemaFile(files[-1].number, partial), new, partitions)
            sections = tuple(changes(old, new))
            write_changelog(root, snapshot, files, before, sections, old)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return Made(snapshot, sections)


@contextmanager
def only_run(root: Path) -> Iterator[None]:
    """Keeps two runs from writing the snapshots of one folder; LockedError where there is another."""
    folder = os.open(root / "versions", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise LockedError("Another run is writing a snapshot. Nothing was written; run the command again.") from error
    finally:
        os.close(folder)


def refuse_version(version: Version, newest: Snapshot | None) -> None:
    """RefusedError for a version that is taken or is not one of the two that may come next."""
    latest = newest.version if newest else FIRST
    change, phase = latest.followers
    if version not in (change, phase):
        said = f"{version} exists" if version == latest else f"{version} cannot follow {latest}"
        raise RefusedError(
            f"{said}; the newest is {newest.name if newest else BASELINE}. Write {change} for a change within the"
            f" phase, {phase} for the next phase. Nothing was written."
        )


def refuse_rows(session: psycopg.Connection) -> None:
    """SnapshotError where the files leave rows: a database made from a snapshot would lack them."""
    tables = [
        name
        for (name,) in session.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname"
        )
    ]
    filled = [
        name
        for name in tables
        if session.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier("public", name))).rowcount
    ]
    if filled:
        raise SnapshotError(
            f"The files leave rows in {', '.join(filled)}, which a snapshot does not hold. Put them into"
            " database/seed/reference. Nothing was written."
        )


DUMP_OPTIONS = (
    "--schema-only",
    "--schema=public",
    "--extension=*",
    "--no-owner",
    "--no-tablespaces",
    "--no-table-access-method",
    "--encoding=UTF8",
)
ENTRY = re.compile(r"^--\n-- Name: (?P<name>.+); Type: (?P<type>[A-Z ]+); Schema: .+; Owner: .+\n--\n\n", re.MULTILINE)
END = "--\n-- PostgreSQL database dump complete\n--\n"
# Names that PostgreSQL 18 gives when a table's namesake had them first; older servers have none.
NAMED_NOT_NULL = re.compile(r"^(    .*) CONSTRAINT \w+ NOT NULL(,?)$", re.MULTILINE)


def dump_schema(built: Database, session: psycopg.Connection, program: Path | None = None) -> str:
    """The body of a snapshot: the schema `public` of a scratch database, whose partitions are dropped for it.

    The same for every client that can dump this server, and between servers whose catalogs are the same.
    """
    for partition in read_partitions(session):
        session.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("public", partition.name)))
    if program is None:
        program = client_program("pg_dump", session.info.server_version // 10000)
    done = subprocess.run(
        [str(program), *DUMP_OPTIONS],
        env={**built.environment, "PGTZ": "UTC", "PGOPTIONS": ""},
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise ClientError(f"pg_dump refused:\n{done.stderr.decode().strip()}")
    return normalise(done.stdout.decode())


def normalise(dump: str) -> str:
    """The body of a snapshot in a dump's text: without what tells the client, the run or the server's version."""
    dump = dump[: dump.rindex(END)]
    heads = list(ENTRY.finditer(dump))
    parts = ["-- Bodies of functions may name tables that come later.", "SET LOCAL check_function_bodies = off;", ""]
    for head, following in pairwise([*heads, None]):
        assert head is not None
        statement = dump[head.end() : following.start() if following else len(dump)].strip("\n")
        # Every database has this schema.
        if head["type"] == "SCHEMA" or "\nCOMMENT ON SCHEMA public IS 'standard public schema';" in "\n" + statement:
            continue
        if head["type"] == "TABLE":
            statement = NAMED_NOT_NULL.sub(r"\1 NOT NULL\2", statement)
        parts += [f"-- {head['type']} {head['name']}", statement, ""]
    if "FUNCTION public.create_meter_reading_partition(" in dump:
        parts.append(NOT_IN_A_DUMP.read_text())
    return "\n".join(parts)


def refuse_unequal(server: Database, file: SchemaFile, expected: Catalog, partitions: Sequence[Partition]) -> None:
    """SnapshotError where the file, loaded into an empty database, makes another schema than expected."""
    found = list(file.problems())
    with scratch_database(server) as loaded, loaded.connect() as session:
        try:
            apply_with_psql(loaded, [file])
        except ClientError as error:
            found.append(str(error))
        found += [str(difference) for difference in compare(expected, read_catalog(session))]
        made = read_partitions(session)
    for partition in sorted({*partitions} ^ {*made}):
        what = "is missing" if partition in partitions else "should not be there"
        found.append(f"partition {partition.name} of {partition.parent} {partition.bounds} {what}")
    if found:
        raise SnapshotError("\n".join(["The snapshot is not what the files make; nothing was written.", *found]))


def write_changelog(
    root: Path, snapshot: Snapshot, files: Sequence[SchemaFile], before: int, sections: Sequence[Section], old: Catalog
) -> None:
    """Puts the snapshot's entry into SCHEMA_CHANGES.md, and the baseline's where it has none yet.

    An entry without a snapshot, which a killed run left, goes.
    """
    path = root / CHANGELOG
    dated = snapshot.made_on.isoformat()
    text = path.read_bytes().decode() if path.exists() else ""
    known = {FIRST, snapshot.version, *(other.version for other in read_snapshots(root))}
    text = without_entries(text, {str(version) for version in known})
    if before == 1:
        link = f"versions/{BASELINE}"
        text = with_entry(text, str(FIRST), entry(str(FIRST), "Baseline", dated, files[:1], link, changes(EMPTY, old)))
    link = f"versions/{snapshot.name}"
    written = entry(str(snapshot.version), snapshot.description, dated, files[before:], link, sections)
    partial = path.with_name(f".{path.name}.partial")
    write_whole(partial, with_entry(text, str(snapshot.version), written))
    partial.replace(path)


def write_whole(path: Path, text: str) -> None:
    """Writes the file to the disk, not only to the cache: a name given to it afterwards names all of it."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
