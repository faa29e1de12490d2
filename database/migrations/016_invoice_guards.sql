-- Guards invoices: which way the money of a contract flows, one expected invoice and one draft for each contract
-- and period, one comparison for each pair, and no change to an invoice that has left the house.

ALTER TABLE contract
    ADD COLUMN IF NOT EXISTS invoice_direction varchar(20) NOT NULL DEFAULT 'receivable';

ALTER TABLE contract
    DROP CONSTRAINT IF EXISTS contract_invoice_direction_check,
    ADD CONSTRAINT contract_invoice_direction_check CHECK (invoice_direction IN ('receivable', 'payable'));

ALTER TABLE expected_invoice_header
    DROP CONSTRAINT IF EXISTS uq_expected_invoice_header_contract_period,
    ADD CONSTRAINT uq_expected_invoice_header_contract_period UNIQUE (contract_id, billing_period_id);

CREATE UNIQUE INDEX IF NOT EXISTS uq_invoice_header_draft ON invoice_header (contract_id, billing_period_id)
    WHERE status = 'draft';

ALTER TABLE invoice_comparison
    DROP CONSTRAINT IF EXISTS uq_invoice_comparison_pair,
    ADD CONSTRAINT uq_invoice_comparison_pair UNIQUE (expected_invoice_header_id, received_invoice_header_id);

-- The triggers below are declared on the models and compiled by django-pgtrigger; `pgtrigger ls` compares both.

CREATE OR REPLACE FUNCTION public._pgtrigger_should_ignore(trigger_name name) RETURNS boolean
LANGUAGE plpgsql
AS $$
    DECLARE
        _pgtrigger_ignore TEXT[];
        _result BOOLEAN;
    BEGIN
        BEGIN
            SELECT INTO _pgtrigger_ignore
                CURRENT_SETTING('pgtrigger.ignore');
            EXCEPTION WHEN OTHERS THEN
        END;
        IF _pgtrigger_ignore IS NOT NULL THEN
            SELECT trigger_name = ANY(_pgtrigger_ignore)
            INTO _result;
            RETURN _result;
        ELSE
            RETURN FALSE;
        END IF;
    END;
$$;

CREATE OR REPLACE FUNCTION pgtrigger_issued_is_final_ba802() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF public._pgtrigger_should_ignore(TG_NAME) IS TRUE THEN
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        ELSE
            RETURN NEW;
        END IF;
    END IF;

    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'invoice ' || OLD.id || ' is issued and may not be deleted',
            HINT = 'Correct it by another document.';
    END IF;
    IF NEW.status = 'draft' OR to_jsonb(NEW) - 'status' <> to_jsonb(OLD) - 'status' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'invoice ' || OLD.id || ' is issued and may not be changed, its status apart',
            HINT = 'Correct it by another document.';
    END IF;
    RETURN NEW;
END;
$$;

CREATE OR REPLACE TRIGGER pgtrigger_issued_is_final_ba802
    BEFORE UPDATE OR DELETE ON invoice_header
    FOR EACH ROW WHEN (OLD.status <> 'draft')
    EXECUTE FUNCTION pgtrigger_issued_is_final_ba802();
COMMENT ON TRIGGER pgtrigger_issued_is_final_ba802 ON invoice_header IS
    'd5904b34ec6720d85d5d79816dbf08954ae1f3b6';

CREATE OR REPLACE FUNCTION pgtrigger_issued_is_final_e98dc() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF public._pgtrigger_should_ignore(TG_NAME) IS TRUE THEN
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        ELSE
            RETURN NEW;
        END IF;
    END IF;

    IF EXISTS (
        SELECT FROM public.invoice_header
        WHERE status <> 'draft'
            AND id IN (
                CASE WHEN TG_OP <> 'INSERT' THEN OLD.invoice_header_id END,
                CASE WHEN TG_OP <> 'DELETE' THEN NEW.invoice_header_id END
            )
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'the lines of an issued invoice may not be added to, changed or deleted',
            HINT = 'Correct the invoice by another document.';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END;
$$;

CREATE OR REPLACE TRIGGER pgtrigger_issued_is_final_e98dc
    BEFORE INSERT OR UPDATE OR DELETE ON invoice_line_item
    FOR EACH ROW
    EXECUTE FUNCTION pgtrigger_issued_is_final_e98dc();
COMMENT ON TRIGGER pgtrigger_issued_is_final_e98dc ON invoice_line_item IS
    '90c47ef3d4acdb811d7deb1c63302cdc03eb62ce';
