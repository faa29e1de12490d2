-- Carries availability as whole seconds, so that days and months are sums and the only division comes last.
-- Adds seconds_available, seconds_expected and seconds_unknown to meter_aggregate, and one row for each span.

ALTER TABLE meter_aggregate
    ADD COLUMN IF NOT EXISTS seconds_available bigint,
    ADD COLUMN IF NOT EXISTS seconds_expected  bigint,
    ADD COLUMN IF NOT EXISTS seconds_unknown   bigint;

ALTER TABLE meter_aggregate
    DROP CONSTRAINT IF EXISTS meter_aggregate_seconds_check,
    ADD CONSTRAINT meter_aggregate_seconds_check
        CHECK (seconds_available >= 0 AND seconds_available <= seconds_expected AND seconds_unknown >= 0),
    DROP CONSTRAINT IF EXISTS meter_aggregate_meter_id_period_type_period_start_key,
    ADD CONSTRAINT meter_aggregate_meter_id_period_type_period_start_key
        UNIQUE (meter_id, period_type, period_start);
