"""Meter files: whole or not at all, once, and with an account of what became of each."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import DatabaseError, connection

from metering.aggregation import roll_up
from metering.errors import AlreadyLoaded, BadFile, FormatError, MeteringError
from metering.ingestion import Ingested, ingest
from metering.models import IngestionLog, Meter, MeterAggregate, MeterReading
from metering.partitions import existing_months
from tests.factories import MeterFactory
from tests.metering.readings import Rows, plant, rows

pytestmark = pytest.mark.django_db

MAPPING: dict[str, object] = {
    "time_column": "time",
    "energy": ["kwh", "kWh"],
    "irradiance": ["sun", "W/m2"],
    "interval": "15min",
    "label": "start",
}
SERF: dict[str, object] = {
    "time_column": "measured_on",
    "power": ["ac_power", "W"],
    "interval": "15min",
    "label": "start",
}
HEADER = "time,kwh,sun\n"
GOOD = HEADER + "2009-03-01T10:00:00Z,1.5,600\n2009-03-01T10:15:00Z,2.25,650\n"
READINGS = (
    "SELECT meter_id, reading_timestamp, reading_interval, energy_wh, power_w, irradiance_wm2, quality, other_metrics"
    " FROM meter_reading ORDER BY meter_id, reading_timestamp"
)
AGGREGATES = (
    "SELECT meter_id, period_type, period_start, period_end, energy_wh, seconds_unknown, reading_count"
    " FROM meter_aggregate ORDER BY meter_id, period_type, period_start"
)


@pytest.fixture
def meter() -> Meter:
    return plant("Etc/GMT+7")


@pytest.fixture
def serf(shared_data: Path) -> Path:
    return shared_data / "pv" / "serf_east_15min_ac_power.csv"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Writes a meter file of this content."""

    def written(content: str | bytes) -> Path:
        path = tmp_path / "meter.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def stored() -> tuple[Rows, Rows, frozenset[str]]:
    """Everything that a load may change, but for its account."""
    return rows(READINGS), rows(AGGREGATES), existing_months()


def account() -> IngestionLog:
    """The entry of the file that was offered last."""
    return IngestionLog.objects.latest("pk")


def refused(path: Path, meter: Meter, mapping: dict[str, object] | None = None) -> BadFile:
    """What the refusal says; nothing may be stored, and the account has to say the same."""
    before = stored()
    with pytest.raises(BadFile) as caught:
        ingest(path, meter, mapping or MAPPING)
    assert stored() == before
    entry = account()
    assert entry.ingestion_status == "quarantined"
    assert entry.rows_loaded == 0
    assert entry.rows_failed == caught.value.total
    assert entry.error_message == str(caught.value)
    assert entry.processing_completed_at is not None
    assert entry.validation_errors is not None
    assert [error["line"] for error in entry.validation_errors] == [problem.line for problem in caught.value.problems]
    assert [error["cause"] for error in entry.validation_errors] == [problem.cause for problem in caught.value.problems]
    return caught.value


# --- a real file


def test_a_real_file_loads_into_the_months_it_belongs_to(meter: Meter, serf: Path) -> None:
    result = ingest(serf, meter, SERF)
    assert (result.rows_in_file, result.rows_loaded) == (10_000, 10_000)
    assert (result.rows_replaced, result.rows_unchanged) == (0, 0)
    assert result.first_reading_at == datetime(2016, 7, 1, 7, tzinfo=UTC)
    assert existing_months() >= {f"meter_reading_2016_{month}" for month in ("07", "08", "09", "10")}
    partitions = "SELECT tableoid::regclass::text, count(*) FROM meter_reading GROUP BY 1 ORDER BY 1"
    assert rows(partitions) == [
        ("meter_reading_2016_07", 2_948),
        ("meter_reading_2016_08", 2_976),
        ("meter_reading_2016_09", 2_880),
        ("meter_reading_2016_10", 1_196),
    ]
    july = MeterAggregate.objects.get(period_type="monthly", period_start=datetime(2016, 7, 1, 7, tzinfo=UTC))
    assert july.period_end == datetime(2016, 8, 1, 7, tzinfo=UTC)
    assert july.reading_count == 2_976
    assert july.energy_kwh == Decimal("857.9220735475")
    assert july.seconds_unknown == 0


def test_a_load_is_accounted_for(meter: Meter, serf: Path) -> None:
    result = ingest(serf, meter, SERF)
    entry = account()
    assert entry.pk == result.log_id
    assert entry.ingestion_status == "success"
    assert (entry.rows_in_file, entry.rows_valid, entry.rows_loaded, entry.rows_skipped) == (10_000, 10_000, 10_000, 0)
    assert entry.data_start_timestamp == result.first_reading_at
    assert entry.data_end_timestamp == result.last_reading_at
    assert entry.file_size_bytes == serf.stat().st_size
    said = "serf_east_15min_ac_power.csv: 10,000 readings from 2016-07-01 07:00 to 2016-10-13 10:45 UTC; 10,000 new"
    assert str(result).startswith(said)


def test_a_file_loads_once(meter: Meter, serf: Path) -> None:
    first = ingest(serf, meter, SERF)
    before = stored()
    with pytest.raises(AlreadyLoaded) as caught:
        ingest(serf, meter, SERF)
    assert stored() == before
    message = str(caught.value)
    assert "was already loaded" in message
    assert f"ingestion log {first.log_id}" in message
    assert "\n" not in message
    assert account().pk != first.log_id
    assert account().ingestion_status == "skipped"
    assert account().error_message == message


def test_the_same_content_under_another_name_is_the_same_file(meter: Meter, write: Callable[[str], Path]) -> None:
    path = write(GOOD)
    ingest(path, meter, MAPPING)
    with pytest.raises(AlreadyLoaded, match=r"copy\.csv was already loaded .* as meter\.csv"):
        ingest(path.rename(path.with_name("copy.csv")), meter, MAPPING)


def test_another_organization_may_have_the_same_file(meter: Meter, write: Callable[[str], Path]) -> None:
    path = write(GOOD)
    ingest(path, meter, MAPPING)
    assert ingest(path, plant(), MAPPING).rows_loaded == 2


# --- bad files


@pytest.mark.parametrize(
    "line, column, value, cause",
    [
        (",1.5,600", "time", "", "no time"),
        ("2009-03-01 10:00:00,1.5,600", "time", "2009-03-01 10:00:00", "no offset is written"),
        ("2009-03-01T10:00:00Z,much,600", "kwh", "much", "not a number"),
        ("2009-03-01T10:00:00Z,1.5", None, "2009-03-01T10:00:00Z,1.5", "2 cells, the header has 3"),
        ("1970-01-01T00:00:00Z,1.5,600", None, "1970-01-01 00:00:00Z", "before 2000"),
        ("2206-03-01T10:00:00Z,1.5,600", None, "2206-03-01 10:00:00Z", "after tomorrow"),
        ("2009-03-01T10:07:00Z,1.5,600", "time", "2009-03-01T10:07:00Z", "not on the local 15min grid"),
        ("2009-03-01T09:45:00Z,1.5,601", "time", "2009-03-01 09:45:00Z", "line 2 has other values"),
    ],
)  # fmt: skip
def test_a_bad_line_keeps_the_whole_file_out(
    meter: Meter, write: Callable[[str], Path], line: str, column: str | None, value: str, cause: str
) -> None:
    error = refused(write(f"{HEADER}2009-03-01T09:45:00Z,1.5,600\n{line}\n"), meter)
    (problem,) = error.problems
    assert (problem.line, problem.column, problem.value) == (3, column, value)
    assert cause in problem.cause
    assert "meter.csv line 3" in str(error)


@pytest.mark.parametrize(
    "byte, cause",
    [(b"\xff", "byte 0xFF at offset 36 is not UTF-8"), (b"\0", "byte 0x00 at offset 36 belongs in no text file")],
)
def test_a_broken_byte_keeps_the_whole_file_out(
    meter: Meter, write: Callable[[bytes], Path], byte: bytes, cause: str
) -> None:
    error = refused(write(HEADER.encode() + b"2009-03-01T10:00:00Z,1." + byte + b",600\n"), meter)
    assert [(problem.line, problem.cause) for problem in error.problems if "byte" in problem.cause] == [
        (2, f"{cause}: save the file as UTF-8" if byte == b"\xff" else cause)
    ]


def test_an_unknown_unit_is_never_guessed(meter: Meter, write: Callable[[str], Path]) -> None:
    error = refused(write(GOOD), meter, {**MAPPING, "energy": ["kwh", "kilowatts"]})
    assert "'kilowatts'" in str(error)
    assert "meter.csv line 1" in str(error)


def test_power_is_not_taken_for_energy(meter: Meter, write: Callable[[str], Path]) -> None:
    assert "energy: " in str(refused(write(GOOD), meter, {**MAPPING, "energy": ["kwh", "kW"]}))


def test_a_missing_column_is_named(meter: Meter, write: Callable[[str], Path]) -> None:
    error = refused(write(GOOD), meter, {**MAPPING, "energy": ["energy", "kWh"]})
    assert [(problem.line, problem.column) for problem in error.problems] == [(1, "energy")]
    assert "the column is missing: the header has 'time', 'kwh', 'sun'" in str(error)


def test_two_devices_in_one_file_are_never_mixed(meter: Meter, write: Callable[[str], Path]) -> None:
    content = "time,kwh,device\n2009-03-01T10:00:00Z,1,A\n2009-03-01T10:15:00Z,1,A\n2009-03-01T10:00:00Z,2,B\n"
    mapping = {**MAPPING, "irradiance": None, "device_column": "device"}
    error = refused(write(content), meter, mapping)
    (problem,) = error.problems
    assert (problem.line, problem.value) == (4, "B")
    assert "a second device begins here" in problem.cause


def test_all_bad_lines_are_listed_at_once(meter: Meter, write: Callable[[str], Path]) -> None:
    error = refused(write(f"{HEADER},1,600\n2009-03-01T10:00:00Z,x,600\n2009-03-01T10:15:00Z,1,y\n"), meter)
    assert [problem.line for problem in error.problems] == [2, 3, 4]


def test_a_long_list_is_counted_whole(meter: Meter, write: Callable[[str], Path]) -> None:
    wrong = "".join(f"1970-01-01T{n // 4:02}:{n % 4 * 15:02}:00Z,1,600\n" for n in range(96))
    error = refused(write(HEADER + wrong + wrong.replace("01-01", "01-02")), meter)
    assert (error.total, len(error.problems)) == (192, 100)
    assert "92 more, not listed" in str(error)


def test_a_refused_file_may_be_tried_again(meter: Meter, write: Callable[[str], Path]) -> None:
    refused(write(GOOD.replace("2.25", "2,25")), meter)
    assert ingest(write(GOOD), meter, MAPPING).rows_loaded == 2


def test_the_same_file_may_be_tried_again_with_another_mapping(meter: Meter, write: Callable[[str], Path]) -> None:
    path = write(GOOD)
    refused(path, meter, {**MAPPING, "energy": ["kwh", "kilowatts"]})
    assert ingest(path, meter, MAPPING).rows_loaded == 2


def test_a_file_that_is_not_there_is_named(meter: Meter, tmp_path: Path) -> None:
    with pytest.raises(MeteringError, match=r"absent\.csv cannot be read: No such file or directory\. Nothing"):
        ingest(tmp_path / "absent.csv", meter, MAPPING)
    assert not IngestionLog.objects.exists()


def test_an_unknown_format_is_refused(meter: Meter, write: Callable[[str], Path]) -> None:
    with pytest.raises(FormatError, match="'xml' is unknown: known are csv"):
        ingest(write(GOOD), meter, MAPPING, "xml")
    assert not IngestionLog.objects.exists()


def test_a_missing_data_source_says_what_to_run(write: Callable[[str], Path]) -> None:
    with pytest.raises(MeteringError, match=r"data source 'manual' is missing: .* load_reference_data"):
        ingest(write(GOOD), MeterFactory.create(), MAPPING)


# --- what a cell means


def test_a_missing_cell_is_not_zero(meter: Meter, write: Callable[[str], Path]) -> None:
    result = ingest(write(f"{HEADER}2009-03-01T10:00:00Z,,600\n2009-03-01T10:15:00Z,0,600\n"), meter, MAPPING)
    assert (result.rows_loaded, result.rows_missing) == (2, 1)
    missing, zero = MeterReading.objects.order_by("reading_timestamp")
    assert (missing.energy_wh, missing.quality) == (None, "missing")
    assert (zero.energy_wh, zero.quality) == (Decimal(0), "measured")
    hour = MeterAggregate.objects.get(period_type="hourly")
    assert (hour.energy_wh, hour.reading_count, hour.seconds_unknown) == (Decimal(0), 1, 2700)


def test_units_are_converted_exactly(meter: Meter, write: Callable[[str], Path]) -> None:
    ingest(write(f"{HEADER}2009-03-01T10:00:00Z,0.123456789012,0.1\n"), meter, MAPPING)
    reading = MeterReading.objects.get()
    assert (reading.energy_wh, reading.irradiance_wm2) == (Decimal("123.456789012"), Decimal("0.1"))


def test_power_is_integrated_over_its_interval(meter: Meter, write: Callable[[str], Path]) -> None:
    mapping = {**MAPPING, "energy": None, "power": ["kwh", "kW"]}
    ingest(write(GOOD), meter, mapping)
    assert list(MeterReading.objects.order_by("reading_timestamp").values_list("power_w", "energy_wh")) == [
        (Decimal(1500), Decimal(375)),
        (Decimal(2250), Decimal("562.5")),
    ]


def test_local_times_are_read_in_the_declared_zone(meter: Meter, write: Callable[[str], Path]) -> None:
    content = HEADER + "2009-07-01 00:00,1,0\n"
    ingest(write(content), meter, {**MAPPING, "time_zone": "America/Denver", "label": "end"})
    assert MeterReading.objects.get().reading_timestamp == datetime(2009, 7, 1, 5, 45, tzinfo=UTC)


# --- days


DAILY: dict[str, object] = {"time_column": "day", "energy": ["kwh", "kWh"], "interval": "daily", "label": "start"}


def test_days_of_the_projects_zone_load_even_where_they_have_23_hours(write: Callable[[str], Path]) -> None:
    meter = plant("America/New_York")
    content = "day,kwh\n2009-03-07,1\n2009-03-08,2\n2009-03-09,3\n"
    assert ingest(write(content), meter, {**DAILY, "time_zone": "America/New_York"}).rows_loaded == 3
    days = MeterAggregate.objects.filter(period_type="daily").order_by("period_start")
    assert [(day.energy_kwh, day.seconds_unknown, day.period_end - day.period_start) for day in days] == [
        (Decimal(1), 0, timedelta(hours=24)),
        (Decimal(2), 0, timedelta(hours=23)),
        (Decimal(3), 0, timedelta(hours=24)),
    ]
    assert not MeterAggregate.objects.filter(period_type="hourly").exists()


def test_days_of_another_zone_are_refused(meter: Meter, write: Callable[[str], Path]) -> None:
    error = refused(write("day,kwh\n2009-03-07,1\n"), meter, {**DAILY, "time_zone": "UTC"})
    assert "line 2, '2009-03-07 00:00:00Z': no day begins then in Etc/GMT+7" in str(error)


def test_mean_power_of_a_day_is_not_turned_into_energy(meter: Meter, write: Callable[[str], Path]) -> None:
    mapping = {**DAILY, "energy": None, "power": ["kwh", "kW"], "time_zone": "Etc/GMT+7"}
    assert "energy is missing" in str(refused(write("day,kwh\n2009-03-07,1\n"), meter, mapping))


def test_a_day_without_energy_is_missing_even_where_its_mean_power_is_known(
    meter: Meter, write: Callable[[str], Path]
) -> None:
    mapping = {**DAILY, "power": ["kw", "kW"], "time_zone": "Etc/GMT+7"}
    ingest(write("day,kwh,kw\n2009-03-07,,2\n"), meter, mapping)
    assert MeterReading.objects.get().energy_wh is None
    assert MeterAggregate.objects.get(period_type="daily").seconds_unknown == 86_400


# --- corrections


def test_a_corrected_file_replaces_what_differs_and_keeps_what_it_replaced(
    meter: Meter, write: Callable[[str], Path]
) -> None:
    ingest(write(GOOD), meter, MAPPING)
    where = "SELECT ctid, xmin::text FROM meter_reading ORDER BY reading_timestamp"
    kept, _ = rows(where)

    result = ingest(write(GOOD.replace("2.25", "2.75")), meter, MAPPING)
    assert (result.rows_loaded, result.rows_replaced, result.rows_unchanged) == (0, 1, 1)
    assert rows(where)[0] == kept
    same, corrected = MeterReading.objects.order_by("reading_timestamp")
    assert same.other_metrics is None
    assert corrected.energy_wh == 2750
    assert corrected.other_metrics is not None
    (replaced,) = corrected.other_metrics["replaced"]
    assert (replaced["energy_wh"], replaced["irradiance_wm2"], replaced["quality"]) == (2250, 650, "measured")
    assert {one.energy_wh for one in MeterAggregate.objects.all()} == {4250}
    assert MeterAggregate.objects.count() == 3


def test_every_earlier_value_stays_visible(meter: Meter, write: Callable[[str], Path]) -> None:
    for value in ("2.25", "2.5", ""):
        ingest(write(GOOD.replace("2.25", value)), meter, MAPPING)
    reading = MeterReading.objects.latest("reading_timestamp")
    assert (reading.energy_wh, reading.quality) == (None, "missing")
    assert reading.other_metrics is not None
    assert [earlier["energy_wh"] for earlier in reading.other_metrics["replaced"]] == [2250, 2500]
    assert MeterAggregate.objects.get(period_type="monthly").energy_wh == 1500


def test_a_file_that_says_the_same_again_writes_nothing(meter: Meter, write: Callable[[str], Path]) -> None:
    ingest(write(GOOD), meter, MAPPING)
    before = stored()
    result = ingest(write(GOOD.replace("1.5", "1.50")), meter, MAPPING)
    assert (result.rows_loaded, result.rows_replaced, result.rows_unchanged, result.aggregates_written) == (0, 0, 2, 0)
    assert stored() == before


def test_readings_of_two_lengths_for_the_same_time_are_refused(meter: Meter, write: Callable[[str], Path]) -> None:
    ingest(write(GOOD), meter, MAPPING)
    hours = HEADER + "2009-03-01T09:00:00Z,4,600\n2009-03-01T10:00:00Z,8,600\n"
    error = refused(write(hours), meter, {**MAPPING, "interval": "hourly"})
    assert [(problem.line, problem.cause) for problem in error.problems] == [
        (3, "the hourly reading of 2009-03-01 10:00:00Z lasts into the next one, of 2009-03-01 10:15:00Z")
    ]


def test_a_meter_may_change_the_length_of_its_readings(meter: Meter, write: Callable[[str], Path]) -> None:
    ingest(write(GOOD), meter, MAPPING)
    hours = HEADER + "2009-03-01T09:00:00Z,4,600\n2009-03-01T11:00:00Z,8,600\n"
    assert ingest(write(hours), meter, {**MAPPING, "interval": "hourly"}).rows_loaded == 2


# --- what comes between


def test_an_error_in_the_middle_leaves_nothing(meter: Meter, write: Callable[[str], Path]) -> None:
    before = stored()
    with connection.cursor() as cursor:
        # The readings are in, what changed is not noted yet.
        cursor.execute("ALTER TABLE reading_change ADD CONSTRAINT full_disk CHECK (rows_new = 0)")
    with pytest.raises(DatabaseError, match="full_disk"):
        ingest(write(GOOD), meter, MAPPING)
    assert stored() == before
    assert account().ingestion_status == "error"
    assert "full_disk" in str(account().error_message)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE reading_change DROP CONSTRAINT full_disk")
    assert ingest(write(GOOD), meter, MAPPING).rows_loaded == 2


def test_aggregates_that_an_error_left_out_are_made_when_the_file_is_offered_again(
    meter: Meter, write: Callable[[str], Path]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE meter_aggregate ADD CONSTRAINT full_disk CHECK (period_type <> 'daily')")
    with pytest.raises(DatabaseError, match="full_disk"):
        ingest(write(GOOD), meter, MAPPING)
    assert (MeterReading.objects.count(), MeterAggregate.objects.count()) == (2, 0)
    assert account().ingestion_status == "success"
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE meter_aggregate DROP CONSTRAINT full_disk")
    with pytest.raises(AlreadyLoaded):
        ingest(write(GOOD), meter.project, MAPPING)
    assert MeterAggregate.objects.get(period_type="monthly").energy_wh == 3750


def at_once(*deeds: Callable[[], Ingested]) -> list[Ingested | Exception]:
    """What each deed gave or raised; all begin together, each on a connection of its own."""
    gate = threading.Barrier(len(deeds))
    results: list[Ingested | Exception] = []

    def do(deed: Callable[[], Ingested]) -> None:
        try:
            gate.wait()
            results.append(deed())
        except (MeteringError, DatabaseError) as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=do, args=[deed]) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.django_db(transaction=True)
def test_of_two_uploads_of_one_file_at_the_same_instant_exactly_one_loads(
    meter: Meter, write: Callable[[str], Path]
) -> None:
    path = write(GOOD)
    results = at_once(lambda: ingest(path, meter, MAPPING), lambda: ingest(path, meter, MAPPING))
    assert sorted(type(result).__name__ for result in results) == ["AlreadyLoaded", "Ingested"]
    assert MeterReading.objects.count() == 2
    assert sorted(IngestionLog.objects.values_list("ingestion_status", flat=True)) == ["skipped", "success"]


@pytest.mark.django_db(transaction=True)
def test_two_files_of_one_meter_at_the_same_instant_both_count(meter: Meter, tmp_path: Path) -> None:
    """Both write readings of the same hours, so that neither may sum them up without the other's."""
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    begin = datetime(2009, 3, 1, 7, tzinfo=UTC)  # midnight at UTC-7
    for path, offset in ((first, 0), (second, 1)):
        times = (begin + timedelta(minutes=15 * n) for n in range(offset, 4 * 24, 2))
        path.write_text(HEADER + "".join(f"{at:%Y-%m-%dT%H:%M:%SZ},1,600\n" for at in times))
    results = at_once(lambda: ingest(first, meter, MAPPING), lambda: ingest(second, meter, MAPPING))
    assert all(isinstance(result, Ingested) for result in results), results
    aggregates = rows(AGGREGATES)
    MeterAggregate.objects.all().delete()
    roll_up([meter.pk], begin, begin + timedelta(days=1))
    assert aggregates == rows(AGGREGATES)
    assert MeterAggregate.objects.get(period_type="monthly").energy_kwh == 96


@pytest.mark.django_db(transaction=True)
def test_a_load_whose_session_is_killed_leaves_nothing_and_is_accounted_for(
    meter: Meter, write: Callable[[str], Path]
) -> None:
    before = stored()
    path = write(GOOD)
    killer = connection.copy()
    killer.set_autocommit(False)
    with killer.cursor() as cursor:
        cursor.execute("LOCK TABLE reading_change")
        results: list[Ingested | Exception] = []
        load = threading.Thread(target=lambda: results.extend(at_once(lambda: ingest(path, meter, MAPPING))))
        load.start()
        waiting = (
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'reading_change'::regclass AND NOT granted"
        )
        while load.is_alive() and not cursor.execute(waiting).fetchall():
            load.join(0.01)
        killer.rollback()
        load.join()
    killer.close()
    assert [type(result).__name__ for result in results] == ["OperationalError"]
    assert stored() == before
    assert account().ingestion_status == "error"
    assert ingest(path, meter, MAPPING).rows_loaded == 2
