"""How long it takes until a database has the schema, and to tell whether it has.

    python -m tests.benchmarks.bench_schema [rounds]

The ways are measured one after the other in each round, so that a busy machine slows all alike; a ratio is the median
over the rounds. The server is that of the settings; scratch databases alone are touched.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "frontier.settings")
django.setup()

from django.db import connection  # noqa: E402 -- Django must be set up first

from database.history import SchemaFile, read_history  # noqa: E402
from database.scratch import (  # noqa: E402
    Database,
    apply_with_migrate,
    apply_with_psql,
    django_connection,
    scratch_database,
)
from database.snapshots import newest_snapshot  # noqa: E402
from database.status import read_status  # noqa: E402
from database.verification import rebuilt_catalog, verify  # noqa: E402
from tests.template import fill, prepare_template  # noqa: E402


@contextmanager
def copied(server: Database, template: Database) -> Iterator[float]:
    """The seconds that copying the template took."""
    started = time.perf_counter()
    with scratch_database(server, template.name):
        yield time.perf_counter() - started


def seconds(work: Callable[[Database], object], server: Database) -> float:
    """The seconds that the work takes on a new database."""
    started = time.perf_counter()
    with scratch_database(server) as database:
        work(database)
        return time.perf_counter() - started


def asked(server: Database, template: Database) -> tuple[float, float]:
    """The seconds of `schema_status`, and of `schema_verify` less those of the rebuild that it rests on."""
    with scratch_database(server, template.name) as database, django_connection(database) as live:
        live.ensure_connection()
        started = time.perf_counter()
        read_status(live)
        status = time.perf_counter() - started
        verification = verify(live)
        whole = time.perf_counter() - started - status
        if verification.findings:
            sys.exit(f"The database is not what its files make: {verification.summary}")
        started = time.perf_counter()
        rebuilt_catalog(server, read_history())
        return status, whole - (time.perf_counter() - started)


def main(rounds: int) -> None:
    """Prints the median seconds of each way and how much faster it is than the way it is paired with."""
    server = Database.of(connection)
    snapshot = newest_snapshot()
    if snapshot is None:
        sys.exit("There is no snapshot to measure.")
    files = [SchemaFile(0, snapshot.path), *read_history()[len(snapshot.files) :]]
    template = prepare_template(server)
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        taken.setdefault("psql, every file", []).append(
            seconds(lambda database: apply_with_psql(database, read_history()), server)
        )
        taken.setdefault("psql, newest snapshot", []).append(
            seconds(lambda database: apply_with_psql(database, files), server)
        )
        taken.setdefault("migrate, every file", []).append(seconds(apply_with_migrate, server))
        taken.setdefault("migrate, newest snapshot", []).append(seconds(fill, server))
        with copied(server, template) as took:
            taken.setdefault("copy of a database made of the newest snapshot", []).append(took)
    told = [asked(server, template) for _ in range(rounds)]

    print(f"{rounds} rounds, PostgreSQL of {server.libpq.get('host')}:{server.libpq.get('port')}")  # noqa: T201
    for way, spent in taken.items():
        paired = taken["psql, every file" if way.startswith("psql") else "migrate, every file"]
        ratio = median(slow / fast for slow, fast in zip(paired, spent, strict=True))
        print(f"{way:48} {median(spent):6.2f} s  {ratio:5.1f} times as fast")  # noqa: T201
    for way, spans in zip(("schema_status", "schema_verify beyond the rebuild"), zip(*told, strict=True), strict=True):
        print(f"{way:48} {median(spans):6.2f} s  beyond Django's start")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
