"""Months leave with proof or not at all, hold up nobody, and whatever interrupts this is made good."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker, Settings

from database.locks import Patience
from database.scratch import Database, scratch_database
from metering.archive import Content, check_files, read_columns, read_content, restore
from metering.errors import MeteringError
from metering.maintenance import maintain
from metering.months import ArchiveState, Deed, Month, MonthArchived, Policy, Step
from metering.partitions import ensure_months
from metering.retention import missing, retire
from metering.standings import LOCK_CLASS, read_standing
from metering.storage import Lake
from tests.database.killed import Watch
from tests.factories import ClauseFactory, DefaultEventFactory, RuleOutputFactory
from tests.metering.own_database import clean_months, own_database, retired, settled_month
from tests.metering.readings import rows, store
from tests.soak import rounds

PROJECT = Path(__file__).resolve().parents[2]
MAY = Month(2020, 5)
JUNE = MAY.plus(1)
SHORT = Patience(wait=0.2, first_pause=0.02, longest_pause=0.1, total=0.6)
EVIDENCE = (
    '{"period": {"start": "", "end": ""}, "meters": [], "sample_readings": [], "data_hash": "",'
    ' "values": {"expected": 1, "actual": 1, "shortfall": 1, "availability": 1}}'
)


@pytest.fixture(scope="module")
def one_database(django_db_blocker: DjangoDbBlocker) -> Iterator[Database]:
    with own_database(django_db_blocker) as database:
        yield database


@pytest.fixture
def own(one_database: Database, settings: Settings, tmp_path: Path) -> Iterator[Database]:
    settings.LAKE = str(tmp_path / "lake")
    yield one_database
    clean_months()


def change(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def unmet() -> dict[str, str]:
    """What keeps May from leaving; it must stay."""
    (outcome,) = maintain(drop=True).outcomes
    assert not outcome.is_done
    assert read_standing(MAY).is_attached
    assert rows("SELECT count(*) FROM reading_archive") == [(0,)]
    return missing(outcome.conditions)


def test_a_month_that_meets_every_condition_leaves_and_says_so(own: Database) -> None:
    settled_month(MAY)
    done = maintain("worker", drop=True)
    assert str(done.outcomes[0]) == "2020-05: archived and detached, 96 readings"
    ((state, count, proof),) = rows("SELECT state, row_count, proof ->> 'conditions' FROM reading_archive")
    assert (state, count) == ("detached", 96)
    assert proof.count("holds") == 4
    assert rows("SELECT count(*) FROM meter_reading") == [(0,)]
    done = maintain("worker", drop=True, now=datetime.now(UTC) + timedelta(days=8))
    assert str(done.outcomes[0]) == "2020-05: dropped, 96 readings are in the archive"
    assert rows("SELECT to_regclass('frontier_ops.meter_reading_2020_05')") == [(None,)]
    assert rows("SELECT months_dropped FROM frontier_ops.partition_run ORDER BY id DESC LIMIT 1") == [(["2020-05"],)]


def test_without_being_told_to_drop_nothing_leaves(own: Database) -> None:
    settled_month(MAY)
    done = maintain()
    assert [(step.month, step.deed) for step in done.due] == [(MAY, Deed.RETIRE)]
    assert rows("SELECT count(*) FROM meter_reading") == [(96,)]


def test_the_table_apart_stays_for_the_grace(own: Database) -> None:
    settled_month(MAY)
    retired(MAY)
    assert maintain(drop=True, now=datetime.now(UTC) + timedelta(days=6, hours=23)).outcomes == []
    assert maintain(drop=True, now=datetime.now(UTC) + timedelta(days=7, hours=1)).outcomes[0].is_dropped


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ("DELETE FROM meter_aggregate", "96 readings that no daily aggregate holds"),
        ("DELETE FROM meter_aggregate WHERE period_type = 'hourly'", "1 days whose hours do not have the energy"),
        ("DELETE FROM meter_aggregate WHERE period_type = 'monthly'", "1 days that no monthly aggregate holds"),
        (
            "UPDATE meter_aggregate SET energy_wh = energy_wh + 0.000000001 WHERE period_type = 'daily'",
            "1 days whose energy or count is not that of their readings",
        ),
        (
            "UPDATE meter_aggregate SET reading_count = reading_count - 1 WHERE period_type = 'daily'",
            "1 days whose energy or count is not that of their readings",
        ),
        (
            "UPDATE meter_aggregate SET energy_wh = 0 WHERE period_type = 'monthly'",
            "1 months that do not have the energy of their days",
        ),
        (
            "UPDATE meter_reading SET energy_wh = NULL, quality = 'missing' WHERE energy_wh = 95",
            "1 days whose energy or count is not that of their readings",
        ),
        (
            "INSERT INTO reading_change (organization_id, project_id, meter_id, period_start, period_end)"
            " SELECT organization_id, project_id, meter_id, min(reading_timestamp), max(reading_timestamp)"
            " FROM meter_reading GROUP BY 1, 2, 3",
            "1 changes of readings that no aggregate followed",
        ),
    ],
)
def test_a_month_stays_whose_aggregates_are_not_complete(own: Database, spoil: str, told: str) -> None:
    meter = settled_month(MAY)
    change(spoil)
    found = unmet()
    assert found.keys() == {"aggregates"}
    assert told in found["aggregates"]
    assert f"meter {meter.pk}" in found["aggregates"]


def test_a_month_stays_whose_defaults_have_no_evidence(own: Database) -> None:
    settled_month(MAY)
    default = DefaultEventFactory.create(
        period_start=MAY.start - timedelta(days=3), period_end=MAY.start + timedelta(days=1), time_start=MAY.start
    )
    found = unmet()
    assert found == {"evidence": f"1 defaults without evidence (default event {default.pk})"}
    # One that was superseded stays as it is, and so must what it stands on.
    change("UPDATE default_event SET superseded_at = now()")
    assert "evidence" in unmet()
    change("UPDATE default_event SET evidence = %s", EVIDENCE)
    retired(MAY)


def test_a_month_stays_whose_verdicts_could_not_be_shown(own: Database) -> None:
    settled_month(MAY)
    verdict = RuleOutputFactory.create(
        clause=ClauseFactory.create(), period_start=MAY.start, period_end=MAY.end, metadata_detail={}
    )
    assert f"1 verdicts without a checksum of their readings (rule output {verdict.pk})" in unmet()["evidence"]
    change("""UPDATE rule_output SET metadata_detail = '{"data_hash": "abc"}'""")
    retired(MAY)


def test_a_month_stays_whose_verdicts_are_older_than_its_readings(own: Database) -> None:
    meter = settled_month(MAY)
    verdict = RuleOutputFactory.create(
        clause=ClauseFactory.create(contract__project=meter.project),
        period_start=MAY.start,
        period_end=MAY.end,
        metadata_detail={"data_hash": "abc"},
    )
    change(
        "INSERT INTO reading_change (organization_id, project_id, meter_id, period_start, period_end, aggregated_at)"
        " VALUES (%s, %s, %s, %s, %s, clock_timestamp())",
        *(meter.project.organization_id, meter.project_id, meter.pk, MAY.start, MAY.end),
    )
    assert unmet() == {"evidence": f"1 verdicts that are older than their readings (rule output {verdict.pk})"}


def test_a_month_stays_that_somebody_still_writes_to(own: Database) -> None:
    settled_month(MAY)
    change("UPDATE meter_reading SET ingested_at = now() - interval '6 days' WHERE energy_wh = 3")
    assert "less than 7 days ago" in unmet()["settled"]
    assert maintain(drop=True, policy=Policy(grace=timedelta(days=5))).outcomes[0].is_done


def test_a_month_stays_while_one_of_its_readings_lasts_into_the_ninety_days(own: Database) -> None:
    """A local day that begins in the last hour of the month ends a day later; the month itself is old enough."""
    meter = settled_month(MAY)
    store(meter, MAY.end - timedelta(minutes=15), [(1, 1)])
    change(
        "UPDATE meter_reading SET reading_interval = 'daily', interval_seconds = 86400 WHERE reading_timestamp >= %s",
        MAY.end - timedelta(minutes=15),
    )
    now = MAY.end + timedelta(days=90, hours=20)
    outcome = retire(Step(MAY, Deed.RETIRE, ""), now, Policy())
    assert "a reading ends at 2020-06-01 23:45 UTC" in missing(outcome.conditions)["age"]


def test_a_default_that_comes_during_the_grace_keeps_the_table(own: Database) -> None:
    settled_month(MAY)
    retired(MAY)
    DefaultEventFactory.create(period_start=MAY.start, period_end=MAY.end, time_start=MAY.start)
    (outcome,) = maintain(drop=True, now=datetime.now(UTC) + timedelta(days=30)).outcomes
    assert not outcome.is_dropped
    assert "defaults without evidence" in missing(outcome.conditions)["evidence"]
    assert rows("SELECT count(*) FROM frontier_ops.meter_reading_2020_05") == [(96,)]


def test_a_table_apart_that_was_written_to_is_not_dropped(own: Database) -> None:
    settled_month(MAY)
    retired(MAY)
    change("UPDATE frontier_ops.meter_reading_2020_05 SET energy_wh = 1 WHERE energy_wh = 2")
    (outcome,) = maintain(drop=True, now=datetime.now(UTC) + timedelta(days=30)).outcomes
    assert "is not what was archived" in missing(outcome.conditions)["unchanged"]
    assert read_standing(MAY).table_apart
    with pytest.raises(MeteringError, match="is not what was archived"):
        restore(MAY)


class MeddlingLake(Lake):
    """Storage during whose writing somebody changes a reading."""

    @contextmanager
    def writing(self, name: str) -> Iterator[Any]:
        with super().writing(name) as stream:
            yield stream
        with Database.of(connection).connect() as session:
            session.execute("UPDATE meter_reading SET energy_wh = 1000 WHERE energy_wh = 95")


def test_readings_that_change_while_they_are_archived_keep_the_month(own: Database, tmp_path: Path) -> None:
    settled_month(MAY)
    lake = MeddlingLake.from_url(tmp_path / "lake")
    outcome = retire(Step(MAY, Deed.RETIRE, ""), datetime.now(UTC), Policy(), lake=lake)
    assert "readings changed while they were archived" in missing(outcome.conditions)["unchanged"]
    assert read_standing(MAY).is_attached
    # The archive that was written is not taken for the month's: its aggregates are not its readings' any more.
    (outcome,) = maintain(drop=True).outcomes
    assert "aggregates" in missing(outcome.conditions)
    change("UPDATE meter_reading SET energy_wh = 95 WHERE energy_wh = 1000")
    retired(MAY)


def test_a_reading_that_is_committed_during_the_detachment_brings_the_month_back(own: Database) -> None:
    """Whoever writes without the lock of loads is found by comparing."""
    meter = settled_month(MAY)
    with own.connect() as writer:
        writer.execute("BEGIN")
        writer.execute(
            "INSERT INTO meter_reading (organization_id, project_id, meter_id, source_system, reading_timestamp)"
            " VALUES (%s, %s, %s, 'manual', %s)",
            [meter.project.organization_id, meter.project_id, meter.pk, MAY.end - timedelta(hours=1)],
        )
        threading.Timer(1.5, writer.execute, ["COMMIT"]).start()
        (outcome,) = maintain(drop=True, patience=Patience(wait=5, total=20)).outcomes
        assert writer.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert "readings changed after they were archived" in missing(outcome.conditions)["unchanged"]
    assert rows("SELECT count(*) FROM meter_reading") == [(97,)]
    assert same_as_parent(MAY)


def same_as_parent(month: Month) -> bool:
    """Whether a partition that was attached again has no check of its own and every trigger of statements."""
    checks = rows(
        "SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND conrelid = %s::regclass AND coninhcount = 0",
        month.partition,
    )
    triggers = rows(
        "SELECT count(*) FROM pg_trigger WHERE tgrelid = ANY (%s::regclass[]) AND NOT tgisinternal GROUP BY tgrelid",
        [month.partition, "meter_reading"],
    )
    return checks == [(0,)] and len(set(triggers)) == 1 and len(triggers) == 2


def interrupt_detachment(database: Database, month: Month) -> None:
    """Leaves a detachment half done, as a server that stopped or a session that was ended does."""
    with database.connect() as reader, database.connect() as session:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM meter_reading")
        session.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            session.execute(f"ALTER TABLE meter_reading DETACH PARTITION {month.partition} CONCURRENTLY".encode())
    assert read_standing(month).is_pending


def test_a_detachment_that_was_interrupted_by_hand_is_undone(own: Database) -> None:
    """Its rows were out of sight and new ones refused; nobody had archived them."""
    settled_month(MAY)
    interrupt_detachment(own, MAY)
    assert rows("SELECT count(*) FROM meter_reading") == [(0,)]
    with pytest.raises(MonthArchived):
        ensure_months(MAY.start, MAY.start)
    done = maintain("worker")
    assert [outcome.did for outcome in done.outcomes] == ["was half detached without an archive, and is attached again"]
    assert rows("SELECT count(*) FROM meter_reading") == [(96,)]
    assert same_as_parent(MAY)


def test_a_month_is_not_attached_again_whose_meter_went_while_it_was_out_of_sight(own: Database) -> None:
    meter = settled_month(MAY)
    interrupt_detachment(own, MAY)
    change("DELETE FROM meter_aggregate")
    change("DELETE FROM meter WHERE id = %s", meter.pk)
    (problem,) = maintain().problems
    assert f"meter {meter.pk} of project {meter.project_id}" in problem
    assert read_standing(MAY).table_apart == f"public.{MAY.partition}"
    assert rows(f"SELECT count(*) FROM {MAY.partition}") == [(96,)]


def test_a_detachment_that_was_interrupted_on_the_way_out_is_ended(own: Database) -> None:
    settled_month(MAY)
    retired(MAY)
    restore(MAY)
    change("UPDATE reading_archive SET state = 'archived'")
    interrupt_detachment(own, MAY)
    done = maintain()
    assert [outcome.did for outcome in done.outcomes] == ["archived and detached, 96 readings"]
    assert read_standing(MAY).state is ArchiveState.DETACHED


def test_a_month_whose_archive_is_gone_when_it_is_half_detached_comes_back(own: Database, tmp_path: Path) -> None:
    settled_month(MAY)
    retired(MAY)
    restore(MAY)
    change("UPDATE reading_archive SET state = 'archived'")
    interrupt_detachment(own, MAY)
    for path in (tmp_path / "lake").rglob("*.parquet"):
        path.unlink()
    (outcome,) = maintain().outcomes
    assert outcome.did == "is attached again"
    assert rows("SELECT count(*) FROM meter_reading") == [(96,)]


def test_a_long_reader_is_waited_for_and_the_month_stays_in_sight(own: Database) -> None:
    settled_month(MAY)
    with own.connect() as reader:
        reader.execute("SET application_name = 'a long report'")
        with reader.transaction():
            reader.execute("SELECT count(*) FROM meter_reading")
            time.sleep(1.1)
            done = maintain(drop=True, patience=SHORT)
            assert done.is_locked
            assert "a long report" in done.problems[0]
            assert "Nothing was changed" in done.problems[0]
            assert reader.execute("SELECT count(*) FROM meter_reading").fetchone() == (96,)
        assert rows("SELECT count(*) FROM meter_reading") == [(96,)]
    assert maintain(drop=True).outcomes[0].did == "archived and detached, 96 readings"


def test_a_load_that_uses_the_month_keeps_it(own: Database) -> None:
    settled_month(MAY)
    with own.connect() as load, load.transaction():
        load.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [LOCK_CLASS, MAY.year * 12 + MAY.number])
        (outcome,) = maintain(drop=True).outcomes
        assert missing(outcome.conditions) == {"unchanged": "a load holds it at this moment"}
        with pytest.raises(MeteringError, match="used by a load"):
            restore(MAY)
    retired(MAY)


def test_a_load_is_refused_with_the_cure_while_the_month_leaves_and_after(own: Database) -> None:
    settled_month(MAY)
    with own.connect() as leaving:
        leaving.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK_CLASS, MAY.year * 12 + MAY.number])
        with pytest.raises(MonthArchived), transaction.atomic():
            ensure_months(MAY.start, JUNE.start)
    assert not read_standing(JUNE).is_attached
    for after in (timedelta(0), timedelta(days=8)):
        assert maintain(drop=True, now=datetime.now(UTC) + after).outcomes[0].is_done
        with pytest.raises(MonthArchived, match=r"manage\.py partitions restore 2020-05`"):
            ensure_months(MAY.start, JUNE.start)
    restore(MAY)
    assert ensure_months(MAY.start, JUNE.start) == [JUNE.partition]


def test_two_runs_do_not_meet(own: Database) -> None:
    settled_month(MAY)
    with own.connect() as other:
        other.execute("SELECT pg_advisory_lock(%s, 0)", [LOCK_CLASS])
        (outcome,) = maintain(drop=True).outcomes
        assert outcome.did == "another run of retention is at work"
    retired(MAY)


def test_months_do_not_leave_inside_a_transaction(own: Database) -> None:
    with transaction.atomic(), pytest.raises(MeteringError, match="outside of transactions"):
        retire(Step(MAY, Deed.RETIRE, ""), datetime.now(UTC), Policy())


def test_a_table_that_only_bears_the_name_is_left_alone(own: Database) -> None:
    change(f"CREATE TABLE public.{MAY.partition} (LIKE meter_reading)")
    (outcome,) = maintain(drop=True).outcomes
    assert "needs a person: public.meter_reading_2020_05 bears its name" in outcome.did
    assert rows("SELECT to_regclass('public.meter_reading_2020_05') IS NOT NULL") == [(True,)]


@pytest.fixture
def leaving(
    django_db_blocker: DjangoDbBlocker, settings: Settings, tmp_path: Path
) -> Iterator[tuple[Database, dict[Month, Content]]]:
    """A database in which May waits to be dropped and June to be archived, and what both hold."""
    settings.LAKE = str(tmp_path / "lake")
    with own_database(django_db_blocker) as database:
        settled_month(JUNE, settled_month(MAY))
        columns = read_columns()
        held = {month: read_content(f"public.{month.partition}", columns) for month in (MAY, JUNE)}
        change("UPDATE meter_reading SET ingested_at = now() WHERE reading_timestamp >= %s", JUNE.start)
        retired_may = maintain(drop=True)
        assert [each.is_done for each in retired_may.outcomes] == [True, False]
        change("UPDATE reading_archive SET detached_at = now() - interval '30 days'")
        change("UPDATE meter_reading SET ingested_at = reading_timestamp + interval '1 hour'")
        connection.close()
        yield database, held


@pytest.mark.soak
@pytest.mark.parametrize(
    ("arguments", "full", "sample"),
    [(["apply", "--drop"], 200, 3), (["restore", "2020-05"], 40, 1)],
    ids=["out", "back"],
)
def test_a_run_that_is_killed_anywhere_is_made_good_by_the_next(
    arguments: list[str], full: int, sample: int, leaving: tuple[Database, dict[Month, Content]], tmp_path: Path
) -> None:
    prepared, held = leaving
    name = connection.settings_dict["NAME"]
    statements = Watch(at=0)
    try:
        with scratch_database(prepared, prepared.name) as trial:
            connection.settings_dict["NAME"] = trial.name
            with connection.execute_wrapper(statements):
                maintain(drop=True) if arguments[0] == "apply" else restore(MAY)
            connection.close()
        # The whole of it changed the lake only by writing June's file, which every trial writes anew.
        number_of = rounds(min(full, 2 * statements.sent - 2), sample)
        for number in range(number_of):
            at = 1 + (2 * number + 1) * (2 * statements.sent - 2) // (2 * number_of) / 2
            with scratch_database(prepared, prepared.name) as copy:
                said = killed(copy, at, arguments, tmp_path / "lake")
                assert said.returncode == -signal.SIGKILL, f"not killed at {at}: {said.stdout!r} {said.stderr!r}"
                connection.settings_dict["NAME"] = copy.name
                settle_down(held, tmp_path / "lake", f"killed at {at}")
                connection.close()
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name


def killed(database: Database, at: float, arguments: list[str], lake: Path) -> "subprocess.CompletedProcess[bytes]":
    """A run that ends itself without warning around one of its statements."""
    return subprocess.run(
        [sys.executable, "tests/database/killed.py", str(at), "partitions", *arguments],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": database.url, "FRONTIER_LAKE": str(lake)},
        capture_output=True,
        timeout=120,
        check=False,
    )


def settle_down(held: dict[Month, Content], lake: Path, when: str) -> None:
    """The next runs end what was begun; what is in the archive is what was held, and comes back as it was."""
    for _ in range(3):
        done = maintain(drop=True)
        assert not done.problems, f"{when}: {done.problems}"
        assert not done.blocked, f"{when}: {[*map(str, done.blocked)]}"
    may, june = read_standing(MAY), read_standing(JUNE)
    # A month that came back before the end came stays, as long as a new one.
    assert may.state in (ArchiveState.DROPPED, ArchiveState.RESTORED), when
    assert june.state is ArchiveState.DETACHED, when
    for month, content in held.items():
        assert check_files(Lake.from_url(lake), month) == content, when
        restore(month)
        assert read_content(f"public.{month.partition}", read_columns()) == content, when
    assert rows("SELECT count(*) FROM meter_reading") == [(192,)], when
