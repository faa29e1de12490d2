-- Keeps what a meter's cumulative register showed at both ends of an aggregate, makes room for billing periods, which
-- may begin with a month or with each other, and rolls meters up to projects and organizations.
-- Adds opening_register_wh and closing_register_wh to meter_aggregate, the period type 'billing', and two views.

ALTER TABLE meter_aggregate
    ADD COLUMN IF NOT EXISTS opening_register_wh numeric(24,9),
    ADD COLUMN IF NOT EXISTS closing_register_wh numeric(24,9);

-- lint: allow scans-under-lock because aggregates are a row for each meter and hour, and can be computed anew
ALTER TABLE meter_aggregate
    DROP CONSTRAINT IF EXISTS chk_meter_aggregate_period_type,
    ADD CONSTRAINT chk_meter_aggregate_period_type
        CHECK (period_type IN ('hourly', 'daily', 'monthly', 'billing'));

-- lint: allow index-blocks-writes because aggregates are a row for each meter and hour, and can be computed anew
ALTER TABLE meter_aggregate
    DROP CONSTRAINT IF EXISTS meter_aggregate_meter_id_period_type_period_start_key,
    DROP CONSTRAINT IF EXISTS meter_aggregate_meter_id_period_key,
    ADD CONSTRAINT meter_aggregate_meter_id_period_key UNIQUE (meter_id, period_type, period_start, period_end);

-- Sums first, one division at the end. A meter without known energy adds nothing to the sum and counts as incomplete.
CREATE OR REPLACE VIEW project_energy WITH (security_invoker = true) AS
SELECT project.organization_id, meter.project_id, period_type, period_start, period_end,
    count(*) AS meters,
    count(energy_kwh) AS meters_with_energy,
    sum(energy_kwh) AS energy_kwh,
    sum(total_production) AS production_kwh,
    sum(total_consumption) AS consumption_kwh,
    sum(seconds_available) AS seconds_available,
    sum(seconds_expected) AS seconds_expected,
    sum(seconds_unknown) AS seconds_unknown,
    sum(reading_count) AS reading_count,
    calculate_availability_percent(sum(seconds_available), sum(seconds_expected)) AS availability_percent,
    round(sum(coalesce(data_completeness_percent, 0)) / count(*), 2) AS data_completeness_percent
FROM meter_aggregate
    JOIN meter ON meter.id = meter_id
    JOIN project ON project.id = meter.project_id
GROUP BY project.organization_id, meter.project_id, period_type, period_start, period_end;
COMMENT ON VIEW project_energy IS
    'Energy and availability of all meters of a project over the same hour, day, month or billing period.';

CREATE OR REPLACE VIEW organization_energy WITH (security_invoker = true) AS
SELECT project.organization_id, period_type, period_start, period_end,
    count(DISTINCT meter.project_id) AS projects,
    count(*) AS meters,
    count(energy_kwh) AS meters_with_energy,
    sum(energy_kwh) AS energy_kwh,
    sum(total_production) AS production_kwh,
    sum(total_consumption) AS consumption_kwh,
    sum(seconds_available) AS seconds_available,
    sum(seconds_expected) AS seconds_expected,
    sum(seconds_unknown) AS seconds_unknown,
    sum(reading_count) AS reading_count,
    calculate_availability_percent(sum(seconds_available), sum(seconds_expected)) AS availability_percent,
    round(sum(coalesce(data_completeness_percent, 0)) / count(*), 2) AS data_completeness_percent
FROM meter_aggregate
    JOIN meter ON meter.id = meter_id
    JOIN project ON project.id = meter.project_id
GROUP BY project.organization_id, period_type, period_start, period_end;
COMMENT ON VIEW organization_energy IS
    'Energy and availability of all meters of an organization over the same period; projects of one time zone share it.';
