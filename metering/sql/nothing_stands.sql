-- Whether no hour or day stands between the first start and the last end of any meter's spans: then all that is made is
-- new, and none has to be compared. Longer spans are few and always are.
SELECT %(to_type)s IN ('hourly', 'daily') AND NOT EXISTS (
    SELECT
    FROM (
        SELECT meter_id, min(span_start) AS first_start, max(span_end) AS last_end
        FROM unnest(%(meters)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
            AS part (meter_id, span_start, span_end)
        GROUP BY meter_id
    ) AS reach
        -- One look into the index for each meter, however many rows the planner expects.
        CROSS JOIN LATERAL (
            SELECT
            FROM meter_aggregate
            WHERE meter_id = reach.meter_id AND period_type = %(to_type)s
                AND period_start > first_start - interval '2 days' AND period_start < last_end
                AND period_end > first_start
            LIMIT 1
        ) AS stored
)
