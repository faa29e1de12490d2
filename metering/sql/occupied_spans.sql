-- Which of these meters have a reading in their span, both ends included.
SELECT DISTINCT span.meter_id
FROM unnest(%(meters)s::bigint[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
        AS span (meter_id, first_at, last_at)
    CROSS JOIN LATERAL (
        SELECT FROM meter_reading
        WHERE meter_id = span.meter_id AND reading_timestamp BETWEEN span.first_at AND span.last_at
            -- The same for all spans, written out, so that other months are not even opened.
            AND reading_timestamp BETWEEN %(first)s AND %(last)s
        LIMIT 1  -- one look into the index for each span, whatever the planner thinks
    ) AS standing
