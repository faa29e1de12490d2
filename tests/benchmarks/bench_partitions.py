"""What sessions that read and insert notice while a month is archived, detached and dropped.

    python -m tests.benchmarks.bench_partitions [months] [rows]

Fifty sessions read and insert on a scratch database of the settings' server, in turns undisturbed and while a month
leaves, so that whatever else the machine does meets both alike. The difference of the 99th percentiles is what matters;
50 ms is the bound. Ends by itself.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import Queue, get_context
from statistics import quantiles
from typing import Protocol

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "frontier.settings")
django.setup()

import psycopg  # noqa: E402 -- Django must be set up first
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from database.scratch import Database  # noqa: E402
from metering.aggregation import roll_up  # noqa: E402
from metering.months import Deed, Month, Policy, plan  # noqa: E402
from metering.partitions import ensure_months  # noqa: E402
from metering.retention import retire  # noqa: E402
from metering.standings import read_standings  # noqa: E402
from tests.factories import DataSourceFactory, MeterFactory  # noqa: E402
from tests.metering.own_database import own_database  # noqa: E402

SESSIONS = 50
METERS = 25
PAUSE = 0.05
DOING = ("undisturbed", "while months are archived", "during detach and drop")
NOTHING, ARCHIVING, TAKING_AWAY = range(len(DOING))
# Seconds that the sessions run before the first month leaves.
WARM_UP = 3.0
INSERT = """
    INSERT INTO meter_reading (organization_id, project_id, meter_id, source_system, reading_timestamp, energy_wh)
    SELECT organization_id, project.id, meter.id, 'manual', clock_timestamp() - random() * interval '20 days', 1
    FROM meter JOIN project ON project.id = project_id WHERE meter.id = %s
    ON CONFLICT DO NOTHING
"""
READ = """
    SELECT count(*), sum(energy_wh) FROM meter_reading
    WHERE meter_id = %s AND reading_timestamp > now() - interval '3 days'
"""
FILL = """
    INSERT INTO meter_reading
        (organization_id, project_id, meter_id, source_system, reading_timestamp, energy_wh, ingested_at)
    SELECT organization_id, project.id, meter.id, 'manual', at, (extract(epoch FROM at)::bigint / 900) %% 97, at
    FROM meter JOIN project ON project.id = project_id
        CROSS JOIN generate_series(%s::timestamptz, %s::timestamptz, interval '15 minutes') AS at
    WHERE meter.id = %s
"""


class Now(Protocol):
    """What is done at this moment, an index of `DOING`, as processes share it."""

    value: int


class Unblocked:
    """The database is open to whoever is no test."""

    def unblock(self) -> nullcontext[None]:
        return nullcontext()


def client(
    database: Database,
    meters: list[int],
    number: int,
    stop: threading.Event,
    now: Now,
    spent: Sequence[list[float]],
) -> None:
    """Reads and inserts in turn until told to stop; the seconds of each go to `spent`, by what was done meanwhile."""
    with database.connect() as session:
        turn = number
        while not stop.is_set():
            before, started = now.value, time.perf_counter()
            session.execute((INSERT, READ)[turn % 2], [meters[turn % len(meters)]])
            spent[max(before, now.value)].append(time.perf_counter() - started)
            turn += 1
            time.sleep(PAUSE)


def leave(doing: Now, said: "Queue[str]") -> None:
    """Has every old month leave and be dropped, step by step; between two steps it rests as long as the last one took.

    Runs in a process of its own, as it would: what it computes must not hold up the clients that are measured.
    """
    now, policy = datetime.now(UTC), Policy(grace=timedelta(0))
    time.sleep(WARM_UP)
    while steps := [
        step for step in plan(now, read_standings().values(), policy) if step.deed in (Deed.RETIRE, Deed.DROP)
    ]:
        began = time.perf_counter()
        doing.value = ARCHIVING
        with connection.execute_wrapper(partial(watch, doing)):
            outcome = retire(steps[0], now, policy)
        doing.value = NOTHING
        took = time.perf_counter() - began
        said.put(f"{outcome} in {took:.2f} s")
        time.sleep(took)


def watch(doing: Now, execute: Callable[..., object], statement: str, *rest: object) -> object:
    """Says so while a statement takes a table away."""
    if not any(word in str(statement) for word in ("DETACH PARTITION", "DROP TABLE", "SET SCHEMA")):
        return execute(statement, *rest)
    doing.value = TAKING_AWAY
    try:
        return execute(statement, *rest)
    finally:
        doing.value = ARCHIVING


def percentile(spent: list[float]) -> float:
    """The 99th, in milliseconds."""
    return quantiles(spent, n=100)[98] * 1000


def prepare(months: list[Month], rows: int) -> list[int]:
    """Meters whose old months hold about so many readings each, rolled up."""
    DataSourceFactory.create(name="manual")
    meters = [MeterFactory.create().pk for _ in range(METERS)]
    ensure_months(months[0].start, months[-1].start)
    for month in months:
        for meter in meters:
            end = min(month.end, month.start + timedelta(minutes=15) * (rows // METERS))
            with connection.cursor() as cursor:
                cursor.execute(FILL, [month.start, end - timedelta(minutes=15), meter])
    roll_up(meters, months[0].start, months[-1].end)
    return meters


def main(count: int, rows: int) -> None:
    """Prints the 99th percentile without and with months leaving, and how long each part of leaving took."""
    this = Month.of(datetime.now(UTC))
    with ExitStack() as stack:
        settings.LAKE = os.environ["FRONTIER_LAKE"] = stack.enter_context(tempfile.TemporaryDirectory())
        database = stack.enter_context(own_database(Unblocked()))  # type: ignore[arg-type]
        meters = prepare([this.plus(number - 4 - count) for number in range(count)], rows)
        os.environ["DATABASE_URL"] = database.url
        processes = get_context("spawn")
        now, said = processes.Value("b", NOTHING, lock=False), processes.Queue()
        keeper = processes.Process(target=leave, args=(now, said))
        stop = threading.Event()
        spent: list[list[float]] = [[] for _ in DOING]
        clients = [
            threading.Thread(target=client, args=(database, meters, number, stop, now, spent))
            for number in range(SESSIONS)
        ]
        try:
            keeper.start()
            for thread in clients:
                thread.start()
            keeper.join()
        finally:
            stop.set()
            for thread in clients:
                thread.join()
        print(f"{SESSIONS} sessions, {rows:,} readings a month, PostgreSQL {version(database)}")  # noqa: T201
        while not said.empty():
            print(said.get())  # noqa: T201
        for name, times in zip(DOING, spent, strict=True):
            print(  # noqa: T201
                f"{name:27} {len(times):7,} statements, median {quantiles(times, n=2)[0] * 1000:7.1f} ms,"
                f" 99th percentile {percentile(times):7.1f} ms, longest {max(times) * 1000:7.1f} ms"
            )
        added = percentile(spent[TAKING_AWAY]) - percentile(spent[NOTHING])
        print(f"added at the 99th percentile by detach and drop: {added:.1f} ms; at most 50 are allowed")  # noqa: T201


def version(database: Database) -> str:
    with database.connect() as session:
        return psycopg.pq.version_pretty(session.info.server_version)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(int(arguments[0]) if arguments else 6, int(arguments[1]) if len(arguments) > 1 else 20_000)
