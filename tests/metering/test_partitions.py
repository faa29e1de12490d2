"""The months of `meter_reading`: made where readings need them and ahead of them, by whoever runs the plan."""

import json
from datetime import UTC, datetime, timedelta, timezone
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from database.locks import Patience
from database.management import Exit
from database.schedulers import JOB, in_charge, read_schedulers, warning
from database.scratch import Database
from metering.maintenance import maintain, read_status
from metering.months import Month, MonthArchived
from metering.partitions import ensure_months, existing_months, make_month
from tests.metering.readings import plant, put, rows
from tests.soak import rounds

pytestmark = pytest.mark.django_db

# No other test has readings in these years.
NOVEMBER = datetime(2003, 11, 15, tzinfo=UTC)
SILVESTER = datetime(2003, 12, 31, 23, 59, tzinfo=UTC)
FEBRUARY = datetime(2004, 2, 1, tzinfo=UTC)
SHORT = Patience(wait=0.2, first_pause=0.02, longest_pause=0.1, total=0.4)


def test_months_are_made_across_the_end_of_a_year() -> None:
    made = ensure_months(NOVEMBER, FEBRUARY)
    assert made == [f"meter_reading_{month}" for month in ("2003_11", "2003_12", "2004_01", "2004_02")]
    assert existing_months() >= set(made)


def test_only_the_missing_months_are_made() -> None:
    assert ensure_months(SILVESTER, SILVESTER) == ["meter_reading_2003_12"]
    made = ensure_months(NOVEMBER, FEBRUARY)
    assert made == ["meter_reading_2003_11", "meter_reading_2004_01", "meter_reading_2004_02"]
    assert ensure_months(NOVEMBER, FEBRUARY) == []


def test_months_are_those_of_utc() -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    early = datetime(2004, 3, 1, 5, 29, tzinfo=kolkata)
    assert ensure_months(early, early) == ["meter_reading_2004_02"]
    assert ensure_months(early, early + timedelta(minutes=1)) == ["meter_reading_2004_03"]


def test_the_months_have_bounds_of_utc_and_no_gap() -> None:
    ensure_months(NOVEMBER, FEBRUARY)
    bounds = rows(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = ANY (%s) ORDER BY relname",
        ["meter_reading_2003_12", "meter_reading_2004_01"],
    )
    assert [bound for (bound,) in bounds] == [
        "FOR VALUES FROM ('2003-12-01 00:00:00+00') TO ('2004-01-01 00:00:00+00')",
        "FOR VALUES FROM ('2004-01-01 00:00:00+00') TO ('2004-02-01 00:00:00+00')",
    ]


def test_no_table_has_a_partition_for_all_that_fits_nowhere_else() -> None:
    """Such a partition swallows misdated rows, and forbids to detach others while they are read."""
    assert rows("SELECT partrelid::regclass FROM pg_partitioned_table WHERE partdefid <> 0") == []
    assert rows("SELECT count(*) FROM pg_partitioned_table WHERE partrelid = 'meter_reading'::regclass") == [(1,)]


def test_who_needs_no_new_month_waits_for_nobody_who_makes_one() -> None:
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as elsewhere:
            elsewhere.execute("SELECT create_meter_reading_partition('2003-10-01')")
            ensure_months(datetime.now(UTC), datetime.now(UTC))
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '200ms'")
            assert ensure_months(datetime.now(UTC), datetime.now(UTC)) == []
    finally:
        other.rollback()
        other.close()


def change(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def take_months(*names: str) -> None:
    """Takes away the partitions of these months, counted from this one."""
    for name in names:
        change(f"DROP TABLE {name}")


def ahead(months: int) -> str:
    return Month.of(datetime.now(UTC)).plus(months).partition


def test_a_run_makes_this_month_and_three_ahead_and_is_noted() -> None:
    take_months(ahead(0), ahead(2))
    done = maintain("worker")
    assert [month.partition for month in done.made] == [ahead(0), ahead(2)]
    assert (done.ahead, done.warning, done.problems) == (3, "", [])
    assert maintain("worker").made == []
    noted = rows("SELECT scheduler, cardinality(months_made), months_ahead, error FROM frontier_ops.partition_run")
    assert noted == [("worker", 2, 3, None), ("worker", 0, 3, None)]


def test_loading_notes_the_months_that_it_made_and_nothing_else() -> None:
    ensure_months(NOVEMBER, SILVESTER)
    ensure_months(NOVEMBER, SILVESTER)
    noted = rows("SELECT scheduler, months_made FROM frontier_ops.partition_run")
    assert noted == [("ingestion", ["2003-11", "2003-12"])]


def test_a_month_that_left_is_not_made_anew_by_a_load() -> None:
    change(
        "INSERT INTO reading_archive (month, partition_name, state, row_count, content_sha256)"
        " VALUES ('2003-12-01', 'meter_reading_2003_12', 'dropped', 0, '')"
    )
    with pytest.raises(MonthArchived) as refused:
        ensure_months(NOVEMBER, FEBRUARY)
    assert refused.value.months == (Month(2003, 12),)
    assert "manage.py partitions restore 2003-12" in str(refused.value)
    assert "meter_reading_2003_11" not in existing_months()


@pytest.mark.parametrize("state", ["detached", "dropped"])
def test_the_database_refuses_to_make_a_month_that_left_and_the_refusal_names_the_cure(state: str) -> None:
    change(
        "INSERT INTO reading_archive (month, partition_name, state, row_count, content_sha256)"
        " VALUES ('2003-12-01', 'meter_reading_2003_12', %s, 0, '')",
        state,
    )
    with connection.cursor() as cursor, pytest.raises(MonthArchived, match=r"manage\.py partitions restore 2003-12"):
        make_month(cursor, Month(2003, 12))


def test_a_gap_is_not_counted_as_ahead() -> None:
    take_months(ahead(2))
    found = read_status()
    assert found.ahead == 1
    assert found.warning.startswith("Only 1 months are ready ahead, 2 are wanted; nobody is scheduled to make them")
    assert found.warning.endswith("Run `manage.py partitions apply`.")


def test_a_missing_month_of_now_is_worse_than_none_ahead() -> None:
    take_months(ahead(0))
    assert read_status().ahead == -1
    assert read_status().warning.startswith("This month has no partition")


def test_who_ran_last_is_the_one_that_was_meant_to_act() -> None:
    now = datetime.now(UTC)
    note = "INSERT INTO frontier_ops.partition_run (scheduler, ran_at, months_made, error) VALUES (%s, %s, %s, %s)"
    change(note, "command", now - timedelta(days=300), ["2026-01"], None)
    change(note, "worker", now - timedelta(days=41), ["2026-09"], None)
    change(note, "worker", now - timedelta(days=40), [], "no lock")
    change(note, "ingestion", now - timedelta(days=1), ["2020-01"], None)
    take_months(ahead(1))
    found = read_status()
    made = f"{now - timedelta(days=41):%Y-%m-%d %H:%M} UTC"
    assert "worker was meant to make them: worker is not live" in found.warning
    assert f"last achieved something on {made}; it failed: no lock" in found.warning
    live = {scheduler.name for scheduler in found.schedulers if scheduler.is_live(now)}
    assert live == {"ingestion"}


def test_a_month_whose_maker_is_held_up_is_named_and_tried_again() -> None:
    take_months(ahead(1), ahead(3))
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as elsewhere:
            elsewhere.execute("SELECT pg_advisory_xact_lock(hashtext('create_meter_reading_partition'))")
            done = maintain(patience=SHORT)
    finally:
        other.rollback()
        other.close()
    assert done.is_locked
    assert [problem.partition(" ")[0] for problem in done.problems] == [ahead(1), ahead(3)]
    assert "Only 0 months are ready ahead" in done.warning
    assert rows("SELECT error LIKE %s FROM frontier_ops.partition_run", f"{ahead(1)} did not get%") == [(True,)]
    assert [month.partition for month in maintain().made] == [ahead(1), ahead(3)]


@pytest.mark.soak
def test_a_long_reader_and_a_long_writer_do_not_hold_up_a_new_month() -> None:
    meter = plant()
    put(meter, [(datetime.now(UTC), 1, 1)])
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as elsewhere:
            elsewhere.execute("SELECT count(*) FROM meter_reading")
            elsewhere.execute("DELETE FROM meter_reading WHERE false")
            for number in range(rounds(100, 4)):
                month = Month(2004, 1).plus(number)
                assert maintain(patience=Patience(wait=0.7, total=0), now=month.start).problems == []
                assert month.plus(3).partition in existing_months()
    finally:
        other.rollback()
        other.close()


def test_pg_cron_is_the_one_in_charge_where_its_job_stands() -> None:
    server = Database.of(connection)
    with server.connect() as asked:
        (cron,) = asked.execute("SELECT current_setting('cron.database_name', true)").fetchone() or (None,)
    if cron is None:
        with server.connect() as session:
            assert "pg_cron" not in {scheduler.name for scheduler in read_schedulers(session)}
        return
    now = datetime.now(UTC)
    with server.sibling(cron).connect() as session, session.transaction(force_rollback=True):
        session.execute("CREATE EXTENSION IF NOT EXISTS pg_cron")
        session.execute("SELECT cron.schedule(%s, '0 0 1 * *', 'SELECT 1')", [JOB])
        (found,) = [scheduler for scheduler in read_schedulers(session) if scheduler.name == "pg_cron"]
        assert found.describe(now) == "pg_cron is scheduled and never ran"
        assert "pg_cron was meant to make them" in warning(1, read_schedulers(session), now)
        note = (
            "INSERT INTO cron.job_run_details (jobid, runid, database, username, command, status, return_message,"
            " start_time, end_time) SELECT jobid, %s, database, username, command, %s, %s, %s, %s FROM cron.job"
            " WHERE jobname = %s"
        )
        before, later = now - timedelta(days=40), now - timedelta(days=9)
        session.execute(note.encode(), [10**9, "succeeded", "SELECT 4", before, before, JOB])
        (found,) = [scheduler for scheduler in read_schedulers(session) if scheduler.name == "pg_cron"]
        assert not found.is_live(now)
        session.execute(note.encode(), [10**9 + 1, "failed", "no room", later, later, JOB])
        (found,) = [scheduler for scheduler in read_schedulers(session) if scheduler.name == "pg_cron"]
        assert found.describe(now).endswith("; it failed: no room")
        session.execute(note.encode(), [10**9 + 2, "succeeded", "SELECT 4", now, now, JOB])
        (found,) = [scheduler for scheduler in read_schedulers(session) if scheduler.name == "pg_cron"]
        assert found.is_live(now)
        assert in_charge(read_schedulers(session)) == found


def called(*arguments: str) -> tuple[int, str]:
    """What the command ends with and says."""
    out = StringIO()
    try:
        call_command("partitions", *arguments, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def test_status_ends_with_2_below_two_months_ahead() -> None:
    maintain("worker")
    code, said = called("status")
    assert (code, said.splitlines()[-1]) == (0, "3 months are ready ahead.")
    assert "worker is live" in said
    take_months(ahead(2), ahead(3))
    code, said = called("status", "--json")
    report = json.loads(said)
    assert (code, report["months_ahead"], report["command"]) == (2, 1, "partitions status")
    assert report["schedulers"][0]["is_live"] is True
    code, said = called("apply")
    assert (code, said.splitlines()[:2]) == (0, [f"{Month.of(datetime.now(UTC)).plus(n)}: made" for n in (2, 3)])


def test_plan_says_what_is_due_and_what_is_missing_and_changes_nothing() -> None:
    put(plant(), [(NOVEMBER, 1, 1)])
    code, said = called("plan")
    assert code == 0
    assert said.startswith("retire 2003-11: over for 90 days in every zone (public.meter_reading_2003_11, ")
    assert "  aggregates: 1 readings that no daily aggregate holds" in said
    assert "  settled: readings were written on 20" in said
    (step,) = json.loads(called("plan", "--json")[1])["steps"]
    assert step["missing"].keys() == {"aggregates", "settled"}
    code, said = called("apply")
    assert "2003-11: would retire with --drop, over for 90 days in every zone" in said
    assert rows("SELECT count(*) FROM meter_reading") == [(1,)]


def test_a_month_that_is_none_or_was_never_archived_is_refused() -> None:
    for month in ("2003-13", "2003-11"):
        with pytest.raises(CommandError) as refused:
            call_command("partitions", "restore", month)
        assert refused.value.returncode == Exit.REFUSED
    with pytest.raises(CommandError, match="retention_days is 0"):
        call_command("partitions", "apply", "--retention-days", "0")
