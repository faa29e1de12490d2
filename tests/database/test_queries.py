"""The query files: how they are read and run, what each validation finds, and the numbers of the reports."""

import csv
import json
import subprocess
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django import DjangoDbBlocker

from core.models import BillingPeriod, Contract, Currency
from database import queries, seeds
from database.management import Exit
from database.management.commands.run_query import pair
from database.queries import (
    QueryFailedError,
    QueryFileError,
    Result,
    UnknownNameError,
    ValueRefusedError,
    find,
    read_queries,
    to_csv,
)
from database.scratch import Database, client_program, django_connection, scratch_database
from invoicing.models import InvoiceHeader
from tests.database.conftest import run
from tests.factories import (
    BillingPeriodFactory,
    ClauseCategoryFactory,
    ClauseFactory,
    ClauseTariffFactory,
    ContractFactory,
    CurrencyFactory,
    DefaultEventFactory,
    ExpectedInvoiceHeaderFactory,
    ExpectedInvoiceLineItemFactory,
    InvoiceComparisonFactory,
    InvoiceHeaderFactory,
    InvoiceLineItemFactory,
    NotificationFactory,
    OrganizationFactory,
    ReceivedInvoiceHeaderFactory,
    RoleFactory,
    RuleOutputFactory,
    UserFactory,
    as_issued,
)

METER_FILE = seeds.ROOT / "fixtures" / "december_readings.csv"
CHAIN = (
    ("load_test_data",),
    (
        *("ingest_readings", str(METER_FILE), "--project", "Sonora Solar Park", "--time-column", "timestamp"),
        *("--energy-column", "energy_kwh", "--energy-unit", "kWh", "--irradiance-column", "irradiance_wm2"),
        *("--irradiance-unit", "W/m2", "--interval", "15min", "--label", "start"),
    ),
    ("evaluate_compliance", "--period", "2025-12"),
    ("generate_invoices", "--period", "2025-12"),
    ("compare_invoices", "--period", "2025-12"),
)


@pytest.fixture(scope="session")
def walked(server: Database, migrated: Database) -> Iterator[Database]:
    """A database with reference data, fixtures and a December that was loaded, judged, billed and compared."""
    with scratch_database(server, migrated.name) as database:
        for step in CHAIN:
            done = run(database, *step)
            assert done.returncode == 0, done.stderr
        yield database


@pytest.fixture(scope="session")
def walked_connection(walked: Database, django_db_blocker: DjangoDbBlocker) -> Iterator[BaseDatabaseWrapper]:
    with django_db_blocker.unblock(), django_connection(walked) as opened:
        yield opened


@pytest.fixture
def spoiled(walked_connection: BaseDatabaseWrapper) -> Iterator[Callable[[str], dict[str, list[tuple[str, str]]]]]:
    """Runs statements on the walked database, tells what the validation finds then, and takes them back."""
    alias = walked_connection.alias

    def spoil(statements: str) -> dict[str, list[tuple[str, str]]]:
        with walked_connection.cursor() as cursor:
            cursor.execute("SET LOCAL search_path = public")
            cursor.execute(statements)
        return found(queries.run(walked_connection, find("test_queries")))

    with transaction.atomic(using=alias):
        yield spoil
        transaction.set_rollback(True, using=alias)


def found(results: list[Result]) -> dict[str, list[tuple[str, str]]]:
    return {
        result.query.name: [(str(thing), str(finding)) for thing, finding in result.rows]
        for result in results
        if result.rows
    }


def answer(name: str, **values: str) -> list[dict[str, object]]:
    """The rows of one query on the database of the test, by column."""
    (result,) = queries.run(connection, find(name), values)
    return [dict(zip(result.columns, row, strict=True)) for row in result.rows]


# --- the validation


@pytest.mark.parametrize("steps", [1, 2])
def test_nothing_is_found_in_reference_data_and_in_fixtures(server: Database, migrated: Database, steps: int) -> None:
    with scratch_database(server, migrated.name) as database:
        for command in ("load_reference_data", "load_test_data")[:steps]:
            assert run(database, command).returncode == 0
        done = run(database, "run_query", "test_queries")
    assert (done.returncode, done.stdout.strip()) == (0, f"{len(find('test_queries').queries)} checks, nothing found")


def test_nothing_is_found_after_a_month_was_loaded_judged_billed_and_compared(
    spoiled: Callable[[str], dict[str, list[tuple[str, str]]]],
) -> None:
    assert spoiled("SELECT 1") == {}


OTHER_ORGANIZATION = "(SELECT id FROM organization WHERE name = 'Borealis Renewables')"
OTHER_PROJECT = "(SELECT id FROM project WHERE name = 'Nordlys Wind Farm')"
O_AND_M = "(SELECT id FROM contract WHERE name LIKE '%O&M%')"
PPA = "(SELECT id FROM contract WHERE name LIKE '%PPA')"
NEW_INVOICE = f"""
    ALTER TABLE invoice_header DISABLE TRIGGER pgtrigger_issued_is_final_ba802;
    INSERT INTO invoice_header (id, contract_id, billing_period_id, counterparty_id, currency_id, total_amount, status,
        invoice_number, invoice_date)
    SELECT {{id}}, contract.id, billing_period.id, counterparty_id, currency.id, 0, 'sent', {{number}}, {{date}}
    FROM contract, billing_period, currency
    WHERE contract.id = {PPA} AND billing_period.name = '2026-01' AND currency.code = 'USD';
    SET CONSTRAINTS ALL IMMEDIATE;
    ALTER TABLE invoice_header ENABLE ALWAYS TRIGGER pgtrigger_issued_is_final_ba802;
"""
NEW_READING = """
    INSERT INTO meter_reading (organization_id, project_id, meter_id, source_system, reading_timestamp, energy_wh)
    SELECT organization_id, project.id, meter.id, 'manual', '{at}', 0
    FROM meter JOIN project ON project.id = project_id WHERE meter.id = {meter};
"""

# What is done to a sound database, the check that must find it, and what it must say. Nothing else may be found.
SPOILED = [
    (
        "ALTER TABLE asset ADD CONSTRAINT trial CHECK (name <> '') NOT VALID",
        "constraints_are_validated",
        "asset.trial is not validated: CHECK (((name)::text <> ''::text)) NOT VALID",
    ),
    (
        "ALTER TABLE invoice_header DISABLE TRIGGER pgtrigger_issued_is_final_ba802",
        "triggers_are_enabled",
        "invoice_header.pgtrigger_issued_is_final_ba802 does not fire: its trigger is disabled",
    ),
    (
        "ALTER TABLE role DISABLE TRIGGER ALL",
        "triggers_are_enabled",
        "role.role_organization_id_fkey does not fire: 2 triggers of it are disabled",
    ),
    (
        "SET LOCAL session_replication_role = replica; DELETE FROM vendor WHERE name = 'Lumenar Inverters';"
        " SET LOCAL session_replication_role = origin",
        "foreign_keys_hold",
        "asset.asset_vendor_id_fkey 1 of its rows name a row of vendor that does not exist",
    ),
    (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_event_project_id'::regclass",
        "indexes_are_valid",
        "idx_event_project_id is not valid: no query uses it",
    ),
    (
        "ALTER TABLE ingestion_log DISABLE ROW LEVEL SECURITY",
        "policies_are_in_force",
        "ingestion_log has 2 policies and row security is not enabled",
    ),
    (
        "ALTER TABLE meter_reading_2025_11 ENABLE ROW LEVEL SECURITY",
        "partitions_guard_like_their_parent",
        "meter_reading_2025_11 row security is on, other than that of meter_reading",
    ),
    (
        "ALTER TABLE meter_reading FORCE ROW LEVEL SECURITY",
        "partitions_guard_like_their_parent",
        "meter_reading_2025_11 row security is not forced, other than that of meter_reading",
    ),
    (
        "GRANT SELECT ON meter_reading_2025_11 TO authenticated",
        "partitions_guard_like_their_parent",
        "meter_reading_2025_11 grants are not those of meter_reading",
    ),
    (
        "ALTER TABLE meter_reading_2025_11 OWNER TO authenticated",
        "partitions_guard_like_their_parent",
        None,
    ),
    (
        "CREATE POLICY own ON meter_reading_2025_11 USING (true);"
        " ALTER TABLE meter_reading_2025_11 ENABLE ROW LEVEL SECURITY",
        "partitions_guard_like_their_parent",
        "meter_reading_2025_11 row security is on, other than that of meter_reading;"
        " policies are not those of meter_reading",
    ),
    (
        "DROP TRIGGER meter_reading_insert_references ON meter_reading_2025_11",
        "partitions_guard_like_their_parent",
        "meter_reading_2025_11 triggers are not those of meter_reading",
    ),
    (
        "DO $$ BEGIN EXECUTE format('DROP TABLE meter_reading_%s',"
        " to_char(now() AT TIME ZONE 'UTC' + interval '1 month', 'YYYY_MM')); END $$",
        "partitions_reach_ahead",
        None,
    ),
    (
        "DELETE FROM auth.users WHERE email = 'nora.north@example.com'",
        "roles_have_a_user",
        None,
    ),
    (f"UPDATE event SET organization_id = {OTHER_ORGANIZATION}", "tenants_agree", None),
    (f"UPDATE notification SET organization_id = {OTHER_ORGANIZATION}", "tenants_agree", None),
    (f"UPDATE default_event SET organization_id = {OTHER_ORGANIZATION}", "tenants_agree", None),
    (
        "SET LOCAL session_replication_role = replica;"
        f" UPDATE meter_aggregate SET organization_id = {OTHER_ORGANIZATION};"
        " SET LOCAL session_replication_role = origin",
        "tenants_agree",
        None,
    ),
    (
        "SET LOCAL session_replication_role = replica;"
        f" UPDATE meter_reading SET organization_id = {OTHER_ORGANIZATION};"
        " SET LOCAL session_replication_role = origin",
        "tenants_agree",
        None,
    ),
    (f"UPDATE contract SET organization_id = {OTHER_ORGANIZATION}", "tenants_agree", None),
    (f"UPDATE clause SET project_id = {OTHER_PROJECT}", "projects_agree", None),
    (f"UPDATE clause_tariff SET project_id = {OTHER_PROJECT}", "projects_agree", None),
    (f"UPDATE rule_output SET project_id = {OTHER_PROJECT}", "projects_agree", None),
    (f"UPDATE default_event SET project_id = {OTHER_PROJECT}", "projects_agree", None),
    (f"UPDATE expected_invoice_header SET project_id = {OTHER_PROJECT}", "projects_agree", None),
    (f"UPDATE invoice_header SET project_id = {OTHER_PROJECT}", "projects_agree", None),
    (f"UPDATE received_invoice_header SET project_id = {OTHER_PROJECT}", "projects_agree", None),
    (f"UPDATE fault SET project_id = {OTHER_PROJECT}", "projects_agree", None),
    (
        f"SET LOCAL session_replication_role = replica; UPDATE meter_reading SET project_id = {OTHER_PROJECT};"
        " SET LOCAL session_replication_role = origin",
        "projects_agree",
        None,
    ),
    (f"UPDATE default_event SET contract_id = {O_AND_M} WHERE contract_id = {PPA}", "contracts_agree", None),
    (
        f"UPDATE clause_tariff SET contract_id = {O_AND_M}, valid_from = '2024-01-01', valid_to = '2024-01-31'"
        f" WHERE contract_id = {PPA}",
        "contracts_agree",
        None,
    ),
    ("UPDATE received_invoice_header SET counterparty_id = 3", "contracts_agree", None),
    (
        "UPDATE notification SET rule_output_id = (SELECT max(id) FROM rule_output WHERE breach) WHERE id = 1",
        "contracts_agree",
        None,
    ),
    (
        "UPDATE invoice_comparison_line_item SET invoice_comparison_id = (SELECT max(id) FROM invoice_comparison)",
        "contracts_agree",
        None,
    ),
    (
        "SET LOCAL session_replication_role = replica;"
        "INSERT INTO meter_reading (organization_id, project_id, meter_id, source_system, reading_timestamp)"
        " SELECT organization_id, id, 4711, 'manual', '2025-11-10 03:00-07' FROM project LIMIT 1;"
        " SET LOCAL session_replication_role = origin",
        "readings_have_a_meter",
        "meter_reading of meter 4711 1 readings of a meter that does not exist",
    ),
    (
        # At night: without energy and irradiance, so that no sum changes.
        "DELETE FROM meter_reading WHERE reading_timestamp IN ('2025-11-10 03:00-07', '2025-11-10 03:15-07')",
        "readings_have_no_gaps",
        "meter 1 no readings from 2025-11-10 03:00:00 to 2025-11-10 03:30:00 in America/Phoenix (00:30:00),"
        " after one of 15min",
    ),
    (
        NEW_READING.format(at="2025-11-10 03:05-07", meter=1),
        "readings_do_not_overlap",
        "meter 1 2 readings last into the next one, the first the one of 15min at 2025-11-10 10:00:00 UTC",
    ),
    (
        "UPDATE meter_aggregate SET energy_wh = energy_wh + 1, energy_kwh = energy_kwh + 0.001"
        " WHERE period_type = 'monthly' AND period_start = '2025-11-01 00:00-07'",
        "aggregates_match_readings",
        "meter_aggregate 1 monthly of meter 1 from 2025-11-01 07:00 UTC says 6689103839 Wh and 6689103.839 kWh,"
        " its readings 6689103838 Wh",
    ),
    (
        "UPDATE meter_aggregate SET energy_kwh = energy_wh WHERE period_type = 'monthly'"
        " AND period_start = '2025-11-01 00:00-07'",
        "aggregates_match_readings",
        None,
    ),
    (
        "INSERT INTO meter (project_id, meter_type_id) SELECT project_id, meter_type_id FROM meter;"
        + NEW_READING.format(at="2025-11-30 23:45-07", meter="(SELECT max(id) FROM meter)"),
        "readings_are_aggregated",
        None,
    ),
    (
        "UPDATE ingestion_log SET rows_skipped = 7",
        "loads_add_up",
        "ingestion_log 1 december_readings.csv has 2976 rows: 2976 loaded, 7 skipped, 0 failed",
    ),
    (
        "SET LOCAL session_replication_role = replica;"
        "UPDATE clause SET normalized_payload = normalized_payload - ARRAY['threshold', 'measurement_period']"
        " WHERE section_ref = '4.2'; SET LOCAL session_replication_role = origin",
        "guarantees_can_be_judged",
        "clause 1 lacks measurement_period, threshold",
    ),
    ("UPDATE rule_output SET metadata_detail = '{}' WHERE created_by = 'fixture'", "verdicts_are_explained", None),
    ("UPDATE rule_output SET content_hash = NULL", "verdicts_are_explained", None),
    (
        "UPDATE rule_output SET metadata_detail = jsonb_set(metadata_detail, '{steps,0,up}', '958501')"
        " WHERE content_hash IS NOT NULL AND clause_id = 1",
        "verdict_hashes_match",
        "rule_output 3 its explanation is not the one that was hashed",
    ),
    ("UPDATE rule_output SET default_event_id = NULL WHERE id = 1", "verdicts_and_defaults_agree", None),
    ("UPDATE rule_output SET breach = false WHERE id = 1", "verdicts_and_defaults_agree", None),
    ("UPDATE rule_output SET currency_id = NULL WHERE id = 2", "verdicts_and_defaults_agree", None),
    ("UPDATE rule_output SET invoice_adjustment = 1 WHERE id = 1", "verdicts_and_defaults_agree", None),
    ("UPDATE default_event SET superseded_at = now() WHERE id = 1", "verdicts_and_defaults_agree", None),
    (
        "UPDATE default_event SET evidence = NULL WHERE id = 1",
        "defaults_have_evidence",
        "default_event 1 keeps no evidence",
    ),
    (
        "UPDATE default_event SET evidence = jsonb_set(evidence, '{data_hash}', '\"other\"') WHERE id = 3",
        "defaults_have_evidence",
        "default_event 3 keeps evidence of other readings than those that verdict 3 rests on",
    ),
    (
        "UPDATE invoice_header SET total_amount = total_amount + 1 WHERE id = 1",
        "invoice_totals_add_up",
        "invoice_header 1 says 227802.28, its 2 lines 227801.28",
    ),
    (
        "UPDATE invoice_line_item SET quantity = quantity + 100 WHERE id = 1",
        "invoice_lines_add_up",
        "invoice_line_item 1 says 317732.43, 6689203.838 times 0.0475 is 317737.1823",
    ),
    (
        NEW_INVOICE.format(id=90, number="NULL", date="'2026-02-01'"),
        "issued_invoices_are_numbered",
        "invoice_header 90 is sent and has no number",
    ),
    (
        "".join(NEW_INVOICE.format(id=one, number="'A-1'", date="'2026-02-01'") for one in (90, 91)),
        "invoice_numbers_are_unique",
        "invoice_header 90, 91 have one number, A-1, in organization 1",
    ),
    (
        "UPDATE clause_tariff SET currency_id = (SELECT id FROM currency WHERE code = 'EUR') WHERE unit = 'kWh'",
        "invoices_keep_one_currency",
        None,
    ),
    (
        "UPDATE rule_output SET superseded_at = now() WHERE id = 1;"
        " UPDATE default_event SET superseded_at = now() WHERE id = 1",
        "invoices_follow_current_verdicts",
        "invoice_line_item 2 of draft invoice 1 credits 89931.15, verdict 1 is superseded",
    ),
    (
        "UPDATE rule_output SET ld_amount = 5, invoice_adjustment = -5 WHERE id = 1",
        "invoices_follow_current_verdicts",
        "invoice_line_item 2 of draft invoice 1 credits 89931.15, verdict 1 says 5",
    ),
    ("UPDATE invoice_comparison SET variance_amount = variance_amount * 2", "comparisons_add_up", None),
    ("UPDATE invoice_comparison SET status = 'matched'", "comparisons_add_up", None),
    (
        "UPDATE invoice_comparison_line_item SET variance_amount = 5, price_amount = 5 - missing_amount - extra_amount",
        "comparisons_add_up",
        None,
    ),
    (
        "INSERT INTO clause_tariff (id, contract_id, tariff_type_id, currency_id, name, valid_from, valid_to, unit)"
        " SELECT 90, contract_id, tariff_type_id, currency_id, 'next', '2025-12-31', '2026-01-31', 'MWh'"
        " FROM clause_tariff WHERE unit = 'kWh'",
        "tariffs_do_not_overlap",
        "clause_tariff 1 and tariff 90 of contract 1 are both valid from 2025-12-31 to 2026-01-31",
    ),
]


@pytest.mark.parametrize("statements, check, says", SPOILED, ids=[f"{case[1]}-{n}" for n, case in enumerate(SPOILED)])
def test_each_check_finds_what_is_wrong_and_no_other_does(
    spoiled: Callable[[str], dict[str, list[tuple[str, str]]]], statements: str, check: str, says: str | None
) -> None:
    findings = spoiled(statements)
    assert list(findings) == [check], findings
    if says is not None:
        assert says in [" ".join(finding) for finding in findings[check]]


def test_sums_of_readings_that_were_retired_are_left_alone(
    spoiled: Callable[[str], dict[str, list[tuple[str, str]]]],
) -> None:
    assert spoiled("DROP TABLE meter_reading_2025_11") == {}


def test_every_check_is_provoked_by_a_test() -> None:
    assert {check for _, check, _ in SPOILED} == {query.name for query in find("test_queries").queries}


def test_every_check_says_what_to_do() -> None:
    assert [query.name for query in find("test_queries").queries if not query.cure] == []


# --- running


TRIAL = r"""-- A trial.

-- param word: what is said
\if :{?word} \else \set word 'none' \endif

-- name: trial
-- Says it back.
\C trial
SELECT :'word' AS said, ':word' AS text, 10 % 3 AS rest; -- not :'word'
"""
CHANGING = "-- A trial.\n\n-- name: trial\n-- Changes.\n\\C trial\nDELETE FROM notification RETURNING id;\n"
SLOW = "-- A trial.\n\n-- name: trial\n-- Sleeps.\n\\C trial\nSELECT pg_sleep(60);\n"


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[str], Path]:
    """A folder of query files that holds one file with the text."""

    def written(text: str) -> Path:
        (tmp_path / "reports").mkdir(exist_ok=True)
        (tmp_path / "reports" / "trial.sql").write_text(text)
        return tmp_path

    return written


def test_a_value_is_bound_and_never_becomes_sql(
    folder: Callable[[str], Path], walked_connection: BaseDatabaseWrapper
) -> None:
    trial = find("trial", folder(TRIAL))
    for word in ("it's", "'; DROP TABLE role; --", "100 %s", "\\", ""):
        (result,) = queries.run(walked_connection, trial, {"word": word})
        assert result.rows == ((word, ":word", 1),)
    (result,) = queries.run(walked_connection, trial)
    assert result.rows[0][0] == "none"


def test_nothing_can_be_changed(folder: Callable[[str], Path], walked_connection: BaseDatabaseWrapper) -> None:
    with pytest.raises(QueryFailedError, match="cannot execute DELETE in a read-only transaction"):
        queries.run(walked_connection, find("trial", folder(CHANGING)))
    queries.run(walked_connection, find("contract_summary"))
    with walked_connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('transaction_read_only'), current_setting('statement_timeout'),"
            " current_setting('search_path'), count(*) FROM notification"
        )
        assert cursor.fetchone() == ("off", "0", "django,public", 4)


def test_a_slow_query_is_stopped(folder: Callable[[str], Path], walked_connection: BaseDatabaseWrapper) -> None:
    with pytest.raises(QueryFailedError, match=r"trial took longer than 0\.1 s and was stopped"):
        queries.run(walked_connection, find("trial", folder(SLOW)), timeout_seconds=0.1)


def test_row_security_does_not_thin_a_validation(walked_connection: BaseDatabaseWrapper) -> None:
    with transaction.atomic(using=walked_connection.alias):
        with walked_connection.cursor() as cursor:
            cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO authenticated")
            cursor.execute("SET LOCAL ROLE authenticated")
        with pytest.raises(QueryFailedError, match="would be affected by row-level security"):
            queries.run(walked_connection, find("loads_add_up"))
        transaction.set_rollback(True, using=walked_connection.alias)


@pytest.mark.parametrize(
    "before, after, problem",
    [
        ("-- A trial.\n", "", "does not begin with a comment"),
        ("-- name: trial\n", "", "does not begin with a comment"),
        ("\\C trial\n", "", "stand what it returns"),
        ("\\C trial\n", "\\C other\n", "stand what it returns"),
        ("-- Says it back.\n", "", "stand what it returns"),
        ("'none' \\endif", "none \\endif", "below parameter word stands its default"),
        ("-- param word: what is said\n", "", "parameter word is declared and not used, or the other way"),
        ("SELECT :'word' AS", "SELECT 'word' AS", "parameter word is declared and not used, or the other way"),
        (" AS rest;", " AS rest; SELECT 1;", "is not one statement"),
        (" AS rest;", " AS rest", "is not one statement"),
    ],
)
def test_a_file_that_psql_would_read_otherwise_is_refused(
    folder: Callable[[str], Path], before: str, after: str, problem: str
) -> None:
    assert before in TRIAL
    with pytest.raises(QueryFileError, match=problem):
        read_queries(folder(TRIAL.replace(before, after)))


def test_a_name_stands_for_one_query(folder: Callable[[str], Path]) -> None:
    root = folder(TRIAL)
    (root / "reports" / "other.sql").write_text(TRIAL)
    with pytest.raises(QueryFileError, match="trial is the name of two queries"):
        read_queries(root)


def test_unknown_names_are_answered_with_the_known_ones(walked_connection: BaseDatabaseWrapper) -> None:
    with pytest.raises(UnknownNameError, match=r"There is no query nonsense\. There are: .*contract_summary"):
        find("nonsense")
    with pytest.raises(UnknownNameError, match=r"contract_summary has no parameter colour\. It has organization"):
        queries.run(walked_connection, find("contract_summary"), {"colour": "red"})
    with pytest.raises(UnknownNameError, match=r"orphaned_data has no parameter colour\. It has none"):
        queries.run(walked_connection, find("orphaned_data"), {"colour": "red"})


def test_a_value_that_does_not_fit_is_named(walked_connection: BaseDatabaseWrapper) -> None:
    with pytest.raises(ValueRefusedError, match='user_activity: invalid input syntax for type integer: "many"'):
        queries.run(walked_connection, find("user_activity"), {"days": "many"})


# --- psql


def psql(database: Database, file: Path, *options: str) -> str:
    done = subprocess.run(
        [str(client_program("psql")), *("-X", "-q", "-At", "-v", "ON_ERROR_STOP=1"), *options, "-f", str(file)],
        env={**database.environment, "PGOPTIONS": "-c default_transaction_read_only=on"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("file", sorted(queries.ROOT.glob("*/*.sql")), ids=lambda file: str(file.stem))
def test_every_file_runs_in_psql_with_its_defaults(walked: Database, file: Path) -> None:
    said = psql(walked, file)
    assert bool(said) == (file.stem not in ("test_queries", "monthly_invoice_report"))


def test_psql_takes_a_value_and_says_the_same(walked: Database, walked_connection: BaseDatabaseWrapper) -> None:
    path = queries.ROOT / "reports" / "monthly_invoice_report.sql"
    lines = psql(walked, path, "-v", "period=2025-12").splitlines()
    (result,) = queries.run(walked_connection, find("monthly_invoice_report"), {"period": "2025-12"})
    assert lines == ["|".join(queries.show(cell) for cell in row) for row in result.rows]
    assert len(lines) == 2


# --- what is shown


def test_the_command_runs_a_validation_and_names_what_it_found(migrated_copy: Database) -> None:
    assert run(migrated_copy, "load_test_data").returncode == 0
    with migrated_copy.connect() as session:
        session.execute("UPDATE invoice_header SET total_amount = 5")
    done = run(migrated_copy, "run_query", "test_queries")
    assert (done.returncode, done.stderr) == (Exit.NEEDS_A_PERSON, "")
    assert done.stdout.splitlines() == [
        "invoice_totals_add_up:",
        "object            finding",
        "invoice_header 1  says 5, its 2 lines 227801.28",
        f"Cure: {find('invoice_totals_add_up').queries[0].cure}",
        "",
        f"{len(find('test_queries').queries)} checks, 1 finding in invoice_totals_add_up",
    ]
    with migrated_copy.connect() as session:
        kept = session.execute("SELECT report ->> 'summary' FROM frontier_ops.validation_run").fetchall()
    assert kept == [(done.stdout.splitlines()[-1],)]
    done = run(migrated_copy, "run_query", "invoice_totals_add_up", "--format", "json")
    assert json.loads(done.stdout)["findings"] == [
        {
            "code": "invoice_totals_add_up",
            "object": "invoice_header 1",
            "detail": "says 5, its 2 lines 227801.28",
            "fix": find("invoice_totals_add_up").queries[0].cure,
        }
    ]
    assert run(migrated_copy, "run_query", "invoice_totals_add_up", "--explain").returncode == Exit.DONE


@pytest.mark.parametrize(
    "arguments, code",
    [
        (("nonsense",), Exit.WRONG_USAGE),
        (("contract_summary", "--param", "colour=red"), Exit.WRONG_USAGE),
        (("user_activity", "--param", "days=many"), Exit.WRONG_USAGE),
        (("system_health", "--format", "csv"), Exit.WRONG_USAGE),
    ],
)
@pytest.mark.django_db
def test_the_command_ends_as_the_table_of_codes_says(arguments: tuple[str, ...], code: Exit) -> None:
    with pytest.raises(CommandError) as error:
        call_command("run_query", *arguments)
    assert error.value.returncode == code


def test_the_list_names_every_query_and_what_it_asks_for() -> None:
    out = StringIO()
    call_command("run_query", "--list", stdout=out)
    for file in read_queries():
        assert f"{file.name} ({file.folder})" in out.getvalue()
        for query in file.queries:
            assert query.about in out.getvalue() or query.name == file.name
        for parameter in file.parameters:
            assert f"--param {parameter.name}={parameter.default}" in out.getvalue()


def test_a_parameter_needs_a_value() -> None:
    assert pair("name=a=b") == ("name", "a=b")
    with pytest.raises(ArgumentTypeError, match="'name' is not NAME=VALUE"):
        pair("name")


def test_csv_neutralises_what_a_spreadsheet_would_calculate() -> None:
    query = find("orphaned_data").queries[0]
    cells = ("=1+1", "+49 40", "-5", "@sum", "\t=1", "plain", Decimal("-5.00"), -7, None, True)
    result = Result(query, tuple("abcdefghij"), (cells,), 0)
    assert list(csv.reader(StringIO(to_csv([result]))))[1] == [
        *("'=1+1", "'+49 40", "'-5", "'@sum", "'\t=1", "plain", "-5.00", "-7", "", "yes"),
    ]


def test_values_are_shown_with_all_their_digits_and_in_utc() -> None:
    assert queries.show(datetime.fromisoformat("2025-11-01T00:00:00-07:00")) == "2025-11-01 07:00:00Z"
    assert queries.show(Decimal("1E+3")) == "1000"
    assert queries.show(date(2025, 11, 1)) == "2025-11-01"
    assert queries.show({"a": [Decimal("1.10")]}) == '{"a": ["1.10"]}'


# --- the reports


@pytest.fixture
def contract() -> Contract:
    """A power purchase agreement of a solar park in Lisbon, with a guarantee of 95 percent."""
    contract = ContractFactory.create(
        name="PPA",
        project__name="Park",
        project__time_zone="Europe/Lisbon",
        project__organization__name="Helios",
        contract_type__code="PPA",
        contract_status__code="ACTIVE",
        effective_date=date(2025, 1, 1),
    )
    ClauseFactory.create(
        contract=contract,
        name="Guarantee",
        section_ref="4.2",
        clause_category=ClauseCategoryFactory.create(code="AVAILABILITY"),
        normalized_payload={"threshold": 95, "threshold_unit": "percent", "measurement_period": "monthly"},
    )
    ClauseTariffFactory.create(contract=contract, currency=euro(), unit="MWh")
    return contract


@pytest.fixture
def january() -> BillingPeriod:
    return BillingPeriodFactory.create(name="2026-01", start_date=date(2026, 1, 1), end_date=date(2026, 1, 31))


def euro() -> Currency:
    return Currency.objects.filter(code="EUR").first() or CurrencyFactory.create(code="EUR")


def verdict(contract: Contract, amount: int, **values: object) -> None:
    RuleOutputFactory.create(
        clause=contract.clauses.get(),
        currency=euro(),
        rule_output_type__code="LIQUIDATED_DAMAGES",
        ld_amount=Decimal(amount),
        period_start=datetime(2026, 1, 1, tzinfo=UTC),
        period_end=datetime(2026, 2, 1, tzinfo=UTC),
        **values,
    )


@pytest.mark.django_db
def test_the_summary_multiplies_no_sum_and_adds_no_superseded_version(
    contract: Contract, january: BillingPeriod
) -> None:
    common = {"contract": contract, "billing_period": january, "currency": euro()}
    verdict(contract, 300)
    verdict(contract, 999, superseded_at=datetime(2026, 2, 3, tzinfo=UTC))
    expected = ExpectedInvoiceHeaderFactory.create(**common, total_amount=Decimal(700))
    for amount in (500, 500, -300):
        ExpectedInvoiceLineItemFactory.create(expected_invoice_header=expected, line_total_amount=Decimal(amount))
    for amount in (800, -100):
        as_issued(InvoiceHeaderFactory.create(**common, total_amount=Decimal(amount)))
    InvoiceHeaderFactory.create(**common, total_amount=Decimal(5000))
    for day, amount in ((5, 600), (9, 650)):
        received = ReceivedInvoiceHeaderFactory.create(
            **common, invoice_date=date(2026, 2, day), total_amount=Decimal(amount)
        )
    InvoiceComparisonFactory.create(
        expected_invoice_header=expected, received_invoice_header=received, variance_amount=Decimal(-50)
    )
    for status in ("open", "closed"):
        DefaultEventFactory.create(contract=contract, status=status)
    in_dollars = InvoiceHeaderFactory.create(
        contract=contract, currency=CurrencyFactory.create(code="USD"), total_amount=Decimal(1)
    )
    as_issued(in_dollars)

    rows = answer("contract_summary", organization="Helios", status="ACTIVE")
    money = ("currency", "damages", "expected", "invoiced", "received", "variance")
    assert [tuple(row[name] for name in money) for row in rows] == [
        ("EUR", 300, 700, 700, 650, -50),
        ("USD", None, None, 1, None, None),
    ]
    counts = ("contract", "clauses", "verdicts", "breaches", "open_defaults")
    assert {tuple(row[name] for name in counts) for row in rows} == {("PPA", 1, 1, 1, 1)}
    assert answer("contract_summary", organization="Borealis") == []
    assert answer("contract_summary", status="DRAFT") == []


@pytest.mark.django_db
def test_the_monthly_report_sets_the_three_invoices_of_a_contract_side_by_side(
    contract: Contract, january: BillingPeriod
) -> None:
    common = {"contract": contract, "billing_period": january, "currency": euro()}
    expected = ExpectedInvoiceHeaderFactory.create(**common, total_amount=Decimal(750))
    for code, amount in (("ENERGY", 600), ("ENERGY", 400), ("FIXED_FEE", 50), ("LD_CREDIT", -300)):
        ExpectedInvoiceLineItemFactory.create(
            expected_invoice_header=expected, invoice_line_item_type__code=code, line_total_amount=Decimal(amount)
        )
    draft = InvoiceHeaderFactory.create(**common, total_amount=Decimal(750))
    for megawatt_hours in (12, 8):
        InvoiceLineItemFactory.create(
            invoice_header=draft,
            invoice_line_item_type__code="ENERGY",
            clause_tariff=contract.tariffs.get(),
            quantity=Decimal(megawatt_hours),
            line_total_amount=Decimal(375),
        )
    for day, number, amount in ((5, "S-1", 700), (9, "S-2", 720)):
        received = ReceivedInvoiceHeaderFactory.create(
            **common, invoice_date=date(2026, 2, day), invoice_number=number, total_amount=Decimal(amount)
        )
    InvoiceComparisonFactory.create(
        expected_invoice_header=expected,
        received_invoice_header=received,
        variance_amount=Decimal(-30),
        status="underbilled",
    )

    (row,) = answer("monthly_invoice_report", period="2026-01")
    assert row["energy_kwh"] == 20_000
    assert [row[f"expected{part}"] for part in ("_energy", "_fees", "_credits", "")] == [1000, 50, -300, 750]
    assert (row["invoice"], row["invoice_status"], row["invoiced"]) == ("draft", "draft", 750)
    assert (row["received_invoice"], row["received_count"], row["received"]) == ("S-2", 2, 720)
    assert (row["variance"], row["variance_percent"], row["comparison"]) == (-30, -4, "underbilled")

    as_issued(InvoiceHeader.objects.get())
    (row,) = answer("monthly_invoice_report", period="2026-01", organization="Helios")
    assert (row["invoice"], row["invoiced"], row["energy_kwh"]) == ("INV-2026-00001", 750, 20_000)
    assert answer("monthly_invoice_report", period="2025-12") == []


@pytest.mark.django_db
def test_without_a_period_the_report_is_about_last_month(contract: Contract) -> None:
    first_day = (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).replace(day=1)
    period = BillingPeriodFactory.create(name=f"{first_day:%Y-%m}", start_date=first_day)
    ExpectedInvoiceHeaderFactory.create(contract=contract, billing_period=period)
    assert len(answer("monthly_invoice_report")) == 1


@pytest.mark.django_db
def test_the_dashboard_shows_each_guarantee_once_judged_or_not(contract: Contract) -> None:
    (row,) = answer("compliance_dashboard", month="2026-01")
    assert (row["clause"], row["guaranteed"], row["verdict"]) == ("4.2 Guarantee", "95 percent", "not judged")

    default = DefaultEventFactory.create(contract=contract, clause=contract.clauses.get())
    for day in (2, 4):
        NotificationFactory.create(default_event=default, time_notified=datetime(2026, 2, day, tzinfo=UTC))
    seconds = {"up": 36000, "down": 7200, "excused_up": 1800, "excused_down": 1800, "unknown": 900}
    explanation = {
        "steps": [
            {"step": "classify time", **seconds},
            {"step": "apply exclusions", "measured": {"exact": "5/6", "rounded": "0.83333333"}},
        ]
    }
    verdict(contract, 300, metadata_detail=explanation, default_event=default)
    verdict(contract, 999, superseded_at=datetime(2026, 2, 3, tzinfo=UTC))
    (row,) = answer("compliance_dashboard", month="2026-01", organization="Helios")
    assert (row["verdict"], row["measured_percent"], row["damages"]) == ("breach", Decimal("83.3333"), 300)
    hours = ("hours_up", "hours_down", "hours_excused", "hours_unknown")
    assert [row[name] for name in hours] == [10, 2, 1, Decimal("0.25")]
    assert (row["default_status"], row["has_evidence"]) == ("open", False)
    assert row["notified_at"] == datetime(2026, 2, 2, tzinfo=UTC)

    (row,) = answer("compliance_dashboard", month="2025-12")
    assert row["verdict"] == "not judged", "the verdict belongs to another month"
    assert answer("compliance_dashboard", month="2024-12") == [], "before the contract took effect"


# --- the admin queries


def hanging() -> set[tuple[object, ...]]:
    return {(row["kind"], row["name"], row["why"]) for row in answer("orphaned_data")}


@pytest.mark.django_db
def test_what_hangs_in_the_air_is_listed(contract: Contract) -> None:
    assert hanging() == {("project", "Park", "has no meter")}
    OrganizationFactory.create(name="Empty")
    ReceivedInvoiceHeaderFactory.create(contract=contract, invoice_number="S-1")
    DefaultEventFactory.create(contract=contract, description="late")
    assert hanging() == {
        ("project", "Park", "has no meter"),
        ("organization", "Empty", "has no project"),
        ("received_invoice_header", "S-1", "was compared with nothing"),
        ("default_event", "late", "was never notified"),
    }


@pytest.mark.django_db
def test_activity_counts_each_kind_of_act_by_itself(contract: Contract) -> None:
    login = UserFactory.create(username="ada", email="ada@example.com")
    RoleFactory.create(
        organization=contract.organization, name="Ada", email="Ada@example.com", user_id=login.auth_user_id
    )
    for flag in (ADDITION, CHANGE, CHANGE):
        LogEntry.objects.create(user=login, action_flag=flag, object_repr="x")
    Contract.objects.update(updated_by="ada@example.com")
    contract.clauses.update(updated_by="ADA@example.com", updated_at=datetime.now(UTC) - timedelta(days=40))
    (row,) = (row for row in answer("user_activity") if row["login"] == "ada")
    acts = ("person", "added", "changed", "deleted", "signed", "masked_names_read")
    assert [row[name] for name in acts] == ["Ada", 1, 2, 0, 1, 0]
    (row,) = (row for row in answer("user_activity", days="60") if row["login"] == "ada")
    assert row["signed"] == 2


def test_health_is_told_of_a_used_database(walked_connection: BaseDatabaseWrapper) -> None:
    results = {one.query.name: one for one in queries.run(walked_connection, find("system_health"))}
    assert len(results["server_health"].rows) == 1
    tables = {str(row[0]): row[1] for row in results["table_sizes"].rows}
    assert tables["meter_reading"] == len(results["reading_partitions"].rows)
    assert not [name for name in tables if name.startswith("meter_reading_")]
    (ingested,) = results["ingestion"].rows
    assert ingested[:5] == ("Helios Energy Partners", "success", 1, 0, 2976)
    assert [row[:2] for row in results["silent_meters"].rows] == [(1, "Sonora Solar Park")]
