"""`migrate` as people run it: processes of their own, on databases of their own."""

import hashlib
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from pytest_django import DjangoDbBlocker

from database import history, operations
from database.catalog import Catalog, compare, read_catalog
from database.errors import SchemaError, StateError
from database.history import SchemaFile, find_file, read_history
from database.locks import LOCK_KEY
from database.operations import RunSQLFile, Twin
from database.scratch import Database, apply_with_migrate, django_connection, scratch_database
from tests.database.conftest import PROJECT, run, start
from tests.database.test_checks import last_migration

TRIAL = (
    "-- Adds a table for a trial.\n"
    "CREATE TABLE IF NOT EXISTS trial (id bigint); COMMENT ON TABLE trial IS 'Derived: a trial.';\n"
)
LEDGER = "SELECT number, name, sha256, django_migration FROM frontier_ops.schema_ledger ORDER BY number"


def add_file(project: Path, body: str) -> str:
    """Writes the next schema file and its migration; returns the file's name."""
    number = len(read_history(project / "database"))
    name = f"{number:03d}_try.sql"
    file = project / "database" / "migrations" / name
    file.write_text(body)
    carrier = read_history(project / "database")[number]
    (project / "core" / "migrations" / "0099_try.py").write_text(
        "from django.db import migrations\n\nfrom database.operations import RunSQLFile\n\n\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [\n"
        + "".join(
            f'        ("{app}", "{last_migration(project, app)}"),\n' for app in ("core", "metering", "invoicing")
        )
        + f'    ]\n    operations = [RunSQLFile("{name}", sha256="{carrier.sha256}")]\n'
    )
    return name


def recorded(database: Database) -> tuple[list[tuple[object, ...]], int]:
    """The ledger, and how many migrations Django recorded."""
    with database.connect() as session:
        ledger = session.execute(LEDGER).fetchall()
        (count,) = session.execute("SELECT count(*) FROM django.django_migrations").fetchone() or (0,)
    return ledger, count


def nothing_of_ours(database: Database) -> bool:
    """Whether a database has neither a ledger nor tables of Django."""
    with database.connect() as session:
        found = session.execute("SELECT to_regnamespace('django'), to_regnamespace('frontier_ops')").fetchone()
    return found == (None, None)


def test_the_ledger_names_every_file_its_content_and_its_migration(migrated: Database) -> None:
    ledger, _ = recorded(migrated)
    assert [row[:3] for row in ledger] == [(file.number, file.name, file.sha256) for file in read_history()]
    assert [row[3] for row in ledger][:3] == [
        "core.0002_baseline",
        "core.0003_migrate_role_to_auth",
        "core.0004_add_contract_pii_mapping",
    ]


def test_django_keeps_its_own_tables_out_of_the_schema_of_the_files(migrated: Database) -> None:
    with migrated.connect() as session:
        rows = session.execute("SELECT schemaname, tablename FROM pg_tables WHERE tablename ~ '^(django|auth|core)_'")
        assert {schema for schema, _ in rows} == {"django"}


def test_what_django_keeps_is_closed_to_the_api(migrated: Database) -> None:
    with migrated.connect() as session, session.transaction(force_rollback=True):
        for role in ("anon", "authenticated"):
            for schema in ("django", "frontier_ops"):
                row = session.execute("SELECT has_schema_privilege(%s, %s, 'USAGE')", [role, schema]).fetchone()
                assert row == (False,), (role, schema)


def outcomes(database: Database, runs: int, project: Path = PROJECT) -> list[str]:
    """What several simultaneous runs said, each of which must end well."""
    processes = [start(database, "migrate", project=project) for _ in range(runs)]
    said = [process.communicate(timeout=120) for process in processes]
    failed = [err for process, (_, err) in zip(processes, said, strict=True) if process.returncode != 0]
    assert failed == []
    return [out for out, _ in said]


def test_of_two_runs_on_an_empty_database_one_applies_everything(empty: Database, files_catalog: Catalog) -> None:
    said = outcomes(empty, 2)
    assert sum("Applying core.0002_baseline... OK" in out for out in said) == 1
    assert sum("No migrations to apply." in out for out in said) == 1
    with empty.connect() as session:
        assert compare(files_catalog, read_catalog(session)) == []
        doubles = "SELECT app, name FROM django.django_migrations GROUP BY app, name HAVING count(*) > 1"
        assert session.execute(doubles).fetchall() == []
    assert len(recorded(empty)[0]) == len(read_history())


def test_of_three_runs_one_applies_a_new_file(migrated_copy: Database, project_copy: Path) -> None:
    name = add_file(project_copy, TRIAL + "SELECT pg_sleep(0.5);\n")
    before, count = recorded(migrated_copy)
    said = outcomes(migrated_copy, 3, project_copy)
    assert sum("Applying core.0099_try... OK" in out for out in said) == 1
    assert sum("No migrations to apply." in out for out in said) == 2
    ledger, recorded_now = recorded(migrated_copy)
    assert [row[1] for row in ledger[len(before) :]] == [name]
    assert recorded_now == count + 1


def test_a_run_waits_for_another_says_for_whom_and_holds_up_nothing(migrated_copy: Database) -> None:
    with migrated_copy.connect() as holder:
        holder.execute("SET application_name = 'the other run'")
        holder.execute("SELECT pg_advisory_lock(%s, %s)", LOCK_KEY)
        process = start(migrated_copy, "migrate")
        assert process.stderr is not None
        assert f"process {holder.info.backend_pid} (the other run)" in process.stderr.readline()
        # A session that waits within PostgreSQL would keep this from ever ending.
        holder.execute("SET statement_timeout = '20s'")
        holder.execute("CREATE INDEX CONCURRENTLY trial ON meter (unit)")
        assert process.poll() is None
        holder.execute("SELECT pg_advisory_unlock(%s, %s)", LOCK_KEY)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "No migrations to apply." in out


@pytest.mark.parametrize("flag", ["fake", "fake_initial"])
def test_fake_is_refused(flag: str, empty: Database, django_db_blocker: DjangoDbBlocker) -> None:
    with (
        django_db_blocker.unblock(),
        django_connection(empty),
        pytest.raises(CommandError, match="files that never ran") as refused,
    ):
        call_command("migrate", database=empty.name, verbosity=0, **{flag: True})
    assert refused.value.returncode == 7
    assert nothing_of_ours(empty)


def test_tables_without_a_ledger_are_refused(
    server: Database, from_files: Database, django_db_blocker: DjangoDbBlocker
) -> None:
    """The database that psql alone made: nobody knows which files it has."""
    with (
        scratch_database(server, from_files.name) as database,
        django_db_blocker.unblock(),
        pytest.raises(CommandError, match=r"no ledger of the files that made them\. Nothing was changed\.") as refused,
    ):
        apply_with_migrate(database)
    assert refused.value.returncode == 3


def test_an_edited_file_is_refused_before_anything_happens(empty: Database, project_copy: Path) -> None:
    with (project_copy / "database" / "migrations" / "003_add_contract_parsing_fields.sql").open("a") as file:
        file.write("-- one more line\n")
    done = run(empty, "migrate", project=project_copy)
    assert done.returncode == 3
    assert "003_add_contract_parsing_fields.sql was edited after core.0005_add_contract_parsing_fields" in done.stderr
    assert nothing_of_ours(empty)


def test_an_edited_file_is_refused_without_the_checks_too(empty: Database, project_copy: Path) -> None:
    with (project_copy / "database" / "migrations" / "001_migrate_role_to_auth.sql").open("a") as file:
        file.write("-- one more line\n")
    done = run(empty, "migrate", "--skip-checks", project=project_copy)
    assert done.returncode == 3
    assert "001_migrate_role_to_auth.sql was edited after its migration was written" in done.stderr
    assert [row[1] for row in recorded(empty)[0]] == ["v1.0_baseline.sql"]


Apply = Callable[[Database, str], SchemaFile]


@pytest.fixture
def apply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker) -> Apply:
    """Applies one more file, with a migration that Django's own executor runs."""
    for part in ("versions", "migrations"):
        shutil.copytree(history.ROOT / part, tmp_path / part)
    name = f"{len(read_history()):03d}_try.sql"

    def applied(database: Database, body: str) -> SchemaFile:
        (tmp_path / "migrations" / name).write_text(body)
        file = find_file(name, tmp_path)
        monkeypatch.setattr(operations, "find_file", partial(find_file, root=tmp_path))
        monkeypatch.setattr(operations, "twins", lambda: {name: Twin(runs=[("core", "0099_try")])})
        trial = type("Trial", (Migration,), {"operations": [RunSQLFile(name, file.sha256)]})
        with django_db_blocker.unblock(), django_connection(database) as connection:
            executor = MigrationExecutor(connection)
            executor.apply_migration(executor.loader.project_state(), trial("0099_try", "core"))
        return file

    return applied


def has_trial(database: Database) -> bool:
    with database.connect() as session:
        return session.execute("SELECT to_regclass('public.trial') IS NOT NULL").fetchone() == (True,)


def enter(database: Database, name: str, sha256: str) -> None:
    """Writes a file into the ledger, as one does who applied it by psql."""
    with database.connect() as session:
        session.execute(
            "INSERT INTO frontier_ops.schema_ledger (number, name, sha256, django_migration, duration_ms)"
            " VALUES (%s, %s, %s, 'core.0099_try', 1)",
            [int(name[:3]), name, sha256],
        )


def test_file_ledger_and_django_are_written_together(migrated_copy: Database, apply: Apply) -> None:
    before, count = recorded(migrated_copy)
    file = apply(migrated_copy, TRIAL)
    entry = (file.number, file.name, file.sha256, "core.0099_try")
    assert recorded(migrated_copy) == ([*before, entry], count + 1)
    assert has_trial(migrated_copy)


def test_a_file_that_the_ledger_knows_is_not_run_again(migrated_copy: Database, apply: Apply) -> None:
    enter(migrated_copy, f"{len(read_history()):03d}_try.sql", hashlib.sha256(TRIAL.encode()).hexdigest())
    before, count = recorded(migrated_copy)
    apply(migrated_copy, TRIAL)
    assert recorded(migrated_copy) == (before, count + 1)
    assert not has_trial(migrated_copy)


def test_a_file_applied_with_another_content_is_refused(migrated_copy: Database, apply: Apply) -> None:
    """Both the file and its migration were changed, after the database had the first version."""
    enter(migrated_copy, f"{len(read_history()):03d}_try.sql", "0" * 64)
    before = recorded(migrated_copy)
    with pytest.raises(StateError, match="was applied to this database with another content on 20"):
        apply(migrated_copy, TRIAL)
    assert recorded(migrated_copy) == before
    assert not has_trial(migrated_copy)


@pytest.mark.parametrize(
    "rest, message",
    [
        ("SELECT 1;\nSELECT 1 FROM nowhere;\n", r', line 4: relation "nowhere" does not exist\. Nothing of the file'),
        (
            "DO $$ BEGIN RAISE EXCEPTION 'rows do not fit' USING HINT = 'Mend them.'; END $$;\n",
            r": rows do not fit\. Mend them\. Nothing of the file remains\.",
        ),
        ("SET LOCAL search_path = pg_catalog;\n", r" changes search_path\. Write schema-qualified names instead\."),
        ("COMMIT;\n", r", line 3: COMMIT may not be used: the runner owns the transaction"),
    ],
    ids=["a mistake", "a refusal", "a change of search_path", "an end of the transaction"],
)
def test_a_failing_file_leaves_nothing_behind(rest: str, message: str, migrated_copy: Database, apply: Apply) -> None:
    before = recorded(migrated_copy)
    with pytest.raises(SchemaError, match=rf"^\d{{3}}_try\.sql{message}"):
        apply(migrated_copy, TRIAL + rest)
    assert recorded(migrated_copy) == before
    assert not has_trial(migrated_copy)


def test_a_file_whose_row_django_cannot_write_leaves_nothing_behind(migrated_copy: Database, apply: Apply) -> None:
    """File, ledger row and Django's row are one transaction, whichever of them fails."""
    with migrated_copy.connect() as session:
        session.execute("ALTER TABLE django.django_migrations ADD CHECK (name <> '0099_try') NOT VALID")
    before = recorded(migrated_copy)
    with pytest.raises(IntegrityError, match="0099_try"):
        apply(migrated_copy, TRIAL)
    assert recorded(migrated_copy) == before
    assert not has_trial(migrated_copy)


def test_a_failing_file_ends_with_three_and_one_sentence(migrated_copy: Database, project_copy: Path) -> None:
    name = add_file(project_copy, TRIAL + "SELECT 1 FROM nowhere;\n")
    done = run(migrated_copy, "migrate", "--verbosity", "0", project=project_copy)
    assert done.returncode == 3
    said = f'{name}, line 3: relation "nowhere" does not exist. Nothing of the file remains.'
    assert done.stderr == f"CommandError: {said}\n"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE frontier_ops.schema_ledger SET sha256 = repeat('0', 64)",
        "UPDATE frontier_ops.schema_ledger SET applied_by = 'nobody' WHERE false",
        "DELETE FROM frontier_ops.schema_ledger WHERE number = 3",
        "TRUNCATE frontier_ops.schema_ledger",
    ],
)
def test_the_ledger_is_only_ever_added_to(statement: str, migrated: Database) -> None:
    with (
        migrated.connect() as session,
        session.transaction(force_rollback=True),
        pytest.raises(psycopg.errors.RaiseException, match="the schema ledger is only ever added to"),
    ):
        session.execute(statement.encode())
