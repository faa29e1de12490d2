"""How large readings are, how fast aggregates follow, and what reading the same rows costs at least.

    python -m tests.benchmarks.bench_aggregation [millions of readings] [connections]

230 meters of 15-minute readings, interleaved as they arrive, are made by the server in a scratch database. The peer of
every time is the same server summing energy by meter and hour and keeping nothing: no aggregate can be had for less.
The numbers of docs/scale.md come from here.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "frontier.settings")
django.setup()

from django.conf import settings  # noqa: E402 -- Django must be set up first
from django.db import connection  # noqa: E402

from database.scratch import Database, scratch_database  # noqa: E402
from metering.aggregation import MOMENT, roll_up_all, roll_up_pending  # noqa: E402
from metering.archive import read_columns, write  # noqa: E402
from metering.engines import compare, engine, read_source  # noqa: E402
from metering.months import Month  # noqa: E402
from metering.storage import Lake  # noqa: E402
from tests.template import prepare_template  # noqa: E402

METERS = 230
FIRST = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FLEET = """
INSERT INTO organization (name) VALUES ('Fleet');
INSERT INTO project (organization_id, name, time_zone)
SELECT id, 'plant ' || n,
    (ARRAY['UTC', 'America/Denver', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Europe/Madrid'])[1 + n % 5]
FROM organization, generate_series(0, 9) AS n;
INSERT INTO meter_type (code, name) VALUES ('REVENUE', 'Revenue') ON CONFLICT DO NOTHING;
INSERT INTO meter (project_id, meter_type_id)
SELECT project.id, meter_type.id FROM project, generate_series(1, 23), meter_type WHERE meter_type.code = 'REVENUE';
"""
READINGS = """
INSERT INTO meter_reading (
    organization_id, project_id, meter_id, source_system, reading_timestamp, energy_wh, irradiance_wm2)
SELECT organization_id, project_id, meter.id, 'manual', at,
    CASE WHEN extract(hour FROM at) BETWEEN 8 AND 20
        THEN round((1000 + extract(epoch FROM at)::bigint / 900 %% 997 * 13.25 + meter.id)::numeric, 3) ELSE -1.5 END,
    CASE WHEN extract(hour FROM at) BETWEEN 8 AND 20 THEN 500 ELSE 0 END
FROM generate_series(%s::timestamptz, %s::timestamptz - interval '15 minutes', '15 minutes') AS at,
    meter JOIN project ON project.id = meter.project_id
"""
PEER = """
SELECT count(*), max(energy_wh) FROM (
    SELECT meter_id, date_bin('1 hour', reading_timestamp, '2000-01-01Z'), sum(energy_wh) AS energy_wh
    FROM meter_reading GROUP BY 1, 2
) AS hours
"""
SIZES = """
SELECT sum(pg_table_size(inhrelid)), sum(pg_indexes_size(inhrelid)), pg_total_relation_size('meter_aggregate')
FROM pg_inherits WHERE inhparent = 'meter_reading'::regclass
"""


def run(query: str, *values: datetime) -> tuple[object, ...]:
    """The first row of what the query gives, or none."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return tuple(cursor.fetchone()) if cursor.description else ()


def seconds(work: Callable[[], object]) -> float:
    """How long the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def tell(what: str, value: float, unit: str, beside: str = "") -> None:
    print(f"{what:58} {value:10.2f} {unit:8} {beside}", flush=True)  # noqa: T201


def measure(days: int, jobs: int) -> None:
    """Makes the readings, then measures; everything is in the current database."""
    after = FIRST + days * DAY
    rows = METERS * 96 * days
    run(FLEET)
    run("SELECT create_meter_reading_partition(month::date) FROM generate_series(%s, %s, interval '1 month') AS month",
        FIRST.replace(tzinfo=None), (after + DAY).replace(tzinfo=None))  # fmt: skip
    for n in range(days):
        run(READINGS, FIRST + n * DAY, FIRST + (n + 1) * DAY)
    run("VACUUM (ANALYZE) meter_reading")
    print(f"{rows:,} readings of {METERS} meters, {days} days, {jobs} connections")  # noqa: T201

    peer = seconds(lambda: run(PEER))
    tell("peer: energy by meter and hour, nothing kept", peer, "s")

    def beside(taken: float) -> str:
        return f"{taken / peer:5.2f} times the peer"

    taken = seconds(lambda: roll_up_all(FIRST, after - MOMENT, jobs))
    tell("hours, days, months made", taken, "s", f"{beside(taken)}, {rows / taken:,.0f} readings/s")
    run("VACUUM (ANALYZE) meter_aggregate")
    taken = seconds(lambda: roll_up_all(FIRST, after - MOMENT, jobs))
    tell("the same once more, nothing to write", taken, "s", beside(taken))

    run(READINGS, after, after + DAY)
    run("INSERT INTO reading_change (organization_id, project_id, meter_id, period_start, period_end, rows_new)"
        " SELECT organization_id, project_id, meter.id, %s, %s, 96"
        " FROM meter JOIN project ON project.id = project_id", after, after + DAY)  # fmt: skip
    taken = seconds(roll_up_pending)
    tell("after one new day of every meter", taken, "s", beside(taken))

    table, indexes, aggregates = (int(str(size)) for size in run(SIZES))
    tell("table, each reading", table / rows, "bytes")
    tell("indexes, each reading", indexes / rows, "bytes")
    tell("aggregates, each reading", aggregates / rows, "bytes")

    with tempfile.TemporaryDirectory() as folder:
        settings.LAKE = folder
        lake = Lake.from_url(folder)
        months = [Month.of(FIRST).plus(n) for n in range(days // 31)]
        taken = seconds(lambda: [write(lake, month, month.partition, read_columns()) for month in months])
        files = [Path(folder) / name for name in lake.names()]
        (archived,) = run("SELECT count(*) FROM meter_reading WHERE reading_timestamp < %s", months[-1].end)
        held = int(str(archived))
        tell("written as Parquet", taken, "s", f"{held / taken:,.0f} readings/s")
        tell("Parquet, each reading", sum(path.stat().st_size for path in files) / held, "bytes")
        source = read_source(lake, FIRST, months[-1].end)
        taken = seconds(lambda: sum(batch.num_rows for batch in engine("duckdb")(source)))
        tell("the same aggregates by DuckDB from Parquet", taken, "s", f"{held / taken:,.0f} readings/s")
        found = compare(engine("duckdb")(source), source)
        tell("aggregates compared", found.compared, "", f"{found.differing} differ")


def main(millions: float, jobs: int) -> None:
    """Measures in a scratch database, which is dropped."""
    server = Database.of(connection)
    days = max(31, round(millions * 1_000_000 / METERS / 96))
    with scratch_database(server, prepare_template(server).name) as database:
        connection.close()
        connection.settings_dict["NAME"] = database.name
        try:
            measure(days, jobs)
        finally:
            connection.close()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 2, int(sys.argv[2]) if len(sys.argv) > 2 else 2)
