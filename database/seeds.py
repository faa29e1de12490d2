"""Rows that are written by files: the lookup rows every database needs, and invented ones for development.

SeedError
├── SeedFileError        a file is misnamed, unknown, or holds what no seed may hold
├── PendingSchemaError   the schema files are not all applied
├── RefusedError         invented rows may not reach this database
└── SeedLoadError        PostgreSQL refused a statement; names file and line
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

import psycopg
from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from database import history, ledger, production
from database.errors import SchemaError
from database.locks import schema_lock
from database.tokens import blank

ROOT = history.ROOT / "seed"
NUMBERED = re.compile(r"(?P<number>\d{2})_[a-z0-9_]+\.sql")


class SeedError(SchemaError):
    """Base of what can be wrong with a load; nothing was written by the load that raised it."""


class SeedFileError(SeedError):
    """A seed file is misnamed, unknown, or holds a statement that no seed may hold."""


class PendingSchemaError(SeedError):
    """The schema files are not all applied, so the rows may not fit."""


class RefusedError(SeedError):
    """Invented rows may not reach this database."""


class SeedLoadError(SeedError):
    """PostgreSQL refused a statement of a seed file."""


class Kind(StrEnum):
    """The folders of seed files, in the order in which they load."""

    REFERENCE = "reference"
    FIXTURES = "fixtures"

    @property
    def label(self) -> str:
        return "reference data" if self is Kind.REFERENCE else "test fixtures"


@dataclass(frozen=True)
class SeedFile(history.SchemaFile):
    """One file of rows."""

    kind: Kind


@dataclass
class Written:
    """How many rows of one table were written."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True)
class Loaded:
    """What one step of a load wrote, by table; a table outside `public` carries its schema."""

    name: str
    tables: dict[str, Written] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(sum(asdict(written).values()) for written in self.tables.values())

    def __str__(self) -> str:
        amount = {0: "nothing to do", 1: "1 row written"}.get(self.rows, f"{self.rows:,} rows written")
        return f"{self.name}: {amount}"


# --- which files


def read_seeds(root: Path = ROOT) -> tuple[SeedFile, ...]:
    """All seed files, by kind and number; SeedFileError where one is misnamed or a number is used twice."""
    files: dict[int, SeedFile] = {}
    for kind in Kind:
        for path in sorted((root / kind).glob("*.sql")):
            match = NUMBERED.fullmatch(path.name)
            if match is None:
                raise SeedFileError(f"{path.name} is not named like 06_more_users.sql: number, lower-case words.")
            number = int(match["number"])
            if number in files:
                raise SeedFileError(f"{path.name} has the number of {files[number].name}; each number is used once.")
            files[number] = SeedFile(number, path, kind)
    return tuple(files.values())


def select(kinds: Sequence[Kind], names: Sequence[str] = (), root: Path = ROOT) -> tuple[SeedFile, ...]:
    """The files of these kinds in the order in which they load; with `names` those alone.

    SeedFileError lists the files if a name is unknown. Fixtures raise RefusedError here already, before a load that
    comes first has written anything.
    """
    if Kind.FIXTURES in kinds:
        refuse_in_production(connections[DEFAULT_DB_ALIAS])
    files = [file for file in read_seeds(root) if file.kind in kinds]
    known = [file.name for file in files]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SeedFileError(f"{', '.join(unknown)}: no such seed file. There are: {', '.join(known)}.")
    return tuple(file for file in files if not names or file.name in names)


# --- whether they may be loaded


def refuse_in_production(connection: BaseDatabaseWrapper) -> None:
    """RefusedError where invented rows would stand among real ones."""
    try:
        production.refuse_in_production(connection, "loading test fixtures, which are invented rows,")
    except production.ProductionError as error:
        raise RefusedError(f"{error} `load_reference_data` loads what production needs.") from error


def refuse_pending_schema(connection: BaseDatabaseWrapper) -> None:
    """PendingSchemaError where a schema file is not applied."""
    applied = ledger.entries(connection)
    pending = [file.name for file in history.read_history() if file.name not in applied]
    if pending:
        raise PendingSchemaError(
            f"{len(pending)} schema files are not applied to this database, first {pending[0]}. Nothing was written."
            " Run `manage.py migrate` first."
        )


# --- loading


def load(
    connection: BaseDatabaseWrapper, files: Sequence[SeedFile], tell: Callable[[str], object]
) -> tuple[Loaded, ...]:
    """Loads the files in one transaction, all or none; a second run writes nothing.

    Fixtures end with a Django login for each person who has a role. `tell` hears whom the load waits for.
    """
    with_fixtures = any(file.kind is Kind.FIXTURES for file in files)
    if with_fixtures:
        refuse_in_production(connection)
    # Rows are found by natural keys that not every table enforces: two loads at once could write them twice.
    with schema_lock(connection, tell), transaction.atomic(using=connection.alias):
        refuse_pending_schema(connection)
        # Before, so that no file collides with ids that somebody wrote; after, should a file itself write ids.
        repair_sequences(connection)
        loaded = [apply(connection, file) for file in files]
        if with_fixtures:
            loaded.append(make_logins(connection))
        repair_sequences(connection)
        # Files check each row at once; what a caller does after them in its own transaction waits for its end again.
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    return tuple(loaded)


def apply(connection: BaseDatabaseWrapper, file: SeedFile) -> Loaded:
    """Runs one file in a transaction, or in a savepoint of the caller's; names resolve in `public` alone."""
    for problem in file.problems():
        raise SeedFileError(f"{problem}. Nothing was written.")
    loaded = Loaded(file.name)
    with (
        transaction.atomic(using=connection.alias),
        connection.cursor() as cursor,
        _public(cursor),
        _counting(cursor, loaded),
    ):
        for offset, statement in _statements(file.sql):
            try:
                cursor.execute(statement)
            except DatabaseError as error:
                raise SeedLoadError(_explain(error, file, offset)) from error
    return loaded


def make_logins(connection: BaseDatabaseWrapper) -> Loaded:
    """Makes a Django login for each person who has a role; leaves alone a login of the same id or name.

    A login has the person's id and no password. It may enter the admin if the role is active.
    """
    user_model = get_user_model()
    loaded = Loaded("Django logins")
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor, _counting(cursor, loaded):
        cursor.execute(
            "SELECT person.id, person.email, role.is_active"
            " FROM auth.users AS person JOIN public.role ON role.user_id = person.id WHERE person.email IS NOT NULL"
        )
        logins = [
            user_model(auth_user_id=person, username=email, email=email, is_staff=is_active)
            for person, email, is_active in cursor.fetchall()
        ]
        for login in logins:
            login.set_unusable_password()
        user_model.objects.using(connection.alias).bulk_create(logins, ignore_conflicts=True)
    return loaded


@contextmanager
def _public(cursor: CursorWrapper) -> Iterator[None]:
    """Tables are found in `public` alone, as psql finds them; Django's own are out of sight."""
    cursor.execute("SELECT current_setting('search_path')")
    before = cursor.fetchone()
    cursor.execute("SET LOCAL search_path = public")
    yield
    # Would otherwise last until the end of a transaction that is the caller's. A rollback undoes it by itself.
    cursor.execute("SELECT set_config('search_path', %s, true)", before)


@contextmanager
def _counting(cursor: CursorWrapper, loaded: Loaded) -> Iterator[None]:
    """Enters into `loaded` what is written until the end of the block, partitions under their table."""
    before = _written(cursor)
    yield
    for table, counts in sorted(_written(cursor).items()):
        difference = [count - earlier for count, earlier in zip(counts, before.get(table, (0, 0, 0)), strict=True)]
        if any(difference):
            loaded.tables[table] = Written(*difference)


def _written(cursor: CursorWrapper) -> dict[str, tuple[int, int, int]]:
    """Rows that this transaction has inserted, updated and deleted so far, by table, counted by PostgreSQL."""
    cursor.execute("""
        SELECT CASE WHEN schemaname = 'public' THEN '' ELSE schemaname || '.' END || stored.relname,
            sum(n_tup_ins)::int, sum(n_tup_upd)::int, sum(n_tup_del)::int
        FROM pg_stat_xact_user_tables
            JOIN pg_class AS stored ON stored.oid = coalesce(pg_partition_root(relid), relid)
        GROUP BY 1
    """)
    return {table: (inserted, updated, deleted) for table, inserted, updated, deleted in cursor.fetchall()}


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each statement with the offset at which it begins."""
    visible = blank(text)
    begin = 0
    for end in [*(match.end() for match in re.finditer(";", visible)), len(text)]:
        code = visible[begin:end]
        if code.strip(" \n\t;"):
            begin += len(code) - len(code.lstrip())
            yield begin, text[begin:end]
        begin = end


def _explain(error: DatabaseError, file: SeedFile, offset: int) -> str:
    """What PostgreSQL said, with the line it meant; the line of the statement where it named none."""
    cause = error.__cause__
    said: list[str | None] = [str(error)]
    if isinstance(cause, psycopg.Error) and cause.diag.message_primary:
        said = [cause.diag.message_primary, cause.diag.message_detail, cause.diag.message_hint]
        offset += int(cause.diag.statement_position or 1) - 1
    line = file.sql.count("\n", 0, offset) + 1
    sentences = [f"{sentence.strip().rstrip('.')}." for sentence in said if sentence]
    return f"{file.name}, line {line}: {' '.join(sentences)} Nothing of the {file.kind.label} was written."


# --- sequences


IDENTITIES = """
    SELECT owner.relname, identity.attname, sequence.relname
    FROM pg_depend AS tie
        JOIN pg_class AS sequence ON sequence.oid = tie.objid AND sequence.relkind = 'S'
        JOIN pg_class AS owner ON owner.oid = tie.refobjid AND owner.relnamespace = 'public'::regnamespace
        JOIN pg_attribute AS identity ON identity.attrelid = owner.oid AND identity.attnum = tie.refobjsubid
    WHERE tie.classid = 'pg_class'::regclass AND tie.refclassid = 'pg_class'::regclass AND tie.deptype = 'i'
    ORDER BY owner.relname
"""
# A sequence lags when the id it gives next is not above the highest one in use.
LAGGING = sql.SQL("""
    SELECT {answer} FROM (SELECT max({column}) AS id FROM {table}) AS highest, {sequence} AS counter
    WHERE highest.id >= counter.last_value + counter.is_called::int
""")
Identity = tuple[str, str, str]  # table, column and sequence, all in `public`


def repair_sequences(connection: BaseDatabaseWrapper) -> tuple[str, ...]:
    """Sets identity sequences forward that lag behind ids written by hand, never backwards; returns their tables."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(IDENTITIES)
        identities: list[Identity] = cursor.fetchall()
        cursor.execute(_for_each(identities, lambda identity: sql.Literal(identity[0])))
        tables = {table for (table,) in cursor.fetchall()}
        lagging = [identity for identity in identities if identity[0] in tables]
        if lagging:
            # Nobody may draw a number between the look and the setting, or the setting could go backwards.
            names = sql.SQL(", ").join(sql.Identifier("public", table) for table, _, _ in lagging)
            cursor.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(names))
            cursor.execute(_for_each(lagging, _set_forward))
    return tuple(table for table, _, _ in lagging)


def _set_forward(identity: Identity) -> sql.Composable:
    return sql.SQL("setval({}::regclass, highest.id)").format(
        sql.Literal(sql.Identifier("public", identity[2]).as_string())
    )


def _for_each(identities: Sequence[Identity], answer: Callable[[Identity], sql.Composable]) -> sql.Composed:
    """One query over all the columns: the answer for each whose sequence lags."""
    return sql.SQL(" UNION ALL ").join(
        LAGGING.format(
            answer=answer(identity),
            column=sql.Identifier(identity[1]),
            table=sql.Identifier("public", identity[0]),
            sequence=sql.Identifier("public", identity[2]),
        )
        for identity in identities
    )
