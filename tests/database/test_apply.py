"""Applying schema files: from a snapshot, from zero, statement by statement, interrupted, and many at once."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from pytest_django import DjangoDbBlocker

from database import history, installation, locks, operations
from database.catalog import Catalog, compare, read_catalog
from database.errors import HistoryError, LockedError, StateError
from database.history import find_file, read_history
from database.locks import LOCK_KEY, Patience
from database.operations import RunSQLFile, Twin
from database.scratch import Database, django_connection, scratch_database
from database.snapshots import newest_snapshot
from tests.database import killed
from tests.database.conftest import PROJECT, run, start
from tests.database.test_migrate import TRIAL, add_file, recorded
from tests.soak import rounds

NAME = f"{len(read_history()):03d}_try.sql"
HEAD = "-- Adds indexes without holding up writers.\n-- frontier: no transaction\n\n"
FIRST = "CREATE INDEX CONCURRENTLY IF NOT EXISTS trial_unit ON meter (unit);\n"
SECOND = "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS trial_name ON currency (name);\n"
LAST = "COMMENT ON INDEX trial_unit IS 'A trial.';\n"

Apply = Callable[..., None]


# --- statement by statement


@pytest.fixture
def apply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker) -> Apply:
    """Applies one more file that runs without a transaction, with a migration that Django's own executor runs."""
    for part in ("versions", "migrations"):
        shutil.copytree(history.ROOT / part, tmp_path / part)

    def applied(database: Database, body: str, *, atomic: bool = False) -> None:
        (tmp_path / "migrations" / NAME).write_text(body)
        file = find_file(NAME, tmp_path)
        monkeypatch.setattr(operations, "find_file", partial(find_file, root=tmp_path))
        monkeypatch.setattr(operations, "twins", lambda: {NAME: Twin(runs=[("core", "0099_try")])})
        trial = type("Trial", (Migration,), {"operations": [RunSQLFile(NAME, file.sha256)], "atomic": atomic})
        with django_db_blocker.unblock(), django_connection(database) as connection:
            executor = MigrationExecutor(connection)
            executor.apply_migration(executor.loader.project_state(), trial("0099_try", "core"))

    return applied


def valid(database: Database) -> dict[str, bool]:
    """The trial's indexes, and whether each is finished."""
    with database.connect() as session:
        rows = session.execute(
            "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname LIKE 'trial%'"
        )
        return dict(rows.fetchall())


def progress(database: Database) -> list[tuple[str, int]]:
    with database.connect() as session:
        rows = session.execute("SELECT name, statement FROM frontier_ops.schema_progress ORDER BY 1, 2")
        return [(name, statement) for name, statement in rows]


def double_currency(database: Database) -> None:
    """Two rows on which a unique index of names fails half-way."""
    with database.connect() as session:
        session.execute("INSERT INTO currency (code, name) VALUES ('XX1', 'Trial'), ('XX2', 'Trial')")


def test_a_file_without_a_transaction_runs_and_leaves_no_account_of_it(migrated_copy: Database, apply: Apply) -> None:
    apply(migrated_copy, HEAD + FIRST + SECOND + LAST)
    assert valid(migrated_copy) == {"trial_unit": True, "trial_name": True}
    assert progress(migrated_copy) == []
    ledger, _ = recorded(migrated_copy)
    assert ledger[-1][1] == NAME


def test_a_run_that_failed_goes_on_where_it_stopped(migrated_copy: Database, apply: Apply) -> None:
    double_currency(migrated_copy)
    with pytest.raises(
        StateError, match=r"_try\.sql, line 5: could not create unique index .* The 1 statements before"
    ):
        apply(migrated_copy, HEAD + FIRST + SECOND + LAST)
    assert progress(migrated_copy) == [(NAME, 1)]
    assert valid(migrated_copy) == {"trial_unit": True, "trial_name": False}
    with migrated_copy.connect() as session:
        session.execute("UPDATE currency SET name = 'Other' WHERE code = 'XX2'")
        before = session.execute("SELECT 'trial_unit'::regclass::oid").fetchone()
    apply(migrated_copy, HEAD + FIRST + SECOND + LAST)
    assert valid(migrated_copy) == {"trial_unit": True, "trial_name": True}
    assert progress(migrated_copy) == []
    with migrated_copy.connect() as session:
        assert session.execute("SELECT 'trial_unit'::regclass::oid").fetchone() == before


def test_a_statement_that_was_edited_after_it_ran_is_refused(migrated_copy: Database, apply: Apply) -> None:
    double_currency(migrated_copy)
    with pytest.raises(StateError):
        apply(migrated_copy, HEAD + FIRST + SECOND)
    with pytest.raises(StateError, match=r"line 4: statement 1 was edited after it ran here"):
        apply(migrated_copy, HEAD + FIRST.replace("unit)", "id)") + SECOND)
    assert progress(migrated_copy) == [(NAME, 1)]


def test_it_leaves_the_session_as_it_was(
    migrated_copy: Database, apply: Apply, django_db_blocker: DjangoDbBlocker
) -> None:
    """Django writes its row afterwards, into a schema that the files do not see."""
    apply(migrated_copy, HEAD + LAST.replace("trial_unit", "idx_meter_reading_time"))
    _, count = recorded(migrated_copy)
    with migrated_copy.connect() as session:
        assert session.execute("SELECT count(*) FROM django.django_migrations").fetchone() == (count,)


@pytest.mark.parametrize(
    "body, atomic, said",
    [
        (HEAD + FIRST, True, r"runs without a transaction: its migration core\.0099_try must say atomic = False"),
        ("CREATE TABLE trial (id int);", False, r"runs in one transaction: its migration .* must not say atomic"),
    ],
    ids=["a file without", "a file with"],
)
def test_file_and_migration_must_agree_on_the_transaction(
    body: str, atomic: bool, said: str, migrated_copy: Database, apply: Apply
) -> None:
    before = recorded(migrated_copy)
    with pytest.raises(HistoryError, match=said):
        apply(migrated_copy, body, atomic=atomic)
    assert recorded(migrated_copy) == before


def test_a_file_that_gets_no_lock_leaves_nothing_and_names_the_other(
    migrated_copy: Database, apply: Apply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", Patience(wait=0.2, first_pause=0.01, total=0.5))
    before = recorded(migrated_copy)
    with migrated_copy.connect() as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM clause")
        with pytest.raises(LockedError, match=rf"{NAME} did not get its locks .* process {reader.info.backend_pid} "):
            apply(migrated_copy, "CREATE TABLE trial (id int);\nALTER TABLE clause ADD trial int;\n", atomic=True)
    assert recorded(migrated_copy) == before
    with migrated_copy.connect() as session:
        assert session.execute("SELECT to_regclass('trial')").fetchone() == (None,)


# --- apply_schema


def origins(database: Database) -> set[tuple[str, str | None]]:
    with database.connect() as session:
        rows = session.execute("SELECT DISTINCT kind, snapshot FROM frontier_ops.schema_ledger")
        return {(kind, snapshot) for kind, snapshot in rows}


def migrations(database: Database) -> set[tuple[str, str]]:
    with database.connect() as session:
        return {(app, name) for app, name in session.execute("SELECT app, name FROM django.django_migrations")}


def test_an_empty_database_is_made_from_the_newest_snapshot(
    empty: Database, migrated: Database, files_catalog: Catalog
) -> None:
    snapshot = newest_snapshot()
    assert snapshot is not None
    done = run(empty, "apply_schema")
    assert done.returncode == 0, done.stderr
    assert f"Loading {snapshot.name}" in done.stderr
    assert done.stdout.splitlines()[0] == f"{snapshot.name}: {len(snapshot.files)} files"
    assert done.stdout.endswith(": equal.\n")
    with empty.connect() as session:
        assert compare(files_catalog, read_catalog(session)) == []
        number = session.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'meter_reading'::regclass")
        assert number.fetchone() == (4,)
    assert ("applied", snapshot.name) in origins(empty)
    assert [row[:3] for row in recorded(empty)[0]] == [row[:3] for row in recorded(migrated)[0]]
    assert migrations(empty) == migrations(migrated)
    assert run(empty, "migrate").stdout.strip().endswith("No migrations to apply.")


def test_from_zero_takes_every_file(empty: Database, files_catalog: Catalog) -> None:
    done = run(empty, "apply_schema", "--from-zero")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:17] == [file.name for file in read_history()][:17]
    with empty.connect() as session:
        assert compare(files_catalog, read_catalog(session)) == []
    assert origins(empty) == {("applied", None)}


def test_a_second_run_has_nothing_to_do(migrated: Database) -> None:
    done = run(migrated, "apply_schema")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Nothing to do: all {len(read_history())} files are applied.\n")


def test_a_drift_is_named_at_the_end(migrated_copy: Database) -> None:
    with migrated_copy.connect() as session:
        session.execute("ALTER TABLE clause DROP COLUMN summary")
    done = run(migrated_copy, "apply_schema")
    assert done.returncode == 3
    assert "MISSING column clause.summary" in done.stdout


def test_an_edited_file_is_refused_before_anything_happens(empty: Database, project_copy: Path) -> None:
    with (project_copy / "database" / "migrations" / "003_add_contract_parsing_fields.sql").open("a") as file:
        file.write("SELECT 1;\n")
    done = run(empty, "apply_schema", project=project_copy)
    assert done.returncode == 3
    with empty.connect() as session:
        assert session.execute("SELECT to_regnamespace('frontier_ops')").fetchone() == (None,)


def test_an_edited_snapshot_is_refused_before_anything_happens(empty: Database, project_copy: Path) -> None:
    snapshot = newest_snapshot(project_copy / "database")
    assert snapshot is not None
    with snapshot.path.open("a") as file:
        file.write("SELECT 1;\n")
    done = run(empty, "apply_schema", project=project_copy)
    assert done.returncode == 4
    assert f"{snapshot.name} was edited. Restore it, or build the schema with --from-zero." in done.stderr
    with empty.connect() as session:
        assert session.execute("SELECT to_regnamespace('frontier_ops')").fetchone() == (None,)


def test_tables_without_a_ledger_are_refused(from_files: Database) -> None:
    done = run(from_files, "apply_schema", "--plan")
    assert done.returncode == 3
    assert "`migrate --baseline NNN` compares the schema and adopts it" in done.stderr


def test_a_plan_needs_only_the_right_to_read_and_waits_for_nobody(
    server: Database, migrated_copy: Database, project_copy: Path
) -> None:
    name = add_file(project_copy, TRIAL)
    role = f"{migrated_copy.name}_reader"
    with migrated_copy.connect() as session:
        session.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'trial' IN ROLE pg_read_all_data".encode())
        session.execute("SELECT pg_advisory_lock(%s, %s)", LOCK_KEY)
        session.execute("BEGIN; LOCK TABLE frontier_ops.schema_ledger, project IN EXCLUSIVE MODE")
        try:
            reader = Database(migrated_copy.name, server.settings, {**server.libpq, "user": role, "password": "trial"})
            done = run(reader, "apply_schema", "--plan", "--json", project=project_copy)
        finally:
            session.execute("ROLLBACK")
            session.execute(f"DROP ROLE {role}".encode())
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["items"] == [{"name": name, "brings": [int(name[:3])]}]
    assert told["summary"] == f"1 files to apply in 1 steps; {len(read_history())} are applied."


def test_a_plan_for_an_empty_database_writes_nothing(empty: Database) -> None:
    snapshot = newest_snapshot()
    assert snapshot is not None
    done = run(empty, "apply_schema", "--plan")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"{snapshot.name}: {len(snapshot.files)} files"
    with empty.connect() as session:
        assert session.execute("SELECT to_regnamespace('django'), to_regnamespace('frontier_ops')").fetchone() == (
            None,
            None,
        )


def test_a_snapshot_of_another_history_is_refused() -> None:
    with pytest.raises(HistoryError, match=r"holds other files than the history"):
        installation.newest_fitting(tuple(reversed(read_history())))


# --- many at once, and killed


@pytest.fixture
def two_more(project_copy: Path) -> Path:
    """A project with two more files: one in a transaction, one that cannot run in one."""
    add_file(
        project_copy,
        TRIAL + "SELECT pg_sleep(0.1);\n",
    )
    number = len(read_history(project_copy / "database"))
    file = project_copy / "database" / "migrations" / f"{number:03d}_index.sql"
    file.write_text(HEAD + FIRST + SECOND + "COMMENT ON TABLE meter IS 'A trial.';\n")
    sha256 = read_history(project_copy / "database")[number].sha256
    (project_copy / "core" / "migrations" / "0100_index.py").write_text(
        "from django.db import migrations\n\nfrom database.operations import RunSQLFile\n\n\n"
        "class Migration(migrations.Migration):\n    atomic = False\n"
        '    dependencies = [("core", "0099_try")]\n'
        f'    operations = [RunSQLFile("{file.name}", sha256="{sha256}")]\n'
    )
    return project_copy


@pytest.mark.soak
def test_of_many_runs_one_applies_and_none_deadlocks(migrated_copy: Database, two_more: Path) -> None:
    runs = rounds(20, 4)
    processes = [start(migrated_copy, "migrate", project=two_more) for _ in range(runs)]
    said = [process.communicate(timeout=300) for process in processes]
    assert [
        (process.returncode, err) for process, (_, err) in zip(processes, said, strict=True) if process.returncode
    ] == []
    for name in ("0099_try", "0100_index"):
        assert sum(f"Applying core.{name}... OK" in out for out, _ in said) == 1
    assert sum("No migrations to apply." in out for out, _ in said) == runs - 1
    with migrated_copy.connect() as session:
        row = session.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
        assert row == (0,)
        doubles = "SELECT app, name FROM django.django_migrations GROUP BY app, name HAVING count(*) > 1"
        assert session.execute(doubles).fetchall() == []
    assert valid(migrated_copy) == {"trial_unit": True, "trial_name": True}


def run_killed(database: Database, at: float, *arguments: str, project: Path, count: Path) -> int:
    """Runs manage.py with a kill around a statement; returns how it ended."""
    return subprocess.run(
        [sys.executable, str(Path(killed.__file__)), f"{at:g}", *arguments],
        cwd=project,
        env={**os.environ, "DATABASE_URL": database.url, "COUNT": str(count)},
        capture_output=True,
        check=False,
        timeout=120,
    ).returncode


def points(count: int, sample: int) -> list[float]:
    """The middles of so many equal parts of a run with `count` statements; of two hundred where all is asked for."""
    moments = [number / 2 for number in range(2, 2 * count + 2)]
    parts = min(rounds(200, sample), len(moments))
    return [moments[(2 * part + 1) * len(moments) // (2 * parts)] for part in range(parts)]


@pytest.mark.soak
def test_a_run_killed_at_any_statement_is_finished_by_the_next(
    server: Database, migrated: Database, two_more: Path, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    with scratch_database(server, migrated.name) as database:
        assert run_killed(database, 0, "migrate", project=two_more, count=count) == 0
    for at in points(int(count.read_text()), 3):
        with scratch_database(server, migrated.name) as database:
            assert run_killed(database, at, "migrate", project=two_more, count=count) == -signal.SIGKILL
            done = run(database, "apply_schema", project=two_more)
            assert done.returncode == 0, (at, done.stdout, done.stderr)
            assert valid(database) == {"trial_unit": True, "trial_name": True}, at
            assert progress(database) == [], at
            assert len(recorded(database)[0]) == len(read_history()) + 2, at


@pytest.mark.soak
def test_an_installation_killed_at_any_statement_is_finished_by_the_next(server: Database, tmp_path: Path) -> None:
    count = tmp_path / "count"
    with scratch_database(server) as database:
        assert run_killed(database, 0, "apply_schema", project=PROJECT, count=count) == 0
        expected = migrations(database)
    for at in points(int(count.read_text()), 2):
        with scratch_database(server) as database:
            assert run_killed(database, at, "apply_schema", project=PROJECT, count=count) == -signal.SIGKILL
            done = run(database, "apply_schema")
            assert done.returncode == 0, (at, done.stdout, done.stderr)
            assert len(recorded(database)[0]) == len(read_history()), at
            assert migrations(database) == expected, at
