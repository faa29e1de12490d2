"""How long a month takes to close: contracts with monthly aggregates, judged, billed, compared and closed.

    python -m tests.benchmarks.bench_closing [contracts] [processes]

Each contract has a plant with one meter, a flat tariff, a guarantee of availability and one of its capacity factor; one
availability of ten is too low. Every second contract is payable, and its invoice was received. They are made by the
server in a scratch database. The peer in the same run is the same program closing contract by contract, over a tenth of
them. The processor's seconds are those of every process of the program; the server's are told by the wall alone.
"""

import os
import sys
import time
from collections.abc import Callable
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "frontier.settings")
django.setup()

from django.db import connection  # noqa: E402 -- Django must be set up first

from core.contracts import contracts_in_force  # noqa: E402
from database import seeds  # noqa: E402
from database.processes import collect_rarely  # noqa: E402
from database.scratch import Database, scratch_database  # noqa: E402
from invoicing.closing import CloseRun, close_month  # noqa: E402
from invoicing.gathering import find_billing_period  # noqa: E402
from invoicing.models import CloseStatus  # noqa: E402
from tests.benchmarks.bench_assessment import AGGREGATES, FLEET, MARCH, run  # noqa: E402
from tests.template import prepare_template  # noqa: E402

BILLS = """
INSERT INTO billing_period (name, start_date, end_date)
SELECT '2024-03', '2024-03-01', '2024-03-31'
WHERE NOT EXISTS (SELECT FROM billing_period WHERE start_date = '2024-03-01' AND end_date = '2024-03-31');
UPDATE meter_aggregate SET data_completeness_percent = 100;
UPDATE contract SET invoice_direction = 'payable' WHERE id %% 2 = 0;
INSERT INTO clause_tariff (contract_id, tariff_type_id, currency_id, name, valid_from, base_rate, unit)
SELECT contract.id, tariff_type.id, currency.id, 'energy', '2023-01-01', 0.05, 'kWh'
FROM contract, tariff_type, currency WHERE tariff_type.code = 'FLAT' AND currency.code = 'USD';
UPDATE clause_tariff SET status = 'published', published_at = now(), proven_until = '2035-01-01';
INSERT INTO received_invoice_header (contract_id, billing_period_id, counterparty_id, currency_id, total_amount,
    invoice_number, invoice_date)
SELECT contract.id, month.id, counterparty_id, currency.id, round(energy_kwh * 0.05, 2),
    'R-' || contract.id, date '2024-04-05'
FROM contract JOIN meter USING (project_id) JOIN meter_aggregate ON meter_id = meter.id, billing_period AS month,
    currency
WHERE invoice_direction = 'payable' AND month.start_date = '2024-03-01' AND month.end_date = '2024-03-31'
    AND currency.code = 'USD';
INSERT INTO received_invoice_line_item (received_invoice_header_id, invoice_line_item_type_id, description, quantity,
    unit, line_unit_price, line_total_amount)
SELECT header.id, line_type.id, 'Energy in March 2024', energy_kwh, 'kWh', 0.05, header.total_amount
FROM received_invoice_header AS header JOIN contract ON contract.id = header.contract_id
    JOIN meter ON meter.project_id = contract.project_id JOIN meter_aggregate ON meter_id = meter.id,
    invoice_line_item_type AS line_type
WHERE line_type.code = 'ENERGY';
"""


def written() -> int:
    """How many rows of all tables were ever written or removed, by committed transactions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables")
        (rows,) = cursor.fetchone()
    return int(rows)


def processor() -> float:
    """Seconds of the processor that the program and the processes that it ended have used."""
    return sum(used.ru_utime + used.ru_stime for used in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))


def measure(what: str, contracts: int, work: Callable[[], object]) -> float:
    """Contracts in a second of the clock."""
    before, used, begun = written(), processor(), time.perf_counter()
    work()
    taken, used = time.perf_counter() - begun, processor() - used
    print(  # noqa: T201 -- a benchmark's result
        f"{what:34} {contracts:6,} contracts {taken:7.2f} s (processor {used:7.2f} s here)"
        f" {contracts / taken:8,.0f} contracts/s, {written() - before:,} rows written",
        flush=True,
    )
    return contracts / taken


def prepare(contracts: int) -> None:
    """Makes contracts, their energy and their received invoices in the current database."""
    reference = [seed for seed in seeds.read_seeds() if "reference" in str(seed.path)]
    seeds.load(connection, reference, tell=lambda _: None)
    run("SELECT create_meter_reading_partition('2024-03-01')")
    run(FLEET, contracts=contracts)
    run(AGGREGATES, contracts=contracts)
    run(BILLS, contracts=contracts)
    connection.close()
    run("VACUUM (ANALYZE)")


def compare(jobs: int) -> None:
    """Closes a tenth contract by contract, then all, then all once more."""
    collect_rarely()  # as every command does
    billing_period = find_billing_period("2024-03")
    numbers = list(contracts_in_force(MARCH).order_by("pk").values_list("pk", flat=True))
    sample = numbers[: len(numbers) // 10]

    def peer() -> None:
        for number in sample:
            close_month(billing_period, number)

    def close() -> CloseRun:
        return close_month(billing_period, jobs=jobs)

    slow = measure("contract by contract", len(sample), peer)
    fast = measure(f"by {jobs} processes", len(numbers) - len(sample), close)
    measure(f"by {jobs} processes, once more", len(numbers), close)
    print(f"{fast / slow:.1f} times as many as contract by contract")  # noqa: T201
    if parked := [
        one for one in close_month(billing_period, dry_run=True).contracts if one.status is not CloseStatus.CLOSED
    ]:
        sys.exit(f"{len(parked)} parked, such as {parked[0]}")


def main(contracts: int, jobs: int) -> None:
    """Measures in a scratch database, which is dropped."""
    server = Database.of(connection)
    with scratch_database(server, prepare_template(server).name) as database:
        connection.close()
        connection.settings_dict["NAME"] = database.name
        os.environ["DATABASE_URL"] = database.url  # this module is begun anew in each process
        try:
            prepare(contracts)
            compare(jobs)
        finally:
            connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, int(sys.argv[2]) if len(sys.argv) > 2 else 2)
