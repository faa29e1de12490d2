"""Drafts of schema files: what the models have and the files do not, as SQL and as the Django migrations beside it.

A draft is made against a database built from all files, so that the names in it are those of the database. Before it
is handed out it was run there twice, did the second time nothing, and did what Django's own schema editor does.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, NoReturn

from django.apps import apps
from django.core.management.commands.makemigrations import Command as MakeMigrations
from django.db import DatabaseError, connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.migrations import (
    AddField,
    AlterField,
    CreateModel,
    DeleteModel,
    Migration,
    RemoveConstraint,
    RemoveField,
    RemoveIndex,
)
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.questioner import InteractiveMigrationQuestioner, MigrationQuestioner
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import MigrationWriter
from pgtrigger.migrations import RemoveTrigger

from database.catalog import Catalog, compare, read_catalog, without_chosen_names
from database.checks import check_history
from database.errors import HistoryError, SchemaError
from database.fields import EnumField
from database.history import ROOT, SchemaFile, read_history
from database.lint import NAME_BYTES, Finding, lint
from database.operations import PROJECT_APPS, Key, RunSQLFile, SQLFileState, twins
from database.phrases import pieces
from database.scratch import (
    ClientError,
    Database,
    apply_with_psql,
    django_connection,
    run_psql,
    scratch_database,
)
from database.tokens import Kind, scan, statements

PLAIN_NAME = re.compile(r'"([a-z_][a-z0-9_]*)"')
WIDTH = 115
LOGIN = ("core", "user")
DROPPING = (DeleteModel, RemoveField, RemoveConstraint, RemoveIndex, RemoveTrigger)


class DraftError(SchemaError):
    """No draft can be made of the models as they stand; nothing was written."""


class DraftRefusedError(DraftError):
    """A draft would do what nobody asked for in so many words; nothing was written."""


@dataclass(frozen=True)
class Draft:
    """A schema file that is not written yet, and the migrations beside it; `sql` is empty where only Django changes.

    `files` are all of them by their paths in the project, the SQL first.
    """

    name: str
    sql: str
    files: dict[Path, str]
    warnings: tuple[Finding, ...]

    def report(self) -> dict[str, object]:
        """What a machine reads: plain values."""
        return {
            "version": 1,
            "command": "new_migration",
            "name": self.name,
            "sql": self.sql,
            "files": {str(path): text for path, text in self.files.items()},
            "findings": [asdict(warning) for warning in self.warnings],
        }

    def write(self) -> None:
        """Writes all files or none."""
        root = ROOT.parent
        written: list[Path] = []
        try:
            for path, text in self.files.items():
                with (root / path).open("x", encoding="utf-8", newline="\n") as file:
                    written.append(root / path)
                    file.write(text)
        except OSError as error:
            for path in written:
                path.unlink()
            raise DraftError(f"{error.filename} cannot be written: {error.strerror}. Nothing was.") from error


def draft(text: str, *, allow_drop: bool = False) -> Draft | None:
    """The draft of what the models have and the files do not; None where both say the same."""
    if found := check_history(None):
        raise HistoryError(f"The history is not in order: {found[0].msg}")
    history = read_history()
    slug = "_".join(re.findall(r"[a-z0-9]+", text.lower()))
    if not slug:
        raise DraftError(f"{text!r} names nothing. Say in a few words what changes: new_migration 'add meter colour'.")
    loader = MigrationLoader(None, ignore_no_migrations=True)
    changes = detect(loader, slug)
    if not changes:
        return None
    refuse_logins(changes)
    if not allow_drop:
        refuse_drops(changes)

    server = Database.of(connection)
    with scratch_database(server) as head:
        apply_with_psql(head, history)
        written = write_sql(head, loader.project_state(), changes)
        name = f"{len(history):03d}_{slug}.sql" if written else history[-1].name
        sql = compose(text, changes, written) if written else ""
        warnings: tuple[Finding, ...] = ()
        if sql:
            warnings = judge(history, name, sql)
            prove(head, loader.project_state(), changes, sql)
    return Draft(name, sql, dict(_files(name, sql, changes, history)), warnings)


def detect(loader: MigrationLoader, slug: str) -> list[Migration]:
    """What Django's autodetector finds in the project's apps, one migration per app, in the order of dependencies."""
    detector = MakeMigrations.autodetector(loader.project_state(), ProjectState.from_apps(apps), questioner())
    found = detector.changes(graph=loader.graph, trim_to_apps=set(PROJECT_APPS), migration_name=slug)
    by_app = {app: migrations for app, migrations in found.items() if app in PROJECT_APPS}
    needs = {
        app: {name for migration in migrations for name, _ in migration.dependencies if name in by_app and name != app}
        for app, migrations in by_app.items()
    }
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        apps_of_cycle = " and ".join(sorted(set(error.args[1])))
        raise DraftError(
            f"Tables of {apps_of_cycle} refer to each other both ways, which one file cannot say."
            " Draft the tables first and the second reference after that."
        ) from error
    if several := [app for app in order if len(by_app[app]) > 1]:
        raise DraftError(f"The changes of {several[0]} depend on each other in a circle. Draft them in two steps.")
    return [by_app[app][0] for app in order]


class Unattended(MigrationQuestioner):
    """Answers no question: what a person must decide, a draft without one does not."""

    def ask_rename(self, model_name: str, old_name: str, new_name: str, field_instance: object) -> NoReturn:
        self._refuse(f"{model_name}.{old_name} may have been renamed to {new_name}, or dropped and another one added")

    def ask_rename_model(self, old_model_state: Any, new_model_state: Any) -> NoReturn:
        self._refuse(f"{old_model_state.name} may have been renamed to {new_model_state.name}, or dropped")

    def ask_not_null_addition(self, field_name: str, model_name: str) -> NoReturn:
        self._refuse(f"{model_name}.{field_name} may not be null, and rows that exist need a value for it")

    def ask_not_null_alteration(self, field_name: str, model_name: str) -> NoReturn:
        self._refuse(f"{model_name}.{field_name} may be null no longer, and rows that exist need a value for it")

    def ask_auto_now_add_addition(self, field_name: str, model_name: str) -> NoReturn:
        self._refuse(f"rows that exist need a value for {model_name}.{field_name}")

    def ask_unique_callable_default_addition(self, field_name: str, model_name: str) -> NoReturn:
        self._refuse(f"rows that exist need values of their own for {model_name}.{field_name}")

    def _refuse(self, question: str) -> NoReturn:
        raise DraftRefusedError(
            f"A person must decide: {question}. Run the command in a terminal, which asks;"
            " a new column may have a db_default instead."
        )


def questioner() -> MigrationQuestioner:
    """Asks at a terminal; elsewhere refuses, because Django's silent answer to a rename is to drop the column."""
    return InteractiveMigrationQuestioner() if sys.stdin.isatty() else Unattended()


def refuse_logins(changes: Iterable[Migration]) -> None:
    """DraftRefusedError where the table of logins is changed or referred to: schema files cannot see it."""
    for migration in changes:
        for operation in migration.operations:
            if (migration.app_label, _model(operation)) == LOGIN:
                raise DraftRefusedError(
                    f"{operation.describe()}: logins belong to Django and lie in its own schema, where no schema file"
                    " reaches. Run `makemigrations core` with this change alone, and name the new migration in"
                    " database.operations.PLAIN_MIGRATIONS."
                )
            for field in _fields(operation):
                target = getattr(field.remote_field, "model", None)
                label = target if isinstance(target, str) else getattr(getattr(target, "_meta", None), "label", "")
                if label.lower() == ".".join(LOGIN) and getattr(field, "db_constraint", True):
                    raise DraftRefusedError(
                        f"{operation.describe()}: a foreign key to core.User would lead out of the schema that"
                        " the files make. Write db_constraint=False."
                    )


def _model(operation: Operation) -> str:
    """The name of the model that an operation is about, before the operation, in lower case."""
    names = (getattr(operation, name, None) for name in ("model_name", "old_name", "name"))
    return next((name.lower() for name in names if name), "")


def refuse_drops(changes: Iterable[Migration]) -> None:
    """DraftRefusedError where something goes that does not come back under the same name."""
    for migration in changes:
        again = {
            (_model(operation), getattr(operation, kind).name)
            for operation in migration.operations
            for kind in ("constraint", "index", "trigger")
            if hasattr(operation, kind)
        }
        for operation in migration.operations:
            if isinstance(operation, DROPPING) and (_model(operation), operation.name) not in again:
                raise DraftRefusedError(
                    f"{operation.describe()}: the draft would drop it. Say --allow-drop when that is meant;"
                    " when it was renamed, run the command in a terminal and answer so."
                )


def _fields(operation: Operation) -> "list[models.Field[Any, Any]]":
    """The fields that an operation makes or changes."""
    if isinstance(operation, CreateModel):
        return [field for _, field in operation.fields]
    return [operation.field] if isinstance(operation, AddField | AlterField) else []


# SQL


def repeatable(template: str) -> str:
    """The template of an ADD CONSTRAINT that first drops one of that name."""
    return template.replace(" ADD CONSTRAINT ", "\n    DROP CONSTRAINT IF EXISTS %(name)s,\n    ADD CONSTRAINT ")


class DraftEditor(DatabaseSchemaEditor):
    """Django's schema editor, which keeps what it says, and says it so that it may be said twice."""

    sql_create_table = "CREATE TABLE IF NOT EXISTS %(table)s (%(definition)s)"
    sql_delete_table = "DROP TABLE IF EXISTS %(table)s"
    sql_create_column = "ALTER TABLE %(table)s ADD COLUMN IF NOT EXISTS %(column)s %(definition)s"
    sql_delete_column = "ALTER TABLE IF EXISTS %(table)s DROP COLUMN IF EXISTS %(column)s"
    # With the column alone the key would get a name of Django's, and its second run a failing SET CONSTRAINTS.
    sql_create_column_inline_fk = None  # type: ignore[assignment]
    sql_create_check = repeatable(DatabaseSchemaEditor.sql_create_check)
    sql_create_unique = repeatable(DatabaseSchemaEditor.sql_create_unique)
    sql_create_pk = repeatable(DatabaseSchemaEditor.sql_create_pk)
    sql_create_fk = repeatable(DatabaseSchemaEditor.sql_create_fk)
    sql_delete_constraint = "ALTER TABLE IF EXISTS %(table)s DROP CONSTRAINT IF EXISTS %(name)s"
    sql_delete_check = sql_delete_constraint
    sql_delete_unique = sql_delete_constraint
    sql_delete_pk = sql_delete_constraint
    sql_delete_fk = sql_delete_constraint
    sql_create_index = DatabaseSchemaEditor.sql_create_index.replace("INDEX", "INDEX IF NOT EXISTS")
    sql_create_unique_index = DatabaseSchemaEditor.sql_create_unique_index.replace("INDEX", "INDEX IF NOT EXISTS")
    sql_rename_index = "ALTER INDEX IF EXISTS %(old_name)s RENAME TO %(new_name)s"
    sql_rename_table = (
        "DO $$ BEGIN\n    IF to_regclass('public.%(old_table)s') IS NOT NULL THEN\n"
        "        ALTER TABLE %(old_table)s RENAME TO %(new_table)s;\n    END IF;\nEND $$"
    )
    sql_update_with_default = "UPDATE %(table)s SET %(column)s = %(default)s WHERE %(column)s IS NULL"
    sql_delete_sequence = "DROP SEQUENCE IF EXISTS %(sequence)s"

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        super().__init__(connection)
        self.written: list[str] = []

    def execute(self, sql: Any, params: Any = ()) -> None:
        said = str(sql) if params is None else str(self.connection.ops.compose_sql(str(sql), params))
        self.written.append(said)
        super().execute(said, None)

    def quote_name(self, name: str) -> str:
        return name if PLAIN_NAME.fullmatch(f'"{name}"') and name not in _keywords() else super().quote_name(name)

    def _rename_field_sql(
        self, table: str, old_field: "models.Field[Any, Any]", new_field: "models.Field[Any, Any]", new_type: str
    ) -> str:
        quoted = self.quote_name(table)
        old_name, new_name = str(old_field.column), str(new_field.column)
        return (
            "DO $$ BEGIN\n    IF EXISTS (\n        SELECT FROM pg_attribute\n"
            f"        WHERE attrelid = 'public.{quoted}'::regclass AND attname = {self.quote_value(old_name)}\n"
            f"    ) THEN\n        ALTER TABLE {quoted} RENAME COLUMN {self.quote_name(old_name)}"
            f" TO {self.quote_name(new_name)};\n    END IF;\nEND $$"
        )

    def _fk_constraint_name(self, model: type[models.Model], field: "models.Field[Any, Any]", suffix: str) -> Any:
        name = f"{model._meta.db_table}_{field.column}_fkey"
        if len(name) > NAME_BYTES:
            return super()._fk_constraint_name(model, field, suffix)  # type: ignore[misc]
        return self.quote_name(name)

    def _create_index_sql(self, model: type[models.Model], **options: Any) -> Any:
        fields = options.get("fields") or []
        if not options.get("name") and not options.get("suffix") and len(fields) == 1 and fields[0].is_relation:
            name = f"idx_{model._meta.db_table}_{fields[0].column}"
            if len(name) <= NAME_BYTES:
                options["name"] = name
        return super()._create_index_sql(model, **options)  # type: ignore[misc]

    def _alter_field(self, model: type[models.Model], old_field: Any, new_field: Any, *types: Any, **more: Any) -> None:
        """PostgreSQL changes no type that a trigger's condition reads: such triggers step aside."""
        aside = list(self._triggers_reading(model._meta.db_table, old_field.column)) if types[0] != types[1] else []
        for name, _, _ in aside:
            self.execute(f"DROP TRIGGER IF EXISTS {name} ON {self.quote_name(model._meta.db_table)}", None)
        super()._alter_field(model, old_field, new_field, *types, **more)  # type: ignore[misc]
        for name, definition, comment in aside:
            self.execute(definition, None)
            if comment:
                table = self.quote_name(model._meta.db_table)
                self.execute(f"COMMENT ON TRIGGER {name} ON {table} IS {self.quote_value(comment)}", None)

    def _triggers_reading(self, table: str, column: str) -> Iterator[tuple[str, str, str | None]]:
        with self.connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT DISTINCT quote_ident(tgname), pg_get_triggerdef(pg_trigger.oid), obj_description(pg_trigger.oid)
                FROM pg_trigger
                    JOIN pg_depend ON classid = 'pg_trigger'::regclass AND objid = pg_trigger.oid
                    JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
                WHERE refclassid = 'pg_class'::regclass AND tgrelid = to_regclass(%s) AND attname = %s
                    AND NOT tgisinternal
                """,
                [f"public.{self.quote_name(table)}", column],
            )
            yield from cursor.fetchall()


def write_sql(head: Database, state: ProjectState, changes: Iterable[Migration]) -> list[str]:
    """The statements that bring the schema from the files to the models, as they were run in a copy of `head`."""
    with _opened(head) as (_, opened), DraftEditor(opened) as editor:
        perform(editor, state, changes)
    return editor.written


def perform(editor: BaseDatabaseSchemaEditor, state: ProjectState, changes: Iterable[Migration]) -> None:
    """Does in a database what the changes say, and what Django leaves undone: enum types, functions of triggers."""
    try:
        for statement in enums(editor.connection, changes):
            editor.execute(statement, None)
        for app_label, operation in _operations(changes):
            after = state.clone()
            operation.state_forwards(app_label, after)
            operation.database_forwards(app_label, editor, state, after)
            for function in orphaned_functions(operation, app_label, state):
                editor.execute(f"DROP FUNCTION IF EXISTS {function}()", None)
            state = after
    except DatabaseError as error:
        raise DraftError(f"PostgreSQL refuses what the models ask for: {str(error).strip()}") from error


def _operations(changes: Iterable[Migration]) -> Iterator[tuple[str, Operation]]:
    return ((migration.app_label, operation) for migration in changes for operation in migration.operations)


@contextmanager
def _opened(template: Database) -> Iterator[tuple[Database, BaseDatabaseWrapper]]:
    """A copy of a database and a connection of Django's to it."""
    with scratch_database(template, template.name) as database, django_connection(database, "public") as opened:
        yield database, opened


def orphaned_functions(operation: Operation, app_label: str, state: ProjectState) -> list[str]:
    """Functions of triggers that go; pgtrigger itself leaves them behind."""
    if isinstance(operation, RemoveTrigger):
        triggers = state.models[app_label, operation.model_name_lower].options["triggers"]
        gone = [trigger for trigger in triggers if trigger.name == operation.name]
    elif isinstance(operation, DeleteModel):
        gone = state.models[app_label, operation.name_lower].options.get("triggers", [])
    else:
        gone = []
    # The function has the name of its trigger.
    return re.findall(r"DROP TRIGGER IF EXISTS (\w+) ON", " ".join(trigger.uninstall_sql for trigger in gone))


def enums(opened: BaseDatabaseWrapper, changes: Iterable[Migration]) -> Iterator[str]:
    """Statements for the enum types that the changed fields are of, where they or labels of them are missing."""
    labels: dict[str, list[str]] = {}
    for migration in changes:
        for operation in migration.operations:
            for field in _fields(operation):
                if isinstance(field, EnumField):
                    labels[field.enum] = [str(value) for value, _ in field.flatchoices]
    for enum, wanted in sorted(labels.items()):
        with opened.cursor() as cursor:
            cursor.execute(
                "SELECT enumlabel FROM pg_enum WHERE enumtypid = to_regtype(%s) ORDER BY enumsortorder",
                [f"public.{enum}"],
            )
            existing = [label for (label,) in cursor.fetchall()]
        if not existing:
            listed = ", ".join(map(literal, wanted))
            yield (
                f"DO $$ BEGIN\n    IF to_regtype('public.{enum}') IS NULL THEN\n"
                f"        CREATE TYPE public.{enum} AS ENUM ({listed});\n    END IF;\nEND $$"
            )
            continue
        if gone := [label for label in existing if label not in wanted]:
            raise DraftError(f"{enum} has {', '.join(gone)}, which the model has not: PostgreSQL drops no label.")
        for label, after in zip(wanted, [None, *wanted], strict=False):
            if label not in existing:
                place = f"AFTER {literal(after)}" if after else f"BEFORE {literal(existing[0])}"
                yield f"ALTER TYPE {enum} ADD VALUE IF NOT EXISTS {literal(label)} {place}"


def literal(text: str) -> str:
    """The text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


# Text


def compose(text: str, changes: Sequence[Migration], written: Iterable[str]) -> str:
    """The schema file: what it is for, what it does, and the statements as people would write them."""
    done = [operation.describe() for _, operation in _operations(changes)]
    listed = "; ".join(one[0].lower() + one[1:] for one in done)
    said = f"{text[0].upper()}{text[1:].rstrip('.!? ')}. Drafted from the models: {listed}."
    head = textwrap.wrap(said, WIDTH, initial_indent="-- ", subsequent_indent="-- ", break_long_words=False)
    own = [layout(one) for whole in written for one in _sources(whole) if "_pgtrigger_should_ignore(\n" not in one]
    if any(statement.startswith("UPDATE") for statement in own):
        own.insert(0, "SET CONSTRAINTS ALL IMMEDIATE")
    lines = ["\n".join(head)]
    for before, statement in zip(["", *own], own, strict=False):
        is_next = before.split(" ", 1)[0] in ("CREATE", "COMMENT") and re.match(
            r"CREATE (UNIQUE )?INDEX|COMMENT", statement
        )
        lines.append(("" if is_next else "\n") + statement + ";")
    return "\n".join(lines) + "\n"


def _sources(sql: str) -> Iterator[str]:
    """The statements of `sql` as they are written there."""
    for statement in statements(sql):
        yield sql[statement.tokens[0].start : statement.tokens[-1].end]


@cache
def _keywords() -> frozenset[str]:
    """Words that need quotes when they are names."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T', 'C')")
        return frozenset(word for (word,) in cursor.fetchall())


DEFINITION = re.compile(r"CREATE TABLE |ALTER TABLE \S+ ADD COLUMN ")
SPELLINGS = (
    (re.compile(r"\btimestamp with time zone\b"), "timestamptz"),
    (re.compile(r"\(CURRENT_TIMESTAMP\)|\bCURRENT_TIMESTAMP\b"), "now()"),
    # A column may be null unless it says otherwise.
    (re.compile(r"(?<! NOT)(?<! DEFAULT)(?<! IS) NULL(?=,|\)| CONSTRAINT| GENERATED|$)"), ""),
)


def layout(sql: str) -> str:
    """The statement without needless quotes, in the words of the other files; a table has a line for each column."""
    hidden: list[str] = []
    said: list[str] = []
    for token in scan(sql):
        plain = PLAIN_NAME.fullmatch(token.text)
        if token.kind in (Kind.STRING, Kind.BODY):
            is_function = token.kind == Kind.BODY and said[0].upper() == "CREATE"
            hidden.append(dedented(token.text) if is_function else token.text)
            said.append(f"\0{len(hidden) - 1}\0")
        else:
            said.append(plain[1] if plain and plain[1] not in _keywords() else token.text)
    text = "".join(said)
    if DEFINITION.match(text):
        for pattern, spelling in SPELLINGS:
            text = pattern.sub(spelling, text)
    if text.startswith("CREATE TABLE "):
        opening, closing = text.index("("), text.rindex(")")
        parts = ",\n    ".join(part for _, part in pieces(text[opening + 1 : closing]))
        text = f"{text[:opening]}(\n    {parts}\n{text[closing:]}"
    elif re.match(r"CREATE (OR REPLACE )?(FUNCTION|TRIGGER)\b|CREATE +TRIGGER", text):
        text = " ".join(text.split())
    return re.sub(r"\0(\d+)\0", lambda found: hidden[int(found[1])], text)


def dedented(body: str) -> str:
    """The body with its least indented line at the margin, and no blanks at the ends of lines."""
    first, *lines = body.split("\n")
    if not lines:
        return body
    text = textwrap.dedent("\n".join(line.rstrip() for line in lines[:-1])).strip("\n")
    return f"{first}\n{text}\n{lines[-1].strip()}"


# Proof


def judge(history: Sequence[SchemaFile], name: str, sql: str) -> tuple[Finding, ...]:
    """The warnings of the rules about a draft; DraftError where it breaks one that may not be broken."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(sql)
        file = SchemaFile(len(history), path)
        if problems := list(file.problems()):
            raise DraftError("\n".join(problems))
        found = [finding for finding in lint([*history, file]) if finding.file == name]
    if wrong := [finding for finding in found if finding.is_error]:
        raise DraftError(
            "\n".join(["The models ask for what the schema does not allow."] + [f"{f.text} {f.hint}" for f in wrong])
        )
    return tuple(found)


def prove(head: Database, state: ProjectState, changes: Iterable[Migration], sql: str) -> None:
    """DraftError unless psql makes of the draft what Django's own editor makes of the models, and nothing more of it
    a second time."""
    with tempfile.TemporaryDirectory() as folder, scratch_database(head, head.name) as database:
        path = Path(folder) / "draft.sql"
        path.write_text(sql)
        try:
            run_psql(database, path)
            once = _catalog(database)
            run_psql(database, path)
        except ClientError as error:
            raise DraftError(f"The draft cannot be run. {error}\n\n{sql}") from error
        _demand("The draft does something when it runs a second time", once, _catalog(database), sql)
    with _opened(head) as (database, opened):
        with opened.schema_editor() as editor:
            perform(editor, state, changes)
        _demand("The draft differs from what Django would do", _catalog(database), once, sql)


def _catalog(database: Database) -> Catalog:
    """What a database holds, names apart that Django chooses and blanks apart that pgtrigger writes."""
    with database.connect() as session:
        catalog = without_chosen_names(read_catalog(session))
    return {
        key: " ".join(definition.split()) if key[0] == "function" and "pgtrigger" in key[1] else definition
        for key, definition in catalog.items()
    }


def _demand(complaint: str, expected: Catalog, found: Catalog, sql: str) -> None:
    # Where a trigger stepped aside for a change of type, pgtrigger forgets the comment by which it knows it again.
    differences = [one for one in compare(expected, found) if one.expected or not one.identity.startswith("trigger ")]
    if differences:
        raise DraftError("\n".join([f"{complaint}; write this file by hand.", *map(str, differences), "", sql]))


# Migrations


def _files(
    name: str, sql: str, changes: Sequence[Migration], history: Sequence[SchemaFile]
) -> Iterator[tuple[Path, str]]:
    """What to write, by path in the project: the schema file, if any, then the migrations that run and follow it."""
    before = twins()[history[-1].name]
    previous: list[Key] = [*before.runs, *before.follows]
    if sql:
        yield (ROOT / "migrations" / name).relative_to(ROOT.parent), sql
    for number, migration in enumerate(changes):
        operations = migration.operations
        needed = {*migration.dependencies, *previous}
        if sql and number == 0:
            sha256 = hashlib.sha256(sql.encode()).hexdigest()
            twin: SQLFileState = RunSQLFile(file_name=name, sha256=sha256, state_operations=operations)
        else:
            twin = SQLFileState(file_name=name, state_operations=operations)
            needed |= {(earlier.app_label, earlier.name) for earlier in changes[:number]}
        vars(migration).update(operations=[twin], dependencies=sorted(needed))
        writer = MigrationWriter(migration, include_header=False)
        yield Path(writer.path).relative_to(ROOT.parent), formatted(writer.as_string())


def formatted(source: str) -> str:
    """The Python text as this project writes it, where ruff is at hand; else as Django does."""
    ruff = Path(sys.executable).with_name("ruff")
    if not ruff.is_file():
        return source
    for step in (["check", "--select", "I", "--fix-only", "--quiet"], ["format", "--quiet"]):
        done = subprocess.run(
            [str(ruff), *step, "--stdin-filename", str(ROOT / "twin.py"), "-"],
            input=source,
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT.parent,
        )
        source = done.stdout
    return source
