-- Energy beside the irradiance that it came from, for several plants at once: sums over those intervals of which the
-- energy of every meter of the plant and the irradiance are known, and the module temperature where it is asked for.
-- What happened in excused time stays apart: there, what the plant could have given is the irradiance times what the
-- others gave for theirs, and what lacks of it is lost; never less than nothing, interval by interval.
-- Irradiance and temperature of an interval are the means of what the plant's meters say.
WITH unit AS MATERIALIZED (
    SELECT number, meter_id, starts, ends, with_temperature, count(*) OVER (PARTITION BY number) AS units
    FROM unnest(%(numbers)s::integer[], %(meters)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
        %(with_temperature)s::boolean[]) AS part (number, meter_id, starts, ends, with_temperature)
), excuse AS (
    SELECT number, range_agg(tstzrange(starts, ends)) AS spans
    FROM unnest(%(excuse_numbers)s::integer[], %(excuse_starts)s::timestamptz[], %(excuse_ends)s::timestamptz[])
        AS excuse (number, starts, ends)
    GROUP BY number
), reading AS (
    SELECT unit.number, unit.units, unit.with_temperature, reading.meter_id, reading_timestamp, interval_seconds,
        energy_wh, irradiance_wm2, temperature_c, quality
    FROM unit JOIN meter_reading AS reading ON reading.meter_id = unit.meter_id
    WHERE reading_timestamp >= %(first)s AND reading_timestamp < %(last)s
        AND reading_timestamp >= starts AND reading_timestamp < ends AND interval_seconds <= 3600
), moment AS (
    SELECT number, reading_timestamp, interval_seconds, sum(energy_wh) AS energy_wh,
        avg(irradiance_wm2) * interval_seconds AS light, avg(temperature_c) AS temperature_c,
        tstzrange(reading_timestamp, reading_timestamp + make_interval(secs => interval_seconds)) && coalesce((
            SELECT spans FROM excuse WHERE excuse.number = reading.number
        ), '{}') AS is_excused
    FROM reading
    GROUP BY number, reading_timestamp, interval_seconds
    HAVING count(energy_wh) = min(units) AND count(irradiance_wm2) > 0
        AND (NOT bool_or(with_temperature) OR count(temperature_c) > 0)
), given AS (
    SELECT number, sum(energy_wh) AS given_wh, sum(light) AS given_light
    FROM moment
    WHERE NOT is_excused
    GROUP BY number
), summed AS (
    SELECT number,
        coalesce(sum(energy_wh) FILTER (WHERE NOT is_excused), 0) AS energy_wh,
        coalesce(sum(light) FILTER (WHERE NOT is_excused), 0) AS light,
        coalesce(sum(light * temperature_c) FILTER (WHERE NOT is_excused), 0) AS heat,
        count(*) FILTER (WHERE NOT is_excused) AS intervals,
        -- Still times the light of the others: what is divided last is exact.
        sum(greatest(0, light * given_wh - energy_wh * given_light)) FILTER (WHERE is_excused) AS excused,
        nullif(min(given_light), 0) AS given_light
    FROM moment JOIN given USING (number)
    GROUP BY number
), hashed AS (
    SELECT number, count(*) AS readings,
        string_agg(
            concat_ws('|', meter_id, extract(epoch FROM reading_timestamp)::bigint, interval_seconds,
                coalesce(energy_wh::text, '-'), coalesce(irradiance_wm2::text, '-'),
                coalesce(temperature_c::text, '-'), quality),
            E'\n' ORDER BY meter_id, reading_timestamp) AS canonical
    FROM reading
    GROUP BY number
)
SELECT number, energy_wh, light, heat, intervals, excused, given_light, readings,
    encode(sha256(convert_to(canonical, 'UTF8')), 'hex')
FROM hashed LEFT JOIN summed USING (number)
