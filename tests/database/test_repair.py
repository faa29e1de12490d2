"""`schema_repair`: it shows the choices, does the one that is named, and nothing else."""

import hashlib
import json
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from database.history import read_history
from database.scratch import Database
from tests.database.conftest import run
from tests.database.test_migrate import TRIAL, add_file, recorded
from tests.database.test_schema_status import forget

LAST = read_history()[-1]
TWELVE = "012_project_time_zone.sql"
MIGRATION = Path("core/migrations/0009_project_time_zone.py")


def edit(project: Path, name: str, before: str, after: str) -> str:
    """Edits a schema file; returns its new checksum."""
    file = project / "database" / "migrations" / name
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def fingerprint(project: Path) -> dict[str, bytes]:
    """Every file of a project that a repair could write to."""
    places = (project / "database", project / "core", project / "metering", project / "invoicing")
    return {
        str(path): path.read_bytes()
        for place in places
        for path in place.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_a_database_in_step_needs_nothing(migrated: Database) -> None:
    done = run(migrated, "schema_repair")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing to repair.\n", "")


def test_the_choices_are_shown_and_nothing_is_done(migrated: Database, project_copy: Path) -> None:
    edit(project_copy, TWELVE, "-- Says", "-- Tells")
    before = fingerprint(project_copy)
    done = run(migrated, "schema_repair", project=project_copy)
    assert done.returncode == 3
    assert f"{TWELVE} is CHANGED-COSMETIC." in done.stdout
    assert "  --repin 012  writes the file's checksum into its Django migration" in done.stdout
    assert "  --restore 012  writes the file as the ledger kept it" in done.stdout
    assert done.stdout.endswith("1 files are out of step. Nothing was changed.\n")
    assert fingerprint(project_copy) == before


def test_machines_read_the_same_choices(migrated: Database, project_copy: Path) -> None:
    edit(project_copy, TWELVE, "-- Says", "-- Tells")
    told = json.loads(run(migrated, "schema_repair", "--json", project=project_copy).stdout)
    assert told["command"] == "schema_repair"
    (case,) = told["items"]
    assert (case["name"], case["state"]) == (TWELVE, "CHANGED-COSMETIC")
    assert [way["flag"] for way in case["repairs"]] == ["--repin 012", "--restore 012"]


def test_an_edit_of_looks_is_pinned_anew(migrated: Database, project_copy: Path) -> None:
    sha256 = edit(project_copy, TWELVE, "-- Says", "-- Tells")
    assert run(migrated, "check", project=project_copy).returncode == 1
    compiled = Path(cache_from_source(str(project_copy / MIGRATION)))
    assert compiled.exists()
    done = run(migrated, "schema_repair", "--repin", "12", project=project_copy)
    assert done.returncode == 0, done.stderr
    assert not compiled.exists()
    assert done.stdout == f"core.0009_project_time_zone now expects {TWELVE} as it is on disk. Commit both.\n"
    assert sha256 in (project_copy / MIGRATION).read_text()
    for command in (("check",), ("schema_status", "--check"), ("schema_verify",), ("migrate",)):
        again = run(migrated, *command, project=project_copy)
        assert again.returncode == 0, (command, again.stdout, again.stderr)


def test_an_edit_of_content_cannot_be_pinned(migrated: Database, project_copy: Path) -> None:
    edit(project_copy, TWELVE, "DEFAULT 'UTC'", "DEFAULT 'CET'")
    before = fingerprint(project_copy)
    done = run(migrated, "schema_repair", "--repin", "12", project=project_copy)
    assert done.returncode == 7
    assert f"--repin does not fit: {TWELVE} is CHANGED. Nothing was changed." in done.stderr
    assert fingerprint(project_copy) == before


@pytest.mark.parametrize("lost", [False, True], ids=["edited", "lost"])
def test_a_file_is_restored_byte_for_byte(lost: bool, migrated: Database, project_copy: Path) -> None:
    file = project_copy / "database" / "migrations" / LAST.name
    if lost:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes() + b"DROP TABLE invoice_header;\n")
    done = run(migrated, "schema_repair", "--restore", str(LAST.number), project=project_copy)
    assert done.returncode == 0, done.stderr
    assert file.read_bytes() == LAST.content
    assert run(migrated, "schema_status", "--check", project=project_copy).returncode == 0


def test_a_file_that_was_not_applied_here_is_pinned_anew(migrated: Database, project_copy: Path) -> None:
    """The author edits a file after its migration was written, before anyone applied it."""
    name = add_file(project_copy, TRIAL)
    edit(project_copy, name, "bigint", "integer")
    done = run(migrated, "schema_repair", "--repin", name[:3], project=project_copy)
    assert done.returncode == 0, done.stderr
    assert run(migrated, "check", project=project_copy).returncode == 0


def test_a_file_that_only_django_knows_is_recorded_where_its_work_is_there(migrated_copy: Database) -> None:
    name = forget(migrated_copy, 12, ledger=True, django=False)
    with migrated_copy.connect() as session:
        session.execute("ALTER TABLE frontier_ops.schema_ledger ENABLE TRIGGER USER")
    done = run(migrated_copy, "schema_repair", "--record", "12")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{name} is in the ledger, as adopted.\n"
    assert run(migrated_copy, "schema_status", "--check").returncode == 0


def test_a_file_that_only_django_knows_is_not_recorded_where_its_work_is_not_there(migrated_copy: Database) -> None:
    forget(migrated_copy, 12, ledger=True, django=False)
    with migrated_copy.connect() as session:
        session.execute(
            "DROP VIEW stale_invoice_draft, stale_issued_invoice; ALTER TABLE project DROP COLUMN time_zone"
        )
    before = recorded(migrated_copy)
    done = run(migrated_copy, "schema_repair", "--record", "12")
    assert done.returncode == 3
    assert "is not what the files make with 012_project_time_zone.sql" in done.stderr
    assert "MISSING column project.time_zone" in done.stderr
    assert recorded(migrated_copy) == before


def test_django_forgets_a_file_whose_work_is_not_there_and_migrate_applies_it(
    migrated: Database, migrated_copy: Database, project_copy: Path
) -> None:
    name = add_file(project_copy, TRIAL)
    with migrated_copy.connect() as session:
        session.execute("INSERT INTO django.django_migrations (app, name, applied) VALUES ('core', '0099_try', now())")
    refused = run(migrated_copy, "schema_repair", "--record", name[:3], project=project_copy)
    assert refused.returncode == 3
    done = run(migrated_copy, "schema_repair", "--forget", name[:3], project=project_copy)
    assert done.returncode == 0, done.stderr
    assert f"Django's record of core.0099_try is gone. Run migrate, which applies {name}." in done.stdout
    assert run(migrated_copy, "migrate", project=project_copy).returncode == 0
    assert run(migrated_copy, "schema_verify", project=project_copy).returncode == 0


def test_django_does_not_forget_a_file_before_others(migrated_copy: Database) -> None:
    forget(migrated_copy, 12, ledger=True, django=False)
    before = recorded(migrated_copy)
    done = run(migrated_copy, "schema_repair", "--forget", "12")
    assert done.returncode == 7
    assert "Django keeps no later migration without the earlier" in done.stderr
    assert recorded(migrated_copy) == before


def test_two_repairs_at_once_are_wrong_usage(migrated: Database) -> None:
    done = run(migrated, "schema_repair", "--repin", "12", "--restore", "12")
    assert done.returncode == 64
