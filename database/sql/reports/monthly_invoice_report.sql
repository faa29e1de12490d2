-- What was expected, invoiced and received for a billing period, and how they differ.

-- param period: name of the billing period, as 2025-12; without it, the month before this one
\if :{?period} \else \set period '' \endif
-- param organization: name of the organization; without it, all
\if :{?organization} \else \set organization '' \endif

-- name: monthly_invoice_report
-- A row for each contract and currency with an invoice of any kind. Invoiced is what was issued or, before that, the
-- draft; of statements that were sent again the latest counts, received_count says how many came.
\C monthly_invoice_report
WITH asked AS (
    SELECT id
    FROM billing_period
    WHERE name = coalesce(nullif(:'period', ''), to_char(date_trunc('month', now()) - interval '1 month', 'YYYY-MM'))
), expected AS (
    SELECT id, contract_id, currency_id, total_amount
    FROM expected_invoice_header
    WHERE billing_period_id = (SELECT id FROM asked)
), expected_line AS (
    SELECT expected_invoice_header_id AS id,
        sum(line_total_amount) FILTER (WHERE type.code = 'ENERGY') AS energy,
        sum(line_total_amount) FILTER (WHERE type.code = 'LD_CREDIT') AS credits,
        sum(line_total_amount) FILTER (WHERE type.code NOT IN ('ENERGY', 'LD_CREDIT')) AS fees
    FROM expected_invoice_line_item
        JOIN expected ON expected.id = expected_invoice_header_id
        JOIN invoice_line_item_type AS type ON type.id = invoice_line_item_type_id
    GROUP BY expected_invoice_header_id
), own AS (
    SELECT *, bool_or(status <> 'draft') OVER (PARTITION BY contract_id, currency_id) AS is_issued
    FROM invoice_header
    WHERE billing_period_id = (SELECT id FROM asked)
), invoiced AS (
    SELECT contract_id, currency_id,
        sum(CASE document_type WHEN 'credit_note' THEN -total_amount ELSE total_amount END) AS total_amount,
        string_agg(coalesce(invoice_number, 'draft'), ', ' ORDER BY id) AS numbers,
        string_agg(DISTINCT status::text, ', ') AS statuses
    FROM own
    WHERE status <> 'draft' OR NOT is_issued
    GROUP BY contract_id, currency_id
), energy AS (
    SELECT own.contract_id, own.currency_id, sum(quantity * CASE tariff.unit WHEN 'MWh' THEN 1000 ELSE 1 END) AS kwh
    FROM own
        JOIN invoice_line_item AS line ON line.invoice_header_id = own.id
        JOIN invoice_line_item_type AS type ON type.id = line.invoice_line_item_type_id AND type.code = 'ENERGY'
        JOIN clause_tariff AS tariff ON tariff.id = line.clause_tariff_id
    WHERE own.status <> 'draft' OR NOT is_issued
    GROUP BY own.contract_id, own.currency_id
), received AS (
    SELECT DISTINCT ON (contract_id) contract_id, currency_id, invoice_number, invoice_date, status, total_amount,
        count(*) OVER (PARTITION BY contract_id) AS received_count
    FROM received_invoice_header
    WHERE billing_period_id = (SELECT id FROM asked)
    ORDER BY contract_id, invoice_date DESC NULLS LAST, id DESC
), billed AS (
    SELECT contract_id, currency_id FROM expected
    UNION SELECT contract_id, currency_id FROM invoiced
    UNION SELECT contract_id, currency_id FROM received
)
SELECT
    organization.name AS organization,
    contract.id AS contract_id,
    contract.name AS contract,
    counterparty.name AS counterparty,
    contract.invoice_direction AS direction,
    currency.code AS currency,
    round(energy.kwh, 3) AS energy_kwh,
    round(expected_line.energy, 2) AS expected_energy,
    round(expected_line.fees, 2) AS expected_fees,
    round(expected_line.credits, 2) AS expected_credits,
    round(expected.total_amount, 2) AS expected,
    invoiced.numbers AS invoice,
    invoiced.statuses AS invoice_status,
    round(invoiced.total_amount, 2) AS invoiced,
    received.invoice_number AS received_invoice,
    received.invoice_date AS received_on,
    received.received_count,
    round(received.total_amount, 2) AS received,
    round(comparison.variance_amount, 2) AS variance,
    round(100 * comparison.variance_amount / abs(nullif(expected.total_amount, 0)), 2) AS variance_percent,
    coalesce(comparison.status, 'unchecked') AS comparison
FROM billed
    JOIN contract ON contract.id = billed.contract_id
    JOIN organization ON organization.id = contract.organization_id
    JOIN counterparty ON counterparty.id = contract.counterparty_id
    JOIN currency ON currency.id = billed.currency_id
    LEFT JOIN expected USING (contract_id, currency_id)
    LEFT JOIN expected_line ON expected_line.id = expected.id
    LEFT JOIN invoiced USING (contract_id, currency_id)
    LEFT JOIN energy USING (contract_id, currency_id)
    LEFT JOIN received USING (contract_id, currency_id)
    -- The newest, should there be several: a comparison is derived and may be made again.
    LEFT JOIN LATERAL (
        SELECT variance_amount, status
        FROM invoice_comparison
        WHERE expected_invoice_header_id = expected.id
        ORDER BY id DESC
        LIMIT 1
    ) AS comparison ON true
WHERE :'organization' = '' OR organization.name = :'organization'
ORDER BY organization.name, contract.name, contract.id, currency.code;
