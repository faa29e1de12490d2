-- Of the staged readings those with which something is to be done, and what: new; replaces what stands; is only stated
-- anew, by a newer source but with the same values; is older than what stands. Those that stand already are left out.
-- What was stated when: as the source says, else when it was loaded. That a file does not hold the register before is no
-- statement about the energy since. The spans are those of each meter's staged readings.
INSERT INTO pg_temp.due_reading
SELECT due.*
FROM (
    SELECT staged.*, stored.id AS stored_id,
        coalesce(staged.reported_at, clock_timestamp()) AS stated_at,
        coalesce(stored.reported_at, stored.ingested_at) AS standing_since,
        CASE
            WHEN stored.id IS NULL THEN 'new'
            WHEN (
                stored.reading_interval, stored.interval_seconds, stored.power_w, stored.register_wh,
                stored.irradiance_wm2, stored.temperature_c
            ) IS NOT DISTINCT FROM (
                staged.reading_interval, staged.interval_seconds, staged.power_w, staged.register_wh,
                staged.irradiance_wm2, staged.temperature_c
            ) AND CASE
                WHEN staged.register_wh IS NOT NULL
                    AND staged.other_metrics ->> 'register' IN ('first', 'gap', 'reset')
                THEN coalesce(
                        stored.other_metrics - '{replaced,register,register_quality,gap_since,gap_wh}'::text[], '{}'
                    ) = staged.other_metrics - '{register,register_quality,gap_since,gap_wh}'::text[]
                ELSE
                    (stored.energy_wh, stored.quality, nullif(stored.other_metrics - 'replaced', '{}'))
                    IS NOT DISTINCT FROM (staged.energy_wh, staged.quality, nullif(staged.other_metrics, '{}'))
            END THEN CASE WHEN staged.reported_at > coalesce(stored.reported_at, stored.ingested_at) THEN 'restated' END
            WHEN staged.reported_at < coalesce(stored.reported_at, stored.ingested_at) THEN 'older'
            ELSE 'replaces'
        END AS fate
    FROM pg_temp.staged_reading AS staged LEFT JOIN (
        SELECT standing.*
        FROM unnest(%(meters)s::bigint[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
                AS span (of_meter, first_at, last_at)
            CROSS JOIN LATERAL (
                SELECT * FROM meter_reading
                WHERE meter_id = of_meter AND reading_timestamp BETWEEN first_at AND last_at
                    -- The same for all spans, written out, so that other months are not even opened.
                    AND reading_timestamp BETWEEN %(first)s AND %(last)s
                OFFSET 0  -- one stretch of the index for each span, whatever the planner thinks
            ) AS standing
    ) AS stored USING (meter_id, reading_timestamp)
) AS due
WHERE fate IS NOT NULL
