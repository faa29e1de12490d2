"""The way of a meter file: seen while it runs, taken up after a crash, with many devices, bad rows and corrections."""

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from database.history import ROOT
from database.management import Exit
from database.scratch import Database
from metering.accounts import close_interrupted
from metering.errors import AlreadyLoaded, BadFile, MeteringError
from metering.ingestion import Ingested, ingest, load
from metering.models import IngestionLog, Meter, MeterAggregate, MeterReading, ReadingChange, RejectedReading
from metering.storage import Lake
from tests.factories import (
    AssetFactory,
    ClauseFactory,
    ContractFactory,
    IntegrationSiteFactory,
    MeterFactory,
    RuleOutputFactory,
)
from tests.metering.readings import plant, rows
from tests.soak import rounds

pytestmark = pytest.mark.django_db

MAPPING: dict[str, object] = {
    "time_column": "time",
    "energy": ["kwh", "kWh"],
    "device_column": "device",
    "interval": "15min",
    "label": "start",
}
HEADER = "time,device,kwh\n"
BEGIN = datetime(2009, 3, 1, 7, tzinfo=UTC)
QUARTER = timedelta(minutes=15)

# What a table of readings says, whatever the way it came there: every reading in the order of its key, without what it
# replaced and without which file brought it.
CONTENT_HASH = """
    SELECT encode(sha256(convert_to(coalesce(string_agg(concat_ws('|', meter_id, extract(epoch FROM reading_timestamp),
        interval_seconds, coalesce(trim_scale(energy_wh)::text, '-'), coalesce(trim_scale(power_w)::text, '-'),
        coalesce(trim_scale(register_wh)::text, '-'), coalesce(trim_scale(irradiance_wm2)::text, '-'),
        coalesce(trim_scale(temperature_c)::text, '-'), quality, coalesce(extract(epoch FROM reported_at)::text, '-'),
        coalesce((nullif(other_metrics - 'replaced', '{}'))::text, '-')
    ), E'\\n' ORDER BY meter_id, reading_timestamp), ''), 'UTF8')), 'hex')
    FROM meter_reading
"""


@pytest.fixture
def meter() -> Meter:
    """A meter with the serial code A, one of a project with another, B."""
    meter = plant("Etc/GMT+7")
    meter.asset = AssetFactory.create(project=meter.project, serial_code="A")
    meter.save()
    MeterFactory.create(project=meter.project, asset=AssetFactory.create(project=meter.project, serial_code="B"))
    return meter


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(content: str, name: str = "meter.csv") -> Path:
        path = tmp_path / name
        path.write_text(content)
        return path

    return written


def line(number: int, device: str = "A", kwh: object = 1, further: str = "") -> str:
    return f"{BEGIN + number * QUARTER:%Y-%m-%dT%H:%M:%SZ},{device},{kwh}{further}\n"


def content_hash() -> str:
    ((found,),) = rows(CONTENT_HASH)
    return str(found)


def account() -> IngestionLog:
    return IngestionLog.objects.latest("pk")


def stage() -> tuple[str, str | None]:
    entry = account()
    return str(entry.ingestion_status), entry.ingestion_stage


# --- where files lie


def test_a_loaded_file_lies_with_the_validated_ones(meter: Meter, write: Callable[..., Path], lake: Lake) -> None:
    path = write(HEADER + line(0), "../März 2009.csv".rpartition("/")[2])
    result = ingest(path, meter, MAPPING)
    (name,) = lake.names()
    assert name == result.kept_at == account().destination_path
    assert name.startswith(f"validated/manual/{meter.project.organization_id}/{timezone.now():%Y-%m-%d}/")
    assert name.endswith("-M_rz_2009.csv")
    assert account().file_name == "März 2009.csv"
    assert account().file_path == name.replace("validated/", "raw/")
    assert lake.sha256(name) == account().file_hash
    assert stage() == ("success", "complete")
    assert account().processing_time_ms is not None


def test_a_refused_file_lies_in_quarantine(meter: Meter, write: Callable[..., Path], lake: Lake) -> None:
    with pytest.raises(BadFile):
        ingest(write(HEADER + line(0, kwh="much")), meter, MAPPING)
    (name,) = lake.names()
    assert name.startswith("quarantine/manual/")
    assert (account().destination_path, *stage()) == (name, "quarantined", "complete")


def test_a_file_that_was_loaded_is_kept_once(meter: Meter, write: Callable[..., Path], lake: Lake) -> None:
    path = write(HEADER + line(0))
    first = ingest(path, meter, MAPPING)
    with pytest.raises(AlreadyLoaded):
        ingest(path, meter, MAPPING)
    assert lake.names() == [first.kept_at] == [account().destination_path]
    assert stage()[0] == "skipped"


def test_a_lake_that_cannot_be_written_is_an_error_and_loads_nothing(
    meter: Meter, write: Callable[..., Path], lake: Lake
) -> None:
    Path(lake.root).write_text("in the way")
    with pytest.raises(MeteringError, match="cannot be written"):
        ingest(write(HEADER + line(0)), meter, MAPPING)
    assert stage()[0] == "error"
    assert not MeterReading.objects.exists()


def test_a_file_that_could_not_be_moved_is_moved_by_the_next_load(
    meter: Meter, write: Callable[..., Path], lake: Lake
) -> None:
    in_the_way = Path(lake.root) / "validated"
    in_the_way.parent.mkdir()
    in_the_way.write_text("")
    result = ingest(write(HEADER + line(0)), meter, MAPPING)
    assert result.kept_at.startswith("raw/")
    assert (MeterReading.objects.count(), *stage()) == (1, "success", "moving")
    in_the_way.unlink()
    ingest(write(HEADER + line(1)), meter, MAPPING)
    entry = IngestionLog.objects.get(pk=result.log_id)
    assert (entry.ingestion_stage, lake.exists(str(entry.destination_path))) == ("complete", True)
    assert all(name.startswith("validated/") for name in lake.names())


# --- what others see


@pytest.mark.django_db(transaction=True)
def test_others_see_how_far_a_file_has_come(meter: Meter, write: Callable[..., Path]) -> None:
    path = write(HEADER + line(0))
    held = connection.copy()
    held.set_autocommit(False)
    load_it = threading.Thread(target=beside, args=[lambda: ingest(path, meter, MAPPING)])
    with held.cursor() as cursor:
        cursor.execute("LOCK TABLE meter_aggregate")
        cursor.execute("SELECT FROM meter WHERE id = %s FOR UPDATE", [meter.pk])
        load_it.start()
        waited_for("transforming")
        assert close_interrupted(Lake.from_url("unused")) == 0
        held.rollback()
        cursor.execute("LOCK TABLE meter_aggregate")
        held.rollback()
    held.close()
    load_it.join()
    assert stage() == ("success", "complete")


def beside(deed: Callable[[], object]) -> None:
    """Does it on a connection of its own, in a thread of its own."""
    try:
        deed()
    finally:
        connection.close()


def waited_for(wanted: str) -> None:
    deadline = time.monotonic() + 30
    while not IngestionLog.objects.filter(ingestion_status="processing", ingestion_stage=wanted).exists():
        assert time.monotonic() < deadline, stage()
        time.sleep(0.01)


def test_an_open_account_of_nobody_is_closed_as_interrupted(meter: Meter, lake: Lake) -> None:
    ingested = IngestionLog.objects.create(
        organization=meter.project.organization,
        data_source_id=rows("SELECT id FROM data_source")[0][0],
        file_path="raw/manual/1/x",
        file_hash="x",
    )
    assert close_interrupted(lake) == 1
    ingested.refresh_from_db()
    assert ingested.ingestion_status == "error"
    assert str(ingested.error_message).startswith("interrupted")
    assert close_interrupted(lake) == 0


# --- many devices


def test_a_projects_file_goes_to_the_meters_of_its_devices(meter: Meter, write: Callable[..., Path]) -> None:
    content = HEADER + "".join(line(n, device, kwh) for n in range(8) for device, kwh in (("B", 2), ("A", 1)))
    result = ingest(write(content), meter.project, MAPPING)
    assert result.rows_loaded == 16
    found = "SELECT serial_code, count(*), sum(energy_wh)::integer, min(external_device_id) FROM meter_reading" + (
        " JOIN meter ON meter.id = meter_id JOIN asset ON asset.id = asset_id GROUP BY 1 ORDER BY 1"
    )
    assert rows(found) == [("A", 8, 8000, "A"), ("B", 8, 16000, "B")]
    assert MeterAggregate.objects.filter(period_type="monthly").count() == 2
    assert {(change.rows_new, change.aggregated_at is None) for change in ReadingChange.objects.all()} == {(8, False)}


def test_a_device_may_be_known_by_the_site_of_a_portal(meter: Meter, write: Callable[..., Path]) -> None:
    IntegrationSiteFactory.create(
        organization=meter.project.organization, project=meter.project, meter=meter, external_site_id="site 7"
    )
    ingest(write(HEADER + line(0, "site 7")), meter.project, MAPPING)
    assert MeterReading.objects.get().meter == meter


@pytest.mark.parametrize(
    "devices, at, cause",
    [
        (["A", "X", "X"], [(3, "X")], "no meter of the project has this device"),
        (["A", "", "B"], [(3, "no device")], "no device is named"),
        (["A", "site 7", "A"], [(3, "site 7")], "a second device of the meter of 'A' begins here"),
        (["twice", "A", "B"], [(2, "twice")], "several meters of the project have this device"),
    ],
)
def test_a_device_of_nobody_is_a_problem_of_its_line(
    meter: Meter, write: Callable[..., Path], devices: list[str], at: list[tuple[int, str]], cause: str
) -> None:
    site = {"organization": meter.project.organization, "project": meter.project, "meter": meter}
    IntegrationSiteFactory.create(**site, external_site_id="site 7")
    for _ in range(2):
        asset = AssetFactory.create(project=meter.project, serial_code="twice")
        MeterFactory.create(project=meter.project, asset=asset)
    with pytest.raises(BadFile) as caught:
        ingest(write(HEADER + "".join(line(n, device) for n, device in enumerate(devices))), meter.project, MAPPING)
    assert [(problem.line, problem.value) for problem in caught.value.problems] == at
    assert cause in caught.value.problems[0].cause
    assert not MeterReading.objects.exists()


# --- single rows


def test_good_rows_load_and_every_rejected_row_is_kept(meter: Meter, write: Callable[..., Path]) -> None:
    bad = [line(1, kwh="much"), line(2, "X"), "2009-03-01T09:07:00Z,A,1\n", line(-400_000), "short\n"]
    result = ingest(write(HEADER + line(0) + "".join(bad) + line(5)), meter.project, MAPPING, reject="rows")
    assert (result.rows_loaded, result.rows_rejected, result.rows_in_file) == (2, 5, 7)
    assert "5 rejected" in str(result)
    kept = {one.line: one for one in RejectedReading.objects.all()}
    assert sorted(kept) == [3, 4, 5, 6, 7]
    assert (kept[3].column_name, kept[3].value, kept[3].cause) == ("kwh", "much", "not a number")
    assert kept[3].raw == bad[0].strip()
    assert "no meter of the project has this device" in kept[4].cause
    assert "grid" in kept[5].cause
    assert "before 2000" in kept[6].cause
    assert json.loads(str(kept[6].raw))["external_device_id"] == "A"
    entry = account()
    assert (entry.rows_in_file, entry.rows_valid, entry.rows_loaded, entry.rows_failed) == (7, 2, 2, 5)
    assert entry.validation_errors is not None
    assert sorted(error["line"] for error in entry.validation_errors) == [3, 4, 5, 6, 7]


def test_a_file_without_one_good_row_is_refused_whole(meter: Meter, write: Callable[..., Path]) -> None:
    with pytest.raises(BadFile) as caught:
        ingest(write(HEADER + line(0, kwh="x") + line(1, kwh="y")), meter, MAPPING, reject="rows")
    assert [problem.line for problem in caught.value.problems] == [2, 3]
    assert not RejectedReading.objects.exists()
    assert stage() == ("quarantined", "complete")


def test_a_file_without_its_columns_is_refused_whole(meter: Meter, write: Callable[..., Path]) -> None:
    with pytest.raises(BadFile, match="the column is missing"):
        ingest(write("time,kwh\n2009-03-01T07:00:00Z,1\n"), meter, MAPPING, reject="rows")


def test_times_long_before_the_contract_are_typing_errors(meter: Meter, write: Callable[..., Path]) -> None:
    ContractFactory.create(project=meter.project, effective_date=date(2020, 6, 1), end_date=None)
    with pytest.raises(BadFile, match="before 2010"):
        ingest(write(HEADER + line(0)), meter, MAPPING)


# --- corrections

STATED = {**MAPPING, "reported_column": "stated"}
STATED_HEADER = "time,device,kwh,stated\n"


def stated(number: int, kwh: object, at: str) -> str:
    return line(number, "A", kwh, f",{at}")


def test_an_older_statement_that_comes_later_is_not_taken(meter: Meter, write: Callable[..., Path]) -> None:
    ingest(write(STATED_HEADER + stated(0, 2, "2026-02-01T00:00:00Z")), meter, STATED)
    result = ingest(
        write(STATED_HEADER + stated(0, 1, "2026-01-01T00:00:00Z") + stated(1, 1, "2026-01-01T00:00:00Z")),
        meter,
        STATED,
    )
    assert (result.rows_loaded, result.rows_replaced, result.rows_older, result.rows_unchanged) == (1, 0, 1, 0)
    assert "1 older than what stands" in str(result)
    reading = MeterReading.objects.earliest("reading_timestamp")
    assert reading.energy_wh == 2000
    assert reading.other_metrics is None
    entry = account()
    assert (entry.rows_loaded, entry.rows_skipped) == (1, 1)
    assert entry.validation_errors is not None
    assert "stated at 2026-01-01 00:00:00Z, before what stands" in entry.validation_errors[0]["cause"]


def test_a_newer_statement_replaces_and_both_files_are_known(meter: Meter, write: Callable[..., Path]) -> None:
    first = ingest(write(STATED_HEADER + stated(0, 1, "2026-01-01T00:00:00Z")), meter, STATED)
    assert MeterReading.objects.get().ingestion_log_id == first.log_id
    second = ingest(write(STATED_HEADER + stated(0, 2, "2026-02-01T00:00:00Z")), meter, STATED)
    reading = MeterReading.objects.get()
    assert reading.energy_wh == 2000
    assert reading.ingestion_log_id == second.log_id
    assert reading.other_metrics is not None
    (replaced,) = reading.other_metrics["replaced"]
    assert (replaced["energy_wh"], replaced["ingestion_log_id"]) == (1000, first.log_id)
    changes = ReadingChange.objects.order_by("pk").values_list(
        "ingestion_log_id", "rows_new", "rows_replaced", "period_start", "period_end"
    )
    span = (BEGIN, BEGIN + QUARTER)
    assert list(changes) == [(first.log_id, 1, 0, *span), (second.log_id, 0, 1, *span)]
    assert account().rows_replaced == 1


def test_without_a_word_about_when_the_later_file_is_the_newer_statement(
    meter: Meter, write: Callable[..., Path]
) -> None:
    ingest(write(STATED_HEADER + stated(0, 2, "2026-02-01T00:00:00Z")), meter, STATED)
    assert ingest(write(HEADER + line(0, kwh=3)), meter, MAPPING).rows_replaced == 1
    assert MeterReading.objects.get().energy_wh == 3000


def test_the_same_value_stated_anew_is_no_change_but_counts_as_newer(meter: Meter, write: Callable[..., Path]) -> None:
    for at in ("2026-01-01", "2026-03-01"):
        result = ingest(write(STATED_HEADER + stated(0, 1, f"{at}T00:00:00Z")), meter, STATED)
    assert (result.rows_replaced, result.rows_unchanged) == (0, 1)
    assert ReadingChange.objects.count() == 1
    late = ingest(write(STATED_HEADER + stated(0, 2, "2026-02-01T00:00:00Z")), meter, STATED)
    assert late.rows_older == 1
    assert MeterReading.objects.get().energy_wh == 1000


@pytest.mark.parametrize("seed", range(rounds(full=60, sample=2)))
def test_shuffled_repeated_and_split_input_gives_the_same_readings(
    meter: Meter, write: Callable[..., Path], seed: int
) -> None:
    """Statements of several days about the same hours, once in order and once in any order, in any number of files."""
    chance = random.Random(seed)
    said = [
        line(number, device, chance.choice(["", "0", f"{chance.randrange(10**6)}.{chance.randrange(10**6):06}"]), at)
        for day, at in enumerate((",2026-01-01T00:00:00Z", ",2026-01-02T00:00:00Z", ",2026-01-03T00:00:00Z"))
        for number in chance.sample(range(3_100), 40 + 10 * day)
        for device in "AB"
    ]
    by_day = [[one for one in said if at in one] for at in ("01-01T00:00:00Z\n", "01-02T00", "01-03T00")]
    for number, day in enumerate(by_day):
        ingest(write(STATED_HEADER + "".join(day), f"{number}.csv"), meter.project, STATED)
    expected = content_hash()
    MeterReading.objects.all().delete()
    pieces = [piece for day in by_day for piece in _pieces(day, chance)]
    chance.shuffle(pieces)
    for number, piece in enumerate(pieces):
        repeated = piece + chance.sample(piece, min(3, len(piece)))
        chance.shuffle(repeated)
        ingest(write(STATED_HEADER + "".join(repeated) + "\n" * (number + 1)), meter.project, STATED)
    assert content_hash() == expected


def _pieces(lines: list[str], chance: random.Random) -> Iterator[list[str]]:
    mixed = chance.sample(lines, len(lines))
    while mixed:
        count = chance.randrange(1, 100)
        yield mixed[:count]
        mixed = mixed[count:]


# --- straight and by comparison


def test_new_readings_among_old_ones_are_new_and_the_old_are_left_alone(
    meter: Meter, write: Callable[..., Path]
) -> None:
    ingest(write(HEADER + "".join(line(n) for n in range(0, 96, 3))), meter, MAPPING)
    places = rows("SELECT ctid, xmin::text, reading_timestamp FROM meter_reading ORDER BY 3")
    result = ingest(write(HEADER + "".join(line(n, kwh=1 + (n == 3)) for n in range(200))), meter, MAPPING)
    assert (result.rows_loaded, result.rows_replaced, result.rows_unchanged) == (168, 1, 31)
    now = rows("SELECT ctid, xmin::text, reading_timestamp FROM meter_reading")
    after = {at: (place, by) for place, by, at in now}
    assert [after[at] == (place, by) for place, by, at in places].count(False) == 1
    day = MeterAggregate.objects.get(period_type="daily", period_start=BEGIN)
    assert day.energy_wh == 97_000


@pytest.mark.django_db(transaction=True)
def test_a_writer_beside_the_way_makes_a_load_compare(meter: Meter, write: Callable[..., Path]) -> None:
    """Somebody inserts the same reading by hand, not committed yet when the load looks and committed when it writes."""
    ingest(write(HEADER + line(500)), meter, MAPPING)
    other = connection.copy()
    other.set_autocommit(False)
    results: list[Ingested] = []
    path = write(HEADER + line(0) + line(1))
    with other.cursor() as cursor:
        cursor.execute(
            "INSERT INTO meter_reading (organization_id, project_id, meter_id, source_system, reading_timestamp,"
            " energy_wh) VALUES (%s, %s, %s, 'manual', %s, 7)",
            [meter.project.organization_id, meter.project_id, meter.pk, BEGIN],
        )
        load_it = threading.Thread(target=beside, args=[lambda: results.append(load(path, meter, MAPPING))])
        load_it.start()
        waited_for("loading")
        waiting = "SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        while load_it.is_alive() and not cursor.execute(waiting).fetchall():
            time.sleep(0.01)
        other.commit()
        load_it.join()
    other.close()
    assert [(one.rows_loaded, one.rows_replaced) for one in results] == [(1, 1)]
    assert list(MeterReading.objects.order_by("reading_timestamp").values_list("energy_wh", flat=True)[:2]) == [
        Decimal(1000),
        Decimal(1000),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_verdict_from_before_the_commit_is_stale_after_it(meter: Meter, write: Callable[..., Path]) -> None:
    """All is written but not to be seen yet: whoever judges now knows nothing of the readings."""
    path = write(HEADER + line(0))
    output = RuleOutputFactory.create(
        clause=ClauseFactory.create(contract=ContractFactory.create(project=meter.project)),
        period_start=BEGIN,
        period_end=BEGIN + timedelta(days=1),
    )
    other = connection.copy()
    other.set_autocommit(False)
    load_it = threading.Thread(target=beside, args=[lambda: ingest(path, meter, MAPPING)])
    with other.cursor() as cursor, _before_the_commit():
        cursor.execute("SELECT pg_advisory_xact_lock(20090301)")
        load_it.start()
        waiting = "SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
        while load_it.is_alive() and not rows(waiting):
            time.sleep(0.01)
        cursor.execute("SELECT count(*) FROM meter_reading")
        assert cursor.fetchall() == [(0,)]
        with connection.cursor() as judge:
            judge.execute("UPDATE rule_output SET computed_at = clock_timestamp() WHERE id = %s", [output.pk])
        other.rollback()
        load_it.join()
    other.close()
    assert not ReadingChange.objects.filter(aggregated_at=None).exists()
    assert rows("SELECT rule_output_id FROM stale_verdict") == [(output.pk,)]


@contextmanager
def _before_the_commit() -> Iterator[None]:
    """Loads wait for an advisory lock when all but the commit is done."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION public.wait_for_lock() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_advisory_xact_lock(20090301); RETURN NEW; END $$;"
            " CREATE TRIGGER waits BEFORE UPDATE ON ingestion_log FOR EACH ROW"
            " WHEN (NEW.ingestion_status = 'success' AND NEW.ingestion_stage = 'moving')"
            " EXECUTE FUNCTION public.wait_for_lock()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION public.wait_for_lock() CASCADE")


def test_a_reading_that_lasts_into_the_first_new_one_is_found_where_nothing_else_stands(
    meter: Meter, write: Callable[..., Path]
) -> None:
    ingest(write(HEADER + line(0)), meter, {**MAPPING, "interval": "hourly"})
    with pytest.raises(BadFile) as caught:
        ingest(write(HEADER + line(3) + line(1)), meter, MAPPING)
    assert [(problem.line, problem.cause) for problem in caught.value.problems] == [
        (3, "the hourly reading of 2009-03-01 07:00:00Z lasts into the next one, of 2009-03-01 07:15:00Z")
    ]
    assert MeterReading.objects.count() == 1
    assert ingest(write(HEADER + line(4) + line(5)), meter, MAPPING).rows_loaded == 2


def test_a_long_file_is_loaded_in_many_blocks(meter: Meter, write: Callable[..., Path]) -> None:
    """More than fits a block, of two meters, in no order of time, over months; a few hours of it stand already."""
    ingest(write(HEADER + "".join(line(n) for n in range(9_000, 9_010))), meter, MAPPING)
    mixed = random.Random(3).sample([(n, device) for n in range(20_000) for device in "AB"], 40_000)
    path = write(HEADER + "".join(line(n, device, "1.000000") for n, device in mixed))
    assert path.stat().st_size > 2**20
    result = ingest(path, meter.project, MAPPING)
    assert (result.rows_loaded, result.rows_unchanged, len(result.months_made) > 5) == (39_990, 10, True)
    days = MeterAggregate.objects.filter(period_type="daily", reading_count=96).count()
    assert days == 2 * (20_000 // 96)


def test_new_readings_between_many_that_stand_are_found_whatever_block_they_come_in(
    meter: Meter, write: Callable[..., Path]
) -> None:
    """Whole blocks stand already, then comes a hole, then the last reading stands."""
    wide, header = "," + "x" * 400, HEADER.replace("\n", ",note\n")
    standing = [*range(4_000), 8_999]
    load(write(header + "".join(line(n, further=wide) for n in standing)), meter, MAPPING)
    path = write(header + "".join(line(n, kwh=1 + (n == 7), further=wide) for n in range(9_000)))
    assert path.stat().st_size > 3 * 2**20
    result = load(path, meter, MAPPING)
    assert (result.rows_loaded, result.rows_replaced, result.rows_unchanged) == (4_999, 1, 4_000)
    again = load(write(path.read_text() + "\n"), meter, MAPPING)
    assert (again.rows_loaded, again.rows_replaced, again.rows_unchanged) == (0, 0, 9_000)
    assert rows("SELECT count(*), count(DISTINCT reading_timestamp) FROM meter_reading") == [(9_000, 9_000)]


# --- crashes


def environment() -> dict[str, str]:
    return {**os.environ, "DATABASE_URL": Database.of(connection).url, "DJANGO_SETTINGS_MODULE": "frontier.settings"}


def arguments(path: Path, project_id: int, mapping: Path) -> list[str]:
    return ["ingest_readings", str(path), "--project", str(project_id), "--mapping", str(mapping)]


@pytest.mark.django_db(transaction=True)
def test_of_two_processes_with_one_file_exactly_one_loads(
    meter: Meter, write: Callable[..., Path], tmp_path: Path
) -> None:
    path = write(HEADER + "".join(line(n, device) for n in range(3_000) for device in "AB"))
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps(MAPPING))
    processes = [
        subprocess.Popen(
            [sys.executable, "manage.py", *arguments(path, meter.project_id, mapping)],
            cwd=ROOT.parent,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120) for process in processes]
    assert sorted(process.returncode for process in processes) == [Exit.DONE, Exit.REFUSED], said
    assert MeterReading.objects.count() == 6_000
    assert sorted(IngestionLog.objects.values_list("ingestion_status", flat=True)) == ["skipped", "success"]


@pytest.mark.soak
@pytest.mark.django_db(transaction=True)
def test_whoever_is_killed_on_the_way_leaves_a_file_that_loads(
    meter: Meter, write: Callable[..., Path], tmp_path: Path, lake: Lake
) -> None:
    """Killed around the N-th statement, for N all over the load; afterwards nothing is half done and nothing twice."""
    path = write(HEADER + "".join(line(n, device) for n in range(40) for device in "AB"))
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps(MAPPING))
    count = tmp_path / "count"
    killed = [sys.executable, str(ROOT.parent / "tests" / "database" / "killed.py")]

    def run(at: float) -> int:
        command = [*killed, str(at), *arguments(path, meter.project_id, mapping)]
        done = subprocess.run(
            command, cwd=ROOT.parent, env={**environment(), "COUNT": str(count)}, capture_output=True, timeout=120
        )
        return done.returncode

    def forget() -> None:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE meter_reading, meter_aggregate, reading_change, ingestion_log CASCADE")
        shutil.rmtree(lake.root, ignore_errors=True)

    assert run(0) == 0
    expected, statements = content_hash(), int(count.read_text())
    aggregates = "SELECT meter_id, period_type, period_start, energy_wh FROM meter_aggregate ORDER BY 1, 2, 3"
    summed = rows(aggregates)
    chance = random.Random(7)
    for _ in range(rounds(full=200, sample=3)):
        forget()
        at = chance.randrange(1, 2 * statements + 1) / 2
        assert run(at) in (-9, 0), at
        with suppress(AlreadyLoaded):
            ingest(path, meter.project, MAPPING)
        assert content_hash() == expected, at
        assert rows(aggregates) == summed, at
        # The server may take a moment to notice that nobody is at the other end: until then the account looks alive.
        deadline = time.monotonic() + 30
        while IngestionLog.objects.filter(ingestion_status="processing").exists() and time.monotonic() < deadline:
            close_interrupted(lake)
        states = list(IngestionLog.objects.values_list("ingestion_status", "ingestion_stage"))
        assert [status for status, _ in states].count("success") == 1, (at, states)
        assert not {status for status, _ in states} - {"success", "error", "skipped"}, (at, states)
        assert ("success", "moving") not in states, at
        assert not ReadingChange.objects.filter(aggregated_at=None).exists(), at
        assert sum(name.startswith("validated/") for name in lake.names()) == 1, at
