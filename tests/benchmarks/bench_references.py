"""What it costs that readings refer to what exists: triggers of statements against foreign keys of rows and nothing.

    python -m tests.benchmarks.bench_references [rounds] [rows]

Each round loads the same readings of 100 meters three times into the same table, from a staged table and committed:
with nothing that checks, with the triggers of the schema, with the three foreign keys that the schema had before. The
busy machine slows all alike; a ratio is the median over the rounds. A scratch database alone is touched.
"""

import os
import sys
import time
from statistics import median

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "frontier.settings")
django.setup()

import psycopg  # noqa: E402 -- Django must be set up first
from django.db import connection  # noqa: E402

from database.history import read_history  # noqa: E402
from database.scratch import Database, apply_with_psql, scratch_database  # noqa: E402

METERS = 100
PLANTS = f"""
    INSERT INTO organization (id, name) VALUES (1, 'Sun Ltd');
    INSERT INTO project (id, organization_id, name) VALUES (1, 1, 'Field');
    INSERT INTO meter_type (id, code, name) VALUES (1, 'REVENUE', 'revenue');
    INSERT INTO meter (id, project_id, meter_type_id) SELECT n, 1, 1 FROM generate_series(1, {METERS}) AS n;
    ANALYZE meter, project, organization;
"""
STAGE = f"""
    CREATE UNLOGGED TABLE staged AS
    SELECT 1 AS organization_id, 1 AS project_id, n %% {METERS} + 1 AS meter_id, 'manual' AS source_system,
        timestamptz '2026-01-01 00:00+00' + n / {METERS} * interval '15 minutes' AS reading_timestamp,
        (n %% 977)::numeric(24,9) AS energy_wh
    FROM generate_series(0, %s - 1) AS n
"""
MONTHS = """
    SELECT create_meter_reading_partition((date_trunc('month', reading_timestamp, 'UTC') AT TIME ZONE 'UTC')::date)
    FROM staged
    GROUP BY date_trunc('month', reading_timestamp, 'UTC')
"""
LOAD = """
    INSERT INTO meter_reading (organization_id, project_id, meter_id, source_system, reading_timestamp, energy_wh)
    SELECT * FROM staged
"""
KEYS = {"organization_id": "organization", "project_id": "project", "meter_id": "meter"}


NOTHING, TRIGGERS, FOREIGN_KEYS = "nothing checks", "triggers of statements", "foreign keys of rows"


def seconds(session: psycopg.Connection, way: str) -> float:
    """The seconds that loading and committing takes, deferred checks included."""
    session.execute("TRUNCATE meter_reading")
    if way != TRIGGERS:
        session.execute("ALTER TABLE meter_reading DISABLE TRIGGER USER")
    if way == FOREIGN_KEYS:
        for column, table in KEYS.items():
            session.execute(
                f"ALTER TABLE meter_reading ADD CONSTRAINT trial_{column} FOREIGN KEY ({column})"
                f" REFERENCES {table} (id) DEFERRABLE INITIALLY DEFERRED".encode()
            )
    session.execute("CHECKPOINT")
    started = time.perf_counter()
    session.execute(LOAD)
    took = time.perf_counter() - started
    for column in KEYS:
        session.execute(f"ALTER TABLE meter_reading DROP CONSTRAINT IF EXISTS trial_{column}".encode())
    session.execute("ALTER TABLE meter_reading ENABLE TRIGGER USER")
    return took


def main(rounds: int, rows: int) -> None:
    """Prints the median seconds of each way, and what it costs beside loading without any check."""
    ways = [NOTHING, TRIGGERS, FOREIGN_KEYS]
    taken: dict[str, list[float]] = {way: [] for way in ways}
    with scratch_database(Database.of(connection)) as database:
        apply_with_psql(database, read_history())
        with database.connect() as session:
            session.execute(PLANTS)
            session.execute(STAGE, [rows])
            session.execute(MONTHS)
            seconds(session, NOTHING)  # the first load finds nothing in any cache
            for number in range(rounds):
                for way in ways if number % 2 else reversed(ways):
                    taken[way].append(seconds(session, way))

    print(f"{rows:,} rows of {METERS} meters, {rounds} rounds")  # noqa: T201
    for way, spent in taken.items():
        ratio = median(slow / fast for slow, fast in zip(spent, taken[NOTHING], strict=True))
        print(f"{way:24} {median(spent):6.2f} s  {ratio:5.2f} times the time of no check")  # noqa: T201


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*given, *(5, 200_000)[len(given) :])
