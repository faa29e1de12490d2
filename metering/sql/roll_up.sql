-- Energy and availability of meters over hours, days or months: hours from readings, days from hours and from readings
-- of a whole day, months from days. The spans are days or months as the calendar of the project's time zone cuts them;
-- hours are counted from the start of the day, so that the last one is shorter where clocks change by half an hour.
-- What is measured belongs to the span in which it starts.
-- Useful time has an irradiance of 100 W/m2 or more; within it a meter is available when it gives energy. A reading of
-- a whole day says nothing about that. Seconds without a known energy are unknown, whether the reading is missing or
-- never came. Seconds are summed, percentages divided once at the end.
-- Writes only rows that differ from what stands there; gives their number.
WITH span AS (
    SELECT meter.id AS meter_id, project.organization_id, span.*
    FROM unnest(%(zones)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
            AS span (time_zone, span_start, span_end)
        JOIN project ON project.time_zone = span.time_zone
        JOIN meter ON meter.project_id = project.id
    WHERE meter.id = ANY (%(meters)s)
), part AS (
    SELECT span.*, measured.*
    FROM span CROSS JOIN LATERAL (
        SELECT
            CASE %(to_type)s WHEN 'hourly' THEN date_bin('1 hour', reading_timestamp, span_start) ELSE span_start END
                AS period_start,
            energy_wh,
            CASE WHEN energy_wh IS NOT NULL THEN greatest(energy_wh, 0) / 1000 END AS total_production,
            CASE WHEN energy_wh IS NOT NULL THEN greatest(-energy_wh, 0) / 1000 END AS total_consumption,
            CASE WHEN irradiance_wm2 >= 100 AND energy_wh > 0 THEN useful_seconds ELSE 0 END AS seconds_available,
            CASE WHEN irradiance_wm2 >= 100 AND energy_wh IS NOT NULL THEN useful_seconds ELSE 0 END
                AS seconds_expected,
            CASE WHEN energy_wh IS NOT NULL THEN seconds ELSE 0 END AS seconds_known,
            CASE WHEN energy_wh IS NOT NULL THEN 1 ELSE 0 END AS reading_count,
            source_system
        FROM meter_reading CROSS JOIN LATERAL (
            SELECT CASE reading_interval WHEN 'daily' THEN extract(epoch FROM span_end - span_start)::bigint
                WHEN 'hourly' THEN 3600 WHEN '15min' THEN 900 WHEN 'min' THEN 60 ELSE 1 END AS seconds
        ) AS length CROSS JOIN LATERAL (
            SELECT CASE reading_interval WHEN 'daily' THEN 0 ELSE seconds END AS useful_seconds
        ) AS use
        WHERE %(to_type)s <> 'monthly' AND meter_id = span.meter_id
            AND reading_timestamp >= span_start AND reading_timestamp < span_end
            AND %(to_type)s = CASE reading_interval WHEN 'daily' THEN 'daily' ELSE 'hourly' END
        UNION ALL
        SELECT span_start, energy_wh, total_production, total_consumption, seconds_available, seconds_expected,
            extract(epoch FROM period_end - period_start)::bigint - seconds_unknown, reading_count, source_system
        FROM meter_aggregate
        WHERE meter_id = span.meter_id AND period_type = %(from_type)s
            AND period_start >= span_start AND period_start < span_end
    ) AS measured
), summed AS (
    SELECT meter_id, organization_id, time_zone, period_start,
        CASE %(to_type)s WHEN 'hourly' THEN least(period_start + interval '1 hour', span_end) ELSE span_end END
            AS period_end,
        sum(energy_wh) AS energy_wh, sum(total_production) AS total_production,
        sum(total_consumption) AS total_consumption, sum(seconds_available) AS seconds_available,
        sum(seconds_expected) AS seconds_expected, sum(seconds_known) AS seconds_known,
        sum(reading_count) AS reading_count,
        CASE WHEN count(DISTINCT source_system) = 1 AND count(source_system) = count(*) THEN min(source_system) END
            AS source_system
    FROM part
    GROUP BY meter_id, organization_id, time_zone, period_start, span_end
), whole AS (
    SELECT summed.*, period.id AS billing_period_id, length.seconds,
        greatest(0, length.seconds - seconds_known) AS seconds_unknown
    FROM summed
        CROSS JOIN LATERAL (SELECT extract(epoch FROM period_end - period_start)::bigint AS seconds) AS length
        LEFT JOIN billing_period AS period
            ON %(to_type)s = 'monthly'
            AND period.start_date = (period_start AT TIME ZONE time_zone)::date
            AND period.end_date = (period_end AT TIME ZONE time_zone)::date - 1
), outdated AS (
    -- Where a project has another time zone than before, rows that the old one cut give way.
    DELETE FROM meter_aggregate WHERE id = ANY (ARRAY(
        SELECT stored.id
        FROM whole CROSS JOIN LATERAL (
            SELECT id FROM meter_aggregate
            WHERE meter_id = whole.meter_id AND period_type = %(to_type)s AND period_start <> whole.period_start
                AND period_start > whole.period_start
                    - CASE %(to_type)s WHEN 'hourly' THEN interval '1 hour' ELSE interval '32 days' END
                AND period_start < whole.period_end AND period_end > whole.period_start
            OFFSET 0  -- one look into the index for each row, whatever the planner thinks
        ) AS stored
    ))
), written AS (
    INSERT INTO meter_aggregate AS stored (
        meter_id, organization_id, billing_period_id, period_type, period_start, period_end, energy_wh, energy_kwh,
        unit, total_production, total_consumption, seconds_available, seconds_expected, seconds_unknown,
        hours_available, hours_expected, availability_percent, reading_count, data_completeness_percent, source_system
    )
    SELECT meter_id, organization_id, billing_period_id, %(to_type)s, period_start, period_end, energy_wh,
        energy_wh / 1000, 'kWh', total_production, total_consumption, seconds_available, seconds_expected,
        seconds_unknown, seconds_available / 3600.0, seconds_expected / 3600.0,
        calculate_availability_percent(seconds_available, seconds_expected), reading_count,
        round(100.0 * (seconds - seconds_unknown) / seconds, 2), source_system
    FROM whole
    ON CONFLICT (meter_id, period_type, period_start) DO UPDATE SET
        organization_id = excluded.organization_id, billing_period_id = excluded.billing_period_id,
        period_end = excluded.period_end, energy_wh = excluded.energy_wh, energy_kwh = excluded.energy_kwh,
        unit = excluded.unit, total_production = excluded.total_production,
        total_consumption = excluded.total_consumption, seconds_available = excluded.seconds_available,
        seconds_expected = excluded.seconds_expected, seconds_unknown = excluded.seconds_unknown,
        hours_available = excluded.hours_available, hours_expected = excluded.hours_expected,
        availability_percent = excluded.availability_percent, reading_count = excluded.reading_count,
        data_completeness_percent = excluded.data_completeness_percent, source_system = excluded.source_system,
        aggregated_at = now()
    WHERE (stored.organization_id, stored.billing_period_id, stored.period_end, stored.energy_wh,
        stored.total_production, stored.total_consumption, stored.seconds_available, stored.seconds_expected,
        stored.seconds_unknown, stored.reading_count, stored.source_system)
        IS DISTINCT FROM (excluded.organization_id, excluded.billing_period_id, excluded.period_end,
        excluded.energy_wh, excluded.total_production, excluded.total_consumption, excluded.seconds_available,
        excluded.seconds_expected, excluded.seconds_unknown, excluded.reading_count, excluded.source_system)
    RETURNING 1
)
SELECT count(*) FROM written
