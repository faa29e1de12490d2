-- Widens meter_aggregate from sums of a billing period to energy and availability of an hour, a day or a month.
-- Adds thirteen columns and calculate_availability_percent.

SET CONSTRAINTS ALL IMMEDIATE;

ALTER TABLE meter_aggregate
    ADD COLUMN IF NOT EXISTS organization_id           bigint,
    ADD COLUMN IF NOT EXISTS period_type               varchar(20) NOT NULL DEFAULT 'monthly',
    ADD COLUMN IF NOT EXISTS period_start              timestamptz,
    ADD COLUMN IF NOT EXISTS period_end                timestamptz,
    ADD COLUMN IF NOT EXISTS energy_wh                 numeric(24,9),
    ADD COLUMN IF NOT EXISTS energy_kwh                numeric(24,12),
    ADD COLUMN IF NOT EXISTS hours_available           numeric(14,6),
    ADD COLUMN IF NOT EXISTS hours_expected            numeric(14,6),
    ADD COLUMN IF NOT EXISTS availability_percent      numeric(5,2),
    ADD COLUMN IF NOT EXISTS reading_count             integer,
    ADD COLUMN IF NOT EXISTS data_completeness_percent numeric(5,2),
    ADD COLUMN IF NOT EXISTS source_system             varchar(50),
    ADD COLUMN IF NOT EXISTS aggregated_at             timestamptz NOT NULL DEFAULT now();

-- Rows from before were sums of a billing period; its days say which span they cover.
UPDATE meter_aggregate
SET organization_id = project.organization_id,
    period_start = period.start_date::timestamp AT TIME ZONE 'UTC',
    period_end = (period.end_date + 1)::timestamp AT TIME ZONE 'UTC'
FROM billing_period AS period, meter, project
WHERE meter_aggregate.period_start IS NULL AND period.id = meter_aggregate.billing_period_id
    AND meter.id = meter_aggregate.meter_id AND project.id = meter.project_id;

ALTER TABLE meter_aggregate
    ALTER COLUMN billing_period_id DROP NOT NULL,
    ALTER COLUMN organization_id SET NOT NULL,
    ALTER COLUMN period_start SET NOT NULL,
    ALTER COLUMN period_end SET NOT NULL,
    DROP CONSTRAINT IF EXISTS chk_meter_aggregate_period_type,
    ADD CONSTRAINT chk_meter_aggregate_period_type CHECK (period_type IN ('hourly', 'daily', 'monthly')),
    DROP CONSTRAINT IF EXISTS chk_meter_aggregate_period,
    ADD CONSTRAINT chk_meter_aggregate_period CHECK (period_end > period_start),
    DROP CONSTRAINT IF EXISTS meter_aggregate_organization_id_fkey,
    ADD CONSTRAINT meter_aggregate_organization_id_fkey FOREIGN KEY (organization_id)
        REFERENCES organization (id) DEFERRABLE INITIALLY DEFERRED;

CREATE INDEX IF NOT EXISTS idx_meter_aggregate_org ON meter_aggregate (organization_id);
CREATE INDEX IF NOT EXISTS idx_meter_aggregate_period ON meter_aggregate (period_start, period_end);
CREATE INDEX IF NOT EXISTS idx_meter_aggregate_type ON meter_aggregate (period_type);

COMMENT ON TABLE meter_aggregate IS
    'Derived: energy and availability of a meter over an hour, a day or a month.';

CREATE OR REPLACE FUNCTION calculate_availability_percent(p_hours_available numeric, p_hours_expected numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT round(100 * p_hours_available / nullif(p_hours_expected, 0), 2)
$$;
COMMENT ON FUNCTION calculate_availability_percent(numeric, numeric) IS
    'Hours available in percent of hours expected; null where none were expected or either is unknown.';
