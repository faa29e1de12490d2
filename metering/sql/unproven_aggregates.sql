-- What speaks against the aggregates of a month's readings: changes that no aggregate followed, readings that no day
-- holds, and days whose sums are not those of their readings, of their hours, or are missing in their month.
-- Days and hours are taken as they stand, so that no calendar is cut here a second time. A day that reaches into a month
-- which left before is compared with that one's readings no more: it was when they left.
-- Gives one sentence for each kind of finding, with how many there are and the first meters.
WITH gone AS (
    SELECT month::timestamp AT TIME ZONE 'UTC' AS gone_from,
        (month + interval '1 month')::timestamp AT TIME ZONE 'UTC' AS gone_to
    FROM reading_archive WHERE state IN ('detached', 'dropped')
), day AS (
    SELECT meter_id, period_start, period_end, energy_wh, reading_count,
        NOT EXISTS (SELECT FROM gone WHERE gone_from < period_end AND gone_to > period_start) AS is_whole
    FROM meter_aggregate
    WHERE period_type = 'daily' AND period_start < %(end)s AND period_end > %(start)s
), measured AS (
    SELECT day.meter_id, day.period_start, day.period_end, day.energy_wh AS stored_wh, day.reading_count, is_whole,
        reading.readings, reading.energy_wh, known, shorter_wh
    FROM day CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE reading_timestamp >= %(start)s AND reading_timestamp < %(end)s) AS readings,
            sum(energy_wh) AS energy_wh, count(energy_wh) AS known,
            sum(energy_wh) FILTER (WHERE reading_interval <> 'daily') AS shorter_wh
        FROM meter_reading
        WHERE meter_id = day.meter_id
            AND reading_timestamp >= day.period_start AND reading_timestamp < day.period_end
        OFFSET 0  -- one look into the index for each day
    ) AS reading
), hours AS (
    SELECT day.meter_id, day.period_start, sum(hour.energy_wh) AS energy_wh
    FROM day JOIN meter_aggregate AS hour ON hour.meter_id = day.meter_id AND hour.period_type = 'hourly'
        AND hour.period_start >= day.period_start AND hour.period_start < day.period_end
    GROUP BY day.meter_id, day.period_start
), month AS (
    SELECT stored.meter_id, stored.period_start, stored.energy_wh AS stored_wh, sum(part.energy_wh) AS energy_wh
    FROM meter_aggregate AS stored JOIN meter_aggregate AS part
        ON part.meter_id = stored.meter_id AND part.period_type = 'daily'
        AND part.period_start >= stored.period_start AND part.period_start < stored.period_end
    WHERE stored.period_type = 'monthly' AND stored.period_start < %(end)s AND stored.period_end > %(start)s
    GROUP BY stored.meter_id, stored.period_start, stored.energy_wh
), held AS (
    SELECT meter_id, sum(readings) AS readings FROM measured GROUP BY meter_id
), finding AS (
    SELECT 'changes of readings that no aggregate followed' AS kind, meter_id, count(*) AS found
    FROM reading_change
    WHERE aggregated_at IS NULL AND period_start < %(end)s::timestamptz + interval '26 hours'
        AND period_end > %(start)s::timestamptz - interval '26 hours'
    GROUP BY meter_id
    UNION ALL
    SELECT 'readings that no daily aggregate holds', counted.meter_id, counted.readings - coalesce(held.readings, 0)
    FROM (
        SELECT meter_id, count(*) AS readings FROM meter_reading
        WHERE reading_timestamp >= %(start)s AND reading_timestamp < %(end)s
        GROUP BY meter_id
    ) AS counted LEFT JOIN held USING (meter_id)
    WHERE counted.readings <> coalesce(held.readings, 0)
    UNION ALL
    SELECT 'days whose energy or count is not that of their readings', meter_id, count(*)
    FROM measured
    WHERE is_whole AND (stored_wh IS DISTINCT FROM energy_wh OR coalesce(reading_count, 0) <> known)
    GROUP BY meter_id
    UNION ALL
    SELECT 'days whose hours do not have the energy of their readings', measured.meter_id, count(*)
    FROM measured LEFT JOIN hours USING (meter_id, period_start)
    WHERE is_whole AND hours.energy_wh IS DISTINCT FROM shorter_wh
    GROUP BY measured.meter_id
    UNION ALL
    SELECT 'months that do not have the energy of their days', meter_id, count(*)
    FROM month WHERE stored_wh IS DISTINCT FROM energy_wh
    GROUP BY meter_id
    UNION ALL
    SELECT 'days that no monthly aggregate holds', day.meter_id, count(*)
    FROM day
    WHERE NOT EXISTS (
        SELECT FROM meter_aggregate AS stored
        WHERE stored.meter_id = day.meter_id AND stored.period_type = 'monthly'
            AND stored.period_start <= day.period_start AND stored.period_end > day.period_start
    )
    GROUP BY day.meter_id
)
SELECT format('%%s %%s (meter %%s%%s)', sum(found), kind,
    array_to_string((array_agg(meter_id ORDER BY meter_id))[1:5], ', '), CASE WHEN count(*) > 5 THEN ', ...' END)
FROM finding
GROUP BY kind
ORDER BY kind
