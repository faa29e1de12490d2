"""The commands around readings: what they print, and with which code they end."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from core.models import Contract, RuleOutput
from core.models.vocabulary import UpdatedFrequency
from database.history import ROOT
from database.management import Exit
from database.scratch import Database
from metering.models import FileMapping, IngestionLog, Meter, MeterAggregate, MeterReading
from tests.factories import (
    AssetFactory,
    ClauseCategoryFactory,
    ClauseFactory,
    ContractFactory,
    CurrencyFactory,
    DefaultEventTypeFactory,
    MeterFactory,
    NotificationTypeFactory,
    RuleOutputTypeFactory,
    as_stored_before,
)
from tests.metering.readings import plant, rows, store

pytestmark = pytest.mark.django_db

GOOD = "time,kwh,sun\n2009-03-01T10:00:00Z,1.5,600\n2009-03-01T10:15:00Z,2.25,650\n"
COLUMNS = ["--time-column", "time", "--energy-column", "kwh", "--energy-unit", "kWh", "--interval", "15min"]
FLAGS = [*COLUMNS, "--label", "start"]
DECLARED = {"time_column": "time", "energy": ["kwh", "kWh"], "interval": "15min", "label": "start"}


@pytest.fixture
def meter() -> Meter:
    return plant()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "meter.csv"
    path.write_text(GOOD)
    return path


def run(*command: object) -> str:
    """What the command prints."""
    out = StringIO()
    call_command(*map(str, command), stdout=out)
    return out.getvalue()


def fails(code: Exit, *command: object) -> str:
    """What the command says when it ends with this code."""
    with pytest.raises(CommandError) as caught:
        run(*command)
    assert caught.value.returncode == code
    return str(caught.value)


# --- ingest_readings


def test_a_file_is_loaded_with_one_sentence(meter: Meter, file: Path) -> None:
    assert run("ingest_readings", file, *FLAGS) == (
        "meter.csv: 2 readings from 2009-03-01 10:00 to 2009-03-01 10:15 UTC; 2 new, 0 replaced, 0 unchanged,"
        " 0 of them missing; 3 aggregates written.\n"
    )
    assert MeterReading.objects.count() == 2


def test_the_same_file_is_refused_with_one_sentence(meter: Meter, file: Path) -> None:
    run("ingest_readings", file, *FLAGS)
    message = fails(Exit.REFUSED, "ingest_readings", file, *FLAGS)
    assert "was already loaded" in message
    assert "\n" not in message


def test_a_bad_file_is_refused_line_by_line(meter: Meter, file: Path) -> None:
    file.write_text(GOOD.replace("1.5", "much"))
    message = fails(Exit.WRONG_CONFIGURATION, "ingest_readings", file, *FLAGS)
    assert "meter.csv line 2, column 'kwh', 'much': not a number" in message
    assert not MeterReading.objects.exists()


def test_an_unusable_declaration_is_refused(meter: Meter, file: Path) -> None:
    message = fails(Exit.WRONG_CONFIGURATION, "ingest_readings", file, *COLUMNS)
    assert "label is missing" in message


def test_a_file_that_is_not_there_is_an_error(meter: Meter, tmp_path: Path) -> None:
    message = fails(Exit.ERROR, "ingest_readings", tmp_path / "absent.csv", *FLAGS)
    assert "absent.csv cannot be read: No such file or directory" in message


def test_a_meter_that_is_not_there_is_an_error(meter: Meter, file: Path) -> None:
    assert "no meter fits meter 'X'" in fails(Exit.ERROR, "ingest_readings", file, "--meter", "X", *FLAGS)


@pytest.mark.parametrize("flag", ["--power-column", "--power-unit"])
def test_a_column_and_its_unit_go_together(meter: Meter, file: Path, flag: str) -> None:
    message = fails(Exit.WRONG_USAGE, "ingest_readings", file, *FLAGS, flag, "kW")
    assert "--power-column and --power-unit go together" in message


def test_a_mapping_file_declares_the_columns_and_flags_win(meter: Meter, file: Path, tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps({**DECLARED, "energy": ["kwh", "MWh"], "irradiance": ["sun", "W/m2"]}))
    run("ingest_readings", file, "--mapping", mapping, "--energy-column", "kwh", "--energy-unit", "kWh")
    assert list(MeterReading.objects.order_by("pk").values_list("energy_wh", "irradiance_wm2")) == [
        (Decimal(1500), Decimal(600)),
        (Decimal(2250), Decimal(650)),
    ]


@pytest.mark.parametrize("content", [None, "{", '["time"]', "7", b"\xff"])
def test_a_mapping_file_that_is_no_object_is_refused(
    meter: Meter, file: Path, tmp_path: Path, content: str | bytes | None
) -> None:
    mapping = tmp_path / "mapping.json"
    if content is not None:
        mapping.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = fails(Exit.WRONG_CONFIGURATION, "ingest_readings", file, "--mapping", mapping)
    assert "mapping.json" in message
    assert not IngestionLog.objects.exists()


def test_files_before_a_bad_one_are_loaded_and_reported(
    meter: Meter, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("time,kwh\n,1\n")
    with pytest.raises(CommandError, match=r"bad\.csv line 2"):
        call_command("ingest_readings", str(file), str(bad), *FLAGS, "--json")
    (loaded,) = json.loads(capsys.readouterr().out)
    assert (loaded["file_name"], loaded["rows_loaded"]) == ("meter.csv", 2)
    assert MeterReading.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_as_people_run_it_the_codes_are_those_of_the_process(meter: Meter, file: Path) -> None:
    def manage(*arguments: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *map(str, arguments)],
            cwd=ROOT.parent,
            env={**os.environ, "DATABASE_URL": Database.of(connection).url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    first, second = manage("ingest_readings", file, *FLAGS), manage("ingest_readings", file, *FLAGS)
    wrong = manage("ingest_readings", file, "--interval", "fortnight")
    assert (first.returncode, first.stderr) == (Exit.DONE, "")
    assert (second.returncode, second.stdout) == (Exit.REFUSED, "")
    assert second.stderr.startswith("CommandError: meter.csv was already loaded on ")
    assert second.stderr.count("\n") == 1
    assert wrong.returncode == Exit.WRONG_USAGE
    assert rows("SELECT ingestion_status::text FROM ingestion_log ORDER BY id") == [("success",), ("skipped",)]


def test_a_mapping_is_saved_once_and_named_from_then_on(meter: Meter, file: Path) -> None:
    run("ingest_readings", file, *FLAGS, "--save-mapping", "North park")
    saved = FileMapping.objects.get()
    assert (saved.organization, saved.file_format, saved.mapping) == (meter.project.organization, "csv", DECLARED)
    file.write_text(GOOD.replace("2.25", "2.75"))
    assert "1 replaced" in run("ingest_readings", file, "--mapping-name", "North park")
    file.write_text(GOOD.replace("kwh", "mwh"))
    run("ingest_readings", file, "--mapping-name", "North park", "--energy-column", "mwh", "--energy-unit", "MWh")
    assert MeterReading.objects.earliest("reading_timestamp").energy_wh == 1_500_000


def test_a_saved_mapping_may_be_replaced(meter: Meter, file: Path) -> None:
    run("ingest_readings", file, *FLAGS, "--save-mapping", "North park")
    file.write_text(GOOD + "\n")
    run("ingest_readings", file, "--mapping-name", "North park", "--label", "end", "--save-mapping", "North park")
    assert FileMapping.objects.get().mapping == {**DECLARED, "label": "end"}


def test_a_mapping_that_nobody_saved_is_an_error_that_lists_those_there_are(meter: Meter, file: Path) -> None:
    run("ingest_readings", file, *FLAGS, "--save-mapping", "North park")
    message = fails(Exit.ERROR, "ingest_readings", file, "--mapping-name", "North")
    assert message == "no mapping is saved as 'North' for the organization: saved are 'North park'"


def test_a_mapping_that_cannot_be_used_is_not_saved(meter: Meter, file: Path) -> None:
    message = fails(Exit.WRONG_CONFIGURATION, "ingest_readings", file, *COLUMNS, "--save-mapping", "North park")
    assert "label is missing" in message
    assert not FileMapping.objects.exists()


def test_a_projects_file_goes_to_several_meters(meter: Meter, file: Path) -> None:
    for serial in ("A", "B"):
        asset = AssetFactory.create(project=meter.project, serial_code=serial)
        MeterFactory.create(project=meter.project, asset=asset)
    file.write_text("time,kwh,device\n2009-03-01T10:00:00Z,1,A\n2009-03-01T10:00:00Z,2,B\n2009-03-01T10:00:00Z,2,X\n")
    several = ["--project", meter.project_id, *FLAGS, "--device-column", "device"]
    assert "line 4, 'X': no meter of the project" in fails(Exit.WRONG_CONFIGURATION, "ingest_readings", file, *several)
    assert "2 new, 0 replaced, 0 unchanged, 1 rejected" in run("ingest_readings", file, *several, "--reject", "rows")


# --- aggregate_readings


def test_aggregates_are_made_anew_and_then_up_to_date(meter: Meter) -> None:
    store(meter, datetime(2009, 3, 1, tzinfo=UTC), [(1, 500)] * 96)
    assert run("aggregate_readings") == "26 aggregates written.\n"
    assert run("aggregate_readings") == "All aggregates are up to date.\n"
    assert json.loads(run("aggregate_readings", "--json")) == {"written": 0}


def test_aggregates_of_some_days_may_be_made_alone(meter: Meter) -> None:
    store(meter, datetime(2009, 3, 1, tzinfo=UTC), [(1, 500)] * 96 * 4)
    run("aggregate_readings", "--from", "2009-03-02", "--to", "2009-03-02")
    days = MeterAggregate.objects.filter(period_type="daily").values_list("period_start__day", flat=True)
    assert 2 in days
    assert 4 not in days


# --- evaluate_compliance


@pytest.fixture
def contract() -> Contract:
    """An agreement in force about a plant that stood still on three days of November."""
    for code in ("LIQUIDATED_DAMAGES", "COMPLIANT"):
        RuleOutputTypeFactory.create(code=code)
    DefaultEventTypeFactory.create(code="AVAILABILITY_SHORTFALL")
    NotificationTypeFactory.create(code="BREACH_NOTICE")
    CurrencyFactory.create(code="USD")
    contract = ContractFactory.create(name="PPA", contract_status__code="ACTIVE")
    meter = MeterFactory.create(project=contract.project, meter_type__code="REVENUE")
    hours = [(0 if hour < 72 else 9, 500) for hour in range(720)]
    store(meter, datetime(2025, 11, 1, tzinfo=UTC), hours, UpdatedFrequency.HOURLY)
    return contract


def guarantee(contract: Contract, name: str, **payload: Any) -> None:
    ClauseFactory.create(
        contract=contract,
        name=name,
        clause_category=ClauseCategoryFactory.create(code="AVAILABILITY"),
        normalized_payload={"threshold_unit": "percent", "measurement_period": "monthly", **payload},
    )


def test_each_verdict_is_a_sentence(contract: Contract) -> None:
    guarantee(contract, "Low", threshold=80)
    guarantee(contract, "High", threshold=95, ld_rate=1000, ld_currency="USD", ld_cap=3000)
    assert run("evaluate_compliance", "--period", "2025-11") == (
        "PPA, Low: compliant, availability of 90.00 % is above the guarantee of 80.00 % (created)\n"
        "PPA, High: breach, availability of 90.00 % is below the guarantee of 95.00 %;"
        " damages USD 3,000.00, capped (created)\n"
    )
    assert "(unchanged)" in run("evaluate_compliance", "--period", "2025-11")


def test_a_clause_that_cannot_be_judged_needs_a_person_and_stops_no_other(contract: Contract) -> None:
    with as_stored_before():
        guarantee(contract, "Wanting")
    guarantee(contract, "Low", threshold=80)
    out = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("evaluate_compliance", "--period", "2025-11", stdout=out)
    assert caught.value.returncode == Exit.NEEDS_A_PERSON
    wanting, low = out.getvalue().splitlines()
    assert wanting == "PPA: clause Wanting: threshold: is missing, and no default may stand in for it"
    assert low.startswith("PPA, Low: compliant")
    assert RuleOutput.objects.get().clause.name == "Low"


def test_verdicts_are_given_to_machines_with_their_explanation(contract: Contract) -> None:
    guarantee(contract, "High", threshold=95, ld_rate=1000, ld_currency="USD")
    (verdict,) = json.loads(run("evaluate_compliance", "--period", "2025-11", "--json"))
    assert (verdict["status"], verdict["outcome"], verdict["ld_amount"]) == ("breach", "created", "5000.00")
    assert verdict["rule_output"] == RuleOutput.objects.get().pk
    assert verdict["explanation"]["steps"][0]["down"] == 72 * 3600


def test_a_month_without_a_clause_says_so(contract: Contract) -> None:
    guarantee(contract, "Yearly", threshold=95, measurement_period="annual")
    said = run("evaluate_compliance", "--period", "2025-11")
    assert said == "No clause of an active contract is measured over a monthly period.\n"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--period", "November"], "'November' is not a period: write 2025-11, 2025-Q4 or 2025"),
        (["--period", "2025-11", "--contract", "4711"], "contract 4711 does not exist"),
    ],
)
def test_what_cannot_be_meant_is_an_error(contract: Contract, arguments: list[str], message: str) -> None:
    assert fails(Exit.ERROR, "evaluate_compliance", *arguments) == message


def test_the_ledger_of_time_is_shown_in_the_time_of_the_plant() -> None:
    meter = plant("Asia/Kolkata")
    store(meter, datetime(2009, 3, 1, 6, tzinfo=UTC), [(5, 800), (5, 800), (0, 800), (0, 20)])
    contract = ContractFactory.create(project=meter.project, contract_status__code="ACTIVE")
    clause = ClauseFactory.create(
        contract=contract,
        clause_category=ClauseCategoryFactory.create(code="AVAILABILITY"),
        normalized_payload={"threshold": 95, "threshold_unit": "percent", "measurement_period": "monthly"},
    )
    shown = run("time_ledger", contract.pk, "--period", "2009-03").splitlines()
    assert shown == [
        f"{clause}, meter {meter}",
        "  2009-03-01 00:00:00+05:30 to 2009-03-01 11:30:00+05:30  silent: no information",
        "  2009-03-01 11:30:00+05:30 to 2009-03-01 12:00:00+05:30  running: in service",
        "  2009-03-01 12:00:00+05:30 to 2009-03-01 12:15:00+05:30  standing: forced outage",
        "  2009-03-01 12:15:00+05:30 to 2009-03-01 12:30:00+05:30  resting: in service",
        "  2009-03-01 12:30:00+05:30 to 2009-04-01 00:00:00+05:30  silent: no information",
    ]
    assert "No clause" in run("time_ledger", contract.pk, "--period", "2009")
    Meter.objects.filter(pk=meter.pk).update(meter_type=MeterFactory.create(meter_type__code="WEATHER").meter_type)
    with pytest.raises(CommandError, match="has no revenue or production meter"):
        run("time_ledger", contract.pk, "--period", "2009-03")
