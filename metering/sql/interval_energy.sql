-- Energy of each measured interval of meters within a span, in kWh, in order of time and meter: the readings, and for
-- hours of which no reading is left in the database the hourly aggregate. An interval counts where it starts.
WITH reading AS (
    SELECT meter_id, reading_timestamp AS starts,
        reading_timestamp + make_interval(secs => interval_seconds) AS ends, energy_wh / 1000 AS energy_kwh
    FROM meter_reading
    WHERE meter_id = ANY (%(meters)s)
        -- The longest interval is a local day of 25 hours.
        AND reading_timestamp > %(start)s::timestamptz - interval '25 hours' AND reading_timestamp < %(end)s
)
SELECT meter_id, starts, ends, energy_kwh::numeric(30,12)
FROM reading
WHERE starts >= %(start)s AND energy_kwh IS NOT NULL
UNION ALL
SELECT meter_id, period_start, period_end, energy_kwh::numeric(30,12)
FROM meter_aggregate AS hour
WHERE meter_id = ANY (%(meters)s) AND period_type = 'hourly' AND energy_kwh IS NOT NULL
    AND period_start >= %(start)s AND period_start < %(end)s
    AND NOT EXISTS (
        SELECT FROM reading
        WHERE reading.meter_id = hour.meter_id AND starts < hour.period_end AND ends > hour.period_start
    )
ORDER BY 2, 1
