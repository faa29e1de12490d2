"""Migration operations that tie a Django migration to a schema file, and the finding of such twins."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from django.db import transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from database import ledger
from database.errors import HistoryError, StateError
from database.execution import run_stepwise, run_whole
from database.history import find_file

# The apps whose tables the schema files write.
PROJECT_APPS = ("core", "metering", "invoicing")
# Logins belong to Django, lie in its schema and come before the first file; their migration is an ordinary one.
PLAIN_MIGRATIONS = frozenset({("core", "0001_user")})

Key = tuple[str, str]


class SQLFileState(Operation):
    """Tells Django what a schema file changed in the models of one app; runs nothing.

    A file that changes several apps is run by one migration and followed in the others by this operation.
    """

    serialization_expand_args = ["state_operations"]
    reversible = False
    elidable = False

    def __init__(self, file_name: str, state_operations: Sequence[Operation] = ()) -> None:
        self.file_name = file_name
        self.state_operations = list(state_operations)

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        # Models that are rendered already would be rendered anew with each operation; this way it happens once, later.
        state.__dict__.pop("apps", None)
        for operation in self.state_operations:
            operation.state_forwards(app_label, state)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Nothing: another migration runs the file."""

    def describe(self) -> str:
        return f"Follows {self.file_name} in the models"


class RunSQLFile(SQLFileState):
    """Runs a schema file once, in the migration's transaction, and writes it into the ledger.

    A file whose content is not the one pinned by `sha256` is refused; so is one that the ledger knows with another
    content, looks apart. One that the ledger knows already, from a snapshot or an adoption, is not run. A file that
    cannot run in a transaction needs a migration that says `atomic = False`.
    """

    reduces_to_sql = True

    def __init__(self, file_name: str, sha256: str, state_operations: Sequence[Operation] = ()) -> None:
        super().__init__(file_name, state_operations)
        self.sha256 = sha256

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        file = find_file(self.file_name)
        if file.sha256 != self.sha256:
            raise HistoryError(
                f"{file.name} was edited after its migration was written. Restore it and put the change"
                " into a new numbered file."
            )
        if schema_editor.collect_sql:
            schema_editor.collected_sql.append(file.sql)
            return
        connection = schema_editor.connection
        if entry := ledger.entries(connection).get(file.name):
            if entry.match(file) is ledger.Match.OTHER:
                raise StateError(
                    f"{file.name} was applied to this database with another content on {entry.applied_at:%Y-%m-%d}."
                    " Restore the file as it was applied and put the change into a new numbered file."
                )
            return
        for problem in file.problems():
            raise HistoryError(problem)
        migration = twins()[file.name].migration
        if file.transactional != connection.in_atomic_block:
            raise HistoryError(
                f"{file.name} runs {'in one transaction' if file.transactional else 'without a transaction'}:"
                f" its migration {migration} must {'not ' if file.transactional else ''}say atomic = False."
            )
        run = run_whole if file.transactional else run_stepwise
        duration_ms = run(connection, file)
        with transaction.atomic(using=connection.alias):
            ledger.record(connection, file, migration, duration_ms)

    def describe(self) -> str:
        return f"Runs {self.file_name}"


@dataclass
class Twin:
    """The migrations of one schema file: those that run it (one, or the history is broken) and those that follow."""

    runs: list[Key] = field(default_factory=list)
    follows: list[Key] = field(default_factory=list)
    sha256: str = ""

    @property
    def migration(self) -> str:
        """The running migration as people write it: `app.name`."""
        return ".".join(self.runs[0]) if self.runs else ""


@cache
def migration_graph() -> MigrationLoader:
    """The project's migrations; no database is asked."""
    return MigrationLoader(None, ignore_no_migrations=True)


def project_migrations() -> dict[Key, Migration]:
    """All migrations of the project's own apps."""
    return {key: found for key, found in migration_graph().disk_migrations.items() if key[0] in PROJECT_APPS}


def foreign_operations(key: Key, migration: Migration) -> list[Operation]:
    """Operations that would change the database beside the schema files."""
    if key in PLAIN_MIGRATIONS:
        return []
    return [operation for operation in migration.operations if not isinstance(operation, SQLFileState)]


def twins() -> dict[str, Twin]:
    """For each file that a migration names, its twin."""
    found: dict[str, Twin] = {}
    for key, migration in sorted(project_migrations().items()):
        for operation in migration.operations:
            if isinstance(operation, RunSQLFile):
                twin = found.setdefault(operation.file_name, Twin())
                twin.runs.append(key)
                twin.sha256 = operation.sha256
            elif isinstance(operation, SQLFileState):
                found.setdefault(operation.file_name, Twin()).follows.append(key)
    return found
