-- The first and the last reading of each of these meters that has any.
SELECT meter_id, first_at, last_at
FROM unnest(%(meters)s::bigint[]) AS meter (meter_id)
    CROSS JOIN LATERAL (
        SELECT min(reading_timestamp) AS first_at, max(reading_timestamp) AS last_at
        FROM meter_reading
        WHERE meter_reading.meter_id = meter.meter_id
    ) AS standing
WHERE first_at IS NOT NULL
