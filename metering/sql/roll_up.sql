-- Energy and availability of meters over hours, days, months or billing periods: hours from readings, days from hours
-- and, where a day has none, from readings longer than an hour; months and billing periods from days.
-- The spans are cut by the project's time zone. Where hours are made, a span holds several: they are counted from its
-- start, and its last one is shorter where clocks change by half an hour.
-- What is measured belongs to the span in which it starts.
-- Useful time has an irradiance of 100 W/m2 or more; within it a meter is available when it gives energy. A reading
-- longer than an hour says nothing about that. Seconds without a known energy are unknown, whether the reading is
-- missing or never came. Seconds are summed, percentages divided once at the end.
-- Registers: before the first and after the last reading that tells.
-- Of the touched spans it writes only rows that differ from what stands there, and removes those that nothing makes
-- any more; where readings were archived nothing is removed, and where they are gone no hour is made anew. Where
-- nothing stands (is_new, see nothing_stands.sql) there is nothing to compare: that is planned away.
-- Gives the number of rows written or removed.
WITH archived AS (
    SELECT coalesce(range_agg(month), '{}') AS kept, coalesce(range_agg(month) FILTER (WHERE gone), '{}') AS gone
    FROM (
        SELECT tstzrange(month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC') AS month,
            state IN ('detached', 'dropped') AS gone
        FROM reading_archive
        WHERE state IN ('archived', 'detached', 'dropped')
    ) AS months
), span AS MATERIALIZED (
    -- The meter's own id, not the named one: of that the planner knows that it is unique.
    SELECT number, meter.id AS meter_id, span_start, span_end, billing_period_id, organization_id, time_zone
    FROM unnest(%(numbers)s::integer[], %(meters)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
            %(periods)s::bigint[]) AS part (number, meter_id, span_start, span_end, billing_period_id)
        JOIN meter ON meter.id = part.meter_id
        JOIN project ON project.id = meter.project_id
), hour AS (
    SELECT span.number, date_bin('1 hour', reading_timestamp, span_start) AS period_start,
        sum(energy_wh) AS energy_wh,
        coalesce(-sum(energy_wh) FILTER (WHERE energy_wh < 0), 0) AS consumption_wh,
        coalesce(sum(interval_seconds) FILTER (WHERE irradiance_wm2 >= 100 AND energy_wh > 0), 0) AS seconds_available,
        coalesce(sum(interval_seconds) FILTER (WHERE irradiance_wm2 >= 100 AND energy_wh IS NOT NULL), 0)
            AS seconds_expected,
        coalesce(sum(interval_seconds) FILTER (WHERE energy_wh IS NOT NULL), 0) AS seconds_known,
        count(energy_wh) AS reading_count,
        CASE WHEN min(source_system) = max(source_system) THEN min(source_system) END AS source_system,
        (min(ARRAY[extract(epoch FROM reading_timestamp), register_wh - energy_wh])
            FILTER (WHERE energy_wh <= register_wh AND energy_wh >= 0))[2] AS opening_register_wh,
        (max(ARRAY[extract(epoch FROM reading_timestamp), register_wh]) FILTER (WHERE register_wh IS NOT NULL))[2]
            AS closing_register_wh
    FROM span JOIN meter_reading AS reading ON reading.meter_id = span.meter_id
    WHERE %(to_type)s = 'hourly' AND interval_seconds <= 3600
        AND reading_timestamp >= %(first)s AND reading_timestamp < %(last)s
        -- Not as a plain range: the planner takes that for few rows and looks into the index for each of them.
        AND CASE WHEN reading_timestamp >= span_start THEN reading_timestamp < span_end ELSE false END
    GROUP BY span.number, date_bin('1 hour', reading_timestamp, span_start)
), summed AS (
    SELECT span.*, hour.period_start, least(hour.period_start + interval '1 hour', span_end) AS period_end,
        energy_wh, consumption_wh, seconds_available, seconds_expected, seconds_known, reading_count, source_system,
        opening_register_wh, closing_register_wh
    FROM hour JOIN span USING (number)

    UNION ALL
    SELECT span.*, span_start, span_end, part.*
    FROM span CROSS JOIN LATERAL (
        SELECT sum(energy_wh) AS energy_wh, sum(total_consumption) * 1000 AS consumption_wh,
            sum(seconds_available)::bigint AS seconds_available, sum(seconds_expected)::bigint AS seconds_expected,
            sum(extract(epoch FROM period_end - period_start)::bigint - seconds_unknown)::bigint AS seconds_known,
            sum(reading_count) AS reading_count,
            CASE WHEN count(source_system) = count(*) AND min(source_system) = max(source_system)
                THEN min(source_system) END AS source_system,
            (min(ARRAY[extract(epoch FROM period_start), opening_register_wh])
                FILTER (WHERE opening_register_wh IS NOT NULL))[2] AS opening_register_wh,
            (max(ARRAY[extract(epoch FROM period_start), closing_register_wh])
                FILTER (WHERE closing_register_wh IS NOT NULL))[2] AS closing_register_wh
        FROM meter_aggregate
        WHERE meter_id = span.meter_id
            AND period_type = CASE %(to_type)s WHEN 'daily' THEN 'hourly' ELSE 'daily' END
            AND period_start >= span_start AND period_start < span_end
        HAVING count(*) > 0
    ) AS part
    WHERE %(to_type)s <> 'hourly'

    UNION ALL
    SELECT span.*, span_start, span_end, part.*
    FROM span CROSS JOIN LATERAL (
        SELECT sum(energy_wh), coalesce(-sum(energy_wh) FILTER (WHERE energy_wh < 0), 0), 0, 0,
            coalesce(sum(interval_seconds) FILTER (WHERE energy_wh IS NOT NULL), 0), count(energy_wh),
            CASE WHEN min(source_system) = max(source_system) THEN min(source_system) END,
            (min(ARRAY[extract(epoch FROM reading_timestamp), register_wh - energy_wh])
                FILTER (WHERE energy_wh <= register_wh AND energy_wh >= 0))[2],
            (max(ARRAY[extract(epoch FROM reading_timestamp), register_wh])
                FILTER (WHERE register_wh IS NOT NULL))[2]
        FROM meter_reading
        WHERE meter_id = span.meter_id AND interval_seconds > 3600
            AND reading_timestamp >= %(first)s AND reading_timestamp < %(last)s
            AND reading_timestamp >= span_start AND reading_timestamp < span_end
        HAVING count(*) > 0
    ) AS part
    WHERE %(to_type)s = 'daily' AND NOT EXISTS (
        SELECT FROM meter_aggregate
        WHERE meter_id = span.meter_id AND period_type = 'hourly'
            AND period_start >= span_start AND period_start < span_end
    )
), made AS NOT MATERIALIZED (
    SELECT meter_id, organization_id, period_start, period_end, energy_wh, energy_wh * 0.001 AS energy_kwh,
        (energy_wh + consumption_wh) * 0.001 AS total_production,
        CASE WHEN energy_wh IS NOT NULL THEN consumption_wh * 0.001 END AS total_consumption,
        seconds_available, seconds_expected, greatest(0, seconds - seconds_known) AS seconds_unknown,
        reading_count, seconds, source_system, opening_register_wh, closing_register_wh,
        CASE %(to_type)s WHEN 'billing' THEN billing_period_id WHEN 'monthly' THEN (
            SELECT period.id FROM billing_period AS period
            WHERE period.start_date = (period_start AT TIME ZONE time_zone)::date
                AND period.end_date = (period_end AT TIME ZONE time_zone)::date - 1
        ) END AS billing_period_id
    FROM summed
        CROSS JOIN LATERAL (
            SELECT extract(epoch FROM period_end - period_start)::bigint AS seconds
        ) AS length
        CROSS JOIN archived
    WHERE %(to_type)s <> 'hourly' OR isempty(gone) OR NOT gone && tstzrange(period_start, period_end)
), stored AS (
    SELECT DISTINCT ON (id) aggregate.*
    FROM span CROSS JOIN LATERAL (
        SELECT id, meter_id, organization_id, billing_period_id, period_start, period_end, energy_wh,
            total_production, total_consumption, seconds_available, seconds_expected, seconds_unknown, reading_count,
            source_system, opening_register_wh, closing_register_wh
        FROM meter_aggregate
        WHERE meter_id = span.meter_id AND period_type = %(to_type)s AND period_start < span_end
            -- No span of its kind is longer.
            AND period_start > span_start - CASE %(to_type)s WHEN 'hourly' THEN interval '1 hour'
                WHEN 'daily' THEN interval '2 days' ELSE interval '32 days' END
            AND period_end > span_start AND %(to_type)s <> 'billing'
        UNION ALL
        SELECT id, meter_id, organization_id, billing_period_id, period_start, period_end, energy_wh,
            total_production, total_consumption, seconds_available, seconds_expected, seconds_unknown, reading_count,
            source_system, opening_register_wh, closing_register_wh
        FROM meter_aggregate
        WHERE meter_id = span.meter_id AND period_type = %(to_type)s
            AND billing_period_id = span.billing_period_id AND %(to_type)s = 'billing'
    ) AS aggregate
), difference AS MATERIALIZED (
    -- A full join is hashed or merged, never one look into all of the other side for each row.
    SELECT made.*, stored.id, stored.period_start AS stored_start, stored.period_end AS stored_end
    FROM made FULL JOIN stored
        ON stored.meter_id = made.meter_id AND stored.period_start = made.period_start
            AND stored.period_end = made.period_end
    WHERE NOT %(is_new)s AND (stored.id IS NULL OR made.meter_id IS NULL
        OR (stored.organization_id, stored.billing_period_id, stored.energy_wh, stored.total_production,
            stored.total_consumption, stored.seconds_available, stored.seconds_expected, stored.seconds_unknown,
            stored.reading_count, stored.source_system, stored.opening_register_wh, stored.closing_register_wh)
        IS DISTINCT FROM (made.organization_id, made.billing_period_id, made.energy_wh, made.total_production,
            made.total_consumption, made.seconds_available, made.seconds_expected, made.seconds_unknown,
            made.reading_count, made.source_system, made.opening_register_wh, made.closing_register_wh))
), fresh AS NOT MATERIALIZED (
    SELECT * FROM made WHERE %(is_new)s
    UNION ALL
    SELECT meter_id, organization_id, period_start, period_end, energy_wh, energy_kwh, total_production,
        total_consumption, seconds_available, seconds_expected, seconds_unknown, reading_count, seconds, source_system,
        opening_register_wh, closing_register_wh, billing_period_id
    FROM difference
    WHERE id IS NULL
), removed AS (
    DELETE FROM meter_aggregate WHERE id = ANY (ARRAY(
        SELECT id FROM difference CROSS JOIN archived
        WHERE meter_id IS NULL AND NOT kept && tstzrange(stored_start, stored_end)
    ))
    RETURNING 1
), changed AS (
    UPDATE meter_aggregate SET
        organization_id = made.organization_id, billing_period_id = made.billing_period_id,
        energy_wh = made.energy_wh, energy_kwh = made.energy_kwh, unit = 'kWh',
        total_production = made.total_production, total_consumption = made.total_consumption,
        seconds_available = made.seconds_available, seconds_expected = made.seconds_expected,
        seconds_unknown = made.seconds_unknown, hours_available = made.seconds_available / 3600.0,
        hours_expected = made.seconds_expected / 3600.0,
        availability_percent = calculate_availability_percent(made.seconds_available, made.seconds_expected),
        reading_count = made.reading_count,
        data_completeness_percent = round(100.0 * (made.seconds - made.seconds_unknown) / made.seconds, 2),
        source_system = made.source_system, opening_register_wh = made.opening_register_wh,
        closing_register_wh = made.closing_register_wh, aggregated_at = now()
    FROM difference AS made
    -- The second condition says what the first implies: into a table that is empty yet, no new row is looked up.
    WHERE meter_aggregate.id = made.id AND made.id IS NOT NULL AND made.meter_id IS NOT NULL
    RETURNING 1
), added AS (
    -- Nobody else adds the same row meanwhile: the meters are locked.
    INSERT INTO meter_aggregate (
        meter_id, organization_id, billing_period_id, period_type, period_start, period_end, energy_wh, energy_kwh,
        unit, total_production, total_consumption, seconds_available, seconds_expected, seconds_unknown,
        hours_available, hours_expected, availability_percent, reading_count, data_completeness_percent,
        source_system, opening_register_wh, closing_register_wh
    )
    SELECT meter_id, organization_id, billing_period_id, %(to_type)s, period_start, period_end, energy_wh, energy_kwh,
        'kWh', total_production, total_consumption, seconds_available, seconds_expected, seconds_unknown,
        -- What most hours have is not divided.
        CASE seconds_available WHEN 0 THEN 0 WHEN 3600 THEN 1 ELSE seconds_available / 3600.0 END,
        CASE seconds_expected WHEN 0 THEN 0 WHEN 3600 THEN 1 ELSE seconds_expected / 3600.0 END,
        CASE WHEN seconds_expected > 0 THEN
            CASE WHEN seconds_available = seconds_expected THEN 100
                ELSE calculate_availability_percent(seconds_available, seconds_expected) END
        END,
        reading_count,
        CASE seconds_unknown WHEN 0 THEN 100 ELSE round(100.0 * (seconds - seconds_unknown) / seconds, 2) END,
        source_system, opening_register_wh, closing_register_wh
    FROM fresh
    ORDER BY meter_id, period_start
    RETURNING 1
)
SELECT (SELECT count(*) FROM removed) + (SELECT count(*) FROM changed) + (SELECT count(*) FROM added)
