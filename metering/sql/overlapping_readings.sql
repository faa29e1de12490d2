-- Readings of a meter that last into the next one, of which one came with this load: readings of two lengths, or of a
-- clock that is off by less than one. Looked for in spans, their neighbours included.
-- Gives meter, both times and the interval of the first, by time, and the number of all.
WITH near AS (
    SELECT DISTINCT meter_id, reading_timestamp, reading_interval, interval_seconds, ingestion_log_id
    FROM unnest(%(meters)s::bigint[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
            AS span (of_meter, first_at, last_at)
        CROSS JOIN LATERAL (
            (
                SELECT * FROM meter_reading
                WHERE meter_id = of_meter AND reading_timestamp < first_at
                    AND reading_timestamp >= first_at - interval '25 hours'
                    AND reading_timestamp BETWEEN %(first)s AND %(last)s
                ORDER BY reading_timestamp DESC
                LIMIT 1
            )
            UNION ALL
            SELECT * FROM meter_reading
            WHERE meter_id = of_meter AND reading_timestamp BETWEEN first_at AND last_at
                AND reading_timestamp BETWEEN %(first)s AND %(last)s
            UNION ALL
            (
                SELECT * FROM meter_reading
                WHERE meter_id = of_meter AND reading_timestamp > last_at
                    AND reading_timestamp <= last_at + interval '25 hours'
                    AND reading_timestamp BETWEEN %(first)s AND %(last)s
                ORDER BY reading_timestamp
                LIMIT 1
            )
        ) AS reading
), pair AS (
    SELECT meter_id, reading_interval, interval_seconds, reading_timestamp AS first_at,
        lead(reading_timestamp) OVER following AS second_at,
        %(log)s IN (ingestion_log_id, lead(ingestion_log_id) OVER following) AS is_ours
    FROM near
    WINDOW following AS (PARTITION BY meter_id ORDER BY reading_timestamp)
)
SELECT meter_id, first_at, reading_interval, second_at, count(*) OVER ()
FROM pair
WHERE is_ours AND second_at < first_at + make_interval(secs => interval_seconds)
ORDER BY first_at, meter_id
LIMIT %(limit)s
