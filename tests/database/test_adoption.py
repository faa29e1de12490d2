"""`migrate --baseline`: a database that has the schema and no ledger is compared, then taken over."""

from collections.abc import Iterator

import pytest

from database.adoption import files_up_to
from database.catalog import Catalog, compare, read_catalog
from database.errors import HistoryError
from database.history import read_history
from database.scratch import Database, apply_with_psql, scratch_database
from tests.database.conftest import run
from tests.database.test_migrate import nothing_of_ours, recorded

LAST = read_history()[-1]


@pytest.fixture
def psql_made(server: Database, from_files: Database) -> Iterator[Database]:
    """A database that psql alone made, with every file."""
    with scratch_database(server, from_files.name) as database:
        yield database


def kinds(database: Database) -> list[tuple[int, str]]:
    with database.connect() as session:
        rows = session.execute("SELECT number, kind FROM frontier_ops.schema_ledger ORDER BY number")
        return [(number, kind) for number, kind in rows]


@pytest.mark.parametrize("named", ["7", "007", "007_meter_aggregate_enhance.sql"])
def test_the_last_file_is_named_by_number_or_name(named: str) -> None:
    assert [file.number for file in files_up_to(named)] == list(range(8))


@pytest.mark.parametrize("named", ["99", "-1", "seven", "007_meter", ""])
def test_a_file_that_does_not_exist_is_refused(named: str) -> None:
    with pytest.raises(HistoryError, match="there is no such schema file"):
        files_up_to(named)


def test_a_database_with_every_file_is_taken_over(psql_made: Database, files_catalog: Catalog) -> None:
    done = run(psql_made, "migrate", "--baseline", str(LAST.number))
    assert done.returncode == 0, done.stderr
    assert f"Adopted {LAST.number + 1} files, up to {LAST.name}." in done.stderr
    assert kinds(psql_made) == [(file.number, "adopted") for file in read_history()]
    with psql_made.connect() as session:
        assert compare(files_catalog, read_catalog(session)) == []
    assert run(psql_made, "schema_status", "--check").returncode == 0
    assert run(psql_made, "schema_verify").returncode == 0


def test_the_later_files_are_applied_after_it(empty: Database, files_catalog: Catalog) -> None:
    apply_with_psql(empty, read_history()[:13])
    done = run(empty, "migrate", "--baseline", "012")
    assert done.returncode == 0, done.stderr
    assert kinds(empty) == [(file.number, "adopted" if file.number <= 12 else "applied") for file in read_history()]
    with empty.connect() as session:
        assert compare(files_catalog, read_catalog(session)) == []


@pytest.mark.parametrize("number", [11, 13])
def test_a_database_with_other_files_is_not_touched(number: int, empty: Database) -> None:
    apply_with_psql(empty, read_history()[:13])
    done = run(empty, "migrate", "--baseline", str(number))
    assert done.returncode == 3
    assert f"is not what the files up to {read_history()[number].name} make" in done.stderr
    assert "Nothing was changed." in done.stderr
    assert ("EXTRA column project.time_zone" if number == 11 else "MISSING column meter_aggregate.") in done.stderr
    assert nothing_of_ours(empty)


def test_one_difference_is_enough_and_is_named(psql_made: Database) -> None:
    with psql_made.connect() as session:
        session.execute("CREATE INDEX trial ON meter (unit)")
    done = run(psql_made, "migrate", "--baseline", str(LAST.number))
    assert done.returncode == 3
    assert "1 of " in done.stderr
    assert "EXTRA index meter.trial" in done.stderr
    assert nothing_of_ours(psql_made)


def test_a_plan_compares_and_writes_nothing(psql_made: Database) -> None:
    done = run(psql_made, "migrate", "--baseline", str(LAST.number), "--plan")
    assert done.returncode == 0, done.stderr
    assert nothing_of_ours(psql_made)


def test_a_database_with_a_ledger_is_not_adopted(migrated_copy: Database) -> None:
    before = recorded(migrated_copy)
    done = run(migrated_copy, "migrate", "--baseline", str(LAST.number))
    assert done.returncode == 3
    assert "so there is nothing to adopt. Nothing was changed." in done.stderr
    assert recorded(migrated_copy) == before


def test_an_unknown_number_is_refused(empty: Database) -> None:
    done = run(empty, "migrate", "--baseline", "99")
    assert done.returncode == 3
    assert f"99: there is no such schema file. The last one is {LAST.name}." in done.stderr
    assert nothing_of_ours(empty)
