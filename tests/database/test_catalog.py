"""The catalog notices every kind of change, and nothing else."""

import os
import subprocess

import psycopg
import pytest

from database.catalog import (
    Catalog,
    Difference,
    compare,
    normalise,
    read_catalog,
    read_partitions,
    without_chosen_names,
)
from database.scratch import Database, client_program, run_psql, scratch_database

# Each fault, and the kind and identity of one object that must be named for it.
FAULTS = [
    ("DROP TABLE invoice_comparison_line_item", "table invoice_comparison_line_item"),
    ("CREATE TABLE extra (id bigint)", "table extra"),
    ("ALTER TABLE invoice_comparison_line_item SET UNLOGGED", "table invoice_comparison_line_item"),
    ("ALTER TABLE asset SET (fillfactor = 70)", "table asset"),
    ("CREATE TABLE child () INHERITS (vendor)", "table child"),
    ("ALTER TABLE asset ADD COLUMN colour text", "column asset.colour"),
    ("ALTER TABLE asset DROP COLUMN model", "column asset.model"),
    ("ALTER TABLE asset RENAME COLUMN model TO make", "column asset.make"),
    ("ALTER TABLE rule_output ALTER ld_amount TYPE numeric(20,2)", "column rule_output.ld_amount"),
    ("ALTER TABLE contract ALTER parsing_status TYPE text", "column contract.parsing_status"),
    ("ALTER TABLE event ALTER time_end TYPE timestamp", "column event.time_end"),
    ("ALTER TABLE meter ALTER model SET NOT NULL", "column meter.model"),
    ("ALTER TABLE meter ALTER meter_type_id DROP NOT NULL", "column meter.meter_type_id"),
    ("ALTER TABLE contract ALTER version SET DEFAULT 2", "column contract.version"),
    ("ALTER TABLE contract ALTER created_at DROP DEFAULT", "column contract.created_at"),
    ("ALTER TABLE contract ALTER created_at SET DEFAULT clock_timestamp()", "column contract.created_at"),
    ("ALTER TABLE vendor ALTER id DROP IDENTITY", "column vendor.id"),
    ("ALTER TABLE vendor ALTER id SET GENERATED ALWAYS", "column vendor.id"),
    ('ALTER TABLE vendor ALTER name TYPE varchar COLLATE "POSIX"', "column vendor.name"),
    (
        "ALTER TABLE billing_period ADD days integer GENERATED ALWAYS AS (end_date - start_date + 1) STORED",
        "column billing_period.days",
    ),
    ("ALTER TABLE vendor DROP CONSTRAINT vendor_pkey CASCADE", "primary key vendor.vendor_pkey"),
    ("ALTER TABLE vendor RENAME CONSTRAINT vendor_pkey TO pk_vendor", "primary key vendor.pk_vendor"),
    ("ALTER TABLE currency DROP CONSTRAINT currency_code_key", "unique currency.currency_code_key"),
    ("ALTER TABLE currency RENAME CONSTRAINT currency_code_key TO code", "unique currency.code"),
    (
        "ALTER TABLE currency DROP CONSTRAINT currency_code_key,"
        " ADD CONSTRAINT currency_code_key UNIQUE (code) DEFERRABLE",
        "unique currency.currency_code_key",
    ),
    ("ALTER TABLE event DROP CONSTRAINT event_times_check", "check event.event_times_check"),
    (
        "ALTER TABLE event DROP CONSTRAINT event_times_check,"
        " ADD CONSTRAINT event_times_check CHECK (time_end > time_start)",
        "check event.event_times_check",
    ),
    (
        "ALTER TABLE role DROP CONSTRAINT role_role_type_check,"
        " ADD CONSTRAINT role_role_type_check CHECK (role_type IN ('admin', 'staff', 'guest'))",
        "check role.role_role_type_check",
    ),
    (
        "ALTER TABLE event DROP CONSTRAINT event_times_check,"
        " ADD CONSTRAINT event_times_check CHECK (time_end >= time_start) NOT VALID",
        "check event.event_times_check",
    ),
    ("ALTER TABLE meter DROP CONSTRAINT meter_asset_id_fkey", "foreign key meter.meter_asset_id_fkey"),
    (
        "ALTER TABLE meter DROP CONSTRAINT meter_asset_id_fkey, ADD CONSTRAINT meter_asset_id_fkey"
        " FOREIGN KEY (asset_id) REFERENCES vendor (id) DEFERRABLE INITIALLY DEFERRED",
        "foreign key meter.meter_asset_id_fkey",
    ),
    (
        "ALTER TABLE meter DROP CONSTRAINT meter_asset_id_fkey, ADD CONSTRAINT meter_asset_id_fkey"
        " FOREIGN KEY (asset_id) REFERENCES asset (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED",
        "foreign key meter.meter_asset_id_fkey",
    ),
    ("ALTER TABLE meter ALTER CONSTRAINT meter_asset_id_fkey NOT DEFERRABLE", "foreign key meter.meter_asset_id_fkey"),
    ("CREATE EXTENSION btree_gist; ALTER TABLE fault ADD CONSTRAINT one EXCLUDE (id WITH =)", "exclusion fault.one"),
    ("DROP INDEX idx_meter_project_id", "index meter.idx_meter_project_id"),
    ("ALTER INDEX idx_meter_project_id RENAME TO idx_meter_project", "index meter.idx_meter_project"),
    ("DROP INDEX idx_meter_reading_time", "index meter_reading.idx_meter_reading_time"),
    ("CREATE INDEX extra ON ONLY meter_reading (quality)", "index meter_reading.extra"),
    (
        "DROP INDEX idx_clause_confidence_score; CREATE INDEX idx_clause_confidence_score ON clause (confidence_score)",
        "index clause.idx_clause_confidence_score",
    ),
    (
        "DROP INDEX uq_rule_output_current; CREATE INDEX uq_rule_output_current"
        " ON rule_output (clause_id, period_start, period_end) WHERE superseded_at IS NULL",
        "index rule_output.uq_rule_output_current",
    ),
    ("CREATE STATISTICS region ON country, region FROM grid_event", "statistics region"),
    ("ALTER TYPE severity ADD VALUE 'none'", "enum severity"),
    ("ALTER TYPE severity ADD VALUE 'urgent' BEFORE 'high'", "enum severity"),
    ("ALTER TYPE severity RENAME VALUE 'low' TO 'minor'", "enum severity"),
    ("CREATE DOMAIN share AS numeric CHECK (VALUE BETWEEN 0 AND 1)", "domain share"),
    (
        "CREATE OR REPLACE FUNCTION get_contract_pii_count(p_contract_id bigint) RETURNS integer LANGUAGE sql STABLE"
        " SET search_path = pg_catalog, public AS 'SELECT 0'",
        "function get_contract_pii_count(p_contract_id bigint)",
    ),
    ("ALTER FUNCTION log_pii_access(bigint) RESET search_path", "function log_pii_access(p_contract_id bigint)"),
    ("ALTER FUNCTION log_pii_access(bigint) SECURITY DEFINER", "function log_pii_access(p_contract_id bigint)"),
    ("ALTER FUNCTION get_contract_pii_count(bigint) VOLATILE", "function get_contract_pii_count(p_contract_id bigint)"),
    ("DROP FUNCTION get_parsing_statistics(integer)", "function get_parsing_statistics(p_days_back integer)"),
    ("CREATE PROCEDURE tidy() LANGUAGE sql AS 'SELECT 1'", "procedure tidy()"),
    (
        "ALTER TABLE integration_site DISABLE TRIGGER integration_site_updated",
        "trigger integration_site.integration_site_updated",
    ),
    ("DROP TRIGGER integration_site_updated ON integration_site", "trigger integration_site.integration_site_updated"),
    (
        "CREATE OR REPLACE TRIGGER integration_site_updated AFTER UPDATE ON integration_site"
        " FOR EACH ROW EXECUTE FUNCTION update_integration_site_timestamp()",
        "trigger integration_site.integration_site_updated",
    ),
    ("ALTER TABLE ingestion_log DISABLE ROW LEVEL SECURITY", "row security ingestion_log"),
    ("ALTER TABLE ingestion_log FORCE ROW LEVEL SECURITY", "row security ingestion_log"),
    ("DROP POLICY ingestion_log_org_policy ON ingestion_log", "policy ingestion_log.ingestion_log_org_policy"),
    (
        "ALTER POLICY ingestion_log_org_policy ON ingestion_log USING (true)",
        "policy ingestion_log.ingestion_log_org_policy",
    ),
    (
        "ALTER POLICY ingestion_log_org_policy ON ingestion_log TO anon",
        "policy ingestion_log.ingestion_log_org_policy",
    ),
    (
        "CREATE POLICY narrow ON ingestion_log AS RESTRICTIVE FOR DELETE TO authenticated USING (false)",
        "policy ingestion_log.narrow",
    ),
    ("COMMENT ON TABLE clause IS 'something else'", "comment table clause"),
    ("COMMENT ON TABLE clause IS NULL", "comment table clause"),
    ("COMMENT ON COLUMN clause.name IS 'what it is called'", "comment column clause.name"),
    (
        "COMMENT ON FUNCTION log_pii_access(bigint) IS NULL",
        "comment function log_pii_access(p_contract_id bigint)",
    ),
    ("COMMENT ON INDEX idx_meter_project_id IS 'fast'", "comment index meter.idx_meter_project_id"),
    ("ALTER SEQUENCE vendor_id_seq INCREMENT 2", "sequence vendor_id_seq"),
    ("ALTER SEQUENCE meter_reading_id_seq OWNED BY NONE", "sequence meter_reading_id_seq"),
    ("GRANT SELECT ON clause TO anon", "grant table clause to anon"),
    ("GRANT UPDATE (name) ON clause TO anon", "grant column clause.name to anon"),
    ("GRANT SELECT ON vendor_id_seq TO anon", "grant sequence vendor_id_seq to anon"),
    ("REVOKE EXECUTE ON FUNCTION log_pii_access(bigint) FROM PUBLIC",
     "grant function log_pii_access(p_contract_id bigint) to PUBLIC"),
    ("GRANT CREATE ON SCHEMA public TO anon", "grant schema public to anon"),
    ("CREATE VIEW open_event AS SELECT * FROM event WHERE status = 'open'", "view open_event"),
    ("CREATE MATERIALIZED VIEW number AS SELECT count(*) FROM event", "materialized view number"),
]  # fmt: skip


@pytest.mark.parametrize("fault, named", FAULTS, ids=[fault[:60] for fault, _ in FAULTS])
def test_a_change_is_noticed(fault: str, named: str, session: psycopg.Connection, files_catalog: Catalog) -> None:
    for statement in fault.split("; "):
        session.execute(statement.encode())
    found = {f"{difference.kind} {difference.identity}" for difference in compare(files_catalog, read_catalog(session))}
    assert named in found


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE meter RENAME CONSTRAINT meter_pkey TO pk",
        "ALTER TABLE meter RENAME CONSTRAINT meter_asset_id_fkey TO fk",
        "ALTER INDEX idx_meter_asset_id RENAME TO ix",
    ],
)
def test_a_name_that_django_chooses_can_be_passed_over(
    change: str, session: psycopg.Connection, files_catalog: Catalog
) -> None:
    session.execute(change.encode())
    assert compare(files_catalog, read_catalog(session))
    assert compare(without_chosen_names(files_catalog), without_chosen_names(read_catalog(session))) == []


@pytest.mark.parametrize(
    "fault, named",
    [
        ("ALTER TABLE meter DROP CONSTRAINT meter_pkey CASCADE", "primary key meter (id)"),
        ("ALTER TABLE meter DROP CONSTRAINT meter_asset_id_fkey", "foreign key meter (asset_id)"),
        ("ALTER TABLE meter ADD FOREIGN KEY (asset_id) REFERENCES asset (id)", "foreign key meter (asset_id)"),
        ("DROP INDEX idx_meter_asset_id", "index meter (asset_id)"),
        ("CREATE INDEX again ON meter (asset_id)", "index meter (asset_id)"),
        ("CREATE UNIQUE INDEX single ON meter (asset_id)", "index meter.single"),
        ("CREATE INDEX partial ON meter (asset_id) WHERE unit IS NULL", "index meter.partial"),
        ("ALTER INDEX idx_meter_reading_time RENAME TO ix", "index meter_reading.ix"),
        ("ALTER TABLE event RENAME CONSTRAINT event_times_check TO times", "check event.times"),
        ("ALTER TABLE currency RENAME CONSTRAINT currency_code_key TO code", "unique currency.code"),
    ],
)
def test_everything_else_is_still_noticed(
    fault: str, named: str, session: psycopg.Connection, files_catalog: Catalog
) -> None:
    session.execute(fault.encode())
    differences = compare(without_chosen_names(files_catalog), without_chosen_names(read_catalog(session)))
    assert named in {f"{difference.kind} {difference.identity}" for difference in differences}


def test_a_catalog_equals_itself_whatever_the_session_is_set_to(
    session: psycopg.Connection, files_catalog: Catalog
) -> None:
    session.execute("SET LOCAL search_path = public, pg_catalog")
    session.execute("SET LOCAL TimeZone = 'Pacific/Kiritimati'")
    session.execute("SET LOCAL DateStyle = 'German'")
    session.execute("SET LOCAL quote_all_identifiers = on")
    assert compare(files_catalog, read_catalog(session)) == []


def test_reading_leaves_the_session_as_it_was(session: psycopg.Connection) -> None:
    session.execute("SET LOCAL search_path = django, public")
    read_catalog(session)
    assert session.execute("SHOW search_path").fetchone() == ("django, public",)


def test_rows_are_no_difference(session: psycopg.Connection, files_catalog: Catalog) -> None:
    session.execute("INSERT INTO vendor (name) SELECT 'vendor ' || number FROM generate_series(1, 100) AS number")
    session.execute("ANALYZE vendor")
    assert compare(files_catalog, read_catalog(session)) == []


def test_a_month_more_is_no_difference_but_is_listed(session: psycopg.Connection, files_catalog: Catalog) -> None:
    before = read_partitions(session)
    session.execute("SELECT create_meter_reading_partition('2031-02-14')")
    assert compare(files_catalog, read_catalog(session)) == []
    (made,) = set(read_partitions(session)) - set(before)
    assert (made.name, made.parent) == ("meter_reading_2031_02", "meter_reading")
    assert made.bounds == "FOR VALUES FROM ('2031-02-01 00:00:00+00') TO ('2031-03-01 00:00:00+00')"


def test_what_an_extension_brings_is_no_difference(session: psycopg.Connection, files_catalog: Catalog) -> None:
    session.execute("CREATE EXTENSION hstore SCHEMA public")
    assert compare(files_catalog, read_catalog(session)) == []


def test_a_dumped_and_restored_database_is_no_difference(
    server: Database, from_files: Database, files_catalog: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with from_files.connect() as session:
        major = session.info.server_version // 10000
    dumped = tmp_path_factory.mktemp("dump") / "schema.sql"
    subprocess.run(
        [str(client_program("pg_dump", major)), "--schema-only", "--no-owner", f"--file={dumped}"],
        env=from_files.environment,
        check=True,
    )
    dump = dumped.read_text().replace("CREATE SCHEMA public;", "")
    # A pg_dump of a newer PostgreSQL sets what an older server does not know.
    dumped.write_text("\n".join(line for line in dump.splitlines() if not line.startswith("SET transaction_timeout")))
    with scratch_database(server) as restored:
        run_psql(restored, dumped)
        with restored.connect() as session:
            assert compare(files_catalog, read_catalog(session)) == []


def test_a_list_of_values_has_one_spelling() -> None:
    written = "CHECK (((a)::text = ANY ((ARRAY['x'::character varying, 'it''s, y'::character varying])::text[])))"
    restored = (
        "CHECK (((a)::text = ANY (ARRAY[('x'::character varying)::text, ('it''s, y'::character varying)::text])))"
    )
    assert normalise("check", written) == restored == normalise("check", restored)


def test_a_difference_reads_as_a_sentence() -> None:
    assert str(Difference("index", "a.b", "x", None)) == "index a.b is missing: x"
    assert str(Difference("index", "a.b", None, "x")) == "index a.b should not be there: x"
    assert str(Difference("column", "a.b", "text", "integer")) == "column a.b is integer, expected text"
    assert str(Difference("function", "f()", "begin\n1\nend", "begin\n2\nend")) == (
        "function f() differs:\n--- expected\n+++ found\n@@ -1,3 +1,3 @@\n begin\n-1\n+2\n end"
    )


def test_a_password_is_shown_in_no_representation(server: Database) -> None:
    assert server.libpq.get("password", "?") not in repr(server)
    assert server.environment["PGDATABASE"] == server.name
    assert set(os.environ) <= set(server.environment)
