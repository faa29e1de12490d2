-- The common part of the statements on the ledger of time: `ledger` says for each meter of a period which instants are
-- in which state and category, and whether they are excused. Each instant is in exactly one row.
-- `said` holds what readings tell: time that was useful or useless, by irradiance and else by daylight where the place
-- of the plant is known; energy that came or did not; and gaps over which the cumulative register advanced. A reading
-- longer than an hour does not tell night from outage: its time is silent. What the states and the order of their
-- causes mean is said in core/timeline.py, and one test compares the two.
-- Several plants are told of at once: a unit is a meter within the time and under the terms of one of `numbers`.
WITH unit AS MATERIALIZED (
    SELECT number, meter.id AS meter_id, meter.project_id, meter.asset_id, starts, ends, irradiance_threshold,
        light_known, tstzmultirange(tstzrange(starts, ends)) AS whole
    FROM unnest(%(numbers)s::integer[], %(meters)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
            %(irradiance_thresholds)s::numeric[], %(light_known)s::boolean[])
            AS part (number, meter_id, starts, ends, irradiance_threshold, light_known)
        JOIN meter ON meter.id = part.meter_id
), excuse AS (
    SELECT number, range_agg(tstzrange(date_trunc('second', starts), date_trunc('second', ends))) AS spans
    FROM unnest(%(excuse_numbers)s::integer[], %(excuse_starts)s::timestamptz[], %(excuse_ends)s::timestamptz[])
        AS excuse (number, starts, ends)
    GROUP BY number
), daylight AS (
    SELECT number, range_agg(tstzrange(starts, ends)) AS spans
    FROM unnest(%(light_numbers)s::integer[], %(light_starts)s::timestamptz[], %(light_ends)s::timestamptz[])
        AS light (number, starts, ends)
    GROUP BY number
), told AS MATERIALIZED (
    -- One pass over the readings of each unit, by the index of its meter and in order: what they say of time, beside
    -- what will be kept of them as evidence. Those of the hour before the time may reach into it.
    SELECT unit.*, heard.*
    FROM unit CROSS JOIN LATERAL (
        SELECT
            coalesce(range_agg(span) FILTER (WHERE is_bright), '{}') AS bright,
            coalesce(range_agg(span) FILTER (WHERE NOT is_bright), '{}') AS dark,
            coalesce(range_agg(span) FILTER (WHERE energy_wh > 0), '{}') AS produced,
            coalesce(range_agg(span) FILTER (WHERE energy_wh <= 0), '{}') AS idle,
            count(register_wh) > 0 AS has_register,
            count(*) FILTER (WHERE is_counted) AS readings,
            string_agg(
                concat_ws('|', meter_id, extract(epoch FROM reading_timestamp)::bigint, reading_interval,
                    coalesce(energy_wh::text, '-'), coalesce(irradiance_wm2::text, '-'), quality),
                E'\n' ORDER BY reading_timestamp) FILTER (WHERE is_counted) AS canonical,
            array_agg(span) FILTER (WHERE is_counted AND energy_wh <= 0 AND is_bright IS NOT FALSE) AS perhaps_down
        FROM (
            SELECT reading_timestamp, reading_interval, energy_wh, irradiance_wm2, register_wh, quality, span,
                irradiance_wm2 >= irradiance_threshold AS is_bright, upper(span) > starts AS is_counted
            FROM meter_reading AS reading
                CROSS JOIN LATERAL (
                    SELECT tstzrange(reading_timestamp, reading_timestamp + make_interval(secs => interval_seconds))
                ) AS time (span)
            WHERE reading.meter_id = unit.meter_id AND interval_seconds <= 3600
                AND reading_timestamp > %(first)s::timestamptz - interval '1 hour' AND reading_timestamp < %(last)s
                AND reading_timestamp > starts - interval '1 hour' AND reading_timestamp < ends
            ORDER BY reading_timestamp
        ) AS reading
    ) AS heard
), known_register AS (
    -- The register stands at the end of its interval. Most meters have none, and nothing of theirs is read for it.
    SELECT number, told.meter_id, energy_wh, register_wh, reading_timestamp AS starts_at,
        reading_timestamp + make_interval(secs => interval_seconds) AS ends_at,
        lag(register_wh) OVER by_time AS register_before,
        lag(reading_timestamp + make_interval(secs => interval_seconds)) OVER by_time AS known_until
    FROM told
        JOIN meter_reading AS reading ON reading.meter_id = told.meter_id
    WHERE has_register AND (energy_wh IS NOT NULL OR register_wh IS NOT NULL) AND interval_seconds <= 3600
        AND reading_timestamp > %(first)s::timestamptz - interval '1 hour' AND reading_timestamp < %(last)s
        AND reading_timestamp > starts - interval '1 hour' AND reading_timestamp < ends
    WINDOW by_time AS (PARTITION BY number, told.meter_id ORDER BY reading_timestamp)
), advanced AS (
    SELECT number, meter_id, range_agg(tstzrange(known_until, unseen_until)) AS spans
    FROM known_register
        CROSS JOIN LATERAL (SELECT CASE WHEN energy_wh IS NULL THEN ends_at ELSE starts_at END AS unseen_until) AS gap
    WHERE register_wh - coalesce(energy_wh, 0) > register_before AND known_until < unseen_until
    GROUP BY number, meter_id
), said AS (
    SELECT number, meter_id, whole,
        bright + daylit - dark AS useful,
        dark - bright + unlit AS useless,
        produced,
        idle - produced AS idle,
        coalesce(advanced.spans, '{}') - produced - idle AS advanced
    FROM told
        LEFT JOIN advanced USING (number, meter_id)
        LEFT JOIN daylight USING (number)
        CROSS JOIN LATERAL (
            SELECT
                CASE WHEN light_known THEN coalesce(daylight.spans, '{}') - bright - dark ELSE '{}' END AS daylit,
                CASE WHEN light_known THEN whole - coalesce(daylight.spans, '{}') - bright - dark ELSE '{}' END
                    AS unlit
        ) AS by_sun
), state AS (
    SELECT number, meter_id, whole, name, spans * whole AS spans
    FROM said
        CROSS JOIN LATERAL (
            VALUES ('running', useful * (produced + advanced)),
                ('standing', useful * idle),
                ('resting', useless),
                ('ran_unseen', advanced - useful - useless)
        ) AS known (name, spans)
    UNION ALL
    SELECT number, meter_id, whole, 'silent',
        whole - useful * (produced + advanced + idle) - useless - (advanced - useful - useless)
    FROM said
), cause AS (
    SELECT number, meter_id, category,
        range_agg(tstzrange(date_trunc('second', time_start), date_trunc('second', time_end))) AS spans
    FROM (
        -- Verified events, as those that excuse.
        SELECT number, unit.meter_id, kind.category, event.time_start, event.time_end
        FROM unit
            JOIN event ON event.project_id = unit.project_id
            JOIN event_type ON event_type.id = event.event_type_id
            JOIN (VALUES
                ('FORCE_MAJEURE', 'force_majeure'), ('EXTREME_WEATHER', 'force_majeure'),
                ('AUTHORITY_ORDER', 'force_majeure'), ('GRID_OUTAGE', 'grid'),
                ('GRID_CURTAILMENT', 'curtailment'), ('OFFTAKER_CAUSED', 'curtailment'),
                ('OWNER_CAUSED', 'curtailment'), ('SCHEDULED_MAINTENANCE', 'scheduled_maintenance'),
                ('FORCED_OUTAGE', 'forced_outage'), ('EMERGENCY_SHUTDOWN', 'forced_outage'),
                ('DERATING', 'degraded')
            ) AS kind (code, category) ON kind.code = event_type.code
        WHERE event.status = 'closed' AND event.raw_data -> 'verified' = 'true'
            AND event.time_start < ends AND event.time_end > starts
        UNION ALL
        -- A fault of the equipment behind the meter stops it, any other degrades the plant. One that goes on has no end.
        SELECT number, unit.meter_id,
            CASE WHEN fault.asset_id = unit.asset_id AND fault.severity = 'high'
                THEN 'forced_outage' ELSE 'degraded' END,
            fault.time_start, coalesce(fault.time_end, 'infinity')
        FROM unit
            JOIN fault ON fault.project_id = unit.project_id
            JOIN fault_type ON fault_type.id = fault.fault_type_id
        WHERE fault_type.code NOT IN ('SENSOR_FAULT', 'COMMUNICATION_FAULT')
            AND fault.time_start < ends AND coalesce(fault.time_end, 'infinity') > starts
        UNION ALL
        -- What happened on the grid of the plant's country and, where both are named, region.
        SELECT number, unit.meter_id,
            CASE WHEN grid_event_type.code IN ('CURTAILMENT', 'CONGESTION') THEN 'curtailment' ELSE 'grid' END,
            grid_event.time_start, grid_event.time_end
        FROM unit
            JOIN project ON project.id = unit.project_id
            JOIN grid_event ON grid_event.country = project.country
                AND coalesce(grid_event.region = project.grid_region, true)
            JOIN grid_event_type ON grid_event_type.id = grid_event.grid_event_type_id
        WHERE grid_event.time_start < ends AND grid_event.time_end > starts
    ) AS happening
    GROUP BY number, meter_id, category
), priority (state, place, category, is_last) AS (
    SELECT * FROM unnest(
        %(states)s::text[], %(places)s::integer[], %(categories)s::text[], %(lasts)s::boolean[]
    )
), claimed AS (
    SELECT state.number, state.meter_id, state.name AS state, priority.place, priority.category,
        state.spans * CASE WHEN priority.is_last THEN state.whole ELSE coalesce(cause.spans, '{}') END AS spans
    FROM state
        JOIN priority ON priority.state = state.name
        LEFT JOIN cause ON cause.number = state.number AND cause.meter_id = state.meter_id
            AND cause.category = priority.category
), placed AS (
    SELECT number, meter_id, state, category,
        spans - coalesce(range_agg(spans) OVER (
            PARTITION BY number, meter_id, state ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), '{}') AS spans
    FROM claimed
), ledger AS (
    SELECT number, meter_id, state, category, false AS is_excused,
        placed.spans - coalesce(excuse.spans, '{}') AS spans
    FROM placed LEFT JOIN excuse USING (number)
    UNION ALL
    SELECT number, meter_id, state, category, true, placed.spans * excuse.spans
    FROM placed JOIN excuse USING (number)
)
