"""Archived months hold what the table held, to the last digit, can be asked, and come back."""

import builtins
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

from metering import archive
from metering.archive import (
    ArchiveError,
    Content,
    file_name,
    query,
    read_back,
    read_columns,
    read_content,
    restore,
    the_lake,
    write,
)
from metering.errors import MeteringError
from metering.maintenance import maintain
from metering.month_reports import report_answer
from metering.months import ArchiveState, Month, MonthArchived, MonthError
from metering.partitions import ensure_months
from metering.standings import read_standing
from tests.factories import ProjectFactory
from tests.metering.own_database import clean_months, own_database, retired, settled_month
from tests.metering.readings import plant, put, rows, store

MAY = Month(2020, 5)


@pytest.fixture(scope="module")
def one_database(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with own_database(django_db_blocker):
        yield


@pytest.fixture
def own(one_database: None, settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.LAKE = str(tmp_path / "lake")
    yield
    clean_months()


@contextmanager
def altered(change_it: str, change_back: str) -> Iterator[None]:
    """A table of readings of another shape, until the block ends."""
    change(f"ALTER TABLE meter_reading {change_it}")
    try:
        yield
    finally:
        change(f"ALTER TABLE meter_reading {change_back}")


def change(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_a_file_has_the_checksum_of_its_table_whatever_the_values(own: None) -> None:
    meter, other = plant(), plant("Asia/Kolkata")
    smallest, largest = Decimal("0.000000001"), Decimal("123456789012345.123456789")
    put(meter, [(MAY.start, smallest, None), (MAY.end - timedelta(minutes=15), -largest, 1)])
    store(other, MAY.start, [(None, None), (0, 999_999)])
    texts = ["", "null", 'a "quoted", comma', "two\nlines\r\n", "12°C µ 日本 🌞", "\\N", "-", "|"]
    store(meter, MAY.start + timedelta(days=3), [(number, number) for number in range(len(texts))])
    for number, text in enumerate(texts):
        at = MAY.start + timedelta(days=3, minutes=15 * number)
        change(
            "UPDATE meter_reading SET external_device_id = %s, other_metrics = %s, ingestion_log_id = %s,"
            " reported_at = %s, register_wh = %s WHERE reading_timestamp = %s",
            *(text, '{"b": 1.50, "a": null}', 2**62 + number, at + timedelta(microseconds=1), largest, at),
        )
    columns = read_columns()
    held = read_content(f"public.{MAY.partition}", columns)
    names = write(the_lake(), MAY, f"public.{MAY.partition}", columns)
    found, files = read_back(the_lake(), names)
    assert found == held
    assert held.rows == 12
    organizations = {meter.project.organization_id, other.project.organization_id}
    assert {file.organization_id for file in files} == organizations == set(held.parts)
    assert names == [file_name(MAY, organization) for organization in sorted(organizations)]
    assert len({column.name for column in columns}) == len(rows("SELECT * FROM meter_reading LIMIT 1")[0])


@pytest.mark.parametrize(
    "edit",
    [
        "energy_wh = energy_wh + 0.000000001",
        "energy_wh = NULL, quality = 'missing'",
        "ingested_at = ingested_at + interval '1 microsecond'",
        "external_device_id = ''",
        "other_metrics = '{\"a\": 1.0}'",
        "id = id + 1000000",
        "quality = 'estimated'",
    ],
)
def test_every_change_of_one_value_changes_the_checksum(own: None, edit: str) -> None:
    store(plant(), MAY.start, [(1, 1), (2, 2), (3, 3)])
    columns = read_columns()
    before = read_content(f"public.{MAY.partition}", columns)
    change(f"UPDATE meter_reading SET {edit} WHERE energy_wh = 2")
    after = read_content(f"public.{MAY.partition}", columns)
    assert (before.rows, after.rows) == (3, 3)
    assert before.sha256 != after.sha256
    assert "has 3 readings" in before.differences(after)


def test_blocks_that_are_cut_apart_by_batches_keep_their_checksum(own: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ROWS_AT_ONCE", 7)
    store(plant(), MAY.start + timedelta(hours=20), [(number, 1) for number in range(100)])
    store(plant(), MAY.start, [(number, 1) for number in range(30)])
    columns = read_columns()
    held = read_content(f"public.{MAY.partition}", columns)
    found, _ = read_back(the_lake(), write(the_lake(), MAY, f"public.{MAY.partition}", columns))
    assert found == held
    assert held.rows == 130


def test_an_empty_month_is_archived_and_comes_back(own: None) -> None:
    ensure_months(MAY.start, MAY.start)
    retired(MAY)
    assert rows("SELECT row_count FROM reading_archive") == [(0,)]
    assert restore(MAY).rows == 0
    assert read_standing(MAY).is_attached


def test_a_type_that_files_cannot_keep_stops_the_archive(own: None) -> None:
    with (
        altered("ADD COLUMN ratio double precision", "DROP COLUMN ratio"),
        pytest.raises(ArchiveError, match=r"meter_reading\.ratio is double precision"),
    ):
        read_columns()


def test_a_number_that_is_none_is_refused_and_named(own: None) -> None:
    settled_month(MAY)
    change("UPDATE meter_reading SET power_w = 'NaN' WHERE energy_wh = 5")
    done = maintain(drop=True)
    (blocked,) = done.blocked
    assert "cannot be read or written as Parquet" in blocked.conditions[0].missing
    assert read_standing(MAY).is_attached


def test_readings_come_back_as_they_went_with_their_ids(own: None) -> None:
    settled_month(MAY)
    before = rows("SELECT * FROM meter_reading ORDER BY id")
    retired(MAY, dropped=True)
    assert rows("SELECT * FROM meter_reading") == []
    assert str(restore(MAY)) == "2020-05: 96 readings restored."
    assert rows("SELECT * FROM meter_reading ORDER BY id") == before
    standing = read_standing(MAY)
    assert (standing.state, standing.table_apart) == (ArchiveState.RESTORED, "")
    assert restore(MAY).rows == 0


def test_a_month_in_its_grace_comes_back_and_its_copy_goes(own: None) -> None:
    settled_month(MAY)
    retired(MAY)
    assert read_standing(MAY).table_apart == f"frontier_ops.{MAY.partition}"
    assert restore(MAY).rows == 96
    assert read_standing(MAY).table_apart == ""


def test_a_restored_month_takes_readings_again_and_may_leave_again(own: None) -> None:
    meter = settled_month(MAY)
    retired(MAY, dropped=True)
    restore(MAY)
    store(meter, MAY.start + timedelta(days=20), [(7, 7)])
    retired(MAY, meter=meter, at=datetime.now(UTC) + timedelta(days=91))
    assert rows("SELECT row_count FROM reading_archive") == [(97,)]


def test_readings_that_came_meanwhile_stay_and_archived_ones_in_their_places_give_way(own: None) -> None:
    meter = settled_month(MAY)
    retired(MAY, dropped=True)
    # Nobody is let to make the month anew, unless by a hand that goes past the function.
    change("UPDATE reading_archive SET state = 'restored'")
    change("SELECT create_meter_reading_partition(%s)", MAY.start.date())
    change("UPDATE reading_archive SET state = 'dropped'")
    with pytest.raises(MonthArchived):
        ensure_months(MAY.start, MAY.start)
    change(
        "INSERT INTO meter_reading (organization_id, project_id, meter_id, source_system, reading_timestamp, energy_wh)"
        " VALUES (%s, %s, %s, 'manual', %s, 4711)",
        *(meter.project.organization_id, meter.project_id, meter.pk, MAY.start),
    )
    done = maintain(drop=True)
    assert "needs a person" in str(done.blocked[0])
    assert str(restore(MAY)) == "2020-05: 95 readings restored; 1 gave way to newer ones."
    assert rows("SELECT count(*), max(energy_wh) FROM meter_reading") == [(96, 4711)]


@pytest.mark.parametrize(
    "spoil",
    ["DELETE FROM meter", "UPDATE meter SET project_id = (SELECT max(id) FROM project)"],
    ids=["is gone", "is of another project"],
)
def test_a_month_does_not_come_back_to_a_meter_that_is_not_its_own(own: None, spoil: str) -> None:
    meter = settled_month(MAY)
    ProjectFactory.create()
    retired(MAY, dropped=True)
    change("DELETE FROM meter_aggregate")
    change(f"{spoil} WHERE id = %s", meter.pk)
    named = f"meter {meter.pk} of project {meter.project_id} of organization {meter.project.organization_id}"
    with pytest.raises(ArchiveError, match=rf"{named} \(96 readings\)\. Bring it back as it was, with the same ids"):
        restore(MAY)
    standing = read_standing(MAY)
    assert (standing.state, standing.is_attached) == (ArchiveState.DROPPED, False)
    if spoil.startswith("UPDATE"):
        change("UPDATE meter SET project_id = %s WHERE id = %s", meter.project_id, meter.pk)
        assert restore(MAY).rows == 96


def test_of_many_meters_that_are_gone_the_first_are_named(own: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LISTED", 1)
    first, second = settled_month(MAY), settled_month(MAY)
    retired(MAY, dropped=True)
    change("DELETE FROM meter_aggregate")
    change("DELETE FROM meter WHERE id IN (%s, %s)", first.pk, second.pk)
    with pytest.raises(ArchiveError, match=rf"meter {first.pk} of project .* \(96 readings\), 1 more\."):
        restore(MAY)


@pytest.mark.parametrize("spoil", ["one byte", "cut short", "absent", "of another month"])
def test_a_spoiled_archive_neither_comes_back_nor_lets_its_table_go(own: None, spoil: str) -> None:
    meter = settled_month(MAY)
    retired(MAY)
    path = Path(the_lake().uri(file_name(MAY, meter.project.organization_id)))
    whole = path.read_bytes()
    if spoil == "one byte":
        middle = len(whole) // 2
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    elif spoil == "cut short":
        path.write_bytes(whole[:-9])
    elif spoil == "of another month":
        frame = pl.read_parquet(path)
        frame.with_columns(pl.col("energy_wh") * 2).write_parquet(path)
    else:
        path.unlink()
    later = datetime.now(UTC) + timedelta(days=30)
    (blocked,) = maintain(drop=True, now=later).blocked
    assert not blocked.is_dropped
    with pytest.raises(MeteringError):
        restore(MAY)
    assert read_standing(MAY).table_apart == f"frontier_ops.{MAY.partition}"
    path.write_bytes(whole)
    assert maintain(drop=True, now=later).outcomes[0].is_dropped


@pytest.mark.parametrize("installed", [True, False], ids=["DuckDB", "polars"])
def test_archived_months_are_asked_where_they_lie(own: None, installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    june = MAY.plus(1)
    settled_month(MAY)
    settled_month(june)
    retired(june)
    load = builtins.__import__
    if not installed:

        def absent(name: str, *rest: Any) -> Any:
            if name == "duckdb":
                raise ImportError(name)
            return load(name, *rest)

        monkeypatch.setattr(builtins, "__import__", absent)
    question = (
        "SELECT count(*) AS readings, sum(energy_wh) AS energy_wh, max(reading_timestamp) AS last FROM meter_reading"
    )
    (answer,) = query(question).rows(named=True)
    assert answer["readings"] == 192
    assert answer["energy_wh"] == Decimal(2 * sum(range(96)))
    assert answer["last"].astimezone(UTC) == june.start + timedelta(hours=23, minutes=45)
    assert query(question, [MAY]).rows()[0][0] == 96


def test_an_answer_that_a_spreadsheet_would_calculate_is_harmless_in_csv() -> None:
    answer = pl.DataFrame({"device": ["=1+1", "A"], "wh": [Decimal(-1), None], "mean": [-0.5, 1.0]})
    assert report_answer(answer).lines == ["device,wh,mean", "'=1+1,-1,-0.5", "A,,1.0"]


def test_months_of_different_columns_are_asked_together(own: None) -> None:
    settled_month(MAY)
    retired(MAY, dropped=True)
    with altered("ADD COLUMN humidity numeric(12,6)", "DROP COLUMN humidity"):
        settled_month(MAY.plus(1))
        change("UPDATE meter_reading SET humidity = 40")
        retired(MAY.plus(1), dropped=True)
        answer = query("SELECT count(*) AS readings, count(humidity) AS humid FROM meter_reading").rows()
        assert answer == [(192, 96)]
        # What the older month lacks is empty when it comes back.
        restore(MAY)
        assert rows("SELECT count(*), count(humidity) FROM meter_reading") == [(96, 0)]


def test_a_column_that_is_gone_keeps_the_month_in_the_archive(own: None) -> None:
    settled_month(MAY)
    retired(MAY, dropped=True)
    with (
        altered("RENAME register_wh TO counter_wh", "RENAME counter_wh TO register_wh"),
        pytest.raises(ArchiveError, match="lacks what the archive of 2020-05 holds: register_wh"),
    ):
        restore(MAY)
    assert read_standing(MAY).state is ArchiveState.DROPPED


def test_what_was_never_archived_is_named(own: None) -> None:
    with pytest.raises(MonthError, match="2020-05 was never archived"):
        restore(MAY)
    with pytest.raises(MonthError, match="no month is archived"):
        query("SELECT 1 FROM meter_reading")


def test_a_question_that_cannot_be_answered_says_why(own: None) -> None:
    settled_month(MAY)
    retired(MAY)
    with pytest.raises(ArchiveError, match="the archive cannot answer"):
        query("SELECT nothing FROM meter_reading")


def test_contents_name_the_organizations_that_differ() -> None:
    one, two = Content({1: archive.Part(3, "a" * 64)}), Content({2: archive.Part(1, "b" * 64)})
    said = one.differences(two)
    assert said == (
        "organization 1 has 3 readings (aaaaaaaaaaaa) here and none there,"
        " organization 2 has none here and 1 readings (bbbbbbbbbbbb) there"
    )
    assert one.differences(one) == ""
