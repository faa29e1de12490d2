"""How long it takes from a meter file to committed readings, against psql's COPY and Django's bulk_create.

    python -m tests.benchmarks.bench_ingestion [rounds] [readings]

A file of quarter hours of 230 meters, 2 million lines unless told otherwise, is loaded with every guarantee: parsed,
validated, without repeats, compared with what stands, versioned, referring to what exists, in one transaction, from a
process of its own. Its peer is `psql` that copies the same rows, made ready beforehand as a file with one column for
each of the table's, into a table of the same columns, partitions and indexes that has neither triggers nor checks. The
two are measured one after the other in each round, so that a busy machine slows both; a ratio is the median over the
rounds. Aggregates are not made. The server is that of the settings; a scratch database alone is touched.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import django
import polars as pl

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "frontier.settings")
django.setup()

from django.db import connection  # noqa: E402 -- Django must be set up first
from psycopg import sql  # noqa: E402

from database.scratch import Database, scratch_database  # noqa: E402
from metering.models import Meter, MeterReading, SourceSystem  # noqa: E402
from metering.partitions import ensure_months  # noqa: E402
from tests.factories import AssetFactory, DataSourceFactory, MeterFactory, ProjectFactory  # noqa: E402
from tests.template import prepare_template  # noqa: E402

METERS = 230
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
MAPPING = {
    "time_column": "time",
    "energy": ["kwh", "kWh"],
    "irradiance": ["sun", "W/m2"],
    "device_column": "device",
    "interval": "15min",
    "label": "start",
}
ORM_ROWS = 20_000
COLUMNS = (
    "organization_id, project_id, source_system, meter_id, external_device_id, reading_timestamp, reading_interval,"
    " interval_seconds, energy_wh, power_w, register_wh, irradiance_wm2, temperature_c, other_metrics, quality,"
    " reported_at, ingestion_log_id"
)
LOAD = """
import json, sys, time
import django
django.setup()
from pathlib import Path
from core.models import Project
from metering.ingestion import load
started = time.perf_counter()
loaded = load(Path(sys.argv[1]), Project.objects.get(pk=int(sys.argv[2])), json.loads(sys.argv[3]))
print(json.dumps({
    "seconds": time.perf_counter() - started,
    "new": loaded.rows_loaded, "replaced": loaded.rows_replaced, "unchanged": loaded.rows_unchanged,
    # Of this program alone: getrusage counts what its parent held when it was started.
    "megabytes": next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024,
}))
"""


def readings(count: int) -> pl.DataFrame:
    """Quarter hours of all meters in the order of time, as a portal exports them."""
    times = pl.datetime_range(
        FIRST, FIRST + timedelta(minutes=15 * (count // METERS - 1)), "15m", time_unit="us", eager=True
    )
    rows = pl.DataFrame({"time": times}).join(pl.DataFrame({"meter": range(METERS)}), how="cross")
    mixed = pl.int_range(pl.len()) * 7_919 % 1_000_003
    return rows.with_columns(
        device=pl.format("SN-{}", pl.col("meter") + 10_000), wh=mixed * 13 % 90_000, sun=mixed * 17 % 1_100
    )


def write_files(
    rows: pl.DataFrame, folder: Path, meters: dict[str, int], project_id: int, organization_id: int
) -> None:
    """The file as it is offered, and its rows made ready for psql."""
    text = rows.select(
        time=pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        device="device",
        kwh=pl.format("{}.{}", pl.col("wh") // 1000, (pl.col("wh") % 1000).cast(pl.String).str.zfill(3)),
        sun=pl.col("sun").cast(pl.String),
    )
    text.write_csv(folder / "offered.csv")
    nothing = pl.lit(None, pl.String)
    rows.select(
        pl.lit(organization_id).alias("organization"),
        pl.lit(project_id).alias("project"),
        pl.lit("manual").alias("source"),
        pl.col("device").replace_strict(meters, return_dtype=pl.Int64).alias("meter_id"),
        "device",
        pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S+00"),
        pl.lit("15min").alias("interval"),
        pl.lit(900).alias("seconds"),
        "wh",
        nothing.alias("power"),
        nothing.alias("register"),
        "sun",
        nothing.alias("temperature"),
        nothing.alias("metrics"),
        pl.lit("measured").alias("quality"),
        nothing.alias("reported"),
        pl.lit(1).alias("log"),
    ).write_csv(folder / "ready.csv", include_header=False)


class Bench:
    """A scratch database with a plant of many meters, and the same rows in two files."""

    def __init__(self, database: Database, folder: Path, count: int) -> None:
        self.database, self.folder, self.count = database, folder, count // METERS * METERS
        DataSourceFactory.create(name=SourceSystem.MANUAL)
        self.project = ProjectFactory.create()
        devices = [f"SN-{number + 10_000}" for number in range(METERS)]
        meters = {
            device: MeterFactory.create(
                project=self.project, asset=AssetFactory.create(project=self.project, serial_code=device)
            ).pk
            for device in devices
        }
        self.rows = readings(self.count)
        write_files(self.rows, folder, meters, self.project.pk, self.project.organization_id)
        last = self.rows["time"].max()
        assert isinstance(last, datetime)
        ensure_months(FIRST, last.replace(tzinfo=UTC))
        self._make_peer()

    def _make_peer(self) -> None:
        """A table of the same columns, partitions and indexes."""
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE public.peer (LIKE meter_reading INCLUDING DEFAULTS INCLUDING INDEXES)"
                " PARTITION BY RANGE (reading_timestamp)"
            )
            cursor.execute(
                "SELECT relname, pg_get_expr(relpartbound, pg_class.oid) FROM pg_inherits"
                " JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'meter_reading'::regclass"
            )
            for name, bounds in cursor.fetchall():
                cursor.execute(
                    sql.SQL("CREATE TABLE {} PARTITION OF public.peer " + bounds).format(
                        sql.Identifier("public", f"peer_{name}")
                    )
                )

    def empty(self, *tables: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(tables)}, reading_change, ingestion_log CASCADE")
            cursor.execute("CHECKPOINT")
        shutil.rmtree(self.folder / "lake", ignore_errors=True)

    def copy(self, name: str = "ready.csv") -> float:
        """The seconds in which psql copies the rows."""
        started = time.perf_counter()
        subprocess.run(
            ["psql", "-qX", "-c", f"\\copy public.peer ({COLUMNS}) from '{self.folder / name}' (format csv)"],
            env=self.database.environment,
            check=True,
        )
        return time.perf_counter() - started

    def load(self, name: str = "offered.csv") -> tuple[float, dict[str, float]]:
        """The seconds in which a new process loads the file, and what it says of itself."""
        environment = {
            **os.environ,
            "DATABASE_URL": self.database.url,
            "FRONTIER_LAKE": str(self.folder / "lake"),
            "DJANGO_SETTINGS_MODULE": "frontier.settings",
        }
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", LOAD, str(self.folder / name), str(self.project.pk), json.dumps(MAPPING)],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return time.perf_counter() - started, json.loads(done.stdout)

    def part(self, share: float) -> None:
        """Cuts off the files of the first rows, and of the others made ready."""
        cut = int(self.count * share)
        offered = (self.folder / "offered.csv").read_text().splitlines(keepends=True)
        (self.folder / "part.csv").write_text("".join(offered[: cut + 1]))
        ready = (self.folder / "ready.csv").read_text().splitlines(keepends=True)
        (self.folder / "ready_part.csv").write_text("".join(ready[:cut]))
        (self.folder / "ready_rest.csv").write_text("".join(ready[cut:]))

    def bulk_create(self) -> float:
        """The seconds that Django takes for a reading."""
        meter = Meter.objects.filter(project=self.project).first()
        assert meter is not None
        rows = [
            MeterReading(
                organization_id=self.project.organization_id,
                project_id=self.project.pk,
                meter=meter,
                source_system=SourceSystem.MANUAL,
                reading_timestamp=FIRST + timedelta(minutes=15 * number),
                energy_wh=number,
                irradiance_wm2=number % 1_000,
            )
            for number in range(min(ORM_ROWS, self.count // METERS))
        ]
        started = time.perf_counter()
        MeterReading.objects.bulk_create(rows, batch_size=2_000)
        return (time.perf_counter() - started) / len(rows)


def report(what: str, seconds: list[float], peer: str, ratios: list[float]) -> None:
    print(f"{what:58} {median(seconds):7.2f} s  {median(ratios):6.2f} of {peer} ({min(ratios):.2f}..{max(ratios):.2f})")  # noqa: T201


def main(rounds: int, count: int) -> None:
    """Prints the median seconds of each way and its ratio to its peer."""
    server = Database.of(connection)
    template = prepare_template(server)
    with scratch_database(server, template.name) as database, tempfile.TemporaryDirectory() as folder:
        connection.close()
        connection.settings_dict["NAME"] = database.name
        try:
            _measure(Bench(database, Path(folder), count), rounds)
        finally:
            connection.close()


def _measure(bench: Bench, rounds: int) -> None:
    bench.part(0.1)
    rest = bench.count - int(bench.count * 0.1)
    print(f"{bench.count:,} readings of {METERS} meters, {rounds} rounds")  # noqa: T201
    empty, partly, again, orm, peers, memory = [], [], [], [], [], [0.0]
    for _ in range(rounds):
        bench.empty("meter_reading", "public.peer")
        copied = bench.copy()
        bench.empty("meter_reading", "public.peer")
        whole, said = bench.load()
        assert said["new"] == bench.count
        peers.append(copied)
        empty.append((said["seconds"], copied / said["seconds"], copied / whole))
        memory.append(said["megabytes"])

        with (bench.folder / "offered.csv").open("a") as file:
            file.write("\n")  # another file with the same rows
        _, repeated = bench.load()
        assert (repeated["new"], repeated["replaced"], repeated["unchanged"]) == (0, 0, bench.count)
        again.append((repeated["seconds"], said["seconds"] / repeated["seconds"]))
        memory.append(repeated["megabytes"])

        bench.empty("meter_reading", "public.peer")
        bench.copy("ready_part.csv")
        copied = bench.copy("ready_rest.csv")
        bench.empty("meter_reading", "public.peer")
        bench.load("part.csv")
        whole, said = bench.load()
        assert said["new"] == rest
        partly.append((said["seconds"], copied / said["seconds"], copied / whole))
        memory.append(said["megabytes"])

        bench.empty("meter_reading", "public.peer")
        orm.append(bench.bulk_create() * bench.count)

    print(f"{'psql COPY, same columns and indexes, no guarantees':58} {median(peers):7.2f} s")  # noqa: T201
    report("load, nothing stands", [one[0] for one in empty], "psql", [one[1] for one in empty])
    report("  with the start of its process", [one[0] for one in empty], "psql", [one[2] for one in empty])
    report(
        "load, a tenth stands; psql copies the other nine",
        [one[0] for one in partly],
        "psql",
        [one[1] for one in partly],
    )
    report("  with the start of its process", [one[0] for one in partly], "psql", [one[2] for one in partly])
    report(
        "the same rows in another file",
        [one[0] for one in again],
        "the rate of the first load",
        [one[1] for one in again],
    )
    ratios = [slow / fast[0] for slow, fast in zip(orm, empty, strict=True)]
    report(f"bulk_create, scaled up from {ORM_ROWS:,} rows", orm, "the load's rate is so many times", ratios)
    print(f"peak memory {max(memory):,.0f} MB")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, int(sys.argv[2]) if len(sys.argv) > 2 else 2_000_000)
