-- Energy of each measured interval of meters within the spans asked for, in kWh, in order of what was asked, time and
-- meter: the readings, and for hours of which no reading is left in the database the hourly aggregate. An interval
-- counts where it starts. Instants are microseconds since 1970: reading them as text takes longer than all the rest.
WITH asked AS MATERIALIZED (
    SELECT number, meter_id, span_start, span_end
    FROM unnest(%(numbers)s::int[], %(meters)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
        AS asked (number, meter_id, span_start, span_end)
)
SELECT number, reading.meter_id, (extract(epoch FROM reading_timestamp) * 1000000)::bigint AS starts,
    ((extract(epoch FROM reading_timestamp) + interval_seconds) * 1000000)::bigint AS ends,
    (energy_wh / 1000)::numeric(30,12)
FROM asked
    JOIN meter_reading AS reading ON reading.meter_id = asked.meter_id
        AND reading_timestamp >= span_start AND reading_timestamp < span_end
-- All spans lie between these: months beside them are not looked into.
WHERE reading_timestamp >= %(first)s AND reading_timestamp < %(last)s AND energy_wh IS NOT NULL
UNION ALL
SELECT number, hour.meter_id, (extract(epoch FROM period_start) * 1000000)::bigint,
    (extract(epoch FROM period_end) * 1000000)::bigint, energy_kwh::numeric(30,12)
FROM asked
    JOIN meter_aggregate AS hour ON hour.meter_id = asked.meter_id
        AND period_type = 'hourly' AND period_start >= span_start AND period_start < span_end
WHERE energy_kwh IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM meter_reading AS reading
        WHERE reading.meter_id = hour.meter_id
            AND reading_timestamp >= hour.period_start AND reading_timestamp < hour.period_end
    )
    -- The longest interval is a local day of 25 hours.
    AND NOT EXISTS (
        SELECT FROM meter_reading AS reading
        WHERE reading.meter_id = hour.meter_id
            AND reading_timestamp > hour.period_start - interval '25 hours'
            AND reading_timestamp < hour.period_start
            AND reading_timestamp + make_interval(secs => interval_seconds) > hour.period_start
    )
ORDER BY 1, 3, 2
