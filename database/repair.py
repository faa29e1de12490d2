"""What can be done where files, migrations, ledger and Django's records disagree, and the doing of it, one at a time.

Nothing here changes the live schema, and nothing removes a row of the ledger.
"""

import inspect
import tempfile
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.util import cache_from_source
from pathlib import Path

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder

from database import ledger
from database.errors import DriftError, StateError
from database.history import ROOT, SchemaFile, read_history
from database.ledger import Kind, Match
from database.management import Exit
from database.operations import project_migrations, twins
from database.reports import heading
from database.status import FileStatus, State, read_status
from database.verification import drift, files_as_applied


class Repair(StrEnum):
    """One way to bring a file back into step."""

    REPIN = "repin"
    RESTORE = "restore"
    RECORD = "record"
    FORGET = "forget"

    @property
    def effect(self) -> str:
        return EFFECTS[self]


EFFECTS = {
    Repair.REPIN: "writes the file's checksum into its Django migration; the file stays as it is on disk",
    Repair.RESTORE: "writes the file as the ledger kept it over the one on disk",
    Repair.RECORD: "writes the file into the ledger as adopted, if the live schema is exactly what the files make"
    " with it",
    Repair.FORGET: "removes Django's record, if the live schema is exactly what the files make without it;"
    " migrate then applies the file",
}


class NotAChoiceError(StateError):
    """The repair does not fit what is wrong with the file."""


@dataclass(frozen=True)
class Case:
    """One file that is out of step, and the repairs that may be chosen for it."""

    number: int
    name: str
    state: State
    repairs: tuple[Repair, ...]
    otherwise: str

    def report(self) -> dict[str, object]:
        choices = [{"flag": f"--{way} {self.number:03d}", "does": way.effect} for way in self.repairs]
        return asdict(self) | {"repairs": choices}


def cases(connection: BaseDatabaseWrapper) -> list[Case]:
    """Every file that is out of step; a file that only waits is not."""
    entries = ledger.entries(connection)
    found = []
    for row in read_status(connection):
        if row.state not in (State.APPLIED, State.PENDING):
            kept = row.name in entries and ledger.applied_sql(connection, row.name) is not None
            found.append(Case(row.number, row.name, row.state, _choices(row, kept), row.cure))
    return found


def _choices(row: FileStatus, kept: bool) -> tuple[Repair, ...]:
    match row.state:
        case State.CHANGED_COSMETIC:
            return (Repair.REPIN, Repair.RESTORE) if kept else (Repair.REPIN,)
        case State.CHANGED if row.ledger == "none":
            return (Repair.REPIN,)
        case State.CHANGED | State.MISSING_FILE if kept:
            return (Repair.RESTORE,)
        case State.MISSING_LEDGER:
            return (Repair.RECORD, Repair.FORGET)
    return ()


def report(connection: BaseDatabaseWrapper, found: list[Case]) -> dict[str, object]:
    """What a machine reads and the text is written from: plain values, no password."""
    return {
        **heading("schema_repair"),
        "database": connection.settings_dict["NAME"],
        "items": [case.report() for case in found],
        "summary": f"{len(found)} files are out of step. Nothing was changed." if found else "Nothing to repair.",
    }


def code(found: list[Case]) -> Exit:
    """What listing the cases ends with."""
    return Exit.NEEDS_A_PERSON if found else Exit.DONE


def repair(connection: BaseDatabaseWrapper, way: Repair, number: int) -> str:
    """Does one repair and says in a sentence what was done; NotAChoiceError where it does not fit the file.

    Whoever calls holds the schema lock.
    """
    fitting = [case for case in cases(connection) if case.number == number]
    for case in fitting:
        if way in case.repairs:
            return DEEDS[way](connection, case)
    states = ", ".join(f"{case.name} is {case.state}" for case in fitting) or f"file {number:03d} is in step"
    raise NotAChoiceError(f"--{way} does not fit: {states}. Nothing was changed.")


def _repin(connection: BaseDatabaseWrapper, case: Case) -> str:
    """Rewrites the checksum in the migration's source, where it must stand exactly once."""
    twin = twins()[case.name]
    path = Path(inspect.getfile(type(project_migrations()[twin.runs[0]])))
    source, file = path.read_text(), _on_disk()[case.name]
    if source.count(f'"{twin.sha256}"') != 1:
        raise StateError(f"{path.name} does not hold the checksum of {case.name} exactly once. Nothing was changed.")
    _replace(path, source.replace(twin.sha256, file.sha256).encode())
    # Python tells a compiled module's age by second and size: edited within a second, the old one would be believed.
    Path(cache_from_source(str(path))).unlink(missing_ok=True)
    return f"{twin.migration} now expects {case.name} as it is on disk. Commit both."


def _restore(connection: BaseDatabaseWrapper, case: Case) -> str:
    """Writes what was applied; its checksum is the ledger's, or it is not written."""
    kept, entry = ledger.applied_sql(connection, case.name), ledger.entries(connection)[case.name]
    assert kept is not None
    path = ROOT / ("versions" if case.number == 0 else "migrations") / case.name
    with tempfile.TemporaryDirectory() as folder:
        copy = SchemaFile(case.number, Path(folder) / case.name)
        copy.path.write_bytes(kept)
        if entry.match(copy) is not Match.SAME:
            raise StateError(f"What the ledger kept of {case.name} is not what its checksum says. Nothing was changed.")
    _replace(path, kept)
    return f"{case.name} is on disk as it was applied on {entry.applied_at:%Y-%m-%d}."


def _record(connection: BaseDatabaseWrapper, case: Case) -> str:
    """Adds the file to the ledger where the live schema is what the files make with it."""
    file = _on_disk()[case.name]
    _refuse_difference(connection, case, with_file=True)
    with transaction.atomic(using=connection.alias):
        ledger.record(connection, file, twins()[case.name].migration, 0, Kind.ADOPTED)
    return f"{case.name} is in the ledger, as adopted."


def _forget(connection: BaseDatabaseWrapper, case: Case) -> str:
    """Removes Django's records of the file where the live schema is what the files make without it."""
    later = [row.name for row in read_status(connection) if row.number > case.number and row.migrated]
    if later:
        raise NotAChoiceError(
            f"--forget does not fit: {', '.join(later)} came after {case.name}, and Django keeps no later migration"
            " without the earlier. Nothing was changed."
        )
    _refuse_difference(connection, case, with_file=False)
    twin = twins()[case.name]
    with transaction.atomic(using=connection.alias):
        for key in [*twin.runs, *twin.follows]:
            MigrationRecorder(connection).record_unapplied(*key)
    return f"Django's record of {twin.migration} is gone. Run migrate, which applies {case.name}."


DEEDS = {Repair.REPIN: _repin, Repair.RESTORE: _restore, Repair.RECORD: _record, Repair.FORGET: _forget}


def _refuse_difference(connection: BaseDatabaseWrapper, case: Case, *, with_file: bool) -> None:
    """DriftError where the live schema is not what the applied files make with, or without, this one."""
    with tempfile.TemporaryDirectory() as folder:
        files = {file.number: file for file in files_as_applied(connection, Path(folder))}
        if with_file:
            files[case.number] = _on_disk()[case.name]
        findings, objects = drift(connection, [files[number] for number in sorted(files)])
    if findings:
        raise DriftError(
            f"The live schema is not what the files make {'with' if with_file else 'without'} {case.name}:"
            f" {len(findings)} of {objects} objects differ. Nothing was changed.",
            findings,
        )


def _on_disk() -> dict[str, SchemaFile]:
    return {file.name: file for file in read_history()}


def _replace(path: Path, content: bytes) -> None:
    """Writes a file at one stroke."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    new.replace(path)
