-- Readings whose energy is another now that the registers of this load stand: of this load or an earlier one, those that
-- had no register from when they begin, and those that follow a register which this load replaced. They become what one
-- file with all the registers would have made of them: metering/formats/registers.py has the rules.
-- Of an earlier load such a reading "corrects" what stands; what this load itself brought is "completed".
WITH doubtful AS (
    SELECT meter_id, reading_timestamp
    FROM unnest(%(meters)s::bigint[], %(firsts)s::timestamptz[], %(ends)s::timestamptz[])
            AS span (of_meter, first_at, end_at)
        CROSS JOIN LATERAL (
            -- With what follows, in case that this register was another before.
            SELECT meter_id,
                unnest(ARRAY[reading_timestamp, reading_timestamp + make_interval(secs => interval_seconds)])
            FROM meter_reading
            WHERE meter_id = of_meter AND reading_timestamp >= first_at AND reading_timestamp < end_at
                -- The same for all spans, written out, so that other months are not even opened.
                AND reading_timestamp BETWEEN %(first)s AND %(last)s
                AND register_wh IS NOT NULL
                AND (
                    other_metrics ->> 'register' IN ('first', 'gap', 'reset')
                    OR ingestion_log_id = %(log)s AND other_metrics ? 'replaced'
                )
            UNION ALL
            (
                SELECT meter_id, reading_timestamp FROM meter_reading
                WHERE meter_id = of_meter AND reading_timestamp >= end_at AND register_wh IS NOT NULL
                ORDER BY reading_timestamp
                LIMIT 1
            )
        ) AS reading (meter_id, reading_timestamp)
    GROUP BY meter_id, reading_timestamp
), compared AS (
    SELECT reading.*, differences[1] AS between_wh,
        CASE
            WHEN before.register_wh IS NULL THEN 'first'
            WHEN differences[1] IS NULL THEN 'reset'
            WHEN before.ended_at < reading.reading_timestamp THEN 'gap'
            WHEN reading.register_wh < before.register_wh THEN 'rollover'
            ELSE 'known'
        END AS state,
        before.ended_at,
        coalesce(reading.other_metrics ->> 'register' IN ('first', 'gap', 'reset'), false) AS is_open,
        coalesce(reading.energy_wh = differences[2], false) AS follows_another
    FROM doubtful
        JOIN meter_reading AS reading USING (meter_id, reading_timestamp)
        LEFT JOIN LATERAL (
            SELECT register_wh, reading_timestamp + make_interval(secs => interval_seconds) AS ended_at,
                CASE WHEN ingestion_log_id = %(log)s
                    THEN (other_metrics #>> '{replaced,-1,register_wh}')::numeric END AS replaced_wh
            FROM meter_reading
            WHERE meter_id = doubtful.meter_id AND reading_timestamp < doubtful.reading_timestamp
                AND register_wh IS NOT NULL
            ORDER BY reading_timestamp DESC
            LIMIT 1
        ) AS before ON true
        CROSS JOIN LATERAL (
            -- Since the register before, as it is and as it was.
            SELECT array_agg(
                CASE
                    WHEN reading.register_wh >= earlier THEN reading.register_wh - earlier
                    WHEN reading.register_wh - earlier + %(wraps_at_wh)s::numeric < %(wraps_at_wh)s::numeric / 2
                        THEN reading.register_wh - earlier + %(wraps_at_wh)s::numeric
                END ORDER BY place
            ) AS differences
            FROM unnest(ARRAY[before.register_wh, before.replaced_wh]) WITH ORDINALITY AS state (earlier, place)
        ) AS difference
    WHERE reading.register_wh IS NOT NULL
), completed AS (
    SELECT compared.*, is_known,
        CASE WHEN is_known THEN between_wh WHEN is_open THEN energy_wh END AS new_energy_wh,
        CASE
            WHEN NOT is_known THEN CASE WHEN is_open OR power_w IS NOT NULL THEN quality ELSE 'missing' END
            WHEN is_open THEN coalesce(other_metrics ->> 'register_quality', nullif(quality, 'missing'), 'measured')
            ELSE quality
        END AS new_quality,
        nullif(
            coalesce(other_metrics, '{}') - '{register,gap_since,gap_wh}'::text[]
                - CASE WHEN is_known THEN 'register_quality' ELSE '' END
            || CASE state
                WHEN 'known' THEN '{}'
                WHEN 'gap' THEN jsonb_build_object(
                    'register', state,
                    'gap_since', to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                    'gap_wh', between_wh::numeric(24,9)::text
                )
                ELSE jsonb_build_object('register', state)
            END,
            '{}'
        ) AS new_other_metrics
    FROM compared CROSS JOIN LATERAL (SELECT state IN ('known', 'rollover') AS is_known) AS knowing
    WHERE is_open OR follows_another
)
INSERT INTO pg_temp.due_reading (
    organization_id, project_id, meter_id, source_system, external_device_id, reading_timestamp, reading_interval,
    interval_seconds, energy_wh, power_w, register_wh, irradiance_wm2, temperature_c, other_metrics, quality,
    reported_at, ingestion_log_id, stored_id, fate
)
SELECT organization_id, project_id, meter_id, source_system, external_device_id, reading_timestamp, reading_interval,
    interval_seconds, new_energy_wh, power_w, register_wh, irradiance_wm2, temperature_c, new_other_metrics,
    new_quality, reported_at, %(log)s, id, CASE ingestion_log_id WHEN %(log)s THEN 'completed' ELSE 'corrects' END
FROM completed
WHERE (new_energy_wh, new_quality, new_other_metrics) IS DISTINCT FROM (energy_wh, quality, nullif(other_metrics, '{}'))
