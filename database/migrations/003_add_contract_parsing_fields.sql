-- Follows the parsing of a contract's text: status, times, error and counts.
-- Adds seven columns to contract, and the functions that set and sum them up.

ALTER TABLE contract
    ADD COLUMN IF NOT EXISTS parsing_status          varchar(50),
    ADD COLUMN IF NOT EXISTS parsing_started_at      timestamptz,
    ADD COLUMN IF NOT EXISTS parsing_completed_at    timestamptz,
    ADD COLUMN IF NOT EXISTS parsing_error           text,
    ADD COLUMN IF NOT EXISTS pii_detected_count      integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS clauses_extracted_count integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS processing_time_seconds numeric(10,2);

-- A null status means that the contract was never parsed. It is not in the list: IN (..., NULL) never refuses.
ALTER TABLE contract
    DROP CONSTRAINT IF EXISTS contract_parsing_status_check,
    ADD CONSTRAINT contract_parsing_status_check
        CHECK (parsing_status IN ('pending', 'processing', 'completed', 'failed')),
    DROP CONSTRAINT IF EXISTS contract_pii_detected_count_check,
    ADD CONSTRAINT contract_pii_detected_count_check CHECK (pii_detected_count >= 0),
    DROP CONSTRAINT IF EXISTS contract_clauses_extracted_count_check,
    ADD CONSTRAINT contract_clauses_extracted_count_check CHECK (clauses_extracted_count >= 0),
    DROP CONSTRAINT IF EXISTS contract_processing_time_check,
    ADD CONSTRAINT contract_processing_time_check CHECK (processing_time_seconds >= 0);

CREATE INDEX IF NOT EXISTS idx_contract_parsing_status ON contract (parsing_status)
    WHERE parsing_status IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_contract_parsing_completed_at ON contract (parsing_completed_at)
    WHERE parsing_completed_at IS NOT NULL;

CREATE OR REPLACE FUNCTION update_contract_parsing_status(
    p_contract_id bigint, p_status character varying, p_error text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public
AS $$
BEGIN
    UPDATE contract
    SET parsing_status = p_status,
        parsing_started_at = CASE WHEN p_status = 'processing' THEN now() ELSE parsing_started_at END,
        parsing_completed_at = CASE
            WHEN p_status IN ('completed', 'failed') THEN now()
            WHEN p_status IN ('pending', 'processing') THEN NULL
            ELSE parsing_completed_at
        END,
        processing_time_seconds = CASE
            WHEN p_status IN ('completed', 'failed') AND parsing_started_at IS NOT NULL
                THEN round(extract(epoch FROM now() - parsing_started_at), 2)
            WHEN p_status IN ('pending', 'processing') THEN NULL
            ELSE processing_time_seconds
        END,
        parsing_error = p_error,
        updated_at = now()
    WHERE id = p_contract_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'contract % does not exist', p_contract_id USING ERRCODE = 'no_data_found';
    END IF;
END $$;
COMMENT ON FUNCTION update_contract_parsing_status(bigint, character varying, text) IS
    'Moves a contract to a parsing status and keeps its times.';

CREATE OR REPLACE FUNCTION get_parsing_statistics(p_days_back integer DEFAULT 30)
RETURNS TABLE (
    total_contracts bigint, completed_contracts bigint, failed_contracts bigint, processing_contracts bigint,
    pending_contracts bigint, avg_processing_time numeric, avg_pii_detected numeric, avg_clauses_extracted numeric
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, public
AS $$
    SELECT
        count(*),
        count(*) FILTER (WHERE parsing_status = 'completed'),
        count(*) FILTER (WHERE parsing_status = 'failed'),
        count(*) FILTER (WHERE parsing_status = 'processing'),
        count(*) FILTER (WHERE parsing_status = 'pending'),
        avg(processing_time_seconds) FILTER (WHERE parsing_status = 'completed'),
        avg(pii_detected_count) FILTER (WHERE parsing_status = 'completed'),
        avg(clauses_extracted_count) FILTER (WHERE parsing_status = 'completed')
    FROM contract
    WHERE parsing_status IS NOT NULL AND created_at >= now() - make_interval(days => p_days_back)
$$;
COMMENT ON FUNCTION get_parsing_statistics(integer) IS
    'How the parsing of the contracts of the last days went; averages are of completed ones.';
