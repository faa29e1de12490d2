-- Keeps the evidence of a default with the default itself, so that raw readings may later go.
-- Adds evidence and where its archive lies to default_event, and the functions that write and check it.

ALTER TABLE default_event
    ADD COLUMN IF NOT EXISTS evidence             jsonb,
    ADD COLUMN IF NOT EXISTS evidence_archived_at timestamptz,
    ADD COLUMN IF NOT EXISTS evidence_s3_path     varchar(1024);

CREATE OR REPLACE FUNCTION validate_default_event_evidence(p_evidence jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT p_evidence IS NULL OR coalesce(
        jsonb_typeof(p_evidence) = 'object'
        AND jsonb_typeof(p_evidence -> 'period') = 'object'
        AND p_evidence -> 'period' ?& ARRAY['start', 'end']
        AND jsonb_typeof(p_evidence -> 'meters') = 'array'
        AND jsonb_typeof(p_evidence -> 'values') = 'object'
        AND p_evidence -> 'values' ?& ARRAY['expected', 'actual', 'shortfall', 'availability']
        AND jsonb_typeof(p_evidence -> 'sample_readings') = 'array'
        AND jsonb_typeof(p_evidence -> 'data_hash') = 'string',
        false)
$$;
COMMENT ON FUNCTION validate_default_event_evidence(jsonb) IS
    'Whether evidence names its period, meters, values, sample readings and the hash of the readings behind it.';

ALTER TABLE default_event
    DROP CONSTRAINT IF EXISTS chk_default_event_evidence,
    ADD CONSTRAINT chk_default_event_evidence CHECK (validate_default_event_evidence(evidence));

CREATE INDEX IF NOT EXISTS idx_default_event_has_evidence ON default_event ((evidence IS NOT NULL));

CREATE OR REPLACE FUNCTION preserve_default_event_evidence(
    p_event_id bigint, p_breach_start timestamp with time zone, p_breach_end timestamp with time zone,
    p_meters bigint[], p_expected_value numeric, p_actual_value numeric, p_shortfall numeric,
    p_availability numeric, p_sample_readings jsonb, p_data_hash character varying
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public
SET timezone = 'UTC'
AS $$
BEGIN
    UPDATE default_event
    SET evidence = jsonb_build_object(
            'period', jsonb_build_object('start', p_breach_start, 'end', p_breach_end),
            'meters', to_jsonb(p_meters),
            'values', jsonb_build_object('expected', p_expected_value, 'actual', p_actual_value,
                'shortfall', p_shortfall, 'availability', p_availability),
            'sample_readings', p_sample_readings,
            'data_hash', p_data_hash),
        updated_at = now()
    WHERE id = p_event_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'default event % does not exist', p_event_id USING ERRCODE = 'no_data_found';
    END IF;
END $$;
COMMENT ON FUNCTION preserve_default_event_evidence(
    bigint, timestamp with time zone, timestamp with time zone, bigint[], numeric, numeric, numeric, numeric, jsonb,
    character varying
) IS 'Writes the evidence of a default event: period, meters, values, sample readings and hash.';
