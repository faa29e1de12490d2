"""Workers: they do what is due, one to a site, and what one of them leaves undone another finishes."""

import os
import random
import signal
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Job
from pytest_django import Settings

from metering.errors import MeteringError
from metering.maintenance import maintain
from metering.models import IngestionLog, IntegrationSite, MeterReading
from metering.months import Month
from metering.standings import read_standing
from metering.storage import Lake
from metering.synchronization import QUARTER, sync_site
from metering.tasks import MOST_ATTEMPTS, PORTALS, WhatMayPass, queue_sync, sync
from metering.vendors import RateLimited, Unavailable
from tests.database import killed
from tests.factories import MeterFactory
from tests.metering.own_database import clean_months, settled_month
from tests.metering.portals import Portal, make_site, open_portal
from tests.metering.processes import PATIENCE_SECONDS, finish, start, start_worker
from tests.metering.readings import Rows, rows
from tests.soak import rounds

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_server]

SYNCS = "SELECT status::text, attempts FROM procrastinate_jobs WHERE task_name = 'sync' ORDER BY id"


@pytest.fixture(autouse=True)
def portal(settings: Settings, tmp_path: Path) -> Iterator[Portal]:
    """The only portal there is."""
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    settings.LAKE = str(tmp_path / "lake")
    with open_portal() as portal:
        settings.VENDOR_URLS = {"solaredge": portal.url}
        yield portal


@pytest.fixture(autouse=True)
def queue() -> None:
    """An empty queue: its tables are no models that tests would clear."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_periodic_defers, procrastinate_workers CASCADE")


@pytest.fixture(autouse=True)
def short_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of a worker close their connections after each task, so that the database can be dropped."""
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)


def work(*queues: str) -> None:
    """Does in this process what there is to do, as a worker would; all of it, or what lies in some queues."""
    with app.replace_connector(app.connector.get_worker_connector()) as worker:  # type: ignore[attr-defined]
        worker.run_worker(queues=[*queues] or None, wait=False, listen_notify=False, install_signal_handlers=False)


def queue_up(*tasks: str) -> None:
    """Queues periodic tasks, unless a worker that ran has queued them for the time that passed."""
    for task in tasks:
        with suppress(AlreadyEnqueued):
            app.configure_task(task).defer(timestamp=0)


def job(attempts: int) -> Job:
    return Job(id=1, queue="default", lock=None, queueing_lock=None, task_name="sync", attempts=attempts)


def readings(site: IntegrationSite) -> Rows:
    return rows(
        "SELECT reading_timestamp, energy_wh FROM meter_reading WHERE meter_id = %s ORDER BY 1",
        site.meter_id,
    )


def age_heartbeats() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = last_heartbeat - interval '1 hour'")


# The queue


def test_the_queue_lies_beside_djangos_tables_and_outside_the_schema_of_readings() -> None:
    found = rows("SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 'procrastinate%%'")
    assert found == [("django",)]
    assert rows(
        "SELECT count(*) FROM pg_proc WHERE proname LIKE 'procrastinate%%' AND pronamespace = 'public'::regnamespace"
    ) == [(0,)]


def test_a_sync_that_waits_is_not_queued_again() -> None:
    for _ in range(3):
        queue_sync(7)
    queue_sync(8)
    assert rows("SELECT args->>'site_id', lock FROM procrastinate_jobs ORDER BY id") == [
        ("7", "sync of site 7"),
        ("8", "sync of site 8"),
    ]


def test_each_task_that_is_due_at_times_is_queued_once_however_many_workers_run() -> None:
    tasks = {periodic.task.name: periodic for periodic in app.periodic_registry.periodic_tasks.values()}
    assert {name: periodic.cron for name, periodic in tasks.items()} == {
        "sync_due": "*/5 * * * *",
        "aggregate_changes": "*/5 * * * *",
        "close_interrupted": "*/10 * * * *",
        "maintain_partitions": "17 * * * *",
        "rescue_stalled": "*/2 * * * *",
        "forget_finished": "41 3 * * *",
    }
    assert all(periodic.task.queueing_lock == name for name, periodic in tasks.items())


def test_only_what_may_pass_is_tried_again_and_not_for_ever() -> None:
    decide = WhatMayPass().get_retry_decision
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    limited = decide(exception=RateLimited("solaredge", "enough", at), job=job(0))
    assert limited is not None
    assert limited.retry_at == at
    for attempts, minutes in ((0, 1), (1, 2), (2, 4)):
        later = decide(exception=Unavailable("solaredge", "gone fishing"), job=job(attempts))
        assert later is not None
        assert later.retry_at is not None
        assert abs(later.retry_at - datetime.now(UTC) - timedelta(minutes=minutes)) < timedelta(seconds=10)
    assert decide(exception=Unavailable("solaredge", "gone fishing"), job=job(MOST_ATTEMPTS)) is None
    assert decide(exception=MeteringError("a quarantined body"), job=job(0)) is None


# Workers


def test_a_worker_does_the_work_that_is_due(portal: Portal) -> None:
    site = make_site()
    other = make_site(meter=MeterFactory.create(project=site.meter.project), external_site_id="4712")  # type: ignore[union-attr]
    queue_up("sync_due")
    work()
    assert sorted(asked[0] for asked in portal.asked) == ["4711", "4712"]
    assert readings(site) == readings(other) != []
    assert rows(SYNCS)[:2] == [("succeeded", 1), ("succeeded", 1)]
    site.refresh_from_db()
    assert site.last_sync_status == "success"


def test_two_workers_and_one_site_make_one_sync(portal: Portal) -> None:
    site = make_site()
    for _ in range(2):
        sync.defer(site_id=site.pk)
    finish(*(start_worker(portal, "--queues", PORTALS) for _ in range(2)))
    assert len(portal.asked) == 1
    assert [status for status, _ in rows(SYNCS)] == ["succeeded", "succeeded"]
    assert len(readings(site)) == MeterReading.objects.count() > 0


def test_a_portal_that_asks_for_patience_is_asked_again_when_it_said(portal: Portal) -> None:
    site = make_site()
    portal.instead = [(429, {}, {"Retry-After": "3600"})]
    queue_sync(site.pk)
    work(PORTALS)
    assert rows(SYNCS) == [("todo", 1)]
    ((wait,),) = rows("SELECT scheduled_at - now() FROM procrastinate_jobs WHERE task_name = 'sync'")
    assert timedelta(minutes=58) < wait <= timedelta(hours=1)
    site.refresh_from_db()
    assert site.last_sync_status == "error"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE task_name = 'sync'")
    work(PORTALS)
    assert rows(SYNCS) == [("succeeded", 2)]
    assert readings(site), "a second try does not wait until the site is due"


def test_a_refusal_is_not_tried_again_and_the_job_says_failed(portal: Portal) -> None:
    site = make_site()
    portal.instead = [(403, {"error": "not yours"})]
    queue_sync(site.pk)
    work(PORTALS)
    assert rows(SYNCS) == [("failed", 1)]
    assert not readings(site)


def test_what_a_killed_worker_was_doing_is_given_to_the_next(portal: Portal) -> None:
    site = make_site()
    queue_sync(site.pk)
    portal.open.clear()
    worker = start_worker(portal, "--queues", PORTALS)
    assert portal.reached.wait(PATIENCE_SECONDS)
    os.kill(worker.pid, signal.SIGKILL)
    worker.communicate()
    portal.open.set()
    assert rows(SYNCS) == [("doing", 0)]
    age_heartbeats()
    queue_up("rescue_stalled")
    work()
    # Either as it was, or as the same work that was found due and queued meanwhile.
    assert rows(SYNCS)[-1][0] == "succeeded"
    assert readings(site)


def test_a_job_that_ended_every_worker_is_given_up() -> None:
    queue_sync(7)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', attempts = %s", [MOST_ATTEMPTS])
    queue_up("rescue_stalled")
    work()
    assert [status for status, _ in rows(SYNCS)] == ["failed"]


def test_readings_that_were_not_rolled_up_are_and_months_are_made(portal: Portal) -> None:
    names = ("aggregate_changes", "forget_finished", "maintain_partitions")
    queue_up(*names)
    work()
    done = rows("SELECT DISTINCT task_name, status::text FROM procrastinate_jobs ORDER BY 1")
    assert {(name, "succeeded") for name in ("aggregate_changes", "maintain_partitions", "forget_finished")} <= set(
        done
    )
    assert rows("SELECT scheduler FROM frontier_ops.partition_run ORDER BY ran_at DESC LIMIT 1") == [("worker",)]


def test_the_account_of_a_process_that_died_is_closed(lake: Lake) -> None:
    site = make_site()
    opened = IngestionLog.objects.create(
        organization=site.organization, data_source=site.data_source, file_path="raw/solaredge/1/2026-01-01/a.json"
    )
    queue_up("close_interrupted")
    work()
    opened.refresh_from_db()
    assert opened.ingestion_status == "error"
    assert str(opened.error_message).startswith("interrupted")


@pytest.fixture
def old_month() -> Iterator[Month]:
    """A month that could leave: all of it is old, settled and rolled up."""
    month = Month(2004, 5)
    settled_month(month)
    yield month
    clean_months()


def test_a_worker_lets_no_month_leave(old_month: Month) -> None:
    queue_up("maintain_partitions")
    work()
    assert rows("SELECT status::text FROM procrastinate_jobs WHERE task_name = 'maintain_partitions'") == [
        ("succeeded",)
    ]
    assert read_standing(old_month).is_attached
    assert rows("SELECT count(*) FROM reading_archive") == [(0,)]
    # Whoever may drop would have let it go.
    assert maintain(drop=True).outcomes[0].did == "archived and detached, 96 readings"


# Killed


def kill_at(portal: Portal, at: float, site: IntegrationSite) -> int:
    """Syncs the site in a process that is killed around a statement; how it ended."""
    process = start(portal, killed.__file__, f"{at:g}", "sync_sites", "--site", str(site.pk))
    process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode


@pytest.mark.soak
def test_a_sync_killed_at_any_statement_is_finished_by_the_next_and_nothing_is_loaded_twice(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_site(days=9)
    meter = first.meter
    assert meter is not None
    count = tmp_path / "count"
    monkeypatch.setenv("COUNT", str(count))
    assert kill_at(portal, 0, first) == 0
    expected = readings(first)
    assert len(expected) >= 9 * timedelta(days=1) // QUARTER
    statements = int(count.read_text())
    chance = random.Random(20260301)
    moments = sorted(chance.sample(range(2, 2 * statements), rounds(30, 3)))
    ends = []
    for number, moment in enumerate(moments):
        site = make_site(days=9, meter=MeterFactory.create(project=meter.project), external_site_id=str(number))
        ends.append(kill_at(portal, moment / 2, site))
        synced = sync_site(site.pk)
        assert synced.problem is None, (moment, synced)
        found = readings(site)
        assert found[: len(expected)] == expected, moment
        ((twice,),) = rows(
            "SELECT count(*) - count(DISTINCT reading_timestamp) FROM meter_reading WHERE meter_id = %s", site.meter_id
        )
        assert twice == 0
        site.refresh_from_db()
        assert (site.last_sync_status, site.synced_until) == ("success", synced.synced_until)
    # Where the months are there already, the last statements are never reached.
    assert ends.count(-signal.SIGKILL) > len(ends) / 2
    assert set(ends) <= {-signal.SIGKILL, 0}
    assert not IngestionLog.objects.filter(ingestion_status="processing").exists()
    assert not IngestionLog.objects.filter(rows_replaced__gt=0).exists()
