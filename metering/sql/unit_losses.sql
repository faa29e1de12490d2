-- Energy that came and energy that was lost while units stood in useful light without an excuse, for several plants at
-- once. What an interval could have given: its irradiance times the mean, over the intervals of the month before of at
-- least the clause's irradiance, of energy by irradiance; or the energy that the clause deems, by the interval's length.
-- To the nWh for each interval. The seconds of which energy or irradiance is not known are given beside it: nobody can say what they lost.
WITH unit AS MATERIALIZED (
    SELECT number, meter_id, starts, ends, threshold, deemed_wh_per_second
    FROM unnest(%(numbers)s::integer[], %(meters)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
        %(thresholds)s::numeric[], %(deemed_wh_per_second)s::numeric[])
        AS part (number, meter_id, starts, ends, threshold, deemed_wh_per_second)
), excuse AS (
    SELECT number, range_agg(tstzrange(starts, ends)) AS spans
    FROM unnest(%(excuse_numbers)s::integer[], %(excuse_starts)s::timestamptz[], %(excuse_ends)s::timestamptz[])
        AS excuse (number, starts, ends)
    GROUP BY number
), reading AS (
    SELECT unit.*, reading_timestamp, interval_seconds, energy_wh, irradiance_wm2, quality,
        reading_timestamp >= starts AS is_inside
    FROM unit JOIN meter_reading AS reading ON reading.meter_id = unit.meter_id
    WHERE reading_timestamp >= %(first)s::timestamptz - interval '1 month' AND reading_timestamp < %(last)s
        AND reading_timestamp >= starts - interval '1 month' AND reading_timestamp < ends AND interval_seconds <= 3600
), history AS (
    SELECT number, meter_id, avg(energy_wh / (irradiance_wm2 * interval_seconds)) AS wh_per_light
    FROM reading
    WHERE NOT is_inside AND irradiance_wm2 >= threshold AND irradiance_wm2 > 0 AND energy_wh > 0
    GROUP BY number, meter_id
), inside AS (
    SELECT reading.*, wh_per_light,
        tstzrange(reading_timestamp, reading_timestamp + make_interval(secs => interval_seconds))
            && coalesce(excuse.spans, '{}') AS is_excused
    FROM reading
        LEFT JOIN history USING (number, meter_id)
        LEFT JOIN excuse USING (number)
    WHERE is_inside
)
SELECT number,
    coalesce(sum(energy_wh) FILTER (WHERE energy_wh > 0), 0),
    coalesce(sum(round(coalesce(deemed_wh_per_second, wh_per_light * irradiance_wm2) * interval_seconds, 9))
        FILTER (WHERE energy_wh <= 0 AND irradiance_wm2 >= threshold AND NOT is_excused), 0),
    count(*) FILTER (WHERE energy_wh <= 0 AND irradiance_wm2 >= threshold AND NOT is_excused
        AND deemed_wh_per_second IS NULL AND wh_per_light IS NULL),
    (SELECT sum(extract(epoch FROM ends - starts)) FROM unit WHERE unit.number = inside.number)::bigint
        - coalesce(sum(interval_seconds) FILTER (WHERE energy_wh IS NOT NULL
            AND (irradiance_wm2 IS NOT NULL OR energy_wh > 0)), 0)::bigint,
    count(*),
    encode(sha256(convert_to(string_agg(
        concat_ws('|', meter_id, extract(epoch FROM reading_timestamp)::bigint, interval_seconds,
            coalesce(energy_wh::text, '-'), coalesce(irradiance_wm2::text, '-'), quality),
        E'\n' ORDER BY meter_id, reading_timestamp), 'UTF8')), 'hex')
FROM inside
GROUP BY number
