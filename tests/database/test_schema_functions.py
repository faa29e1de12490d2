"""What the functions, triggers and files of the schema do, in a PostgreSQL session without Django."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from database.catalog import read_catalog, read_partitions
from database.history import find_file, read_history
from database.scratch import COMPATIBILITY, ClientError, Database, apply_with_psql, run_psql, scratch_database

EVIDENCE: dict[str, Any] = {
    "period": {"start": "2026-01-01T00:00:00+00:00", "end": "2026-02-01T00:00:00+00:00"},
    "meters": [1, 2],
    "values": {"expected": 95, "actual": 91.2, "shortfall": 3.8, "availability": 91.2},
    "sample_readings": [],
    "data_hash": "0f",
}


def value(session: psycopg.Connection, statement: str, *parameters: object) -> Any:
    """The first value of the answer."""
    row = session.execute(statement.encode(), parameters or None).fetchone()
    return row[0] if row else None


@dataclass(frozen=True)
class World:
    """The ids of one small world: an organization with a project, a meter, a contract and a data source."""

    organization: int
    project: int
    meter: int
    contract: int
    source: int


def plant(session: psycopg.Connection) -> World:
    """The smallest rows that everything else refers to."""

    def add(table: str, **columns: object) -> int:
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(sql.Placeholder() * len(columns)),
        )
        row = session.execute(statement, list(columns.values())).fetchone()
        assert row is not None
        return int(row[0])

    def lookup(table: str) -> int:
        return add(table, name="a name", code="A_CODE")

    organization = add("organization", name="Sun Ltd")
    project = add("project", organization_id=organization, name="Field")
    counterparty = add("counterparty", counterparty_type_id=lookup("counterparty_type"), name="Grid plc")
    contract = add(
        "contract",
        organization_id=organization,
        project_id=project,
        counterparty_id=counterparty,
        contract_type_id=lookup("contract_type"),
        contract_status_id=lookup("contract_status"),
        name="PPA",
    )
    meter = add("meter", project_id=project, meter_type_id=lookup("meter_type"))
    return World(organization, project, meter, contract, add("data_source", name="solaredge"))


@pytest.fixture
def world(session: psycopg.Connection) -> World:
    return plant(session)


# Evidence and availability


def without(*path: str) -> dict[str, Any]:
    """The evidence with one key left out."""
    spoiled = {key: dict(part) if isinstance(part, dict) else part for key, part in EVIDENCE.items()}
    holder = spoiled
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    return spoiled


@pytest.mark.parametrize(
    "evidence, valid",
    [
        (EVIDENCE, True),
        (None, True),
        (EVIDENCE | {"more": 1}, True),
        ({}, False),
        ([], False),
        (EVIDENCE | {"meters": {}}, False),
        (EVIDENCE | {"data_hash": None}, False),
        (EVIDENCE | {"period": "January"}, False),
        *((without(key), False) for key in EVIDENCE),
        *((without("values", key), False) for key in EVIDENCE["values"]),
        *((without("period", key), False) for key in EVIDENCE["period"]),
    ],
)
def test_evidence_is_valid_only_when_it_is_whole(evidence: object, valid: bool, session: psycopg.Connection) -> None:
    given = None if evidence is None else Jsonb(evidence)
    assert value(session, "SELECT validate_default_event_evidence(%s::jsonb)", given) is valid


def default_event(session: psycopg.Connection, world: World) -> int:
    session.execute("INSERT INTO default_event_type (name, code) VALUES ('Availability', 'AVAILABILITY')")
    return int(
        value(
            session,
            "INSERT INTO default_event (organization_id, contract_id, default_event_type_id, time_start)"
            " SELECT %s, %s, id, '2026-01-01Z' FROM default_event_type RETURNING id",
            world.organization,
            world.contract,
        )
    )


def test_preserved_evidence_is_valid_and_its_period_in_utc(session: psycopg.Connection, world: World) -> None:
    event = default_event(session, world)
    session.execute("SET LOCAL TimeZone = 'America/Phoenix'")
    session.execute(
        "SELECT preserve_default_event_evidence(%s, '2026-01-01T00:00Z', '2026-02-01T00:00Z', ARRAY[1, 2]::bigint[],"
        " 95, 91.2, 3.8, 91.2, '[]', '0f')",
        [event],
    )
    assert value(session, "SELECT evidence FROM default_event WHERE id = %s", event) == EVIDENCE
    assert value(session, "SELECT updated_at IS NOT NULL FROM default_event WHERE id = %s", event)


def test_incomplete_evidence_cannot_be_written(session: psycopg.Connection, world: World) -> None:
    event = default_event(session, world)
    with pytest.raises(psycopg.errors.CheckViolation, match="chk_default_event_evidence"):
        session.execute("UPDATE default_event SET evidence = '{}' WHERE id = %s", [event])


@pytest.mark.parametrize(
    "available, expected, percent",
    [
        ("719.5", "744", Decimal("96.71")),
        ("0", "744", Decimal("0.00")),
        ("744", "744", Decimal("100.00")),
        ("1", "3", Decimal("33.33")),
        ("2", "3", Decimal("66.67")),
        ("5", "0", None),
        (None, "744", None),
        ("5", None, None),
    ],
)
def test_availability_is_a_percentage_or_unknown(
    available: str | None, expected: str | None, percent: Decimal | None, session: psycopg.Connection
) -> None:
    assert value(session, "SELECT calculate_availability_percent(%s, %s)", available, expected) == percent


# Functions that write refuse a row that does not exist


@pytest.mark.parametrize(
    "call",
    [
        "log_pii_access(-1)",
        "update_contract_parsing_status(-1, 'pending')",
        "preserve_default_event_evidence(-1, now(), now(), '{}', 1, 1, 1, 1, '[]', 'x')",
        "integration_credential_record_success(-1)",
        "integration_credential_record_error(-1, 'no')",
        "update_site_sync_status(-1, 'success')",
        "complete_ingestion_log_success(-1, 1, 1, now(), now())",
        "complete_ingestion_log_quarantine(-1, '[]', 'no')",
    ],
)
def test_a_row_that_does_not_exist_is_not_passed_over(call: str, session: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.NoDataFound, match="-1"):
        session.execute(f"SELECT {call}".encode())


# Masked names


def test_masked_names_are_counted_and_each_reading_is_logged(session: psycopg.Connection, world: World) -> None:
    reader = UUID("11111111-1111-4111-8111-111111111111")
    session.execute("INSERT INTO auth.users (id, email) VALUES (%s, 'r@example.com')", [reader])
    session.execute(
        "INSERT INTO contract_pii_mapping (contract_id, encrypted_mapping, pii_entities_count)"
        " VALUES (%s, 'x', 3), (%s, 'y', 4)",
        [world.contract, world.contract],
    )
    session.execute("SELECT set_config('request.jwt.claim.sub', %s, true)", [str(reader)])
    session.execute("SELECT log_pii_access(%s), log_pii_access(%s)", [world.contract, world.contract])
    assert value(session, "SELECT get_contract_pii_count(%s)", world.contract) == 7
    assert value(session, "SELECT get_contract_pii_count(-1)") == 0
    logged = session.execute(
        "SELECT access_count, accessed_by, accessed_at = now() FROM contract_pii_mapping"
    ).fetchall()
    assert logged == [(2, reader, True), (2, reader, True)]


# Parsing


def parse(session: psycopg.Connection, world: World, status: str, error: str | None = None) -> tuple[Any, ...]:
    session.execute("SELECT update_contract_parsing_status(%s, %s, %s)", [world.contract, status, error])
    row = session.execute(
        "SELECT parsing_status, parsing_started_at IS NOT NULL, parsing_completed_at IS NOT NULL, parsing_error,"
        " processing_time_seconds FROM contract WHERE id = %s",
        [world.contract],
    ).fetchone()
    assert row is not None
    return row


def test_parsing_keeps_its_times_and_its_error(session: psycopg.Connection, world: World) -> None:
    assert parse(session, world, "pending") == ("pending", False, False, None, None)
    assert parse(session, world, "processing") == ("processing", True, False, None, None)
    session.execute("UPDATE contract SET parsing_started_at = now() - interval '90.254 seconds'")
    assert parse(session, world, "failed", "no text") == ("failed", True, True, "no text", Decimal("90.25"))
    assert parse(session, world, "processing") == ("processing", True, False, None, None)
    assert parse(session, world, "completed") == ("completed", True, True, None, Decimal("0.00"))


def test_an_unknown_parsing_status_is_refused(session: psycopg.Connection, world: World) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="contract_parsing_status_check"):
        parse(session, world, "done")


def test_parsing_statistics_count_each_status_and_average_the_completed(
    session: psycopg.Connection, world: World
) -> None:
    copy = (
        "INSERT INTO contract (organization_id, counterparty_id, contract_type_id, contract_status_id, name,"
        " parsing_status, processing_time_seconds, pii_detected_count, clauses_extracted_count, created_at)"
        " SELECT organization_id, counterparty_id, contract_type_id, contract_status_id, name, %s, %s, %s, %s,"
        " now() - make_interval(days => %s) FROM contract WHERE id = %s"
    )
    for status, seconds, names, clauses, days in (
        ("completed", 10, 2, 8, 1),
        ("completed", 20, 4, 9, 2),
        ("failed", 99, 0, 0, 3),
        ("pending", None, 0, 0, 0),
        ("processing", None, 0, 0, 0),
        ("completed", 500, 50, 50, 40),
    ):
        session.execute(copy.encode(), [status, seconds, names, clauses, days, world.contract])
    assert session.execute("SELECT * FROM get_parsing_statistics(30)").fetchone() == (5, 2, 1, 1, 1, 15, 3, 8.5)
    assert value(session, "SELECT total_contracts FROM get_parsing_statistics(60)") == 6


# Clauses


def test_clauses_of_low_confidence_come_least_sure_first(session: psycopg.Connection, world: World) -> None:
    session.execute("INSERT INTO clause_type (name, code) VALUES ('Operational', 'OPERATIONAL')")
    session.execute("INSERT INTO clause_category (name, code) VALUES ('Availability', 'AVAILABILITY')")
    for name, confidence, typed in (("a", "0.5", True), ("b", "0.2", False), ("c", "0.9", True), ("d", None, True)):
        session.execute(
            "INSERT INTO clause (contract_id, name, confidence_score, clause_type_id, clause_category_id)"
            " SELECT %s, %s, %s, CASE WHEN %s THEN type.id END, category.id"
            " FROM clause_type AS type, clause_category AS category",
            [world.contract, name, confidence, typed],
        )
    for arguments, names in (("", ["b", "a"]), ("0.95, 2", ["b", "a"]), ("0.95", ["b", "a", "c"])):
        found = session.execute(f"SELECT clause_name FROM get_clauses_needing_review({arguments})".encode())
        assert [name for (name,) in found] == names
    assert session.execute("SELECT * FROM get_contract_clause_stats(%s)", [world.contract]).fetchone() == (
        4,
        Decimal("0.53333333333333333333"),
        2,
        {"OPERATIONAL": 3, "NONE": 1},
        {"AVAILABILITY": 4},
    )
    assert session.execute("SELECT * FROM get_contract_clause_stats(-1)").fetchone() == (0, None, 0, {}, {})


# Credentials and sites


def credential(session: psycopg.Connection, world: World, **columns: object) -> int:
    given = {
        "organization_id": world.organization,
        "data_source_id": world.source,
        "auth_type": "oauth2",
        "encrypted_credentials": b"x",
        **columns,
    }
    statement = sql.SQL("INSERT INTO integration_credential ({}) VALUES ({}) RETURNING id").format(
        sql.SQL(", ").join(map(sql.Identifier, given)), sql.SQL(", ").join(sql.Placeholder() * len(given))
    )
    row = session.execute(statement, list(given.values())).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize(
    "auth_type, active, minutes, needed",
    [
        ("oauth2", True, 60, False),
        ("oauth2", True, 5, True),
        ("oauth2", True, -1, True),
        ("oauth2", True, None, True),
        ("oauth2", False, -1, False),
        ("api_key", True, None, False),
    ],
)
def test_a_token_is_refreshed_five_minutes_before_its_end(
    auth_type: str, active: bool, minutes: int | None, needed: bool, session: psycopg.Connection, world: World
) -> None:
    key = credential(session, world, auth_type=auth_type, is_active=active)
    session.execute(
        "UPDATE integration_credential SET token_expires_at = now() + make_interval(mins => %s) WHERE id = %s",
        [minutes, key],
    )
    assert value(session, "SELECT integration_credential_needs_refresh(%s)", key) is needed


def test_errors_of_a_credential_add_up_until_it_works_again(session: psycopg.Connection, world: World) -> None:
    key = credential(session, world)
    health = "SELECT error_count, last_error, last_used_at IS NOT NULL FROM integration_credential"
    for number in (1, 2):
        session.execute("SELECT integration_credential_record_error(%s, 'no answer')", [key])
        assert session.execute(health.encode()).fetchone() == (number, "no answer", True)
    session.execute("SELECT integration_credential_record_success(%s)", [key])
    assert session.execute(health.encode()).fetchone() == (0, None, True)


def test_credentials_and_sites_are_stamped_when_they_change(session: psycopg.Connection, world: World) -> None:
    credential(session, world, updated_at=date(2020, 1, 1))
    session.execute("UPDATE integration_credential SET label = 'main'")
    assert value(session, "SELECT updated_at = now() FROM integration_credential")


def test_sites_are_ready_when_their_interval_has_passed(session: psycopg.Connection, world: World) -> None:
    active = credential(session, world)
    retired = credential(session, world, is_active=False)
    for name, key, minutes_ago, enabled in (
        ("fresh", active, 59, True),
        ("due", active, 60, True),
        ("never", active, None, True),
        ("switched off", active, None, False),
        ("without key", retired, None, True),
    ):
        session.execute(
            "INSERT INTO integration_site (organization_id, integration_credential_id, data_source_id,"
            " external_site_id, sync_enabled, last_sync_at)"
            " VALUES (%s, %s, %s, %s, %s, now() - make_interval(mins => %s))",
            [world.organization, key, world.source, name, enabled, minutes_ago],
        )
    ready = "SELECT external_site_id, minutes_since_sync FROM get_sites_ready_for_sync({})"
    assert session.execute(ready.format("").encode()).fetchall() == [("never", None), ("due", 60)]
    assert session.execute(ready.format(world.source).encode()).fetchall() == [("never", None), ("due", 60)]
    assert session.execute(ready.format(-1).encode()).fetchall() == []


def test_a_sync_counts_failures_in_a_row(session: psycopg.Connection, world: World) -> None:
    site = value(
        session,
        "INSERT INTO integration_site (organization_id, integration_credential_id, data_source_id, external_site_id)"
        " VALUES (%s, %s, %s, 's1') RETURNING id",
        world.organization,
        credential(session, world),
        world.source,
    )
    state = (
        "SELECT last_sync_status, consecutive_failures, last_sync_records_count, last_sync_error,"
        " last_sync_at IS NOT NULL FROM integration_site"
    )
    for call, expected in (
        ("'pending'", ("pending", 0, None, None, False)),
        ("'error', 'no answer'", ("error", 1, None, "no answer", True)),
        ("'error', 'no answer'", ("error", 2, None, "no answer", True)),
        ("'partial', NULL, 10", ("partial", 2, 10, None, True)),
        ("'success', NULL, 96", ("success", 0, 96, None, True)),
    ):
        session.execute(f"SELECT update_site_sync_status({site}, {call})".encode())
        assert session.execute(state.encode()).fetchone() == expected


# The ingestion log


def opened(session: psycopg.Connection, world: World, path: str = "in/2026/a.csv") -> int:
    return int(
        value(
            session,
            "SELECT start_ingestion_log(%s, %s, %s, 120, 'csv', 'abc')",
            world.organization,
            world.source,
            path,
        )
    )


def test_a_loaded_file_is_closed_with_its_rows_and_span(session: psycopg.Connection, world: World) -> None:
    log = opened(session, world)
    begun = "SELECT file_name, file_format, file_hash, ingestion_status, ingestion_stage FROM ingestion_log"
    assert session.execute(begun.encode()).fetchone() == ("a.csv", "csv", "abc", "processing", "validating")
    session.execute(
        "SELECT complete_ingestion_log_success(%s, 96, 4, '2026-01-01Z', '2026-01-02Z', 'done/a.csv')", [log]
    )
    done = "SELECT ingestion_status, ingestion_stage, rows_loaded, rows_skipped, rows_failed, destination_path,"
    done += " processing_completed_at IS NOT NULL, processing_time_ms >= 0 FROM ingestion_log"
    assert session.execute(done.encode()).fetchone() == ("success", "complete", 96, 4, 0, "done/a.csv", True, True)
    with pytest.raises(psycopg.errors.NoDataFound, match="is not being processed"):
        session.execute("SELECT complete_ingestion_log_success(%s, 1, 1, now(), now())", [log])


def test_a_refused_file_is_closed_with_its_problems(session: psycopg.Connection, world: World) -> None:
    log = opened(session, world)
    session.execute(
        "SELECT complete_ingestion_log_quarantine(%s, '[{\"line\": 3}]', 'three problems', 'bad/a.csv')", [log]
    )
    done = "SELECT ingestion_status, ingestion_stage, rows_loaded, validation_errors, error_message FROM ingestion_log"
    assert session.execute(done.encode()).fetchone() == (
        "quarantined",
        "validating",
        0,
        [{"line": 3}],
        "three problems",
    )


def test_the_same_content_is_loaded_once_in_an_organization(session: psycopg.Connection, world: World) -> None:
    first, second = opened(session, world), opened(session, world, "in/again.csv")
    session.execute("SELECT complete_ingestion_log_success(%s, 96, 0, now(), now())", [first])
    with pytest.raises(psycopg.errors.UniqueViolation, match="uq_ingestion_log_loaded_file"):
        session.execute("SELECT complete_ingestion_log_success(%s, 96, 0, now(), now())", [second])


def test_ingestion_is_summed_up_by_utc_day(session: psycopg.Connection, world: World) -> None:
    session.execute("SET LOCAL TimeZone = 'Pacific/Kiritimati'")
    for status, rows, moment in (
        ("success", 10, "current_date::timestamp AT TIME ZONE 'UTC' - interval '2 days 1 minute'"),
        ("success", 20, "current_date::timestamp AT TIME ZONE 'UTC' - interval '3 days'"),
        ("quarantined", 0, "current_date::timestamp AT TIME ZONE 'UTC' - interval '2 days'"),
        ("success", 999, "now() - interval '90 days'"),
    ):
        session.execute(
            "INSERT INTO ingestion_log (organization_id, data_source_id, file_path, ingestion_status, rows_loaded,"
            f" created_at) VALUES (%s, %s, 'x', %s, %s, {moment})".encode(),
            [world.organization, world.source, status, rows],
        )
    stats = "SELECT files_processed, files_success, files_quarantined, rows_loaded FROM get_ingestion_stats(%s)"
    assert session.execute(stats.encode(), [world.organization]).fetchall() == [(1, 0, 1, 0), (2, 2, 0, 30)]


# Time zones


@pytest.mark.parametrize(
    "name, known",
    [("UTC", True), ("America/Phoenix", True), ("-07:00", False), ("America/Nowhere", False), ("", False)],
)
def test_a_project_takes_only_zones_that_the_server_knows(
    name: str, known: bool, session: psycopg.Connection, world: World
) -> None:
    assert value(session, "SELECT is_time_zone(%s)", name) is known
    change = "UPDATE project SET time_zone = %s"
    if known:
        session.execute(change.encode(), [name])
    else:
        with pytest.raises(psycopg.errors.CheckViolation, match="project_time_zone_check"):
            session.execute(change.encode(), [name])


# Partitions of the readings


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "America/Phoenix"])
@pytest.mark.parametrize("day", ["2031-03-01", "2031-03-31"])
def test_a_month_is_a_month_of_utc_whatever_the_session_says(zone: str, day: str, session: psycopg.Connection) -> None:
    session.execute(sql.SQL("SET LOCAL TimeZone = {}").format(zone))
    session.execute("SET LOCAL DateStyle = 'German'")
    assert value(session, "SELECT create_meter_reading_partition(%s)", day) == "meter_reading_2031_03"
    bounds = {partition.name: partition.bounds for partition in read_partitions(session)}
    assert bounds["meter_reading_2031_03"] == "FOR VALUES FROM ('2031-03-01 00:00:00+00') TO ('2031-04-01 00:00:00+00')"
    assert value(session, "SELECT create_meter_reading_partition(%s)", day) == "meter_reading_2031_03"
    assert {partition.name: partition.bounds for partition in read_partitions(session)} == bounds


def test_a_month_that_exists_under_another_name_is_taken(session: psycopg.Connection) -> None:
    session.execute("SELECT create_meter_reading_partition('2031-03-01')")
    session.execute("ALTER TABLE meter_reading_2031_03 RENAME TO march")
    assert value(session, "SELECT create_meter_reading_partition('2031-03-01')") == "march"


def test_a_name_that_is_taken_by_other_bounds_is_refused(session: psycopg.Connection) -> None:
    session.execute(
        "CREATE TABLE meter_reading_2031_03 PARTITION OF meter_reading"
        " FOR VALUES FROM ('2031-03-01Z') TO ('2031-03-02Z')"
    )
    with pytest.raises(psycopg.errors.RaiseException, match="meter_reading_2031_03 exists but is not the partition"):
        session.execute("SELECT create_meter_reading_partition('2031-03-15')")


def test_a_partition_of_null_is_refused(session: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="needs a date"):
        session.execute("SELECT create_meter_reading_partition(NULL)")


def test_readings_find_their_month_and_no_other(session: psycopg.Connection, world: World) -> None:
    session.execute("SELECT create_meter_reading_partition('2031-03-01'), create_meter_reading_partition('2031-04-01')")
    for moment in ("2031-03-31 23:59:59.999999+00", "2031-04-01 00:00+00"):
        session.execute(
            "INSERT INTO meter_reading (organization_id, project_id, meter_id, source_system, reading_timestamp,"
            " reading_interval) VALUES (%s, %s, %s, 'manual', %s, '15min')",
            [world.organization, world.project, world.meter, moment],
        )
    assert value(session, "SELECT count(*) FROM meter_reading_2031_03") == 1
    assert value(session, "SELECT count(*) FROM meter_reading_2031_04") == 1


def test_a_new_partition_is_guarded_like_its_parent(session: psycopg.Connection) -> None:
    session.execute(
        "GRANT SELECT ON meter_reading TO authenticated WITH GRANT OPTION;"
        "GRANT INSERT, UPDATE ON meter_reading TO service_role;"
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon;"
        "ALTER TABLE meter_reading ENABLE ROW LEVEL SECURITY;"
        "ALTER TABLE meter_reading FORCE ROW LEVEL SECURITY;"
        "CREATE POLICY of_organization ON meter_reading FOR SELECT TO authenticated, service_role"
        " USING (organization_id = 1);"
        'CREATE POLICY "no more than that" ON meter_reading AS RESTRICTIVE FOR INSERT WITH CHECK (power_w >= 0)'
    )
    session.execute("SELECT create_meter_reading_partition('2031-03-01')")
    # Detached it is a table like any other, which the catalog tells about.
    session.execute("ALTER TABLE meter_reading DETACH PARTITION meter_reading_2031_03")
    catalog = read_catalog(session)

    def told(table: str) -> dict[tuple[str, str], str]:
        kinds = ("row security", "policy", "grant", "column", "check", "comment", "index", "trigger")
        about = {key: text for key, text in catalog.items() if key[0] in kinds}
        found = {}
        for (kind, identity), text in about.items():
            words = identity.removeprefix("table ")
            if words.split(".")[0].split(" ")[0] == table:
                name = "" if kind == "index" else words.removeprefix(table)
                found[kind, name or text.replace(table, "")] = text.replace(f"{table} ", " ").replace(f"{table}.", ".")
        return found

    assert told("meter_reading_2031_03") == told("meter_reading")
    assert ("grant", " to anon") not in told("meter_reading_2031_03")
    assert told("meter_reading")["row security", "ENABLED, FORCED"]


def test_a_month_is_made_while_somebody_reads(server: Database, from_files: Database) -> None:
    with scratch_database(server, from_files.name) as database, database.connect() as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM meter_reading")
        with database.connect() as maker:
            maker.execute("SET lock_timeout = '700ms'")
            assert value(maker, "SELECT create_meter_reading_partition('2031-03-01')") == "meter_reading_2031_03"
            with pytest.raises(psycopg.errors.LockNotAvailable):
                maker.execute(
                    "CREATE TABLE by_hand PARTITION OF meter_reading FOR VALUES FROM ('2032-01-01') TO ('2032-02-01')"
                )


def test_two_makers_of_one_month_do_not_collide(server: Database, from_files: Database) -> None:
    with (
        scratch_database(server, from_files.name) as database,
        database.connect() as first,
        database.connect() as second,
    ):
        first.execute("BEGIN")
        first.execute("SELECT create_meter_reading_partition('2031-03-01')")
        second.execute("SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            second.execute("SELECT create_meter_reading_partition('2031-03-01')")
        first.execute("COMMIT")
        assert value(second, "SELECT create_meter_reading_partition('2031-03-01')") == "meter_reading_2031_03"


# Files that meet rows


@pytest.fixture(scope="module")
def before_006(server: Database) -> Iterator[Database]:
    """The schema as it was before readings were partitioned."""
    with scratch_database(server) as database:
        apply_with_psql(database, read_history()[:6])
        yield database


@pytest.fixture
def old(server: Database, before_006: Database) -> Iterator[Database]:
    with scratch_database(server, before_006.name) as database:
        yield database


def test_006_carries_old_readings_over(old: Database) -> None:
    with old.connect() as session:
        world = plant(session)
        for moment, given, unit in (
            ("2024-12-31 23:45+00", "1.234567890123", "kWh"),
            ("2025-01-01 00:00+00", "250.5", "kW"),
            ("2025-01-01 00:15+00", "0.5", "MWh"),
            ("2025-01-01 00:30+00", None, "Wh"),
        ):
            session.execute(
                "INSERT INTO meter_reading (meter_id, reading_timestamp, value, unit) VALUES (%s, %s, %s, %s)",
                [world.meter, moment, given, unit],
            )
        run_psql(old, find_file("006_meter_reading_v2.sql").path)
        carried = session.execute(
            "SELECT tableoid::regclass::text, energy_wh, power_w, quality, source_system, reading_interval::text,"
            " organization_id, project_id, meter_id FROM meter_reading ORDER BY reading_timestamp"
        ).fetchall()
        ids = ("manual", "15min", world.organization, world.project, world.meter)
        assert carried == [
            ("meter_reading_2024_12", Decimal("1234.567890123"), None, "measured", *ids),
            ("meter_reading_2025_01", None, Decimal(250500), "measured", *ids),
            ("meter_reading_2025_01", Decimal(500000), None, "measured", *ids),
            ("meter_reading_2025_01", None, None, "missing", *ids),
        ]
        assert value(session, "SELECT to_regclass('meter_reading_v1')") is None
        run_psql(old, find_file("006_meter_reading_v2.sql").path)
        assert value(session, "SELECT count(*) FROM meter_reading") == 4


def test_006_refuses_readings_that_are_neither_energy_nor_power(old: Database) -> None:
    with old.connect() as session:
        world = plant(session)
        session.execute(
            "INSERT INTO meter_reading (meter_id, reading_timestamp, value, unit) VALUES (%s, now(), 20, 'degC')",
            [world.meter],
        )
        with pytest.raises(ClientError, match="neither energy nor power: degC"):
            run_psql(old, find_file("006_meter_reading_v2.sql").path)
        assert value(session, "SELECT value FROM meter_reading") == 20


def test_007_takes_the_span_of_old_aggregates_from_their_billing_period(old: Database) -> None:
    with old.connect() as session:
        world = plant(session)
        session.execute(
            "INSERT INTO billing_period (name, start_date, end_date) VALUES ('2024-02', '2024-02-01', '2024-02-29')"
        )
        session.execute(
            "INSERT INTO meter_aggregate (billing_period_id, meter_id, total_production)"
            " SELECT id, %s, 12 FROM billing_period",
            [world.meter],
        )
        for number in (6, 7):
            run_psql(old, read_history()[number].path)
        session.execute("SET TimeZone = 'UTC'")
        row = session.execute(
            "SELECT organization_id, period_type, period_start::text, period_end::text, total_production"
            " FROM meter_aggregate"
        ).fetchone()
        assert row == (
            world.organization,
            "monthly",
            "2024-02-01 00:00:00+00",
            "2024-03-01 00:00:00+00",
            Decimal("12.000000000000"),
        )


def test_019_gives_old_readings_their_length_and_old_partitions_the_checks(server: Database) -> None:
    """A day is the local one: in New York 23 hours in March, 25 in November."""
    readings = (
        ("2026-03-08 05:00+00", "daily", 23 * 3600),
        ("2026-03-09 04:00+00", "daily", 24 * 3600),
        ("2026-11-01 04:00+00", "daily", 25 * 3600),
        ("2026-11-03 05:00+00", "hourly", 3600),
        ("2026-11-03 06:00+00", "15min", 900),
        ("2026-11-03 06:15+00", "min", 60),
        ("2026-11-03 06:16+00", "sec", 1),
        ("2026-11-03 06:17+00", "millisec", 1),
    )
    with scratch_database(server) as database:
        apply_with_psql(database, read_history()[:18])
        with database.connect() as session:
            world = plant(session)
            session.execute("UPDATE project SET time_zone = 'America/New_York'")
            for month in ("2026-03-01", "2026-11-01"):
                session.execute("SELECT create_meter_reading_partition(%s)", [month])
            for moment, interval, _ in readings:
                session.execute(
                    "INSERT INTO meter_reading (organization_id, project_id, meter_id, source_system,"
                    " reading_timestamp, reading_interval, energy_wh) VALUES (%s, %s, %s, 'manual', %s, %s, 7)",
                    [world.organization, world.project, world.meter, moment, interval],
                )
            for _ in range(2):
                run_psql(database, find_file("019_lean_metering.sql").path)
                assert session.execute(
                    "SELECT reading_interval::text, interval_seconds, energy_wh FROM meter_reading"
                    " ORDER BY reading_timestamp"
                ).fetchall() == [(interval, seconds, 7) for _, interval, seconds in readings]
            with pytest.raises(psycopg.errors.ForeignKeyViolation):
                session.execute("UPDATE meter_reading_2026_03 SET meter_id = 4711")
            with pytest.raises(psycopg.errors.CheckViolation):
                session.execute("UPDATE meter_reading SET interval_seconds = 86400 WHERE reading_interval = 'hourly'")


def test_001_links_roles_by_e_mail_and_refuses_those_of_nobody(server: Database) -> None:
    file = find_file("001_migrate_role_to_auth.sql").path
    with scratch_database(server) as database:
        apply_with_psql(database, read_history()[:1])
        with database.connect() as session:
            session.execute("INSERT INTO organization (name) VALUES ('Sun Ltd')")
            session.execute(
                "INSERT INTO role (organization_id, name, email) SELECT id, person.name, email"
                " FROM organization, (VALUES ('Ada', 'ADA@example.com'), ('Bob', NULL)) AS person (name, email)"
            )
            session.execute("INSERT INTO auth.users (id, email) VALUES (gen_random_uuid(), 'ada@example.com')")
            with pytest.raises(ClientError, match=r"roles without a user in auth.users: Bob \(id 2, e-mail none\)"):
                run_psql(database, file)
            assert value(session, "SELECT count(*) FROM information_schema.columns WHERE table_name = 'role'") == 5

            session.execute("DELETE FROM role WHERE name = 'Bob'")
            run_psql(database, file)
            linked = "SELECT role_type, is_active, users.email FROM role JOIN auth.users ON users.id = role.user_id"
            assert session.execute(linked.encode()).fetchall() == [("staff", True, "ada@example.com")]


# The monthly job


def test_006_leaves_the_months_ahead_to_pg_cron_where_there_is_one(server: Database) -> None:
    """With pg_cron the job exists exactly once; without it the file applies, says so, and months are made by hand."""
    with server.sibling("postgres").connect() as asked:
        cron = value(asked, "SELECT current_setting('cron.database_name', true)")
    job = "SELECT count(*) FROM cron.job WHERE jobname = 'meter-reading-partition-maintenance'"

    if cron is None:
        with scratch_database(server) as database:
            run_psql(database, COMPATIBILITY)
            for file in read_history()[:6]:
                run_psql(database, file.path)
            said = run_psql(database, read_history()[6].path)
            assert "pg_cron is not at hand" in said
            with database.connect() as session:
                months = len(read_partitions(session))
                session.execute("SELECT create_meter_reading_partition('2031-03-01')")
                assert (months, len(read_partitions(session))) == (4, 5)
        return

    # The job belongs to the one database that pg_cron serves: it is made there, beside what there is, and undone.
    with server.sibling(cron).connect() as session, session.transaction(force_rollback=True):
        session.execute("ALTER SCHEMA public RENAME TO public_aside")
        session.execute("CREATE SCHEMA public")
        session.execute("SET LOCAL search_path = public")
        session.execute(COMPATIBILITY.read_bytes())
        for number in range(7):
            session.execute(read_history()[number].content)
        assert value(session, job) == 1
        session.execute(read_history()[6].content)
        assert value(session, job) == 1
        command = value(session, "SELECT command FROM cron.job WHERE jobname = 'meter-reading-partition-maintenance'")
        session.execute("SET LOCAL TimeZone = 'Pacific/Kiritimati'")
        session.execute(command.encode())
        assert len(read_partitions(session)) == 4
        schedule = "SELECT schedule, database FROM cron.job WHERE jobname = 'meter-reading-partition-maintenance'"
        assert session.execute(schedule.encode()).fetchone() == ("0 0 1 * *", cron)


# Row security


def test_an_administrator_sees_the_keys_of_his_organization_and_nobody_elses(
    session: psycopg.Connection, world: World
) -> None:
    ada, bob = UUID(int=1), UUID(int=2)
    other = value(session, "INSERT INTO organization (name) VALUES ('Wind Ltd') RETURNING id")
    session.execute("INSERT INTO auth.users (id, email) VALUES (%s, 'ada'), (%s, 'bob')", [ada, bob])
    session.execute(
        "INSERT INTO role (organization_id, name, user_id, role_type)"
        " VALUES (%s, 'Ada', %s, 'admin'), (%s, 'Bob', %s, 'staff')",
        [world.organization, ada, world.organization, bob],
    )
    credential(session, world, label="ours")
    credential(session, world, label="theirs", organization_id=other)
    session.execute("GRANT SELECT ON integration_credential, role TO authenticated")
    session.execute("SET LOCAL ROLE authenticated")
    seen = {}
    for name, user in (("ada", ada), ("bob", bob), ("nobody", "")):
        session.execute("SELECT set_config('request.jwt.claim.sub', %s, true)", [str(user)])
        seen[name] = [label for (label,) in session.execute("SELECT label FROM integration_credential")]
    assert seen == {"ada": ["ours"], "bob": [], "nobody": []}
