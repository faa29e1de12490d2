"""Brings the schema into a database: from the newest snapshot where it is empty, then file by file."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from django.core.management import call_command
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from database import ledger
from database.errors import HistoryError
from database.execution import run_whole
from database.executor import WholeExecutor
from database.history import SchemaFile, read_history
from database.locks import schema_lock
from database.operations import PLAIN_MIGRATIONS, twins
from database.reports import heading
from database.snapshots import Snapshot, newest_snapshot
from database.verification import Verification, verify


@dataclass(frozen=True)
class Step:
    """One SQL file that would run, and the numbers of the schema files that it brings."""

    name: str
    brings: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """What would run, in order; `applied` schema files are there already."""

    applied: int
    steps: tuple[Step, ...]

    @property
    def summary(self) -> str:
        """One sentence."""
        if not self.steps:
            return f"Nothing to do: all {self.applied} files are applied."
        brought = sum(len(step.brings) for step in self.steps)
        return f"{brought} files to apply in {len(self.steps)} steps; {self.applied} are applied."

    def report(self, connection: BaseDatabaseWrapper) -> dict[str, object]:
        """What a machine reads and the text is written from: plain values, no password."""
        return {
            **heading("apply_schema"),
            "database": connection.settings_dict["NAME"],
            "items": [asdict(step) for step in self.steps],
            "summary": self.summary,
        }


def make_plan(connection: BaseDatabaseWrapper, from_zero: bool = False) -> Plan:
    """What `install` would do, found out with nothing but the right to read and no lock."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        ledger.refuse_unknown_database(connection)
        applied = ledger.entries(connection)
    files = read_history()
    snapshot = None if applied or from_zero else newest_fitting(files)
    steps = [Step(snapshot.name, snapshot.files)] if snapshot else []
    later = files[len(snapshot.files) :] if snapshot else files
    steps += [Step(file.name, (file.number,)) for file in later if file.name not in applied]
    return Plan(len(applied), tuple(steps))


def install(connection: BaseDatabaseWrapper, tell: Callable[[str], object], from_zero: bool = False) -> Verification:
    """Applies what is missing under the schema lock and returns what the comparison with a rebuild found.

    May be killed at any moment and run again: a snapshot and its rows in the ledger are one transaction, and so is
    each file after it.
    """
    with schema_lock(connection, tell):
        plan = make_plan(connection, from_zero)
        snapshot = None if plan.applied or from_zero else newest_fitting(read_history())
        if snapshot:
            tell(f"Loading {snapshot.name}")
            load_snapshot(connection, snapshot)
        if later := plan.steps[bool(snapshot) :]:
            tell(f"Applying {later[0].name}" + (f" to {later[-1].name}" if len(later) > 1 else ""))
        call_command("migrate", database=connection.alias, verbosity=0)
    tell("Comparing with a rebuild from the files")
    return verify(connection)


def newest_fitting(files: tuple[SchemaFile, ...]) -> Snapshot | None:
    """The newest snapshot; HistoryError where it was edited or holds other files than the history begins with."""
    snapshot = newest_snapshot()
    if snapshot is None:
        return None
    if snapshot.is_edited:
        raise HistoryError(f"{snapshot.name} was edited. Restore it, or build the schema with --from-zero.")
    if list(snapshot.names) != [file.name for file in files[: len(snapshot.names)]]:
        raise HistoryError(f"{snapshot.name} holds other files than the history. Build the schema with --from-zero.")
    return snapshot


def load_snapshot(connection: BaseDatabaseWrapper, snapshot: Snapshot) -> None:
    """Brings a snapshot into an empty database, with its files in the ledger and their migrations recorded.

    The snapshot and its rows in the ledger are one transaction; what is missing after it, `migrate` makes good.
    """
    ledger.lay_foundation(connection)
    files = read_history()[: len(snapshot.files)]
    with transaction.atomic(using=connection.alias):
        duration_ms = run_whole(connection, SchemaFile(files[-1].number, snapshot.path))
        for file in files:
            ledger.record(connection, file, twins()[file.name].migration, duration_ms, snapshot=snapshot.name)
    _record_migrations(connection)


def _record_migrations(connection: BaseDatabaseWrapper) -> None:
    """Records the migrations of the files that the ledger has, as `migrate` would, which goes through each state."""
    executor = WholeExecutor(connection)
    executor.migrate(sorted(PLAIN_MIGRATIONS))  # logins come before the first file
    known, recorded = ledger.entries(connection), executor.recorder.applied_migrations()
    with transaction.atomic(using=connection.alias):
        for name, twin in twins().items():
            for key in [*twin.runs, *twin.follows]:
                if name in known and key not in recorded:
                    executor.recorder.record_applied(*key)
