"""What the system checks of the schema find, each named after its id. No database is asked."""

import hashlib
import shutil
from functools import partial
from pathlib import Path

import pytest
from django.core.checks import ERROR, WARNING

from database import checks, history
from database.checks import check_history, check_sql
from database.history import NO_TRANSACTION, read_history
from database.operations import twins
from database.scratch import Database
from tests.database.conftest import run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the schema files that the checks read instead of the project's."""
    for part in ("versions", "migrations"):
        shutil.copytree(history.ROOT / part, tmp_path / part)
    monkeypatch.setattr(checks, "read_history", partial(read_history, tmp_path))
    return tmp_path


def found() -> list[tuple[str | None, str]]:
    return [(message.id, message.msg) for message in check_history(None)]


def test_the_project_is_in_step() -> None:
    assert check_history(None) == []
    assert check_sql(None) == []


def test_e001_a_file_in_another_encoding(folder: Path) -> None:
    (folder / "migrations" / "016_invoice_guards.sql").write_bytes("-- Größe\nSELECT 1;".encode("latin-1"))
    assert found() == [
        ("database.E001", "016_invoice_guards.sql, line 1: the file is not UTF-8. Save it as UTF-8."),
    ]
    assert check_sql(None) == []


def test_e001_a_gap_in_the_numbers(folder: Path) -> None:
    (folder / "migrations" / "004_enhance_clause_table.sql").unlink()
    ((number, text),) = found()
    assert number == "database.E001"
    assert text.startswith("005_update_clause_categories.sql stands where number 004 belongs")


def test_e002_a_file_that_no_migration_runs(folder: Path) -> None:
    last = len(read_history())
    (folder / "migrations" / f"{last:03d}_forgotten.sql").write_text("-- Adds nothing.\nSELECT 1;\n")
    assert found() == [
        ("database.E002", f"{last:03d}_forgotten.sql is run by 0 Django migrations instead of one."),
    ]


def test_e002_a_migration_whose_file_is_gone(folder: Path) -> None:
    gone = read_history()[-1].name
    (folder / "migrations" / gone).unlink()
    ((number, text),) = found()
    assert number == "database.E002"
    assert text.endswith(f"names {gone}, which does not exist.")


def test_e003_a_file_edited_after_its_migration_was_written(folder: Path) -> None:
    with (folder / "migrations" / "015_ingestion_once.sql").open("a") as file:
        file.write("\n")
    assert found() == [
        ("database.E003", "015_ingestion_once.sql was edited after metering.0008_ingestion_once was written."),
    ]


def test_e006_a_statement_that_may_not_be_there(folder: Path) -> None:
    with (folder / "migrations" / "015_ingestion_once.sql").open("a") as file:
        file.write("COMMIT;\n")
    line = (folder / "migrations" / "015_ingestion_once.sql").read_text().splitlines().index("COMMIT;") + 1
    expected = f"015_ingestion_once.sql, line {line}: COMMIT may not be used: the runner owns the transaction"
    assert ("database.E006", expected) in found()


def test_e007_a_file_without_a_transaction_needs_a_migration_without_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = read_history()[-1]
    text = f"{NO_TRANSACTION}\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON meter (unit);\n"
    (folder / "migrations" / last.name).write_text(text)
    named = twins()
    named[last.name].sha256 = hashlib.sha256(text.encode()).hexdigest()
    monkeypatch.setattr(checks, "twins", lambda: dict(named))
    assert found() == [
        ("database.E007", f"{named[last.name].migration} runs {last.name} in a transaction."),
    ]


def test_what_the_rules_find_in_a_newer_file_is_an_error_or_a_warning(folder: Path) -> None:
    last = len(read_history())
    (folder / "migrations" / f"{last:03d}_try.sql").write_text(
        "-- Tries what the rules find.\n\nDROP TABLE fault;\nCREATE INDEX IF NOT EXISTS i ON event (id);\n"
    )
    messages = {(message.id, message.level, message.msg.split(":")[0]) for message in check_sql(None)}
    assert messages == {
        ("database.E023", ERROR, f"{last:03d}_try.sql, line 3"),
        ("database.W013", WARNING, f"{last:03d}_try.sql, line 4"),
        ("database.W016", WARNING, f"{last:03d}_try.sql, line 3"),
    }
    assert all(message.hint for message in check_sql(None))


def test_e004_a_migration_that_changes_the_schema_beside_the_files(project_copy: Path, server: Database) -> None:
    (project_copy / "metering" / "migrations" / "0099_beside.py").write_text(
        "from django.db import migrations, models\n\n\n"
        "class Migration(migrations.Migration):\n"
        f'    dependencies = [("metering", "{last_migration(project_copy, "metering")}")]\n'
        '    operations = [migrations.AddField("meter", "colour", models.TextField(null=True))]\n'
    )
    done = run(server, "check", project=project_copy)
    assert done.returncode == 1
    assert "(database.E004) metering.0099_beside changes the schema by itself" in done.stderr
    assert "Put the change into a numbered SQL file" in done.stderr


def test_e005_a_migration_that_does_not_wait_for_the_file_before(project_copy: Path, server: Database) -> None:
    migration = project_copy / "core" / "migrations" / "0008_default_event_evidence.py"
    text = migration.read_text()
    loosened = text.replace('        ("metering", "0003_meter_aggregate_enhance"),\n', "")
    assert loosened != text
    migration.write_text(loosened)
    done = run(server, "check", project=project_copy)
    assert done.returncode == 1
    assert (
        "(database.E005) core.0008_default_event_evidence, which runs 008_default_event_evidence.sql,"
        " does not depend on metering.0003_meter_aggregate_enhance." in done.stderr
    )


def last_migration(project: Path, app: str) -> str:
    """The newest migration of an app."""
    return max(path.stem for path in (project / app / "migrations").glob("0*.py") if path.stem < "0099")
