"""How many clause-periods are judged in a second: by monthly aggregates, and by readings.

    python -m tests.benchmarks.bench_assessment [contracts with aggregates] [contracts with readings]

Each contract has a plant with one meter, a guarantee of availability with damages under an annual cap, and one of its
capacity factor; one availability of ten that aggregates tell is too low. They are made by the server in a scratch
database. The peer in the same run is the same program judging contract by contract.
Times are of one connection, wall beside this process's own; the rest is the server's.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "frontier.settings")
django.setup()

from django.db import connection  # noqa: E402 -- Django must be set up first

from core.contracts import contracts_in_force  # noqa: E402
from core.models import Contract  # noqa: E402
from core.periods import parse_period  # noqa: E402
from database import seeds  # noqa: E402
from database.processes import collect_rarely  # noqa: E402
from database.scratch import Database, scratch_database  # noqa: E402
from metering.assessment import evaluate, evaluate_all  # noqa: E402
from tests.template import prepare_template  # noqa: E402

MARCH = parse_period("2024-03")
FLEET = """
INSERT INTO organization (name) VALUES ('Fleet');
INSERT INTO counterparty (name, counterparty_type_id)
SELECT 'Buyer', min(id) FROM counterparty_type;
INSERT INTO project (organization_id, name, time_zone)
SELECT organization.id, 'plant ' || n, (ARRAY['UTC', 'America/Denver', 'Asia/Kolkata', 'Europe/Madrid'])[1 + n %% 4]
FROM organization, generate_series(1, %(contracts)s) AS n WHERE organization.name = 'Fleet';
INSERT INTO meter (project_id, meter_type_id)
SELECT project.id, meter_type.id FROM project, meter_type
WHERE project.name LIKE 'plant %%' AND meter_type.code = 'REVENUE';
INSERT INTO contract (
    project_id, organization_id, counterparty_id, contract_type_id, contract_status_id, name, effective_date)
SELECT project.id, organization_id, (SELECT max(id) FROM counterparty), (SELECT min(id) FROM contract_type),
    contract_status.id, project.name, '2023-01-01'
FROM project, contract_status WHERE project.name LIKE 'plant %%' AND contract_status.code = 'ACTIVE';
INSERT INTO clause (project_id, contract_id, name, clause_category_id, normalized_payload)
SELECT project_id, contract.id, category.name, category.id, payload::jsonb
FROM contract, clause_category AS category JOIN (VALUES
    ('AVAILABILITY', '{"threshold": 97, "threshold_unit": "percent", "measurement_period": "monthly",
        "excused_events": ["GRID_OUTAGE"], "unknown_as": "excluded",
        "ld_rate": 1000, "ld_currency": "USD", "ld_cap": 90000, "cap_type": "annual"}'),
    ('PERFORMANCE_GUARANTEE', '{"variant": "capacity_factor", "threshold": 12, "measurement_period": "monthly",
        "nameplate_capacity_mw": 10, "unknown_as": "excluded"}')
) AS agreed (code, payload) ON agreed.code = category.code
WHERE contract.name LIKE 'plant %%';
"""
AGGREGATES = """
INSERT INTO meter_aggregate (meter_id, organization_id, period_type, period_start, period_end, energy_wh, energy_kwh,
    seconds_available, seconds_expected, seconds_unknown)
SELECT meter.id, organization_id, 'monthly', '2024-03-01'::timestamp AT TIME ZONE time_zone,
    '2024-04-01'::timestamp AT TIME ZONE time_zone, 1000000000 + meter.id, 1000000 + meter.id * 0.001,
    CASE meter.id %% 10 WHEN 0 THEN 1000000 ELSE 1040000 + meter.id %% 20000 END, 1060000, 1800
FROM meter JOIN project ON project.id = meter.project_id
WHERE project.name LIKE 'plant %%'
ORDER BY meter.id LIMIT %(contracts)s
"""
READINGS = """
INSERT INTO meter_reading (
    organization_id, project_id, meter_id, source_system, reading_timestamp, energy_wh, irradiance_wm2)
SELECT organization_id, project_id, meter.id, 'manual', at,
    CASE WHEN extract(hour FROM at) BETWEEN 8 AND 20 AND extract(epoch FROM at)::bigint / 900 %% 37 > 1
        THEN 1000 + meter.id ELSE 0 END,
    CASE WHEN extract(hour FROM at) BETWEEN 8 AND 20 THEN 500 ELSE 0 END
FROM generate_series('2024-03-01Z'::timestamptz, '2024-03-31 23:45Z', '15 minutes') AS at,
    (SELECT * FROM meter ORDER BY id DESC LIMIT %(read)s) AS meter JOIN project ON project.id = meter.project_id
"""


def run(query: str, **values: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(query, values)


def timed(what: str, verdicts: int, work: Callable[[], object]) -> float:
    """Verdicts in a second of the clock."""
    started, own = time.perf_counter(), time.process_time()
    work()
    taken, own = time.perf_counter() - started, time.process_time() - own
    print(  # noqa: T201
        f"{what:52} {verdicts:6} in {taken:7.2f} s ({own:6.2f} s of it here): {verdicts / taken:8,.0f}/s", flush=True
    )
    return verdicts / taken


def one_by_one(contracts: Sequence[Contract]) -> None:
    for contract in contracts:
        evaluate(contract, MARCH)


def measure(by_aggregates: int, by_readings: int) -> None:
    """Makes contracts, then judges; everything is in the current database."""
    seeds.load(connection, [seed for seed in seeds.read_seeds() if "reference" in str(seed.path)], tell=lambda _: None)
    run("SELECT create_meter_reading_partition('2024-03-01')")
    run(FLEET, contracts=by_aggregates + by_readings)
    run(AGGREGATES, contracts=by_aggregates)
    run(READINGS, read=by_readings)
    run("VACUUM (ANALYZE)")
    collect_rarely()  # as every command does
    fleet = [*contracts_in_force(MARCH)]
    found = {"by monthly aggregates": fleet[:by_aggregates], "by readings": fleet[by_aggregates:]}
    for name, contracts in found.items():
        if not contracts:
            continue
        sample = contracts[: -(-len(contracts) // 20)]
        peer = timed(f"{name}, peer: one by one", 2 * len(sample), lambda: one_by_one(sample))  # noqa: B023
        rest = contracts[len(sample) :]
        speed = timed(f"{name}, in batches", 2 * len(rest), lambda: evaluate_all(rest, MARCH))  # noqa: B023
        print(f"{'':52} {speed / peer:.1f} times the peer", flush=True)  # noqa: T201
        timed(f"{name}, once more", 2 * len(rest), lambda: evaluate_all(rest, MARCH))  # noqa: B023


def main(by_aggregates: int, by_readings: int) -> None:
    """Measures in a scratch database, which is dropped."""
    server = Database.of(connection)
    with scratch_database(server, prepare_template(server).name) as database:
        connection.close()
        connection.settings_dict["NAME"] = database.name
        try:
            measure(by_aggregates, by_readings)
        finally:
            connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000, int(sys.argv[2]) if len(sys.argv) > 2 else 100)
