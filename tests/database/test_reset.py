"""`reset_database`: what it destroys, what it leaves, and when it refuses."""

import json
from collections.abc import Callable, Iterator

import pytest
from pytest_django import DjangoDbBlocker

from database import reset
from database.backups import RefusedError
from database.catalog import Catalog, compare, read_catalog
from database.reset import Loss, OtherDatabaseError
from database.scratch import Database, apply_with_migrate, django_connection, scratch_database
from tests.database.conftest import run
from tests.database.test_production import on_terminal

Reset = Callable[..., Loss]


@pytest.fixture
def filled(server: Database, seeded: Database) -> Iterator[Database]:
    """A database with the seeds, to be emptied."""
    with scratch_database(server, seeded.name) as database:
        yield database


@pytest.fixture
def empty_out(django_db_blocker: DjangoDbBlocker) -> Reset:
    """Resets a database that is called by its name, unless told otherwise."""

    def done(database: Database, name: str = "", show: Callable[[Loss], object] = lambda _: None) -> Loss:
        with django_db_blocker.unblock(), django_connection(database) as connection:
            return reset.reset(connection, name or database.name, show=show, tell=lambda _: None)

    return done


def left(database: Database) -> set[str]:
    """The schemas of the database and all that lies in `public`."""
    with database.connect() as session:
        rows = session.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' UNION ALL"
            " SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend"
            " WHERE refclassid = 'pg_namespace'::regclass AND refobjid = 'public'::regnamespace"
        ).fetchall()
    return {name for (name,) in rows}


def test_everything_of_ours_goes_and_migrate_begins_anew(
    filled: Database, empty_out: Reset, files_catalog: Catalog, django_db_blocker: DjangoDbBlocker
) -> None:
    empty_out(filled)
    assert left(filled) == {"auth", "public"}
    with django_db_blocker.unblock():
        apply_with_migrate(filled)
    with filled.connect() as session:
        assert compare(files_catalog, read_catalog(session)) == []
        assert session.execute("SELECT count(*) FROM organization").fetchone() == (0,)


def test_whatever_lies_in_public_goes(filled: Database, empty_out: Reset) -> None:
    with filled.connect() as session:
        for statement in (
            "CREATE VIEW a_view AS SELECT code FROM currency",
            "CREATE MATERIALIZED VIEW a_copy AS SELECT code FROM currency",
            "CREATE SEQUENCE a_sequence",
            "CREATE TABLE with_serial (id serial)",
            "CREATE TYPE a_pair AS (a integer, b integer)",
            "CREATE DOMAIN a_domain AS integer CHECK (VALUE > 0)",
            "CREATE PROCEDURE a_procedure() LANGUAGE sql AS 'SELECT 1'",
            "CREATE AGGREGATE an_aggregate(integer) (SFUNC = int4pl, STYPE = integer)",
            "CREATE STATISTICS some_statistics ON code, name FROM currency",
            'CREATE TABLE "A; DROP TABLE b" ()',
            "CREATE TABLE django.uses_ours (pair public.a_pair)",
        ):
            session.execute(statement.encode())
    empty_out(filled)
    assert left(filled) == {"auth", "public"}


def test_rights_on_public_and_extensions_stay(filled: Database, empty_out: Reset) -> None:
    with filled.connect() as session:
        session.execute("GRANT CREATE ON SCHEMA public TO service_role")
        session.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO anon")
        rights = session.execute("SELECT nspacl::text FROM pg_namespace WHERE nspname = 'public'").fetchone()
    empty_out(filled)
    with filled.connect() as session:
        assert session.execute("SELECT nspacl::text FROM pg_namespace WHERE nspname = 'public'").fetchone() == rights
        session.execute("CREATE TABLE later ()")
        assert session.execute("SELECT has_table_privilege('anon', 'later', 'SELECT')").fetchone() == (True,)


def test_the_people_in_auth_stay(filled: Database, empty_out: Reset) -> None:
    empty_out(filled)
    with filled.connect() as session:
        assert session.execute("SELECT count(*) > 0 FROM auth.users").fetchone() == (True,)


def test_what_will_be_lost_is_shown_before_it_is(filled: Database, empty_out: Reset) -> None:
    shown: list[Loss] = []

    def look(loss: Loss) -> None:
        with filled.connect() as session:
            assert session.execute("SELECT count(*) FROM currency").fetchone() == (155,)
        shown.append(loss)

    loss = empty_out(filled, show=look)
    by_name = {table.name: table for table in loss.tables}
    assert shown == [loss]
    assert by_name["public.currency"].rows == 155
    assert by_name["frontier_ops.schema_ledger"].rows > 16
    # A partitioned table counts with all its partitions, which have no line of their own.
    assert by_name["public.meter_reading"].bytes > 100_000
    assert not [name for name in by_name if name.startswith("public.meter_reading_")]
    assert loss.rows == sum(table.rows for table in loss.tables)
    lines = reset.describe(loss)
    assert lines[0].startswith(f"This destroys {len(loss.tables)} tables with {loss.rows:,} rows (")
    assert any(line.startswith("  public.currency: 155 rows, ") for line in lines)


def test_another_name_is_refused(filled: Database, empty_out: Reset) -> None:
    before = left(filled)
    with pytest.raises(OtherDatabaseError, match=f"This database is {filled.name}, and postgres was meant"):
        empty_out(filled, "postgres")
    assert left(filled) == before
    assert run(filled, "reset_database", "--yes-i-mean", "postgres").returncode == 64


def test_others_who_are_connected_are_named_and_stay(filled: Database, empty_out: Reset) -> None:
    before = left(filled)
    with filled.connect() as session:
        session.execute("SET application_name = 'the web server'")
        pid = session.info.backend_pid
        with pytest.raises(RefusedError, match=rf"process {pid} \(the web server, as {filled.libpq['user']}, idle\)"):
            empty_out(filled)
        done = run(filled, "reset_database", "--yes-i-mean", filled.name)
        assert done.returncode == 7
        assert "the web server" in done.stderr
    assert left(filled) == before


def test_all_goes_or_nothing(filled: Database, empty_out: Reset) -> None:
    before = left(filled)
    with filled.connect() as session:
        # Refuses to be dropped, after everything else was.
        session.execute(
            "CREATE FUNCTION auth.keep() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() WHERE schema_name = 'frontier_ops')"
            " THEN RAISE 'the ledger is kept'; END IF; END $$"
        )
        session.execute("CREATE EVENT TRIGGER keep ON sql_drop EXECUTE FUNCTION auth.keep()")
    with pytest.raises(RefusedError, match="the ledger is kept"):
        empty_out(filled)
    assert left(filled) == before


def test_a_reset_may_be_done_twice(filled: Database, empty_out: Reset) -> None:
    empty_out(filled)
    assert empty_out(filled).tables == ()
    assert left(filled) == {"auth", "public"}


def test_without_a_name_and_without_a_terminal_nothing_happens(filled: Database) -> None:
    before = left(filled)
    done = run(filled, "reset_database")
    assert done.returncode == 7
    assert "--yes-i-mean NAME" in done.stderr
    assert left(filled) == before


def test_on_a_terminal_the_name_is_asked_for(filled: Database) -> None:
    before = left(filled)
    code, said = on_terminal(filled, "yes", "reset_database")
    assert code == 64
    assert "public.currency: 155 rows" in said
    assert left(filled) == before
    assert on_terminal(filled, filled.name, "reset_database")[0] == 0
    assert left(filled) == {"auth", "public"}


def test_machines_read_what_was_lost(filled: Database) -> None:
    done = run(filled, "reset_database", "--yes-i-mean", filled.name, "--json")
    told = json.loads(done.stdout)
    assert (told["version"], told["command"], told["database"]) == (1, "reset_database", filled.name)
    (lost,) = (item for item in told["items"] if item["name"] == "public.currency")
    assert (lost["rows"], lost["bytes"] > 0) == (155, True)
    assert told["summary"].endswith("run `apply_schema` or `migrate`.")
