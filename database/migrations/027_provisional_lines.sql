-- A price that rests on an index which is not published yet is provisional: a fact of the line, kept when it is issued,
-- so that what was invoiced on it can be trued up.
ALTER TABLE expected_invoice_line_item ADD COLUMN IF NOT EXISTS is_provisional boolean DEFAULT false NOT NULL;
ALTER TABLE invoice_line_item ADD COLUMN IF NOT EXISTS is_provisional boolean DEFAULT false NOT NULL;
-- lint: allow index-blocks-writes because no line is provisional yet, and lines are written by batches that wait
CREATE INDEX IF NOT EXISTS idx_invoice_line_item_provisional ON invoice_line_item (invoice_header_id)
    WHERE is_provisional;

-- Lists beside stale_issued_invoice what may have to be trued up; a credit note takes a provisional line back, and what
-- it left is still provisional.
CREATE OR REPLACE VIEW provisional_issued_invoice WITH (security_invoker = true) AS
SELECT invoice.id AS invoice_header_id, contract.organization_id, contract.project_id, invoice.contract_id,
    invoice.billing_period_id, invoice.status, invoice.invoice_number, invoice.computed_at,
    sum(line.line_total_amount) AS provisional_amount
FROM invoice_header AS invoice
    JOIN invoice_line_item AS line ON line.invoice_header_id = invoice.id AND line.is_provisional
    JOIN contract ON contract.id = invoice.contract_id
WHERE invoice.status <> 'draft' AND invoice.document_type = 'invoice'
GROUP BY invoice.id, contract.id;
COMMENT ON VIEW provisional_issued_invoice IS
    'Invoices beyond draft with lines at a price that was provisional when they were computed.';
