"""`schema_verify`: it finds what was changed in a live schema, and nothing where nothing was."""

import json
import secrets
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from pytest_django import DjangoDbBlocker

from database import history, scratch, status, verification
from database.catalog import Catalog
from database.errors import HistoryError
from database.history import read_history
from database.scratch import Database, apply_with_migrate, django_connection, scratch_database
from database.verification import Severity, Verification, departures, drift, is_month, rebuilt_catalog, verify
from tests.database.conftest import run
from tests.soak import rounds

METER_KEY = "foreign key meter.meter_project_id_fkey"
PARTITION = "meter_reading_2030_01"
MONTH = "CREATE TABLE trial PARTITION OF meter_reading FOR VALUES"
TIME_ZONE = "function is_time_zone(name character varying)"
MAKER = "function create_meter_reading_partition(partition_date date)"
UPDATED = "trigger integration_site.integration_site_updated"
POLICY = "policy integration_site.integration_site_org_policy"

# What a person may do to a live schema, and the object under which it must be found.
DRIFTS = {
    # tables and columns
    "CREATE TABLE trial (id bigint)": "table trial",
    "DROP TABLE fault CASCADE": "table fault",
    "CREATE UNLOGGED TABLE trial (id bigint)": "table trial",
    "ALTER TABLE meter RENAME TO metre": "table meter",
    "ALTER TABLE meter SET (fillfactor = 70)": "table meter",
    "ALTER TABLE fault SET UNLOGGED": "table fault",
    "ALTER TABLE clause ADD COLUMN trial int": "column clause.trial",
    "ALTER TABLE clause DROP COLUMN summary": "column clause.summary",
    "ALTER TABLE clause RENAME COLUMN summary TO digest": "column clause.digest",
    "ALTER TABLE project ALTER COLUMN name TYPE text": "column project.name",
    "ALTER TABLE project ALTER COLUMN name DROP NOT NULL": "column project.name",
    "ALTER TABLE project ALTER COLUMN time_zone SET DEFAULT 'CET'": "column project.time_zone",
    "ALTER TABLE project ALTER COLUMN time_zone DROP DEFAULT": "column project.time_zone",
    'ALTER TABLE project ALTER COLUMN name TYPE varchar COLLATE "C"': "column project.name",
    "ALTER TABLE meter ALTER COLUMN id SET GENERATED ALWAYS": "column meter.id",
    "ALTER TABLE meter ALTER COLUMN id DROP IDENTITY": "column meter.id",
    # keys, checks
    "ALTER TABLE currency DROP CONSTRAINT currency_code_key": "unique currency.currency_code_key",
    "ALTER TABLE project ADD CONSTRAINT trial UNIQUE (name)": "unique project.trial",
    "ALTER TABLE project DROP CONSTRAINT project_time_zone_check": "check project.project_time_zone_check",
    "ALTER TABLE project ADD CHECK (id > 0)": "check project.project_id_check",
    "ALTER TABLE project ADD CONSTRAINT trial CHECK (id > 0) NOT VALID": "check project.trial",
    "ALTER TABLE meter DROP CONSTRAINT meter_project_id_fkey": METER_KEY,
    "ALTER TABLE meter ALTER CONSTRAINT meter_project_id_fkey NOT DEFERRABLE": METER_KEY,
    "ALTER TABLE meter RENAME CONSTRAINT meter_project_id_fkey TO trial": "foreign key meter.trial",
    "ALTER TABLE fault DROP CONSTRAINT fault_pkey CASCADE": "primary key fault.fault_pkey",
    # indexes and statistics
    "CREATE INDEX trial ON meter (unit)": "index meter.trial",
    "DROP INDEX idx_meter_reading_time": "index meter_reading.idx_meter_reading_time",
    "ALTER INDEX idx_meter_reading_time RENAME TO trial": "index meter_reading.trial",
    "CREATE UNIQUE INDEX trial ON meter (unit) WHERE unit = 'kWh'": "index meter.trial",
    "CREATE STATISTICS trial ON project_id, unit FROM meter": "statistics trial",
    # enums, domains, sequences
    "ALTER TYPE updated_frequency ADD VALUE 'yearly'": "enum updated_frequency",
    "ALTER TYPE updated_frequency RENAME VALUE 'min' TO 'minute'": "enum updated_frequency",
    "ALTER TYPE updated_frequency RENAME TO frequency": "enum frequency",
    "CREATE TYPE trial AS ENUM ('a')": "enum trial",
    "CREATE DOMAIN trial AS int": "domain trial",
    "ALTER SEQUENCE meter_reading_id_seq INCREMENT 2": "sequence meter_reading_id_seq",
    "ALTER SEQUENCE meter_id_seq CYCLE": "sequence meter_id_seq",
    "ALTER SEQUENCE meter_reading_id_seq OWNED BY NONE": "sequence meter_reading_id_seq",
    "CREATE SEQUENCE trial": "sequence trial",
    # functions, triggers, views
    "CREATE FUNCTION trial() RETURNS int LANGUAGE sql RETURN 1": "function trial()",
    "DROP FUNCTION create_meter_reading_partition(date)": MAKER,
    "ALTER FUNCTION create_meter_reading_partition(date) SECURITY DEFINER": MAKER,
    "ALTER FUNCTION create_meter_reading_partition(date) RESET search_path": MAKER,
    "ALTER FUNCTION is_time_zone(varchar) IMMUTABLE": TIME_ZONE,
    "CREATE OR REPLACE FUNCTION is_time_zone(name character varying) RETURNS boolean LANGUAGE sql STABLE"
    " AS 'SELECT true'": TIME_ZONE,
    "CREATE PROCEDURE trial() LANGUAGE sql AS ''": "procedure trial()",
    "DROP TRIGGER integration_site_updated ON integration_site": UPDATED,
    "ALTER TABLE integration_site DISABLE TRIGGER integration_site_updated": UPDATED,
    "ALTER TABLE integration_site ENABLE ALWAYS TRIGGER integration_site_updated": UPDATED,
    "CREATE VIEW trial AS SELECT id FROM meter": "view trial",
    "CREATE MATERIALIZED VIEW trial AS SELECT id FROM meter": "materialized view trial",
    # row security and rights
    "ALTER TABLE integration_site DISABLE ROW LEVEL SECURITY": "row security integration_site",
    "ALTER TABLE integration_site FORCE ROW LEVEL SECURITY": "row security integration_site",
    "ALTER TABLE meter ENABLE ROW LEVEL SECURITY": "row security meter",
    "DROP POLICY integration_site_org_policy ON integration_site": POLICY,
    "ALTER POLICY integration_site_org_policy ON integration_site TO anon": POLICY,
    "ALTER POLICY integration_site_org_policy ON integration_site USING (true)": POLICY,
    "CREATE POLICY trial ON integration_site USING (true)": "policy integration_site.trial",
    "GRANT SELECT ON meter TO anon": "grant table meter to anon",
    "GRANT UPDATE (name) ON project TO anon": "grant column project.name to anon",
    "GRANT CREATE ON SCHEMA public TO anon": "grant schema public to anon",
    "GRANT USAGE ON SEQUENCE meter_id_seq TO anon": "grant sequence meter_id_seq to anon",
    "REVOKE EXECUTE ON FUNCTION is_time_zone(varchar) FROM PUBLIC": (
        "grant function is_time_zone(name character varying) to PUBLIC"
    ),
    # comments
    "COMMENT ON TABLE meter_reading IS 'other words'": "comment table meter_reading",
    "COMMENT ON TABLE meter_reading IS NULL": "comment table meter_reading",
    "COMMENT ON COLUMN project.name IS 'new words'": "comment column project.name",
    "COMMENT ON FUNCTION is_time_zone(varchar) IS 'new words'": (
        "comment function is_time_zone(name character varying)"
    ),
    # partitions against their parent
    f"ALTER TABLE {PARTITION} ADD CHECK (energy_wh >= 0)": f"partition {PARTITION}",
    f"ALTER TABLE {PARTITION} ALTER COLUMN energy_wh SET DEFAULT 0": f"partition {PARTITION}",
    f"ALTER TABLE {PARTITION} ALTER COLUMN energy_wh SET NOT NULL": f"partition {PARTITION}",
    f"ALTER TABLE {PARTITION} ENABLE ROW LEVEL SECURITY": f"partition {PARTITION}",
    f"CREATE POLICY trial ON {PARTITION} USING (true)": f"partition {PARTITION}",
    f"GRANT SELECT ON {PARTITION} TO anon": f"partition {PARTITION}",
    f"COMMENT ON TABLE {PARTITION} IS NULL": f"partition {PARTITION}",
    f"CREATE INDEX ON {PARTITION} (energy_wh)": f"partition {PARTITION}",
    f"CREATE INDEX ON {PARTITION} (meter_id)": f"partition {PARTITION}",
    f"ALTER TABLE {PARTITION} SET SCHEMA auth": f"partition auth.{PARTITION}",
    f"ALTER TABLE {PARTITION} SET UNLOGGED": f"partition {PARTITION}",
    f"ALTER TABLE {PARTITION} OWNER TO pg_monitor": f"partition {PARTITION}",
    f"{MONTH} FROM ('2031-01-01 00:00+00') TO ('2031-01-15 00:00+00')": "partition trial",
    f"{MONTH} FROM ('2031-01-01 02:00+00') TO ('2031-02-01 02:00+00')": "partition trial",
    "CREATE TABLE trial PARTITION OF meter_reading DEFAULT": "partition trial",
}


@pytest.fixture(scope="module")
def expected(server: Database) -> Catalog:
    return rebuilt_catalog(server, read_history())


@pytest.fixture(scope="module")
def live(server: Database, migrated: Database) -> Iterator[psycopg.Connection]:
    """A session on a migrated database with one more month, for drifts that are undone."""
    with scratch_database(server, migrated.name) as database, database.connect() as session:
        session.execute("SET search_path = public")  # a user named as the ledger's schema would write there
        session.execute("SELECT create_meter_reading_partition('2030-01-01')")
        yield session


def names(session: psycopg.Connection, expected: Catalog) -> set[str]:
    return {finding.object for finding in departures(session, expected)[0]}


@pytest.mark.parametrize("drifted, found", DRIFTS.items(), ids=DRIFTS)
def test_a_drift_is_found(drifted: str, found: str, live: psycopg.Connection, expected: Catalog) -> None:
    with live.transaction(force_rollback=True):
        live.execute(drifted.encode())
        assert found in names(live, expected)
    assert names(live, expected) == set()


def ask(database: Database, blocker: DjangoDbBlocker) -> Verification:
    with blocker.unblock(), django_connection(database) as connection:
        return verify(connection)


@pytest.mark.soak
def test_clean_rebuilds_raise_no_alarm(migrated: Database, django_db_blocker: DjangoDbBlocker) -> None:
    for _ in range(rounds(50, 2)):
        found = ask(migrated, django_db_blocker)
        assert (found.findings, found.code, found.files) == ((), 0, len(read_history()))
        assert found.objects > 1000


def test_new_months_are_no_drift(migrated_copy: Database, django_db_blocker: DjangoDbBlocker) -> None:
    with migrated_copy.connect() as session:
        session.execute(
            "SELECT create_meter_reading_partition(month::date)"
            " FROM generate_series(date '2028-01-01', date '2029-12-01', interval '1 month') AS month"
        )
    assert ask(migrated_copy, django_db_blocker).findings == ()


def test_rights_that_a_database_grants_beforehand_are_no_drift(
    server: Database, django_db_blocker: DjangoDbBlocker
) -> None:
    """As Supabase does for the roles of its API."""
    with scratch_database(server) as database:
        with database.connect() as session:
            for kind in ("TABLES", "SEQUENCES", "FUNCTIONS"):
                session.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON {kind} TO anon".encode())
            session.execute("GRANT USAGE ON SCHEMA public TO anon")
        with django_db_blocker.unblock():
            apply_with_migrate(database)
        assert ask(database, django_db_blocker).findings == ()


def test_an_interrupted_detachment_is_found(migrated_copy: Database, expected: Catalog) -> None:
    with migrated_copy.connect() as session, migrated_copy.connect() as reader:
        (partition,) = session.execute(
            "SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'meter_reading'::regclass"
        ).fetchall()[0]
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM meter_reading")
        session.execute("SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            session.execute(f"ALTER TABLE meter_reading DETACH PARTITION {partition} CONCURRENTLY".encode())
        reader.execute("ROLLBACK")
        found = departures(session, expected)[0]
    assert [(finding.code, finding.object) for finding in found] == [("PARTITION-DETACHING", f"partition {partition}")]
    assert f"DETACH PARTITION {partition} FINALIZE" in found[0].fix


@pytest.mark.parametrize(
    "bounds, expected",
    [
        ("('2026-01-01 00:00:00+00') TO ('2026-02-01 00:00:00+00')", True),
        ("('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00')", True),
        ("('2026-12-01 00:00:00+00') TO ('2026-01-01 00:00:00+00')", False),
        ("('2026-01-01 00:00:00+00') TO ('2026-03-01 00:00:00+00')", False),
        ("('2026-01-02 00:00:00+00') TO ('2026-02-01 00:00:00+00')", False),
        ("('2026-01-01 01:00:00+00') TO ('2026-02-01 01:00:00+00')", False),
        ("(MINVALUE) TO ('2026-02-01 00:00:00+00')", False),
    ],
)
def test_a_partition_holds_one_month_of_utc(bounds: str, expected: bool) -> None:
    assert is_month(f"FOR VALUES FROM {bounds}") is expected


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the schema files that is read instead of the project's."""
    for part in ("versions", "migrations"):
        shutil.copytree(history.ROOT / part, tmp_path / part)
    for module in (status, verification):
        monkeypatch.setattr(module, "read_history", partial(read_history, tmp_path))
    return tmp_path / "migrations"


def test_an_edit_of_content_is_shown_line_by_line(
    migrated: Database, folder: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    file = folder / "012_project_time_zone.sql"
    file.write_text(file.read_text().replace("DEFAULT 'UTC'", "DEFAULT 'CET'"))
    found = ask(migrated, django_db_blocker)
    assert found.code == 3
    ((code, name, detail),) = [(finding.code, finding.object, finding.detail) for finding in found.findings]
    assert (code, name) == ("CHANGED", file.name)
    assert "\n-    ADD COLUMN IF NOT EXISTS time_zone varchar NOT NULL DEFAULT 'UTC';\n" in detail
    assert "\n+    ADD COLUMN IF NOT EXISTS time_zone varchar NOT NULL DEFAULT 'CET';" in detail


def test_an_edit_of_looks_is_a_warning(migrated: Database, folder: Path, django_db_blocker: DjangoDbBlocker) -> None:
    file = folder / "012_project_time_zone.sql"
    file.write_text("-- Reviewed.\n" + file.read_text())
    found = ask(migrated, django_db_blocker)
    assert found.code == 0
    assert [(finding.code, finding.severity) for finding in found.findings] == [("CHANGED-COSMETIC", Severity.WARNING)]
    assert found.findings[0].fix.endswith("schema_repair --repin 012.")


def test_a_deleted_file_is_rebuilt_from_the_ledger(
    migrated: Database, folder: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    last = read_history()[-1].name
    (folder / last).unlink()
    found = ask(migrated, django_db_blocker)
    assert [(finding.code, finding.object) for finding in found.findings] == [("MISSING-FILE", last)]


def test_it_leaves_nothing_behind(
    migrated: Database, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = secrets.token_hex(8)
    monkeypatch.setattr("database.scratch.secrets.token_hex", lambda _: own)
    with django_db_blocker.unblock(), django_connection(migrated) as connection:
        drift(connection, read_history())
        with pytest.raises(HistoryError, match="does not run in an empty database"):
            drift(connection, read_history()[1:])
    with migrated.connect() as session:
        assert session.execute("SELECT FROM pg_database WHERE datname = %s", [scratch.PREFIX + own]).rowcount == 0


def test_a_login_that_may_not_create_databases_is_told(migrated: Database, django_db_blocker: DjangoDbBlocker) -> None:
    with migrated.connect() as session:
        session.execute("CREATE ROLE frontier_trial_reader LOGIN PASSWORD 'trial' IN ROLE pg_read_all_data")
    try:
        reader = Database(
            migrated.name, migrated.settings, {**migrated.libpq, "user": "frontier_trial_reader", "password": "trial"}
        )
        done = run(reader, "schema_verify")
    finally:
        with migrated.connect() as session:
            session.execute("DROP ROLE frontier_trial_reader")
    assert done.returncode == 3
    assert "this login may not create one. Nothing was changed." in done.stderr


def test_the_command_says_equal_and_ends_with_zero(migrated: Database) -> None:
    done = run(migrated, "schema_verify")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"objects compared with a rebuild of {len(read_history())} files: equal.\n")


def test_the_command_names_a_drift_its_cure_and_ends_with_three(migrated_copy: Database) -> None:
    with migrated_copy.connect() as session:
        session.execute("ALTER TABLE clause DROP COLUMN summary")
    done = run(migrated_copy, "schema_verify", "--json")
    assert (done.returncode, done.stderr) == (3, "")
    told = json.loads(done.stdout)
    assert (told["version"], told["command"], told["database"]) == (1, "schema_verify", migrated_copy.name)
    assert told["findings"] == [
        {
            "code": "MISSING",
            "object": "column clause.summary",
            "detail": "expected text",
            "fix": "Put it back as described; if it went on purpose, write that into a new file with new_migration.",
            "severity": "error",
        }
    ]


def test_tables_without_a_ledger_end_with_three(from_files: Database) -> None:
    done = run(from_files, "schema_verify")
    assert done.returncode == 3
    assert "no ledger of the files that made them" in done.stderr
