"""`schema_status`: what it says of a database in every state, and the code it ends with."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from database import history, status
from database.history import read_history
from database.locks import LOCK_KEY
from database.management import Exit
from database.scratch import Database, django_connection
from database.status import FileStatus, State, read_status, survivors, verdict
from tests.database.conftest import run

Ask = Callable[[Database], list[FileStatus]]


@pytest.fixture
def ask(django_db_blocker: DjangoDbBlocker) -> Ask:
    """The status of a database."""

    def asked(database: Database) -> list[FileStatus]:
        with django_db_blocker.unblock(), django_connection(database) as connection:
            return read_status(connection)

    return asked


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the schema files that the status reads instead of the project's."""
    for part in ("versions", "migrations"):
        shutil.copytree(history.ROOT / part, tmp_path / part)
    monkeypatch.setattr(status, "read_history", partial(read_history, tmp_path))
    return tmp_path / "migrations"


def other_than_applied(found: list[FileStatus]) -> dict[str, State]:
    return {row.name: row.state for row in found if row.state != State.APPLIED}


def forget(database: Database, number: int, *, ledger: bool, django: bool) -> str:
    """Removes what a database knows of a file, as only a restored backup could; returns the file's name."""
    file = read_history()[number]
    with database.connect() as session:
        row = session.execute("SELECT django_migration FROM frontier_ops.schema_ledger WHERE number = %s", [number])
        app, _, name = str((row.fetchone() or ("",))[0]).partition(".")
        if ledger:
            session.execute("ALTER TABLE frontier_ops.schema_ledger DISABLE TRIGGER USER")
            session.execute("DELETE FROM frontier_ops.schema_ledger WHERE number = %s", [number])
        if django:
            session.execute("DELETE FROM django.django_migrations WHERE app = %s AND name = %s", [app, name])
    return file.name


def test_in_an_empty_database_every_file_is_pending(empty: Database, ask: Ask) -> None:
    found = ask(empty)
    assert [row.name for row in found] == [file.name for file in read_history()]
    assert {(row.state, row.migrated, row.ledger, row.live) for row in found} == {(State.PENDING, False, "none", 0)}
    assert verdict(found) == Exit.PENDING
    with empty.connect() as session:
        made = session.execute(
            "SELECT count(*) FROM pg_class"
            " WHERE relnamespace::regnamespace::text IN ('public', 'django', 'frontier_ops')"
        )
        assert made.fetchone() == (0,)


def test_after_migrate_every_file_is_applied_and_live(migrated: Database, ask: Ask) -> None:
    found = ask(migrated)
    assert verdict(found) == Exit.DONE
    for row, file in zip(found, read_history(), strict=True):
        assert (row.number, row.name) == (file.number, file.name)
        assert (row.state, row.migrated, row.ledger, row.cure) == (State.APPLIED, True, "same", "")
        assert row.live == row.objects
        assert row.objects > 0 or row.name == "017_reading_interval_labels.sql"  # labels are no objects of their own
        assert row.applied_by == migrated.libpq["user"]
        assert row.duration_ms is not None
        assert row.applied_at is not None
        assert row.applied_at.utcoffset() == timedelta(0)


def test_the_last_file_waits_for_migrate(migrated_copy: Database, ask: Ask) -> None:
    last = forget(migrated_copy, len(read_history()) - 1, ledger=True, django=True)
    found = ask(migrated_copy)
    assert other_than_applied(found) == {last: State.PENDING}
    assert found[-1].cure == "Run migrate."
    assert verdict(found) == Exit.PENDING


def test_an_edited_file_is_changed(migrated: Database, folder: Path, ask: Ask) -> None:
    with (folder / "004_enhance_clause_table.sql").open("a") as file:
        file.write("SELECT 1;\n")
    found = ask(migrated)
    assert other_than_applied(found) == {"004_enhance_clause_table.sql": State.CHANGED}
    assert (found[4].ledger, found[4].migrated) == ("other", True)
    assert verdict(found) == Exit.NEEDS_A_PERSON


def test_a_file_with_other_looks_is_stale(migrated: Database, folder: Path, ask: Ask) -> None:
    with (folder / "004_enhance_clause_table.sql").open("a") as file:
        file.write("-- one more line\n")
    found = ask(migrated)
    assert other_than_applied(found) == {"004_enhance_clause_table.sql": State.CHANGED_COSMETIC}
    assert (found[4].ledger, found[4].migrated) == ("cosmetic", True)
    assert found[4].cure.endswith("schema_repair --repin 004.")
    assert verdict(found) == Exit.PENDING


def test_a_file_that_stopped_half_way_is_named(migrated_copy: Database, ask: Ask) -> None:
    last = forget(migrated_copy, len(read_history()) - 1, ledger=True, django=True)
    with migrated_copy.connect() as session:
        session.execute("INSERT INTO frontier_ops.schema_progress VALUES (%s, 1, %s)", [last, "0" * 64])
    found = ask(migrated_copy)
    assert other_than_applied(found) == {last: State.FAILED_PARTIAL}
    assert verdict(found) == Exit.NEEDS_A_PERSON


def test_an_edited_file_is_changed_before_it_is_applied_too(empty: Database, folder: Path, ask: Ask) -> None:
    with (folder / "004_enhance_clause_table.sql").open("a") as file:
        file.write("SELECT 1;\n")
    found = ask(empty)
    assert (found[4].state, found[4].ledger) == (State.CHANGED, "none")
    assert verdict(found) == Exit.NEEDS_A_PERSON


def test_a_deleted_file_is_missing(migrated: Database, folder: Path, ask: Ask) -> None:
    last = read_history()[-1].name
    (folder / last).unlink()
    found = ask(migrated)
    assert other_than_applied(found) == {last: State.MISSING_FILE}
    assert verdict(found) == Exit.NEEDS_A_PERSON


def test_a_file_without_a_migration_is_named(migrated: Database, folder: Path, ask: Ask) -> None:
    name = f"{len(read_history()):03d}_forgotten.sql"
    (folder / name).write_text("-- Adds a table for a trial.\nCREATE TABLE trial (id bigint);\n")
    found = ask(migrated)
    assert other_than_applied(found) == {name: State.MISSING_DJANGO}
    assert (found[-1].migration, found[-1].objects, found[-1].live) == ("", 1, 0)
    assert verdict(found) == Exit.NEEDS_A_PERSON


def test_a_file_that_django_did_not_record_is_named(migrated_copy: Database, ask: Ask) -> None:
    name = forget(migrated_copy, 12, ledger=False, django=True)
    found = ask(migrated_copy)
    assert other_than_applied(found) == {name: State.MISSING_DJANGO}
    assert verdict(found) == Exit.NEEDS_A_PERSON


def test_a_file_that_django_claims_and_the_ledger_lacks_is_named(migrated_copy: Database, ask: Ask) -> None:
    name = forget(migrated_copy, 12, ledger=True, django=False)
    found = ask(migrated_copy)
    assert other_than_applied(found) == {name: State.MISSING_LEDGER}
    assert verdict(found) == Exit.NEEDS_A_PERSON


def test_a_file_older_than_an_applied_one_is_out_of_order(migrated_copy: Database, ask: Ask) -> None:
    name = forget(migrated_copy, 12, ledger=True, django=True)
    found = ask(migrated_copy)
    assert other_than_applied(found) == {name: State.OUT_OF_ORDER}
    assert verdict(found) == Exit.NEEDS_A_PERSON


def test_a_person_outranks_what_is_pending(migrated_copy: Database, folder: Path, ask: Ask) -> None:
    last = forget(migrated_copy, len(read_history()) - 1, ledger=True, django=True)
    with (folder / "004_enhance_clause_table.sql").open("a") as file:
        file.write("SELECT 1;\n")
    found = ask(migrated_copy)
    assert other_than_applied(found) == {"004_enhance_clause_table.sql": State.CHANGED, last: State.PENDING}
    assert verdict(found) == Exit.NEEDS_A_PERSON


def test_what_is_gone_from_the_live_schema_is_counted(migrated_copy: Database, ask: Ask) -> None:
    with migrated_copy.connect() as session:
        session.execute("DROP INDEX idx_clause_confidence_score")
        session.execute("ALTER TABLE clause DROP COLUMN summary")
    found = ask(migrated_copy)
    assert (found[4].state, found[4].objects - found[4].live) == (State.APPLIED, 2)
    assert found[4].cure == "Something it made is gone. Run schema_verify, which names it."
    assert [row.cure for row in found if row.number != 4] == [""] * (len(found) - 1)


def test_it_waits_for_nobody(migrated_copy: Database, ask: Ask) -> None:
    with migrated_copy.connect() as session:
        session.execute("SELECT pg_advisory_lock(%s, %s)", LOCK_KEY)
        session.execute("BEGIN")
        session.execute("LOCK TABLE frontier_ops.schema_ledger IN EXCLUSIVE MODE")
        assert verdict(ask(migrated_copy)) == Exit.DONE


def test_what_a_later_file_removes_is_not_asked_of_the_earlier(tmp_path: Path) -> None:
    files = {
        "versions/v1.0_baseline.sql": "CREATE TABLE IF NOT EXISTS public.a (b text, CONSTRAINT c CHECK (b <> ';'));",
        "migrations/001_one.sql": "ALTER TABLE a ADD COLUMN d text, ADD COLUMN IF NOT EXISTS e text;\n"
        "CREATE UNIQUE INDEX IF NOT EXISTS f ON a (b);\nDO $$ BEGIN CREATE TABLE hidden (x int); END $$;\n"
        "COMMENT ON TABLE a IS 'not this: CREATE TABLE no (x int)';",
        "migrations/002_two.sql": "ALTER TABLE a DROP COLUMN d;\nDROP INDEX f;\nCREATE INDEX g ON a (b);\n"
        "ALTER TABLE a RENAME COLUMN e TO h;",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert survivors(read_history(tmp_path)) == {"v1.0_baseline.sql": {"a"}, "002_two.sql": {"g"}}


def test_the_table_has_one_line_for_each_file(migrated: Database) -> None:
    done = run(migrated, "schema_status", "--check")
    assert (done.returncode, done.stderr) == (0, "")
    lines, files = done.stdout.splitlines(), read_history()
    assert lines[0].split() == [
        "number",
        "file",
        "Django",
        "ledger",
        "live",
        "state",
        "applied",
        "at",
        "(UTC)",
        "by",
        "ms",
    ]
    assert [line.split()[:2] for line in lines[1 : len(files) + 1]] == [[f"{f.number:03d}", f.name] for f in files]
    assert [line.strip() for line in lines[len(files) + 1 :]] == [f"{len(files)} APPLIED"]
    assert "\x1b" not in done.stdout


def test_machines_read_the_same(empty: Database) -> None:
    done = run(empty, "schema_status", "--check", "--json")
    assert (done.returncode, done.stderr) == (2, "")
    told = json.loads(done.stdout)
    assert (told["version"], told["command"], told["database"]) == (1, "schema_status", empty.name)
    assert told["summary"] == f"{len(read_history())} PENDING"
    assert told["items"][1] == {
        "number": 1,
        "name": "001_migrate_role_to_auth.sql",
        "migration": "core.0003_migrate_role_to_auth",
        "migrated": False,
        "ledger": "none",
        "live": 0,
        "objects": 7,
        "state": "PENDING",
        "applied_at": None,
        "applied_by": "",
        "duration_ms": None,
    }
    assert told["findings"][1] == {"code": "PENDING", "object": "001_migrate_role_to_auth.sql", "fix": "Run migrate."}


def test_an_edited_file_ends_with_three(migrated: Database, project_copy: Path) -> None:
    with (project_copy / "database" / "migrations" / "004_enhance_clause_table.sql").open("a") as file:
        file.write("SELECT 1;\n")
    done = run(migrated, "schema_status", "--check", project=project_copy)
    assert done.returncode == 3
    assert "004_enhance_clause_table.sql: Restore the file as it was applied" in done.stdout


def test_a_gap_in_the_files_ends_with_four(migrated: Database, project_copy: Path) -> None:
    (project_copy / "database" / "migrations" / "004_enhance_clause_table.sql").unlink()
    done = run(migrated, "schema_status", project=project_copy)
    assert done.returncode == 4
    assert "stands where number 004 belongs" in done.stderr


def test_a_server_that_does_not_answer_ends_with_five(server: Database) -> None:
    nowhere = Database("nowhere", server.settings, {**server.libpq, "port": "1"})
    done = run(nowhere, "schema_status", "--check")
    assert done.returncode == 5
    assert "Traceback" not in done.stderr
