"""Seed files: what they write, that they may run again, and what stops them."""

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from core import rules
from core.money import round_money
from core.payloads import read_payload
from core.periods import CalendarPeriod, parse_period, zone
from database import seeds
from database.management import Exit
from database.seeds import Kind, Loaded, SeedFile, Written
from tests.conftest import absent

pytestmark = pytest.mark.django_db

FILES = {
    "00_reference_data.sql": Kind.REFERENCE,
    "01_test_organizations.sql": Kind.FIXTURES,
    "02_test_project.sql": Kind.FIXTURES,
    "03_default_event_scenario.sql": Kind.FIXTURES,
    "05_auth_seed.sql": Kind.FIXTURES,
}
Snapshot = dict[str, tuple[int, str]]  # by table: how many rows, and a hash over them


@dataclass(frozen=True)
class Story:
    """The seeds on an empty database: by psql, taken back; then by the program, twice."""

    empty: Snapshot
    by_psql: Snapshot
    by_program: Snapshot
    first: tuple[Loaded, ...]
    said_the_second_time: str
    after_the_second_time: Snapshot


@pytest.fixture(scope="module")
def story(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    with django_db_blocker.unblock():
        by_psql = load_by_psql(tmp_path_factory.mktemp("psql") / "snapshot")
        with transaction.atomic():
            empty = snapshot()
            first = load(*seeds.read_seeds())
            by_program = snapshot()
            said = run("load_test_data")
            yield Story(empty, by_psql, by_program, first, said, snapshot())
            transaction.set_rollback(True)


def load(*files: SeedFile) -> tuple[Loaded, ...]:
    return seeds.load(connection, files, tell=pytest.fail)


def run(command: str, *arguments: str) -> str:
    """What the command prints."""
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


def refusal(command: str, *arguments: str) -> CommandError:
    """The error with which the command ends."""
    with pytest.raises(CommandError) as refused:
        run(command, *arguments)
    return refused.value


def ask(statement: str, *values: str | int | datetime | list[str]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


def snapshot_query() -> str:
    """A query for the rows of every table, without what differs between two loads: ids and the time of the load.

    Evidence is left out because it quotes both.
    """
    tables = ask(
        """
        SELECT class.oid::regclass::text,
            array_agg(attname) FILTER (WHERE atttypid IN ('bigint'::regtype, 'bigint[]'::regtype)
                OR pg_get_expr(adbin, adrelid) = 'now()' OR attname IN ('updated_at', 'evidence'))
        FROM pg_class AS class
            JOIN pg_attribute ON attrelid = class.oid AND attnum > 0
            LEFT JOIN pg_attrdef ON adrelid = class.oid AND adnum = attnum
        WHERE relkind IN ('r', 'p') AND NOT relispartition
            AND (relnamespace = 'public'::regnamespace OR class.oid = 'auth.users'::regclass)
        GROUP BY class.oid
        """
    )
    return " UNION ALL ".join(
        f"SELECT '{table}', count(*), coalesce(md5(string_agg(content, '' ORDER BY content)), 'empty') FROM"
        f" (SELECT (to_jsonb(stored) - '{{{','.join(left_out or [])}}}'::text[])::text AS content"
        f" FROM {table} AS stored) AS rows"
        for table, left_out in tables
    )


def snapshot() -> Snapshot:
    return {table: (count, content) for table, count, content in ask(snapshot_query())}


def load_by_psql(output: Path) -> Snapshot:
    """What the files write in psql, in a session far from UTC; all of it is rolled back."""
    files = [argument for file in seeds.read_seeds() for argument in ("-f", str(file.path))]
    query = ["-c", "SET TimeZone TO 'UTC'", "-c", f"\\o {output}", "-c", snapshot_query()]
    command, environment = connection.client.settings_to_cmd_args_env(
        connection.settings_dict,
        ["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", "BEGIN", *files, *query, "-c", "ROLLBACK"],
    )
    if shutil.which(command[0]) is None:
        absent("psql is not installed")
    subprocess.run(
        command,
        env={**os.environ, **(environment or {}), "PGTZ": "Asia/Kolkata"},
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=60,
    )
    rows = [line.split("|") for line in output.read_text().splitlines()]
    return {table: (int(count), content) for table, count, content in rows}


def seed(folder: Path, text: str, name: str = "90_another.sql") -> SeedFile:
    path = folder / name
    path.write_text(text)
    return SeedFile(90, path, Kind.REFERENCE)


def find_file(name: str) -> SeedFile:
    (file,) = seeds.select(tuple(Kind), [name])
    return file


# --- loading


def test_psql_and_the_program_write_the_same_rows(story: Story) -> None:
    assert story.by_psql == story.by_program
    assert story.by_psql["meter_reading"][0] == 2880


def test_a_load_reports_every_row_it_wrote(story: Story) -> None:
    inserted = {
        table: written.inserted for step in story.first for table, written in step.tables.items() if written.inserted
    }
    logins = inserted.pop("django.core_user")
    grown = {
        table: count - story.empty[table][0]
        for table, (count, _) in story.by_program.items()
        if count > story.empty[table][0]
    }
    assert inserted == grown
    assert logins == get_user_model().objects.count() == 4
    # The evidence is written into the two defaults after they are made.
    assert story.first[3].tables["default_event"] == Written(inserted=2, updated=2)


def test_a_second_load_writes_nothing_and_says_so(story: Story) -> None:
    assert story.after_the_second_time == story.by_program
    assert story.said_the_second_time == (
        "Loading reference data...\n"
        "  00_reference_data.sql: nothing to do\n"
        "✅ Reference data loaded\n"
        "\n"
        "Loading test fixtures...\n"
        "  01_test_organizations.sql: nothing to do\n"
        "  02_test_project.sql: nothing to do\n"
        "  03_default_event_scenario.sql: nothing to do\n"
        "  05_auth_seed.sql: nothing to do\n"
        "  Django logins: nothing to do\n"
        "✅ Test fixtures loaded\n"
    )


def test_a_changed_reference_row_is_corrected_and_only_it_is_written(story: Story) -> None:
    ask("UPDATE currency SET name = 'Dollar' WHERE code = 'USD'")
    assert run("load_reference_data") == (
        "Loading reference data...\n  00_reference_data.sql: 1 row written\n✅ Reference data loaded\n"
    )
    assert ask("SELECT name FROM currency WHERE code = 'USD'") == [("US Dollar",)]


def test_rows_that_no_file_names_are_left_alone(story: Story) -> None:
    ask("INSERT INTO contract_type (code, name) VALUES ('TOLLING', 'Tolling agreement')")
    run("load_test_data")
    assert ask("SELECT name FROM contract_type WHERE code = 'TOLLING'") == [("Tolling agreement",)]


def test_a_fixture_that_somebody_changed_stays_as_it_is(story: Story) -> None:
    ask("UPDATE vendor SET address = 'moved' WHERE name = 'Ampora Metering'")
    run("load_test_data")
    assert ask("SELECT address FROM vendor WHERE name = 'Ampora Metering'") == [("moved",)]


def test_json_tells_what_was_written_by_file_and_table(story: Story) -> None:
    ask("DELETE FROM currency WHERE code IN ('CHF', 'SEK')")
    ask("UPDATE event_type SET name = 'something else' WHERE code = 'GRID_OUTAGE'")
    assert json.loads(run("load_reference_data", "--json")) == {
        "reference": [
            {
                "name": "00_reference_data.sql",
                "rows": 3,
                "tables": {
                    "currency": {"inserted": 2, "updated": 0, "deleted": 0},
                    "event_type": {"inserted": 0, "updated": 1, "deleted": 0},
                },
            }
        ]
    }


def test_a_file_may_be_loaded_alone(story: Story) -> None:
    assert run("load_test_data", "01_test_organizations.sql") == (
        "Loading test fixtures...\n"
        "  01_test_organizations.sql: nothing to do\n"
        "  Django logins: nothing to do\n"
        "✅ Test fixtures loaded\n"
    )


@pytest.mark.parametrize(
    "rows, said", [(0, "x.sql: nothing to do"), (1, "x.sql: 1 row written"), (2880, "x.sql: 2,880 rows written")]
)
def test_what_was_written_is_said_in_words(rows: int, said: str) -> None:
    assert str(Loaded("x.sql", {"meter_reading": Written(inserted=rows)})) == said


# --- keys and sequences


def test_a_row_of_the_same_code_under_another_id_is_taken_as_it_is(story: Story) -> None:
    ask("DELETE FROM currency WHERE code = 'CHF'")
    ask("INSERT INTO currency (id, code, name) VALUES (900001, 'CHF', 'franc')")
    run("load_reference_data")
    assert ask("SELECT id, name FROM currency WHERE code = 'CHF'") == [(900001, "Swiss Franc")]


def test_ids_written_by_hand_do_not_collide_with_a_load(story: Story) -> None:
    # The first status of the file is missing, and somebody wrote the id that it would get.
    ask("DELETE FROM contract_status WHERE code = 'DRAFT'")
    ask(
        "INSERT INTO contract_status (id, code, name)"
        " SELECT last_value + 1, 'BY_HAND', 'By hand' FROM contract_status_id_seq"
    )
    run("load_reference_data")
    assert ask("SELECT count(*) FROM contract_status WHERE code IN ('DRAFT', 'BY_HAND')") == [(2,)]


def test_every_sequence_gives_a_free_id_after_a_load_even_of_a_file_that_writes_ids(
    story: Story, tmp_path: Path
) -> None:
    load(seed(tmp_path, "INSERT INTO vendor (id, name) VALUES (700000, 'Written with its id');"))
    columns = ask(
        "SELECT table_name, column_name, pg_get_serial_sequence(table_name, column_name)"
        " FROM information_schema.columns JOIN pg_class ON oid = to_regclass('public.' || table_name)"
        " WHERE table_schema = 'public' AND is_identity = 'YES' AND NOT relispartition"
    )
    assert len(columns) > 50
    for table, column, sequence in columns:
        free = ask(f"SELECT nextval('{sequence}') > coalesce(max({column}), 0) FROM {table}")
        assert free == [(True,)], f"{sequence} gives an id that {table} has"


def test_a_sequence_that_was_never_used_is_moved_past_an_id_that_equals_its_start(story: Story) -> None:
    ask("TRUNCATE invoice_comparison_line_item, fault")
    ask("ALTER TABLE fault ALTER COLUMN id RESTART WITH 5")
    ask(
        "INSERT INTO fault (id, project_id, asset_id, fault_type_id, description, time_start)"
        " SELECT 5, project_id, id, (SELECT min(id) FROM fault_type), 'by hand', now() FROM asset LIMIT 1"
    )
    assert seeds.repair_sequences(connection) == ("fault",)
    assert ask("SELECT nextval('fault_id_seq')") == [(6,)]


def test_a_sequence_never_goes_backwards(story: Story) -> None:
    ask("SELECT setval('vendor_id_seq', 500000)")
    assert seeds.repair_sequences(connection) == ()
    assert ask("SELECT nextval('vendor_id_seq')") == [(500001,)]


# --- what stops a load


@override_settings(ENVIRONMENT="production")
def test_fixtures_are_refused_in_production_before_anything_is_written(story: Story) -> None:
    ask("DELETE FROM currency WHERE code = 'CHF'")
    refused = refusal("load_test_data")
    assert refused.returncode == Exit.REFUSED
    assert "FRONTIER_ENV is production" in str(refused)
    assert ask("SELECT count(*) FROM currency WHERE code = 'CHF'") == [(0,)]
    with pytest.raises(seeds.RefusedError):
        load(*seeds.read_seeds())


@override_settings(ENVIRONMENT="production")
def test_reference_data_loads_in_production(story: Story) -> None:
    ask("DELETE FROM currency WHERE code = 'CHF'")
    assert "1 row written" in run("load_reference_data")


def test_a_database_without_the_schema_is_told_to_migrate(story: Story) -> None:
    ask("DROP SCHEMA frontier_ops CASCADE")
    refused = refusal("load_reference_data")
    assert refused.returncode == Exit.PENDING
    assert "v1.0_baseline.sql" in str(refused)
    assert "Run `manage.py migrate` first." in str(refused)


def test_a_refused_row_names_file_line_and_reason_and_nothing_is_written(story: Story) -> None:
    ask("UPDATE currency SET name = 'Dollar' WHERE code = 'USD'")
    ask("UPDATE contract_type SET name = 'changed'")
    ask("ALTER TABLE currency ADD CONSTRAINT no_dollars CHECK (name <> 'US Dollar') NOT VALID")
    refused = refusal("load_reference_data")
    lines = find_file("00_reference_data.sql").sql.splitlines()
    line = lines.index("INSERT INTO currency AS stored (code, name) VALUES") + 1
    assert refused.returncode == Exit.ERROR
    assert str(refused).startswith(f"00_reference_data.sql, line {line}: new row")
    assert 'violates check constraint "no_dollars". Failing row contains' in str(refused)
    assert str(refused).endswith("Nothing of the reference data was written.")
    assert ask("SELECT DISTINCT name FROM contract_type") == [("changed",)]


def test_a_mistake_in_a_statement_is_found_on_its_own_line(story: Story, tmp_path: Path) -> None:
    file = seed(tmp_path, "-- two; statements\nSELECT ';';\nSELECT\n    1,\n    no_such_column;\n")
    with pytest.raises(
        seeds.SeedLoadError, match=r'^90_another\.sql, line 5: column "no_such_column" does not exist\.'
    ):
        seeds.apply(connection, file)


def test_the_hint_of_a_fixture_reaches_the_reader(story: Story) -> None:
    ask("UPDATE meter SET model = 'replaced'")
    with pytest.raises(seeds.SeedLoadError, match=r"its meter are missing\. Load 02_test_project\.sql first\. Nothing"):
        seeds.apply(connection, find_file("03_default_event_scenario.sql"))


def test_an_unknown_file_is_answered_with_the_files_there_are(story: Story) -> None:
    refused = refusal("load_test_data", "04_nothing.sql")
    assert refused.returncode == Exit.WRONG_CONFIGURATION
    assert str(refused) == f"04_nothing.sql: no such seed file. There are: {', '.join(FILES)}."
    # A fixture is unknown to the command that may run in production.
    assert str(refusal("load_reference_data", "05_auth_seed.sql")) == (
        "05_auth_seed.sql: no such seed file. There are: 00_reference_data.sql."
    )


def test_a_seed_may_not_end_the_transaction(story: Story, tmp_path: Path) -> None:
    with pytest.raises(seeds.SeedFileError, match="line 2: COMMIT may not be used"):
        seeds.apply(connection, seed(tmp_path, "SELECT 1;\nCOMMIT;\n"))


# --- files


def test_files_come_in_the_order_of_their_numbers() -> None:
    assert {file.name: file.kind for file in seeds.read_seeds()} == FILES
    assert [file.name for file in seeds.read_seeds()] == list(FILES)


def test_a_name_without_a_number_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "fixtures" / "users.sql").touch()
    with pytest.raises(seeds.SeedFileError, match=r"users\.sql is not named like"):
        seeds.read_seeds(tmp_path)


def test_a_number_is_used_once(tmp_path: Path) -> None:
    for kind, name in (("reference", "00_codes.sql"), ("fixtures", "00_users.sql")):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / name).touch()
    with pytest.raises(seeds.SeedFileError, match=r"00_users\.sql has the number of 00_codes\.sql"):
        seeds.read_seeds(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_every_seed_checks_references_at_once_and_says_what_it_needs(name: str) -> None:
    text = find_file(name).sql
    first = next(line for line in text.splitlines() if line and not line.startswith("--"))
    assert first == "SET CONSTRAINTS ALL IMMEDIATE;"
    assert "Needs " in text


def test_a_seed_sees_public_alone_and_leaves_the_search_path_as_it_was(story: Story, tmp_path: Path) -> None:
    before = ask("SELECT current_setting('search_path')")
    assert before != [("public",)]
    seeds.apply(connection, seed(tmp_path, "SELECT 1 / (current_setting('search_path') = 'public')::int;"))
    assert ask("SELECT current_setting('search_path')") == before
    with pytest.raises(seeds.SeedLoadError, match='relation "core_user" does not exist'):
        seeds.apply(connection, seed(tmp_path, "SELECT * FROM core_user;"))
    assert ask("SELECT current_setting('search_path')") == before


def test_a_percent_sign_is_text(story: Story, tmp_path: Path) -> None:
    seeds.apply(connection, seed(tmp_path, "UPDATE vendor SET address = '100 %s %% %(x)s';"))
    assert ask("SELECT DISTINCT address FROM vendor") == [("100 %s %% %(x)s",)]


# --- logins


def test_everybody_with_a_role_has_a_login_without_a_password(story: Story) -> None:
    logins = get_user_model().objects.order_by("username")
    assert [(login.username, str(login.auth_user_id)[:8], login.is_staff, login.is_superuser) for login in logins] == [
        ("ada.admin@example.com", "11111111", True, False),
        ("fay.former@example.com", "33333333", False, False),
        ("nora.north@example.com", "44444444", True, False),
        ("sam.staff@example.com", "22222222", True, False),
    ]
    assert not any(login.has_usable_password() for login in logins)


def test_a_login_that_is_there_already_is_left_alone(story: Story) -> None:
    get_user_model().objects.filter(username="sam.staff@example.com").update(username="sam", is_staff=False)
    run("load_test_data")
    assert get_user_model().objects.count() == 4
    assert not get_user_model().objects.get(username="sam").is_staff


def test_somebody_who_signed_up_under_another_id_gets_the_role(story: Story) -> None:
    ask("DELETE FROM role WHERE email = 'ada.admin@example.com'")
    ask(
        "UPDATE auth.users SET id = '99999999-9999-4999-8999-999999999999', email = 'Ada.Admin@example.com'"
        " WHERE email = 'ada.admin@example.com'"
    )
    run("load_test_data", "05_auth_seed.sql")
    assert ask("SELECT user_id::text FROM role WHERE email = 'ada.admin@example.com'") == [
        ("99999999-9999-4999-8999-999999999999",)
    ]


# --- reference rows


def test_every_clause_category_has_the_words_by_which_it_is_found(story: Story) -> None:
    categories = dict(ask("SELECT code, cardinality(key_terms) FROM clause_category"))
    assert sorted(categories) == [
        "AVAILABILITY",
        "COMPLIANCE",
        "CONDITIONS_PRECEDENT",
        "DEFAULT",
        "FORCE_MAJEURE",
        "GENERAL",
        "LIQUIDATED_DAMAGES",
        "MAINTENANCE",
        "PAYMENT_TERMS",
        "PERFORMANCE_GUARANTEE",
        "PRICING",
        "SECURITY_PACKAGE",
        "TERMINATION",
    ]
    assert min(categories.values()) >= 5


def test_billing_periods_are_the_months_of_sixteen_years_without_a_gap(story: Story) -> None:
    periods = ask("SELECT name, start_date, end_date FROM billing_period ORDER BY start_date")
    assert len(periods) == 192
    assert (periods[0][0], periods[-1][0]) == ("2020-01", "2035-12")
    for (name, start, end), following in zip(periods, [*periods[1:], None], strict=True):
        month = parse_period(name)
        assert (start, end) == (month.first_day, month.last_day)
        assert following is None or following[1] == end + timedelta(days=1)


def test_every_currency_has_a_code_of_three_capital_letters(story: Story) -> None:
    codes = [code for (code,) in ask("SELECT code FROM currency")]
    assert len(codes) == 155
    assert [
        code for code in codes if not (len(code) == 3 and code.isascii() and code.isalpha() and code.isupper())
    ] == []


# --- fixtures


def test_a_second_tenant_stands_beside_the_first(story: Story) -> None:
    assert ask(
        "SELECT organization.name, project.name, count(role.id) FROM organization"
        " JOIN project ON project.organization_id = organization.id JOIN role ON role.organization_id = organization.id"
        " GROUP BY organization.id, project.id ORDER BY organization.name"
    ) == [
        ("Borealis Renewables", "Nordlys Wind Farm", 1),
        ("Helios Energy Partners", "Sonora Solar Park", 3),
    ]


def test_payloads_speak_the_clause_vocabulary(story: Story) -> None:
    clauses = ask(
        "SELECT clause.name, clause_category.code, normalized_payload"
        " FROM clause JOIN clause_category ON clause_category.id = clause_category_id"
    )
    assert len(clauses) == 9
    for name, category, payload in clauses:
        assert read_payload(category, json.loads(payload), clause=name).category == category


def test_clauses_and_lines_name_only_codes_that_exist(story: Story) -> None:
    assert (
        ask(
            "SELECT code FROM clause, jsonb_array_elements_text(normalized_payload -> 'excused_events') AS code"
            " EXCEPT SELECT code FROM event_type"
        )
        == []
    )
    assert (
        ask(
            "SELECT code FROM clause, jsonb_array_elements_text(normalized_payload -> 'billing_components') AS code"
            " EXCEPT SELECT code FROM invoice_line_item_type"
        )
        == []
    )


PHOENIX = zone("America/Phoenix")
Reading = tuple[datetime, Decimal | None, Decimal]  # start, energy, irradiance


def readings_of_november(month: CalendarPeriod) -> Sequence[Reading]:
    within = month.in_zone(PHOENIX)
    return [
        (start, energy, irradiance)
        for start, energy, irradiance in ask(
            "SELECT reading_timestamp, energy_wh, irradiance_wm2 FROM meter_reading"
            " WHERE reading_timestamp >= %s AND reading_timestamp < %s",
            within.start,
            within.end,
        )
    ]


def readings_of_december(month: CalendarPeriod) -> Sequence[Reading]:
    with (seeds.ROOT / "fixtures" / "december_readings.csv").open() as file:
        return [
            (
                datetime.fromisoformat(row["timestamp"]),
                Decimal(row["energy_kwh"]) if row["energy_kwh"] else None,
                Decimal(row["irradiance_wm2"]),
            )
            for row in csv.DictReader(file)
        ]


def judge(contract: str, month: CalendarPeriod, readings: Sequence[Reading]) -> tuple[rules.Verdict, list[int]]:
    """The verdict on the contract's availability clause, and its seconds up, down, excused and unknown."""
    [(payload, project)] = ask(
        "SELECT normalized_payload, clause.project_id FROM clause JOIN contract ON contract.id = contract_id"
        " JOIN clause_category ON clause_category.id = clause_category_id AND clause_category.code = 'AVAILABILITY'"
        " WHERE contract.name = %s",
        contract,
    )
    terms = rules.AvailabilityTerms.from_payload(json.loads(payload), clause=contract)
    excused = ask(
        "SELECT time_start, time_end FROM event JOIN event_type ON event_type.id = event_type_id"
        " WHERE project_id = %s AND status = 'closed' AND raw_data ->> 'verified' = 'true' AND code = ANY(%s)",
        project,
        list(terms.excused_events),
    )
    seconds = {"up": 0, "down": 0, "excused_up": 0, "excused_down": 0, "unknown": 0}
    for start, energy, irradiance in readings:
        if irradiance >= terms.irradiance_threshold_wm2:
            state = "unknown" if energy is None else "up" if energy > 0 else "down"
            is_excused = any(since <= start < until for since, until in excused)
            seconds[f"excused_{state}" if is_excused else state] += 900
    verdict = rules.judge(terms, None, rules.AvailabilityMeasurement(**seconds), month)
    return verdict, [
        seconds["up"],
        seconds["down"],
        seconds["excused_up"] + seconds["excused_down"],
        seconds["unknown"],
    ]


@pytest.mark.parametrize(
    "contract, damages",
    [
        ("Sonora Solar Park PPA", Decimal("89931.15")),
        ("Sonora Solar Park O&M Agreement", Decimal("18993.12")),
    ],
)
def test_the_stored_verdict_of_november_follows_from_the_readings(
    story: Story, contract: str, damages: Decimal
) -> None:
    month = parse_period("2025-11")
    verdict, seconds = judge(contract, month, readings_of_november(month))
    [(stored, amount, adjustment, start, end)] = ask(
        "SELECT rule_output.metadata_detail, ld_amount, invoice_adjustment, period_start, period_end FROM rule_output"
        " JOIN clause ON clause.id = clause_id JOIN contract ON contract.id = contract_id WHERE contract.name = %s",
        contract,
    )
    assert (start, end) == (month.in_zone(PHOENIX).start, month.in_zone(PHOENIX).end)
    numbers = json.loads(stored, parse_float=Decimal)
    assert [numbers[f"{name}_seconds"] for name in ("up", "down", "excused", "unknown")] == seconds
    assert seconds == [974_700, 71_100, 14_400, 0]
    assert verdict.status is rules.Status.BREACH
    assert verdict.measured_share is not None
    assert round_money(verdict.measured_share * 100, 10) == numbers["availability_percent"]
    assert verdict.ld_amount == amount == -adjustment == damages


@pytest.mark.parametrize(
    "contract, damages",
    [
        ("Sonora Solar Park PPA", Decimal("74846.36")),
        ("Sonora Solar Park O&M Agreement", Decimal("17484.64")),
    ],
)
def test_the_december_file_leads_to_the_damages_that_the_readme_tells(
    story: Story, contract: str, damages: Decimal
) -> None:
    month = parse_period("2025-12")
    verdict, seconds = judge(contract, month, readings_of_december(month))
    assert seconds == [958_500, 66_600, 10_800, 2_700]
    assert verdict.status is rules.Status.BREACH
    assert verdict.ld_amount == damages


def test_the_comparison_of_november_finds_what_each_side_left_out(story: Story) -> None:
    assert ask(
        "SELECT contract.name, expected.total_amount, received.total_amount, variance_amount,"
        " invoice_comparison.status::text"
        " FROM invoice_comparison"
        " JOIN expected_invoice_header AS expected ON expected.id = expected_invoice_header_id"
        " JOIN received_invoice_header AS received ON received.id = received_invoice_header_id"
        " JOIN contract ON contract.id = expected.contract_id ORDER BY contract.name DESC"
    ) == [
        ("Sonora Solar Park PPA", Decimal("227801.28"), Decimal("215400.31"), Decimal("-12400.97"), "underbilled"),
        ("Sonora Solar Park O&M Agreement", Decimal("46006.88"), Decimal(65000), Decimal("18993.12"), "overbilled"),
    ]
