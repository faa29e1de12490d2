"""The rules of schema files: what they find, what they let pass, and that the history keeps them."""

from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import pytest

from database import lint as rules
from database.history import NO_TRANSACTION, SchemaFile, read_history
from database.lint import EXCEPTIONS, RULES, Finding, lint
from database.phrases import Schema, Text

HISTORY = read_history()
NEXT = len(HISTORY)
BEFORE = reduce(lambda schema, file: schema.after(Text(file)), HISTORY, Schema())
TABLE = (
    "CREATE TABLE IF NOT EXISTS visit (id bigint PRIMARY KEY, meter_id bigint NOT NULL, {});\n"
    "COMMENT ON TABLE visit IS 'Fact: a visit.';"
)
PARENT = (
    "CREATE TABLE IF NOT EXISTS visit (id bigint, at timestamptz) PARTITION BY RANGE (at);\n"
    "COMMENT ON TABLE visit IS 'Fact: a visit.';\n"
)


def found_in(folder: Path, *sqls: str) -> list[Finding]:
    """What the rules find in files that follow the history, the last of them."""
    files = []
    for number, sql in enumerate(sqls, NEXT):
        path = folder / f"{number:03d}_try.sql"
        path.write_text(sql if sql.startswith(NO_TRANSACTION) else f"-- Tries a rule for the tests.\n{sql}\n")
        files.append(SchemaFile(number, path))
    return [finding for finding in lint(files, BEFORE) if finding.file == files[-1].name]


BROKEN = [
    # the schema as it shall be
    ("policy-without-row-security", "DROP POLICY IF EXISTS p ON meter; CREATE POLICY p ON meter USING (true)"),
    ("row-security-not-forced", "ALTER TABLE meter ENABLE ROW LEVEL SECURITY"),
    (
        "partition-bound-without-zone",
        PARENT + "DO $$ BEGIN CREATE TABLE v1 PARTITION OF visit FOR VALUES FROM ('2026-01-01') TO ('2026-02-01"
        " 00:00+00'); END $$",
    ),
    (
        "partition-bound-without-zone",
        "DO $$ BEGIN IF true THEN ALTER TABLE meter_reading ATTACH PARTITION v FOR VALUES FROM ('2026-01-01"
        " 00:00') TO (MAXVALUE); END IF; END $$",
    ),
    ("partition-if-not-exists", PARENT + "CREATE TABLE IF NOT EXISTS v1 PARTITION OF visit DEFAULT"),
    (
        "partition-of-live-parent",
        "DO $$ BEGIN CREATE TABLE v1 PARTITION OF meter_reading FOR VALUES FROM ('2030-01-01 00:00:00+00') TO"
        " ('2030-02-01 00:00:00Z'); END $$",
    ),
    (
        "concurrently-on-partitioned",
        f"{NO_TRANSACTION} because of the index\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON meter_reading (quality)",
    ),
    (
        "concurrently-on-partitioned",
        f"{NO_TRANSACTION} because of the index\nDROP INDEX CONCURRENTLY IF EXISTS idx_meter_reading_time",
    ),
    (
        "not-valid-on-partitioned",
        "ALTER TABLE meter_reading DROP CONSTRAINT IF EXISTS f, ADD CONSTRAINT f FOREIGN KEY (meter_id)"
        " REFERENCES meter (id) DEFERRABLE INITIALLY DEFERRED NOT VALID",
    ),
    (
        "security-definer-without-search-path",
        "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS $$ SELECT 1 $$",
    ),
    ("security-definer-without-search-path", "ALTER FUNCTION get_contract_pii_count(bigint) SECURITY DEFINER"),
    ("check-with-null", TABLE.format("CONSTRAINT c CHECK (id IN (1, 2, NULL))")),
    ("check-with-null", TABLE.format("CONSTRAINT c CHECK (id = ANY (ARRAY[1, NULL]))")),
    ("check-with-null", TABLE.format("CONSTRAINT c CHECK (meter_id <> NULL)")),
    (
        "check-with-null",
        "ALTER TABLE meter DROP CONSTRAINT IF EXISTS c, ADD CONSTRAINT c CHECK (unit NOT IN (NULL, 'kWh'))",
    ),
    ("tenant-rows", "INSERT INTO organization (name) VALUES ('ACME') ON CONFLICT DO NOTHING"),
    ("tenant-rows", "INSERT INTO public.project (name) SELECT 'Alpha' WHERE NOT EXISTS (SELECT 1)"),
    ("tenant-rows", "DO $$ BEGIN IF true THEN INSERT INTO contract DEFAULT VALUES; END IF; END $$"),
    ("tenant-rows", "COPY meter (id) FROM '/tmp/meters.csv'"),
    (
        "foreign-key-not-deferrable",
        TABLE.format("CONSTRAINT f FOREIGN KEY (meter_id) REFERENCES meter (id) ON DELETE CASCADE")
        + "CREATE INDEX IF NOT EXISTS i ON visit (meter_id)",
    ),
    (
        "foreign-key-not-deferrable",
        "ALTER TABLE asset ADD COLUMN IF NOT EXISTS m bigint CONSTRAINT f REFERENCES meter DEFERRABLE; CREATE"
        " INDEX IF NOT EXISTS i ON asset (m)",
    ),
    ("table-without-comment", "CREATE TABLE IF NOT EXISTS visit (id bigint PRIMARY KEY)"),
    ("drop-without-if-exists", "DROP INDEX idx_meter_reading_time"),
    ("drop-without-if-exists", "ALTER TABLE meter DROP CONSTRAINT meter_pkey"),
    ("drop-without-if-exists", "DROP POLICY ingestion_log_org_policy ON ingestion_log"),
    ("not-repeatable", "CREATE TABLE visit (id bigint PRIMARY KEY); COMMENT ON TABLE visit IS 'Fact: a visit.'"),
    ("not-repeatable", "CREATE INDEX i ON meter (unit)"),
    ("not-repeatable", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    ("not-repeatable", "CREATE TYPE mood AS ENUM ('good')"),
    ("not-repeatable", "ALTER TYPE status ADD VALUE 'paused'"),
    ("not-repeatable", "ALTER TABLE meter ADD COLUMN colour text"),
    ("not-repeatable", "ALTER TABLE meter ADD colour text"),
    ("not-repeatable", "ALTER TABLE meter ADD CONSTRAINT c CHECK (id > 0)"),
    ("not-repeatable", "CREATE TRIGGER t BEFORE UPDATE ON meter FOR EACH ROW EXECUTE FUNCTION f()"),
    (
        "not-repeatable",
        "ALTER TABLE ingestion_log FORCE ROW LEVEL SECURITY; CREATE POLICY p ON ingestion_log USING (true)",
    ),
    ("not-repeatable", "INSERT INTO currency (name, code) VALUES ('Euro', 'EUR')"),
    ("cascade", "DROP TYPE IF EXISTS mood CASCADE"),
    ("cascade", "ALTER TABLE meter DROP CONSTRAINT IF EXISTS meter_pkey CASCADE"),
    (
        "enum-value-used",
        "ALTER TYPE status ADD VALUE IF NOT EXISTS 'paused'; UPDATE contract SET name = name WHERE status = 'paused'",
    ),
    ("pending-constraints", "UPDATE meter SET unit = 'kWh'; ALTER TABLE meter ALTER COLUMN unit SET NOT NULL"),
    ("django-table", "COMMENT ON TABLE django.core_user IS 'Logins.'"),
    ("django-table", "CREATE INDEX IF NOT EXISTS i ON core_user (email)"),
    ("column-type", TABLE.format("price double precision")),
    ("column-type", TABLE.format("at timestamp")),
    ("column-type", TABLE.format("at timestamp(3) without time zone")),
    ("column-type", TABLE.format("note json")),
    ("column-type", "ALTER TABLE meter ADD COLUMN IF NOT EXISTS share real"),
    ("column-type", "ALTER TABLE meter ALTER COLUMN unit TYPE char(3)"),
    ("unnamed-constraint", TABLE.format("CHECK (id > 0)")),
    ("unnamed-constraint", TABLE.format("code text UNIQUE")),
    (
        "unindexed-foreign-key",
        TABLE.format("CONSTRAINT f FOREIGN KEY (meter_id) REFERENCES meter (id) DEFERRABLE INITIALLY DEFERRED"),
    ),
    ("view-without-security-invoker", "CREATE OR REPLACE VIEW credentials AS SELECT id FROM integration_credential"),
    ("grant-to-everyone", "GRANT SELECT ON meter TO authenticated, anon"),
    ("grant-to-everyone", "GRANT EXECUTE ON FUNCTION f() TO PUBLIC"),
    ("name-too-long", f"CREATE INDEX IF NOT EXISTS {'i' * 64} ON meter (unit)"),
    (
        "default-of-statement",
        "ALTER TABLE meter ADD COLUMN IF NOT EXISTS at timestamptz DEFAULT (STATEMENT_TIMESTAMP())",
    ),
    # what locks, rewrites or loses much
    ("rewrites-table", "ALTER TABLE meter_aggregate ALTER COLUMN reading_count TYPE bigint"),
    ("rewrites-table", "ALTER TABLE event ADD COLUMN IF NOT EXISTS token uuid NOT NULL DEFAULT gen_random_uuid()"),
    ("rewrites-table", "ALTER TABLE event ADD COLUMN IF NOT EXISTS number bigint GENERATED ALWAYS AS IDENTITY"),
    ("rewrites-table", "ALTER TABLE event ADD COLUMN IF NOT EXISTS kwh numeric(1) GENERATED ALWAYS AS (id * 2) STORED"),
    ("scans-under-lock", "ALTER TABLE event DROP CONSTRAINT IF EXISTS c, ADD CONSTRAINT c CHECK (id > 0)"),
    (
        "scans-under-lock",
        "ALTER TABLE fault DROP CONSTRAINT IF EXISTS fault_asset_id_fkey, ADD CONSTRAINT fault_asset_id_fkey"
        " FOREIGN KEY (asset_id) REFERENCES asset (id) DEFERRABLE INITIALLY DEFERRED",
    ),
    (
        "scans-under-lock",
        "ALTER TABLE event DROP CONSTRAINT IF EXISTS c, ADD CONSTRAINT c CHECK (id > 0) NOT VALID; ALTER TABLE"
        " event VALIDATE CONSTRAINT c",
    ),
    ("not-null-under-lock", "ALTER TABLE meter_aggregate ALTER COLUMN reading_count SET NOT NULL"),
    ("index-blocks-writes", "CREATE INDEX IF NOT EXISTS i ON meter_reading (quality)"),
    ("index-blocks-writes", 'CREATE UNIQUE INDEX IF NOT EXISTS i ON public."event" (id)'),
    ("index-blocks-writes", "ALTER TABLE event DROP CONSTRAINT IF EXISTS u, ADD CONSTRAINT u UNIQUE (id)"),
    ("index-blocks-writes", "REINDEX TABLE meter_aggregate"),
    ("changes-many-rows", "UPDATE meter_reading SET quality = 'measured'"),
    ("changes-many-rows", "DO $$ BEGIN DELETE FROM event WHERE id < 5; END $$"),
    ("breaks-running-code", "DO $$ BEGIN IF true THEN ALTER TABLE meter RENAME COLUMN model TO make; END IF; END $$"),
    ("drops-data", "ALTER TABLE meter DROP COLUMN IF EXISTS unit"),
    ("drops-data", "DROP TABLE IF EXISTS fault"),
    ("drops-data", "TRUNCATE ingestion_log"),
]


@pytest.mark.parametrize("code, sql", BROKEN, ids=[f"{code}-{number}" for number, (code, _) in enumerate(BROKEN)])
def test_a_rule_finds_what_breaks_it_and_no_other_rule_does(code: str, sql: str, tmp_path: Path) -> None:
    assert {finding.code for finding in found_in(tmp_path, sql)} == {code}


def test_a_file_without_a_purpose(tmp_path: Path) -> None:
    path = tmp_path / f"{NEXT}_try.sql"
    path.write_text("SELECT 1;\n")
    (finding,) = lint([SchemaFile(NEXT, path)])
    assert str(finding) == f"{NEXT}_try.sql, line 1: The file does not say what it is for. (no-purpose)"


def test_every_rule_has_a_case_an_id_and_a_code_of_its_own() -> None:
    assert {rule.code for rule in RULES} - {code for code, _ in BROKEN} == {"no-purpose"}
    assert len({rule.id for rule in RULES}) == len({rule.code for rule in RULES}) == len(RULES)
    assert {rule.id for rule in RULES if rule.only_new} == {rule.id for rule in RULES if ".W" in rule.id}


@pytest.mark.parametrize(
    "sql",
    [
        TABLE.format("CONSTRAINT c CHECK (id IN (1, 2) OR meter_id IS NULL)"),
        TABLE.format(
            "kwh numeric(24,12), realm text, chart text, money_id bigint, timestamps timestamptz[], value bigint"
        ),
        TABLE.format(
            "CONSTRAINT f FOREIGN KEY (meter_id) REFERENCES meter (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED"
        )
        + "CREATE INDEX IF NOT EXISTS i ON visit (meter_id)",
        "ALTER TABLE meter ADD COLUMN IF NOT EXISTS code text CONSTRAINT c UNIQUE CONSTRAINT d CHECK (code <> '')",
        "ALTER TABLE event ADD COLUMN IF NOT EXISTS note varchar(20) NOT NULL DEFAULT 'x'::character varying(20)",
        "ALTER TABLE event ADD COLUMN IF NOT EXISTS at timestamptz NOT NULL DEFAULT now()",
        "ALTER TABLE event DROP CONSTRAINT IF EXISTS c, ADD CONSTRAINT c CHECK (id > 0) NOT VALID",
        "ALTER TABLE meter DROP CONSTRAINT IF EXISTS c, ADD CONSTRAINT c CHECK (id > 0)",
        "ALTER TABLE fault_type ALTER COLUMN name TYPE text",
        f"{NO_TRANSACTION}\n-- The index is built while readings come in.\nCREATE INDEX CONCURRENTLY IF NOT"
        f" EXISTS i ON event (id)",
        "INSERT INTO currency (name, code) VALUES ('Euro', 'EUR') ON CONFLICT (code) DO NOTHING",
        "SET CONSTRAINTS ALL IMMEDIATE; UPDATE meter SET unit = NULL WHERE unit = ''; ALTER TABLE meter ALTER"
        " unit SET NOT NULL",
        "DROP TRIGGER IF EXISTS t ON meter; CREATE TRIGGER t BEFORE UPDATE ON meter FOR EACH ROW EXECUTE FUNCTION f()",
        "DO $$ BEGIN IF true THEN CREATE TYPE mood AS ENUM ('good'); END IF; END $$",
        "ALTER TYPE status ADD VALUE IF NOT EXISTS 'paused'; COMMENT ON TYPE status IS 'paused'",
        "CREATE OR REPLACE FUNCTION f() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path ="
        " pg_catalog, public"
        " BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; DELETE FROM event; END",
        "CREATE OR REPLACE VIEW v WITH (security_invoker = true, security_barrier) AS SELECT id FROM meter",
        "ALTER TABLE meter ENABLE ROW LEVEL SECURITY; ALTER TABLE meter FORCE ROW LEVEL SECURITY;"
        " DROP POLICY IF EXISTS p ON meter; CREATE POLICY p ON meter USING (id = 1)",
        PARENT + "DO $$ BEGIN IF to_regclass('v1') IS NULL THEN CREATE TABLE v1 PARTITION OF visit"
        " FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2026-02-01T00:00Z'); END IF; END $$",
        "CREATE TEMP TABLE IF NOT EXISTS held AS SELECT 1; GRANT SELECT ON meter TO authenticated",
        "-- UPDATE meter_reading; DROP TABLE meter CASCADE;\nCOMMENT ON TABLE meter IS 'Fact: DROP TABLE meter"
        " CASCADE;'",
    ],
)
def test_what_keeps_the_rules_is_let_pass(sql: str, tmp_path: Path) -> None:
    assert [str(finding) for finding in found_in(tmp_path, sql)] == []


def test_not_null_may_follow_a_check_that_was_validated_before(tmp_path: Path) -> None:
    added = "ALTER TABLE event DROP CONSTRAINT IF EXISTS c, ADD CONSTRAINT c CHECK (description IS NOT NULL) NOT VALID;"
    validated = "ALTER TABLE event VALIDATE CONSTRAINT c;"
    final = "ALTER TABLE event ALTER COLUMN description SET NOT NULL;"
    assert found_in(tmp_path, added, validated, final) == []
    assert [finding.code for finding in found_in(tmp_path, added, final)] == ["not-null-under-lock"]


def test_the_history_keeps_the_rules() -> None:
    assert lint(HISTORY) == []


def test_every_exception_for_a_frozen_file_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "EXCEPTIONS", {})
    assert {(finding.file, finding.code) for finding in lint(HISTORY)} == EXCEPTIONS.keys()


def test_what_locks_is_not_said_of_files_that_every_database_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "SETTLED", 0)
    assert "015_ingestion_once.sql" in {finding.file for finding in lint(HISTORY)}


def test_a_finding_names_its_line_and_its_cure(tmp_path: Path) -> None:
    (finding,) = found_in(tmp_path, "\nALTER TABLE meter\n    ADD COLUMN IF NOT EXISTS a text,\n    ADD COLUMN b text;")
    assert finding.line == 5
    assert finding.hint == "Write every statement so that the file may run a second time and change nothing."


def test_an_exception_stands_above_its_statement_with_a_reason(tmp_path: Path) -> None:
    drop = "DROP TABLE IF EXISTS fault;"
    allowed = "-- lint: allow drops-data because nothing was ever in it\n"
    assert found_in(tmp_path, allowed + drop) == []
    assert [finding.code for finding in found_in(tmp_path, drop + "\n" + allowed + "SELECT 1;")] == [
        "drops-data",
        "exception",
    ]
    assert [finding.code for finding in found_in(tmp_path, "-- lint: allow drops-data\n" + drop)] == [
        "drops-data",
        "exception",
    ]
    unknown = found_in(tmp_path, "-- lint: allow everything because I may\nSELECT 1;")
    assert [finding.text for finding in unknown] == ["The exception for everything is not needed."]


def cases() -> Iterator[str]:
    yield from (sql for _, sql in BROKEN)


def test_layout_hides_nothing(tmp_path: Path) -> None:
    """The same findings whether keywords are small, lines broken or names quoted."""
    for sql in cases():
        code = {finding.code for finding in found_in(tmp_path, sql)}
        if not sql.startswith(NO_TRANSACTION) and "$$" not in sql:
            assert {finding.code for finding in found_in(tmp_path, sql.lower().replace(" ", "\n  "))} == code
