"""How fast the received invoices of a month are compared: first, again without a change, and after every one changed.

    python -m tests.benchmarks.bench_comparison [contracts]

Every contract has an expected and a received invoice of four lines; of each tenth one line differs in quantity and
price. Peers in the same run: comparing contract by contract, and one statement that sets only the sums by type against
each other and explains nothing. Processor time of this process and of its server connection. A scratch database alone
is touched.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "frontier.settings")
django.setup()

from django.db import connection  # noqa: E402 -- Django must be set up first

from core.models import Contract  # noqa: E402
from database.scratch import Database, scratch_database  # noqa: E402
from invoicing.comparison import compare, compare_all  # noqa: E402
from invoicing.gathering import find_billing_period  # noqa: E402
from tests.template import prepare_template  # noqa: E402

SAMPLE = 300  # contracts that are compared one by one
INVOICES = """
INSERT INTO currency (code, name) VALUES ('USD', 'US dollar');
INSERT INTO billing_period (name, start_date, end_date) VALUES ('January 2026', '2026-01-01', '2026-01-31');
INSERT INTO contract_type (code, name) VALUES ('PPA', 'Power purchase');
INSERT INTO contract_status (code, name) VALUES ('ACTIVE', 'Active');
INSERT INTO counterparty_type (code, name) VALUES ('OFFTAKER', 'Offtaker');
INSERT INTO invoice_line_item_type (code, name)
VALUES ('ENERGY', 'Energy'), ('FIXED_FEE', 'Fee'), ('LD_CREDIT', 'Damages');
INSERT INTO organization (name) VALUES ('Fleet');
INSERT INTO counterparty (counterparty_type_id, name) SELECT id, 'Supplier' FROM counterparty_type;
INSERT INTO contract (organization_id, counterparty_id, contract_type_id, contract_status_id, name, effective_date)
SELECT organization.id, counterparty.id, type.id, status.id, 'contract ' || n, date '2025-01-01'
FROM organization, counterparty, contract_type AS type, contract_status AS status, generate_series(1, %s) AS n;

INSERT INTO expected_invoice_header (contract_id, billing_period_id, counterparty_id, currency_id, total_amount)
SELECT contract.id, period.id, counterparty_id, currency.id, 1380.25 + contract.id
FROM contract, billing_period AS period, currency;
INSERT INTO received_invoice_header
    (contract_id, billing_period_id, counterparty_id, currency_id, total_amount, invoice_number, invoice_date)
SELECT contract_id, billing_period_id, counterparty_id, currency_id,
    total_amount + CASE WHEN contract_id %% 10 = 0 THEN 12.5 ELSE 0 END, 'R-' || contract_id, date '2026-02-05'
FROM expected_invoice_header;
INSERT INTO expected_invoice_line_item (expected_invoice_header_id, invoice_line_item_type_id, description, quantity,
    unit, line_unit_price, price_bucket, line_total_amount)
SELECT header.id, type.id, line.description, quantity, unit, price, bucket, coalesce(amount, 100 + header.contract_id)
FROM expected_invoice_header AS header, invoice_line_item_type AS type JOIN (VALUES
    ('ENERGY', 'Energy delivered in January 2026, peak', 10000.125, 'kWh', 0.1, 'peak', 1000.01),
    ('ENERGY', 'Energy delivered in January 2026, off-peak', 6004.8, 'kWh', 0.05, 'off-peak', 300.24),
    ('FIXED_FEE', 'Fixed fee in January 2026', 1, 'month', NULL, NULL, NULL),
    ('LD_CREDIT', 'Liquidated damages, availability', 1, NULL, -20, NULL, -20)
) AS line (code, description, quantity, unit, price, bucket, amount) USING (code);
INSERT INTO received_invoice_line_item (received_invoice_header_id, invoice_line_item_type_id, description, quantity,
    unit, line_unit_price, price_bucket, line_total_amount)
SELECT received.id, invoice_line_item_type_id, description,
    quantity + CASE WHEN received.contract_id %% 10 = 0 AND price_bucket = 'peak' THEN 100 ELSE 0 END, unit,
    line_unit_price + CASE WHEN received.contract_id %% 10 = 0 AND price_bucket = 'peak' THEN 0.00025 ELSE 0 END,
    price_bucket,
    line_total_amount + CASE WHEN received.contract_id %% 10 = 0 AND price_bucket = 'peak' THEN 12.5 ELSE 0 END
FROM received_invoice_header AS received
    JOIN expected_invoice_header AS expected USING (contract_id, billing_period_id)
    JOIN expected_invoice_line_item ON expected_invoice_header_id = expected.id
ORDER BY received.id, random();
ANALYZE contract, expected_invoice_header, expected_invoice_line_item, received_invoice_header,
    received_invoice_line_item;
"""
PEER = """
SELECT count(*), count(*) FILTER (WHERE ours.amount IS DISTINCT FROM theirs.amount)
FROM (
    SELECT contract_id, invoice_line_item_type_id, sum(line_total_amount) AS amount
    FROM expected_invoice_line_item JOIN expected_invoice_header AS header ON header.id = expected_invoice_header_id
    GROUP BY 1, 2
) AS ours FULL JOIN (
    SELECT contract_id, invoice_line_item_type_id, sum(line_total_amount) AS amount
    FROM received_invoice_line_item JOIN received_invoice_header AS header ON header.id = received_invoice_header_id
    GROUP BY 1, 2
) AS theirs USING (contract_id, invoice_line_item_type_id)
"""
CHANGE = """
UPDATE received_invoice_header SET total_amount = total_amount + 0.01;
UPDATE received_invoice_line_item SET line_total_amount = line_total_amount + 0.01 WHERE line_total_amount < 0;
"""
WRITTEN = """
SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE relname LIKE 'invoice_comparison%'
"""


def run(query: str, *values: int) -> tuple[Any, ...]:
    """The first row of what the query gives, or none."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return tuple(cursor.fetchone()) if cursor.description else ()


def server_seconds() -> float:
    """Processor time that the server's side of the connection took; nought where it is not on this machine."""
    stat = Path(f"/proc/{run('SELECT pg_backend_pid()')[0]}/stat")
    if not stat.is_file():
        return 0.0
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def rows_written() -> int:
    """Rows of comparisons that were ever inserted, changed or deleted."""
    run("SELECT pg_stat_force_next_flush()")
    return int(run(WRITTEN)[0])


def report(what: str, contracts: int, work: Callable[[], object]) -> None:
    """Prints what the work took for so many contracts."""
    started, used, served = time.perf_counter(), time.process_time(), server_seconds()
    work()
    taken, used, served = time.perf_counter() - started, time.process_time() - used, server_seconds() - served
    per_contract = 1_000 * (used + served) / contracts
    print(f"{what:36} {taken:6.2f} s  {used:6.2f} s here  {served:6.2f} s server  {per_contract:6.3f} ms a contract")  # noqa: T201


def measure(contracts: int) -> None:
    run(INVOICES, contracts)
    period = find_billing_period("2026-01")
    sample = list(Contract.objects.order_by("pk")[:SAMPLE])
    print(f"{contracts:,} contracts; clock, processor here, processor of the server, both by contract")  # noqa: T201
    report("peer: one statement, sums by type", contracts, lambda: run(PEER))
    report(f"peer: {SAMPLE} contracts one by one", len(sample), lambda: [compare(one, period) for one in sample])
    report("in chunks, first", contracts, lambda: compare_all(period))
    before = rows_written()
    report("in chunks, nothing changed", contracts, lambda: compare_all(period))
    assert rows_written() == before, "a second run wrote rows"
    run(CHANGE)
    report("in chunks, every invoice changed", contracts, lambda: compare_all(period))
    assert rows_written() > before


def main(contracts: int) -> None:
    """Measures in a scratch database, which is dropped."""
    server = Database.of(connection)
    with scratch_database(server, prepare_template(server).name) as database:
        connection.close()
        connection.settings_dict["NAME"] = database.name
        try:
            measure(contracts)
        finally:
            connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
