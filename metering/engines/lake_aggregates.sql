-- Energy and availability of meters over hours, days, months and billing periods, from readings that lie in files: what
-- metering/sql/roll_up.sql makes in PostgreSQL, to the last digit. Written for whoever counts in whole numbers and
-- decimals and knows min_by and max_by: DuckDB and Spark read it as it is.
-- Instants are microseconds since 1970, so that nobody's idea of time zones matters. Joins are on equal values: the
-- calendar says of each hour of a zone to which day it belongs, and of each day to which month and billing periods.
-- A span is given only where the files hold all of it. Quotients are rounded half up in whole numbers.
WITH placed AS (
    -- Every hour is counted from the start of a stretch in which days begin at the same minute of the hour.
    SELECT reading.*, meter.zone, at_us - (at_us - stretch.starts) % 3600000000 AS hour_start
    FROM reading
        JOIN meter ON meter.meter_id = reading.meter_id
        JOIN stretch ON stretch.zone = meter.zone AND at_us >= stretch.starts AND at_us < stretch.ends
), measured AS (
    SELECT meter_id, zone, hour_start, interval_seconds > 3600 AS is_long,
        sum(energy_wh) AS energy_wh,
        coalesce(-sum(energy_wh) FILTER (WHERE energy_wh < 0), 0) AS consumption_wh,
        coalesce(sum(interval_seconds) FILTER (
            WHERE irradiance_wm2 >= 100 AND energy_wh > 0 AND interval_seconds <= 3600), 0) AS seconds_available,
        coalesce(sum(interval_seconds) FILTER (
            WHERE irradiance_wm2 >= 100 AND energy_wh IS NOT NULL AND interval_seconds <= 3600), 0)
            AS seconds_expected,
        coalesce(sum(interval_seconds) FILTER (WHERE energy_wh IS NOT NULL), 0) AS seconds_known,
        count(energy_wh) AS reading_count,
        CASE WHEN min(source_system) = max(source_system) THEN min(source_system) END AS source_system,
        min_by(register_wh - energy_wh, at_us) FILTER (WHERE energy_wh >= 0 AND energy_wh <= register_wh)
            AS opening_register_wh,
        max_by(register_wh, at_us) FILTER (WHERE register_wh IS NOT NULL) AS closing_register_wh
    FROM placed
    GROUP BY meter_id, zone, hour_start, interval_seconds > 3600
), hourly AS (
    SELECT meter_id, measured.zone, hour.day_start, hour.period_start, hour.period_end, energy_wh, consumption_wh,
        seconds_available, seconds_expected,
        CASE WHEN is_long THEN seconds_known
            ELSE least(seconds_known, (hour.period_end - hour.period_start) / 1000000) END AS seconds_known,
        reading_count, source_system, opening_register_wh, closing_register_wh, is_long
    FROM measured JOIN hour ON hour.zone = measured.zone AND hour.period_start = measured.hour_start
), daily AS (
    SELECT meter_id, part.zone, day.period_start, day.period_end, day.month_start, day.month_end,
        sum(energy_wh) AS energy_wh, sum(consumption_wh) AS consumption_wh,
        sum(seconds_available) AS seconds_available, sum(seconds_expected) AS seconds_expected,
        sum(seconds_known) AS seconds_known, sum(reading_count) AS reading_count,
        CASE WHEN count(source_system) = count(*) AND min(source_system) = max(source_system)
            THEN min(source_system) END AS source_system,
        min_by(opening_register_wh, part.period_start) FILTER (WHERE opening_register_wh IS NOT NULL)
            AS opening_register_wh,
        max_by(closing_register_wh, part.period_start) FILTER (WHERE closing_register_wh IS NOT NULL)
            AS closing_register_wh
    FROM (
        SELECT hourly.*, max(CASE WHEN is_long THEN 0 ELSE 1 END) OVER (PARTITION BY meter_id, day_start) AS has_hours
        FROM hourly
    ) AS part
        JOIN day ON day.zone = part.zone AND day.period_start = part.day_start
    WHERE is_long = (has_hours = 0)
    GROUP BY meter_id, part.zone, day.period_start, day.period_end, day.month_start, day.month_end
), longer AS (
    SELECT meter_id, 'monthly' AS period_type, month_start AS period_start, month_end AS period_end,
        CAST(NULL AS BIGINT) AS billing_period_id, daily.period_start AS day_start, energy_wh, consumption_wh,
        seconds_available, seconds_expected, least(seconds_known, (period_end - period_start) / 1000000)
            AS seconds_known, reading_count, source_system, opening_register_wh, closing_register_wh
    FROM daily
    UNION ALL
    SELECT meter_id, 'billing', billing.period_start, billing.period_end, billing.billing_period_id,
        daily.period_start, energy_wh, consumption_wh, seconds_available, seconds_expected,
        least(seconds_known, (daily.period_end - daily.period_start) / 1000000), reading_count, source_system,
        opening_register_wh, closing_register_wh
    FROM daily JOIN billing ON billing.zone = daily.zone AND billing.day_start = daily.period_start
), summed AS (
    SELECT meter_id, 'hourly' AS period_type, period_start, period_end, energy_wh, consumption_wh, seconds_available,
        seconds_expected, seconds_known, reading_count, source_system, opening_register_wh, closing_register_wh
    FROM hourly WHERE NOT is_long
    UNION ALL
    SELECT meter_id, 'daily', period_start, period_end, energy_wh, consumption_wh, seconds_available,
        seconds_expected, seconds_known, reading_count, source_system, opening_register_wh, closing_register_wh
    FROM daily
    UNION ALL
    SELECT meter_id, period_type, period_start, period_end, sum(energy_wh), sum(consumption_wh),
        sum(seconds_available), sum(seconds_expected), sum(seconds_known), sum(reading_count),
        CASE WHEN count(source_system) = count(*) AND min(source_system) = max(source_system)
            THEN min(source_system) END,
        min_by(opening_register_wh, day_start) FILTER (WHERE opening_register_wh IS NOT NULL),
        max_by(closing_register_wh, day_start) FILTER (WHERE closing_register_wh IS NOT NULL)
    FROM longer
    GROUP BY meter_id, period_type, billing_period_id, period_start, period_end
), counted AS (
    -- Narrow enough that a product keeps all its digits.
    SELECT summed.meter_id, period_type, period_start, period_end, CAST(energy_wh AS DECIMAL(24,9)) AS energy_wh,
        CAST(consumption_wh AS DECIMAL(24,9)) AS consumption_wh,
        CAST(seconds_available AS BIGINT) AS available, CAST(seconds_expected AS BIGINT) AS expected,
        CAST((period_end - period_start) / 1000000 AS BIGINT) AS seconds,
        CAST(least(seconds_known, (period_end - period_start) / 1000000) AS BIGINT) AS known,
        CAST(reading_count AS BIGINT) AS reading_count, source_system, opening_register_wh, closing_register_wh
    FROM summed
        JOIN meter ON meter.meter_id = summed.meter_id
        JOIN held ON held.organization_id = meter.organization_id
            AND period_start >= held.starts AND period_end <= held.ends
)
SELECT meter_id, period_type, period_start, period_end,
    energy_wh,
    CAST(energy_wh * CAST(0.001 AS DECIMAL(4,3)) AS DECIMAL(24,12)) AS energy_kwh,
    CAST((energy_wh + consumption_wh) * CAST(0.001 AS DECIMAL(4,3)) AS DECIMAL(24,12)) AS total_production,
    CAST(CASE WHEN energy_wh IS NOT NULL THEN consumption_wh * CAST(0.001 AS DECIMAL(4,3)) END AS DECIMAL(24,12))
        AS total_consumption,
    available AS seconds_available, expected AS seconds_expected, seconds - known AS seconds_unknown,
    CAST(CAST((5000 * available + 9 - (5000 * available + 9) % 18) / 18 AS BIGINT) * CAST(0.000001 AS DECIMAL(7,6))
        AS DECIMAL(14,6)) AS hours_available,
    CAST(CAST((5000 * expected + 9 - (5000 * expected + 9) % 18) / 18 AS BIGINT) * CAST(0.000001 AS DECIMAL(7,6))
        AS DECIMAL(14,6)) AS hours_expected,
    CAST(CASE WHEN expected > 0 THEN CAST(
        (20000 * available + expected - (20000 * available + expected) % (2 * expected)) / (2 * expected) AS BIGINT)
        END * CAST(0.01 AS DECIMAL(3,2)) AS DECIMAL(5,2)) AS availability_percent,
    reading_count,
    CAST(CAST((20000 * known + seconds - (20000 * known + seconds) % (2 * seconds)) / (2 * seconds) AS BIGINT)
        * CAST(0.01 AS DECIMAL(3,2)) AS DECIMAL(5,2)) AS data_completeness_percent,
    source_system,
    CAST(opening_register_wh AS DECIMAL(24,9)) AS opening_register_wh,
    CAST(closing_register_wh AS DECIMAL(24,9)) AS closing_register_wh
FROM counted
