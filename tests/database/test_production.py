"""The production marker, and the guard that nothing destructive passes."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection as default
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from database import production
from database.production import ProductionError, mark, read_marker, refuse_in_production
from database.scratch import Database, django_connection, scratch_database
from tests.database.conftest import PROJECT, run

# Every command that destroys or invents rows: what it needs, and every flag that could be taken for a way around.
DESTRUCTIVE = {
    "reset_database": (["--yes-i-mean", "{name}"], ["--json", "--force-color", "--verbosity=3"]),
    "restore_database": (["{file}", "--into", "{name}_other"], ["--json", "--force-color", "--verbosity=3"]),
    "load_test_data": ([], ["--json", "--force-color", "--verbosity=3", "01_test_organizations.sql"]),
    "flush": (["--noinput"], ["--skip-checks", "--database=default", "--verbosity=3"]),
}


@pytest.fixture
def marked(server: Database, migrated: Database, django_db_blocker: DjangoDbBlocker) -> Iterator[Database]:
    """A production database."""
    with scratch_database(server, migrated.name) as database:
        with django_db_blocker.unblock(), django_connection(database) as connection:
            mark(connection, "production")
        yield database


def on_terminal(database: Database, typed: str, *arguments: str) -> tuple[int, str]:
    """Exit code and words of `manage.py` at a terminal at which somebody types."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env={**os.environ, "DATABASE_URL": database.url},
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        os.write(ours, f"{typed}\n".encode())
        said, _ = process.communicate(timeout=120)
    finally:
        os.close(ours)
        os.close(theirs)
    return process.returncode, said


def tables(database: Database) -> tuple[int, ...]:
    """How many tables and rows there are: what a destructive command would change."""
    with database.connect() as session:
        row = session.execute(
            "SELECT (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p')),"
            " (SELECT count(*) FROM organization), (SELECT count(*) FROM django.django_content_type),"
            " (SELECT count(*) FROM pg_database WHERE datname = current_database() || '_other')"
        ).fetchone()
    assert row is not None
    return row


# --- the marker


def test_without_a_table_or_a_row_there_is_no_marker(empty: Database, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock(), django_connection(empty) as connection:
        assert read_marker(connection) is None
        refuse_in_production(connection, "a deed")
        with empty.connect() as session:
            session.execute(production.TABLE.read_bytes())
            session.execute(production.TABLE.read_bytes())
        assert read_marker(connection) is None
        refuse_in_production(connection, "a deed")


def test_a_marker_says_who_wrote_it_and_writing_it_again_changes_nothing(
    empty: Database, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock(), django_connection(empty) as connection:
        first = mark(connection, "production")
        assert (first.environment, first.marked_by) == ("production", empty.libpq["user"])
        assert mark(connection, "production") == first == read_marker(connection)


def test_the_guard_names_the_deed_the_database_and_the_marker(
    empty: Database, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock(), django_connection(empty) as connection:
        for environment in ("development", "test"):
            mark(connection, environment)
            refuse_in_production(connection, "a deed")
        mark(connection, "production")
        with pytest.raises(ProductionError, match=f"{empty.name} was marked as a production .*: a deed is refused"):
            refuse_in_production(connection, "a deed")


@override_settings(ENVIRONMENT="production")
def test_the_environment_alone_is_enough_and_needs_no_database() -> None:
    with pytest.raises(ProductionError, match="FRONTIER_ENV is production: a deed is refused"):
        refuse_in_production(default, "a deed")


def test_production_gives_way_to_its_typed_name_alone(empty: Database, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock(), django_connection(empty) as connection:
        mark(connection, "production")
        for typed in ("", "yes", "postgres", empty.name.upper()):
            with pytest.raises(ProductionError, match="stays a production database"):
                mark(connection, "development", typed)
        assert mark(connection, "development", empty.name).environment == "development"
        refuse_in_production(connection, "a deed")


def test_a_marker_that_cannot_be_read_counts_as_production(
    marked: Database, django_db_blocker: DjangoDbBlocker
) -> None:
    role = f"stranger_{marked.name}"
    with marked.connect() as session:
        session.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'stranger'".encode())
    try:
        stranger = Database(
            marked.name,
            {**marked.settings, "USER": role, "PASSWORD": "stranger"},
            {**marked.libpq, "user": role, "password": "stranger"},
        )
        with (
            django_db_blocker.unblock(),
            django_connection(stranger) as connection,
            pytest.raises(ProductionError, match="cannot be read: permission denied for schema frontier_ops"),
        ):
            refuse_in_production(connection, "a deed")
    finally:
        with marked.connect() as session:
            session.execute(f"DROP ROLE {role}".encode())


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO frontier_ops.environment (name) VALUES ('test')",
        "INSERT INTO frontier_ops.environment (is_the_only_row, name) VALUES (false, 'test')",
        "UPDATE frontier_ops.environment SET name = 'prod'",
    ],
)
def test_the_table_holds_one_row_of_a_known_environment(marked: Database, statement: str) -> None:
    with marked.connect() as session, pytest.raises(psycopg.errors.IntegrityError):
        session.execute(statement.encode())


# --- nothing passes


@pytest.mark.parametrize("command", DESTRUCTIVE)
def test_no_flag_gets_a_destructive_command_past_the_marker(marked: Database, tmp_path: Path, command: str) -> None:
    needed, flags = DESTRUCTIVE[command]
    before = tables(marked)
    for arguments in (needed, needed + flags):
        given = [part.format(name=marked.name, file=tmp_path / "backup.sql") for part in arguments]
        done = run(marked, command, *given)
        assert (done.returncode, done.stdout) == (7, ""), done.stderr
        assert "was marked as a production database" in done.stderr
    assert tables(marked) == before


@pytest.mark.parametrize("typed", ["{name}", "yes"])
@pytest.mark.parametrize("command", ["reset_database", "flush"])
def test_nothing_that_is_typed_gets_past_the_marker(marked: Database, command: str, typed: str) -> None:
    before = tables(marked)
    code, said = on_terminal(marked, typed.format(name=marked.name), command)
    assert code == 7
    assert "was marked as a production database" in said
    assert tables(marked) == before


@pytest.mark.parametrize("command", DESTRUCTIVE)
def test_the_environment_refuses_as_the_marker_does(migrated: Database, tmp_path: Path, command: str) -> None:
    before = tables(migrated)
    given = [part.format(name=migrated.name, file=tmp_path / "backup.sql") for part in DESTRUCTIVE[command][0]]
    done = subprocess.run(
        [sys.executable, "manage.py", command, *given],
        cwd=PROJECT,
        env={
            **os.environ,
            "DATABASE_URL": migrated.url,
            "FRONTIER_ENV": "production",
            "FRONTIER_SECRET_KEY": "x" * 60,
            "FRONTIER_ALLOWED_HOSTS": "localhost",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (7, "")
    assert "FRONTIER_ENV is production" in done.stderr
    assert tables(migrated) == before


def test_what_production_needs_still_works(marked: Database, tmp_path: Path) -> None:
    assert run(marked, "load_reference_data").returncode == 0
    assert run(marked, "migrate").returncode == 0
    assert run(marked, "backup_database", "--output", str(tmp_path)).returncode == 0


# --- the command


def test_the_marker_is_shown_set_and_kept(empty: Database) -> None:
    done = run(empty, "mark_environment")
    assert (done.returncode, done.stdout) == (0, f"{empty.name}: nobody has said what it is used for.\n")
    assert json.loads(run(empty, "mark_environment", "--json").stdout)["marker"] is None
    assert run(empty, "mark_environment", "production").returncode == 0
    assert json.loads(run(empty, "mark_environment", "--json").stdout)["marker"]["environment"] == "production"
    done = run(empty, "mark_environment", "development")
    assert done.returncode == 7
    assert "its name was not typed on a terminal" in done.stderr
    assert run(empty, "mark_environment", "staging").returncode == 64


def test_a_typed_name_on_a_terminal_takes_the_marker_away(empty: Database) -> None:
    assert on_terminal(empty, "", "mark_environment", "production")[0] == 0
    assert on_terminal(empty, "something else", "mark_environment", "test")[0] == 7
    code, said = on_terminal(empty, empty.name, "mark_environment", "test")
    assert code == 0
    assert f"{empty.name}: test, marked on " in said
