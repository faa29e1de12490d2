-- Contracts with their term, guarantees and money since the beginning. A contract has a row for each currency in which
-- it has prices, damages or invoices: amounts of different currencies are never added up.

-- param organization: name of the organization; without it, all
\if :{?organization} \else \set organization '' \endif
-- param status: code of the contract status, as ACTIVE; without it, all
\if :{?status} \else \set status '' \endif

-- name: contract_summary
-- Damages are of verdicts in force; invoiced is what was issued, drafts apart; of statements sent again for a month
-- the latest counts. Variance is received less expected, of the months that were compared.
\C contract_summary
WITH damages AS (
    SELECT contract_id, currency_id, sum(ld_amount) AS amount
    FROM rule_output JOIN clause ON clause.id = clause_id
    WHERE superseded_at IS NULL AND ld_amount IS NOT NULL AND currency_id IS NOT NULL
    GROUP BY contract_id, currency_id
), expected AS (
    SELECT contract_id, currency_id, sum(total_amount) AS amount
    FROM expected_invoice_header
    GROUP BY contract_id, currency_id
), invoiced AS (
    SELECT contract_id, currency_id,
        sum(CASE document_type WHEN 'credit_note' THEN -total_amount ELSE total_amount END) AS amount
    FROM invoice_header
    WHERE status <> 'draft'
    GROUP BY contract_id, currency_id
), received AS (
    SELECT contract_id, currency_id, sum(total_amount) AS amount
    FROM (
        SELECT DISTINCT ON (contract_id, billing_period_id) contract_id, currency_id, total_amount
        FROM received_invoice_header
        ORDER BY contract_id, billing_period_id, invoice_date DESC NULLS LAST, id DESC
    ) AS latest
    GROUP BY contract_id, currency_id
), compared AS (
    SELECT contract_id, currency_id, sum(variance_amount) AS amount
    FROM invoice_comparison JOIN expected_invoice_header AS header ON header.id = expected_invoice_header_id
    GROUP BY contract_id, currency_id
), currency_used AS (
    SELECT contract_id, currency_id FROM clause_tariff
    UNION SELECT contract_id, currency_id FROM damages
    UNION SELECT contract_id, currency_id FROM expected
    UNION SELECT contract_id, currency_id FROM invoiced
    UNION SELECT contract_id, currency_id FROM received
)
SELECT
    contract.id AS contract_id,
    contract.name AS contract,
    organization.name AS organization,
    project.name AS project,
    counterparty.name AS counterparty,
    contract_type.code AS type,
    contract_status.code AS status,
    contract.invoice_direction AS direction,
    contract.effective_date,
    contract.end_date,
    contract.end_date - current_date AS days_left,
    (SELECT count(*) FROM clause WHERE clause.contract_id = contract.id) AS clauses,
    (SELECT count(*) FROM rule_output JOIN clause ON clause.id = clause_id
     WHERE clause.contract_id = contract.id AND superseded_at IS NULL) AS verdicts,
    (SELECT count(*) FROM rule_output JOIN clause ON clause.id = clause_id
     WHERE clause.contract_id = contract.id AND superseded_at IS NULL AND breach) AS breaches,
    (SELECT count(*) FROM default_event
     WHERE default_event.contract_id = contract.id AND superseded_at IS NULL AND default_event.status = 'open')
        AS open_defaults,
    currency.code AS currency,
    round(damages.amount, 2) AS damages,
    round(expected.amount, 2) AS expected,
    round(invoiced.amount, 2) AS invoiced,
    round(received.amount, 2) AS received,
    round(compared.amount, 2) AS variance
FROM contract
    JOIN organization ON organization.id = contract.organization_id
    JOIN counterparty ON counterparty.id = contract.counterparty_id
    JOIN contract_type ON contract_type.id = contract.contract_type_id
    JOIN contract_status ON contract_status.id = contract.contract_status_id
    LEFT JOIN project ON project.id = contract.project_id
    LEFT JOIN currency_used ON currency_used.contract_id = contract.id
    LEFT JOIN currency ON currency.id = currency_used.currency_id
    -- Each has one row for a contract and currency, so that none multiplies another.
    LEFT JOIN damages USING (contract_id, currency_id)
    LEFT JOIN expected USING (contract_id, currency_id)
    LEFT JOIN invoiced USING (contract_id, currency_id)
    LEFT JOIN received USING (contract_id, currency_id)
    LEFT JOIN compared USING (contract_id, currency_id)
WHERE (:'organization' = '' OR organization.name = :'organization')
    AND (:'status' = '' OR contract_status.code = :'status')
ORDER BY organization.name, contract.name, contract.id, currency.code;
