"""How long bills take to draft: contracts of one energy tariff each, half of them with damages.

    python -m tests.benchmarks.bench_drafting [contracts] [month|days|intervals]

Energy is known by month, by day, or by quarters of an hour under a time-of-use tariff. Contracts, meters and energy are
made by the server in a scratch database. The peer is drafting contract by contract, over a tenth of the same
contracts. Seconds are those of the processor, of the program and of the server's session together.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "frontier.settings")
django.setup()

from django.db import connection  # noqa: E402 -- Django must be set up first

from core.models import Contract  # noqa: E402
from database.scratch import Database, scratch_database  # noqa: E402
from invoicing.drafting import BATCH, draft, draft_all, draft_many  # noqa: E402
from invoicing.gathering import find_billing_period  # noqa: E402
from tests.template import prepare_template  # noqa: E402

SEED = Path(__file__).parents[2] / "database" / "seed" / "reference" / "00_reference_data.sql"
PERIOD = "2025-11"
FLEET = """
INSERT INTO organization (name) VALUES ('Fleet');
INSERT INTO counterparty (counterparty_type_id, name) SELECT id, 'Buyer' FROM counterparty_type ORDER BY id LIMIT 1;
INSERT INTO project (organization_id, name, time_zone)
SELECT id, 'plant ' || n, (ARRAY['UTC', 'America/Denver', 'Asia/Kolkata', 'Europe/Madrid'])[1 + n % 4]
FROM organization, generate_series(1, {contracts}) AS n;
INSERT INTO meter (project_id, meter_type_id)
SELECT project.id, meter_type.id FROM project, meter_type WHERE meter_type.code = 'REVENUE';
INSERT INTO contract (project_id, organization_id, counterparty_id, contract_type_id, contract_status_id, name)
SELECT project.id, project.organization_id, counterparty.id,
    (SELECT id FROM contract_type ORDER BY id LIMIT 1), contract_status.id, 'contract of ' || project.name
FROM project, counterparty, contract_status WHERE contract_status.code = 'ACTIVE';
INSERT INTO clause_tariff (
    contract_id, tariff_type_id, currency_id, name, valid_from, base_rate, unit, logic_parameters)
SELECT contract.id, tariff_type.id, currency.id, 'energy', '2025-01-01', 0.05, 'kWh', {parameters}
FROM contract, tariff_type, currency WHERE tariff_type.code = '{type}' AND currency.code = 'USD';
UPDATE clause_tariff SET status = 'published', published_at = now(), proven_until = '2035-01-01';
INSERT INTO clause (contract_id, clause_category_id, name, normalized_payload)
SELECT contract.id, clause_category.id, 'Availability',
    '{{"threshold": 95, "threshold_unit": "percent", "measurement_period": "monthly"}}'
FROM contract, clause_category WHERE clause_category.code = 'AVAILABILITY';
INSERT INTO rule_output (clause_id, rule_output_type_id, currency_id, description, ld_amount, invoice_adjustment,
    period_start, period_end)
SELECT clause.id, rule_output_type.id, currency.id, 'Availability: 94 % measured, 95 % guaranteed',
    clause.id % 2 * 7.5, clause.id % 2 * -7.5,
    '2025-11-01'::timestamp AT TIME ZONE time_zone, '2025-12-01'::timestamp AT TIME ZONE time_zone
FROM clause JOIN contract ON contract.id = clause.contract_id JOIN project ON project.id = contract.project_id,
    currency, rule_output_type
WHERE currency.code = 'USD' AND rule_output_type.code = 'LIQUIDATED_DAMAGES';
INSERT INTO meter_aggregate (
    organization_id, meter_id, period_type, period_start, period_end, energy_kwh, data_completeness_percent)
SELECT organization_id, meter.id, kind, span AT TIME ZONE time_zone,
    (span + step) AT TIME ZONE time_zone,
    extract(epoch FROM (span + step) AT TIME ZONE time_zone - span AT TIME ZONE time_zone) / 900, 100
FROM meter JOIN project ON project.id = meter.project_id, (
    SELECT 'monthly' AS kind, '2025-11-01'::timestamp AS span, interval '1 month' AS step
    UNION ALL
    SELECT 'daily', day, interval '1 day' FROM generate_series(
        '2025-11-01'::timestamp, '2025-11-30', interval '1 day') AS day
    WHERE {days}
) AS spans;
"""
READINGS = """
SELECT create_meter_reading_partition(month) FROM unnest('{{2025-10-01,2025-11-01,2025-12-01}}'::date[]) AS month;
INSERT INTO meter_reading (
    organization_id, project_id, meter_id, source_system, reading_timestamp, reading_interval, interval_seconds,
    energy_wh)
SELECT organization_id, project.id, meter.id, 'manual', at, '15min', 900, 1000
FROM meter JOIN project ON project.id = meter.project_id, generate_series(
    '2025-11-01'::timestamp AT TIME ZONE time_zone,
    '2025-12-01'::timestamp AT TIME ZONE time_zone - interval '15 minutes', '15 minutes') AS at;
"""
TIME_OF_USE = """'{"clock": "local_wall", "fallback": "base", "prices": {"peak": 0.3, "base": 0.1},
    "rules": [{"bucket": "peak", "days": ["weekday"], "windows": [["15:00", "19:00"]]}]}'::jsonb"""


def prepare(contracts: int, energy: str) -> None:
    """Makes the contracts and their energy in the current database."""
    by_interval = energy == "intervals"
    with connection.cursor() as cursor:
        cursor.execute(SEED.read_text())
        cursor.execute(
            (FLEET + (READINGS if by_interval else "")).format(
                contracts=contracts,
                parameters=TIME_OF_USE if by_interval else "NULL",
                type="TIME_OF_USE" if by_interval else "FLAT",
                days=str(energy != "month").lower(),
            )
        )
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def processor() -> tuple[float, float]:
    """Seconds of the processor that the program and the server's session have used."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return time.process_time(), sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def measure(what: str, contracts: int, work: Callable[[], object]) -> float:
    """Contracts per second of the processor."""
    before = written()
    begun, wall = processor(), time.perf_counter()
    work()
    wall = time.perf_counter() - wall
    program, server = (after - earlier for after, earlier in zip(processor(), begun, strict=True))
    rate = contracts / (program + server)
    print(  # noqa: T201 -- a benchmark's result
        f"{what:34} {contracts:6,} contracts {program + server:7.2f} s (program {program:.2f}, server {server:.2f};"
        f" wall {wall:.2f}) {rate:8,.0f} contracts/s, {written() - before:,} rows written",
        flush=True,
    )
    return rate


def written() -> int:
    """How many rows of documents and their lines were ever written or removed, by committed transactions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE relname LIKE '%invoice%'"
        )
        (rows,) = cursor.fetchone()
    return int(rows)


def compare(contracts: Sequence[Contract]) -> None:
    """Drafts the bills of a tenth one by one, of the others in batches, and all of them once more."""
    period = find_billing_period(PERIOD)
    one_by_one, batched = contracts[: len(contracts) // 10], contracts[len(contracts) // 10 :]

    def peer() -> None:
        for contract in one_by_one:
            draft(contract, period)

    def in_batches() -> None:
        for first in range(0, len(batched), BATCH):
            draft_many(batched[first : first + BATCH], period)

    slow = measure("one by one, first run", len(one_by_one), peer)
    fast = measure("in batches, first run", len(batched), in_batches)
    measure("one by one, second run", len(one_by_one), peer)
    measure("all in batches, once more", len(contracts), lambda: draft_all(period))
    print(f"in batches {fast / slow:.1f} times as many as one by one")  # noqa: T201
    if refused := draft_all(period, dry_run=True).refused:
        sys.exit(str(refused[0]))


def main(contracts: int, energy: str) -> None:
    """Measures in a scratch database, which is dropped."""
    server = Database.of(connection)
    with scratch_database(server, prepare_template(server).name) as database:
        connection.close()
        connection.settings_dict["NAME"] = database.name
        try:
            prepare(contracts, energy)
            compare(list(Contract.objects.order_by("pk")))
        finally:
            connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, sys.argv[2] if len(sys.argv) > 2 else "month")
