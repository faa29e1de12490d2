-- Keeps how the amount of an expected and of a received line came about, so that their variance is split by cause, and
-- how far each cause may go before it matters. A supplier's invoice is there once by its number.
-- Adds quantity, unit, unit price, price bucket and tax to both kinds of line, and to received ones the category of tax
-- and days; document_type, corrects_number and exchange_rate to received_invoice_header, exchange_rate to
-- invoice_comparison, eight parts and a reason to invoice_comparison_line_item; comparison_tolerance.

SET CONSTRAINTS ALL IMMEDIATE;

ALTER TABLE expected_invoice_line_item
    ADD COLUMN IF NOT EXISTS quantity numeric(24,12),
    ADD COLUMN IF NOT EXISTS unit varchar,
    ADD COLUMN IF NOT EXISTS line_unit_price numeric(20,10),
    ADD COLUMN IF NOT EXISTS price_bucket varchar,
    ADD COLUMN IF NOT EXISTS tax_amount numeric(20,4);

-- lint: allow scans-under-lock because an organization has a few invoices for each contract and month
ALTER TABLE received_invoice_line_item
    ADD COLUMN IF NOT EXISTS quantity numeric(24,12),
    ADD COLUMN IF NOT EXISTS unit varchar,
    ADD COLUMN IF NOT EXISTS line_unit_price numeric(20,10),
    ADD COLUMN IF NOT EXISTS price_bucket varchar,
    ADD COLUMN IF NOT EXISTS tax_category varchar(2),
    ADD COLUMN IF NOT EXISTS tax_rate numeric(9,6),
    ADD COLUMN IF NOT EXISTS tax_amount numeric(20,4),
    ADD COLUMN IF NOT EXISTS first_day date,
    ADD COLUMN IF NOT EXISTS last_day date,
    DROP CONSTRAINT IF EXISTS chk_received_invoice_line_item_tax_category,
    ADD CONSTRAINT chk_received_invoice_line_item_tax_category CHECK (tax_category ~ '^[A-Z]{1,2}$'),
    DROP CONSTRAINT IF EXISTS chk_received_invoice_line_item_tax_rate,
    ADD CONSTRAINT chk_received_invoice_line_item_tax_rate CHECK (tax_rate >= 0),
    DROP CONSTRAINT IF EXISTS chk_received_invoice_line_item_days,
    ADD CONSTRAINT chk_received_invoice_line_item_days CHECK (last_day >= first_day);

-- One number of a supplier is one document, whatever contract it is booked to: nothing is paid twice.
-- lint: allow scans-under-lock because an organization has a few invoices for each contract and month
-- lint: allow index-blocks-writes because an organization has a few invoices for each contract and month
ALTER TABLE received_invoice_header
    ADD COLUMN IF NOT EXISTS document_type varchar(20) NOT NULL DEFAULT 'invoice',
    ADD COLUMN IF NOT EXISTS corrects_number varchar,
    ADD COLUMN IF NOT EXISTS exchange_rate numeric(20,10),
    DROP CONSTRAINT IF EXISTS uq_received_invoice_header_number,
    ADD CONSTRAINT uq_received_invoice_header_number UNIQUE (counterparty_id, invoice_number),
    DROP CONSTRAINT IF EXISTS chk_received_invoice_header_document_type,
    ADD CONSTRAINT chk_received_invoice_header_document_type CHECK (document_type IN ('invoice', 'credit_note')),
    DROP CONSTRAINT IF EXISTS chk_received_invoice_header_exchange_rate,
    ADD CONSTRAINT chk_received_invoice_header_exchange_rate CHECK (exchange_rate > 0);

-- lint: allow scans-under-lock because comparisons are a few for each contract and month
ALTER TABLE invoice_comparison
    ADD COLUMN IF NOT EXISTS exchange_rate numeric(20,10),
    DROP CONSTRAINT IF EXISTS chk_invoice_comparison_exchange_rate,
    ADD CONSTRAINT chk_invoice_comparison_exchange_rate CHECK (exchange_rate > 0);

ALTER TABLE invoice_comparison_line_item
    ADD COLUMN IF NOT EXISTS quantity_amount numeric(20,4) NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS price_amount numeric(20,4) NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS time_of_use_amount numeric(20,4) NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS tax_amount numeric(20,4) NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS exchange_rate_amount numeric(20,4) NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS rounding_amount numeric(20,4) NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS missing_amount numeric(20,4) NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS extra_amount numeric(20,4) NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS reason text;

-- Lines compared before had amounts and no quantities: a line as a whole differs in price.
-- lint: allow changes-many-rows because comparisons are a few for each contract and month
UPDATE invoice_comparison_line_item
SET missing_amount = CASE WHEN received_invoice_line_item_id IS NULL THEN variance_amount ELSE 0 END,
    extra_amount = CASE WHEN expected_invoice_line_item_id IS NULL THEN variance_amount ELSE 0 END,
    price_amount = CASE
        WHEN received_invoice_line_item_id IS NOT NULL AND expected_invoice_line_item_id IS NOT NULL
            THEN variance_amount
        ELSE 0 END
WHERE variance_amount <> quantity_amount + price_amount + time_of_use_amount + tax_amount + exchange_rate_amount
    + rounding_amount + missing_amount + extra_amount;

-- lint: allow scans-under-lock because comparisons are a few for each contract and month
ALTER TABLE invoice_comparison_line_item
    DROP CONSTRAINT IF EXISTS chk_invoice_comparison_line_item_parts,
    ADD CONSTRAINT chk_invoice_comparison_line_item_parts CHECK (
        variance_amount = quantity_amount + price_amount + time_of_use_amount + tax_amount + exchange_rate_amount
            + rounding_amount + missing_amount + extra_amount);

CREATE TABLE IF NOT EXISTS comparison_tolerance (
    id               bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    organization_id  bigint NOT NULL,
    contract_id      bigint,
    currency_id      bigint,
    kind             varchar(20) NOT NULL,
    absolute_amount  numeric(20,4),
    relative_percent numeric(9,6),
    created_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_comparison_tolerance_kind
        UNIQUE NULLS NOT DISTINCT (organization_id, contract_id, currency_id, kind),
    CONSTRAINT chk_comparison_tolerance_kind CHECK (kind IN (
        'quantity', 'price', 'time_of_use', 'tax', 'exchange_rate', 'rounding', 'missing', 'extra')),
    CONSTRAINT chk_comparison_tolerance_absolute CHECK (
        (absolute_amount >= 0 AND currency_id IS NOT NULL)
        OR (absolute_amount IS NULL AND currency_id IS NULL AND relative_percent IS NOT NULL)),
    CONSTRAINT chk_comparison_tolerance_relative CHECK (relative_percent >= 0),
    CONSTRAINT comparison_tolerance_organization_id_fkey FOREIGN KEY (organization_id)
        REFERENCES organization (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT comparison_tolerance_contract_id_fkey FOREIGN KEY (contract_id)
        REFERENCES contract (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT comparison_tolerance_currency_id_fkey FOREIGN KEY (currency_id)
        REFERENCES currency (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX IF NOT EXISTS idx_comparison_tolerance_organization_id ON comparison_tolerance (organization_id);
CREATE INDEX IF NOT EXISTS idx_comparison_tolerance_contract_id ON comparison_tolerance (contract_id);
CREATE INDEX IF NOT EXISTS idx_comparison_tolerance_currency_id ON comparison_tolerance (currency_id);
COMMENT ON TABLE comparison_tolerance IS
    'Fact: how far a cause may move a line of a received invoice before it matters.';

-- lint: allow row-security-not-forced because the owner of the tables compares invoices
ALTER TABLE comparison_tolerance ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS comparison_tolerance_org_policy ON comparison_tolerance;
CREATE POLICY comparison_tolerance_org_policy ON comparison_tolerance
    FOR SELECT TO authenticated
    USING (organization_id IN (
        SELECT role.organization_id FROM role WHERE role.user_id = auth.uid() AND role.is_active
    ));

DROP POLICY IF EXISTS comparison_tolerance_service_policy ON comparison_tolerance;
CREATE POLICY comparison_tolerance_service_policy ON comparison_tolerance
    FOR ALL TO service_role USING (true) WITH CHECK (true);
