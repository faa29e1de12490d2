-- Unit-seconds of a period by what happened in them, summed over meters, from the readings themselves.
-- Useful time has at least the clause's irradiance; in it a meter is up when it gives energy, down when it gives none.
-- Excused time is the union of the excuses within the period, however they overlap. Unknown is what no reading covers
-- and what a reading leaves open, outside excused time; of unknown time it is not even known whether it was useful.
-- A reading longer than an hour does not tell night from outage: its time is unknown.
-- Beside the seconds it gives what they rest on, from the same snapshot: how many readings, the SHA-256 of all of them
-- in a canonical form, and the first ones of useful time without energy as a sample.
WITH excused AS (
    SELECT coalesce(range_agg(tstzrange(date_trunc('second', starts), date_trunc('second', ends))), '{}')
        * tstzmultirange(tstzrange(%(start)s, %(end)s)) AS spans
    FROM unnest(%(excuse_starts)s::timestamptz[], %(excuse_ends)s::timestamptz[]) AS excuse (starts, ends)
), reading AS (
    SELECT meter_id, reading_timestamp, reading_interval, energy_wh, irradiance_wm2, quality, source_system,
        tstzrange(reading_timestamp, reading_timestamp + make_interval(secs => interval_seconds))
            * tstzrange(%(start)s, %(end)s) AS span
    FROM meter_reading
    WHERE meter_id = ANY (%(meters)s)
        AND reading_timestamp > %(start)s::timestamptz - interval '1 hour' AND reading_timestamp < %(end)s
        AND interval_seconds <= 3600
), classified AS (
    SELECT reading.*,
        CASE
            WHEN irradiance_wm2 < %(irradiance_threshold)s THEN 'useless'
            WHEN irradiance_wm2 IS NULL OR energy_wh IS NULL THEN 'unknown'
            WHEN energy_wh > 0 THEN 'up'
            ELSE 'down'
        END AS state,
        extract(epoch FROM upper(reading.span) - lower(reading.span))::bigint AS seconds,
        CASE WHEN reading.span && excused.spans THEN (
            SELECT sum(extract(epoch FROM upper(part) - lower(part)))::bigint
            FROM unnest(tstzmultirange(reading.span) * excused.spans) AS part
        ) ELSE 0 END AS seconds_excused
    FROM reading CROSS JOIN excused
    WHERE NOT isempty(reading.span)
), uncovered AS (
    SELECT sum(extract(epoch FROM upper(part) - lower(part)))::bigint AS seconds
    FROM unnest(%(meters)s::bigint[]) AS meter (id)
        CROSS JOIN excused
        LEFT JOIN (SELECT meter_id, range_agg(span) AS spans FROM classified GROUP BY meter_id) AS covered
            ON covered.meter_id = meter.id
        CROSS JOIN unnest(
            tstzmultirange(tstzrange(%(start)s, %(end)s)) - coalesce(covered.spans, '{}') - excused.spans
        ) AS part
), sample AS (
    -- Numbers as text: JSON's would come back as floats.
    SELECT meter_id, reading_timestamp, reading_interval, trim_scale(energy_wh)::text AS energy_wh,
        trim_scale(irradiance_wm2)::text AS irradiance_wm2, quality, source_system
    FROM classified WHERE state = 'down'
    ORDER BY reading_timestamp, meter_id
    LIMIT 12
)
SELECT
    coalesce(sum(seconds - seconds_excused) FILTER (WHERE state = 'up'), 0)::bigint,
    coalesce(sum(seconds - seconds_excused) FILTER (WHERE state = 'down'), 0)::bigint,
    coalesce(sum(seconds_excused) FILTER (WHERE state = 'up'), 0)::bigint,
    coalesce(sum(seconds_excused) FILTER (WHERE state = 'down'), 0)::bigint,
    coalesce(sum(seconds - seconds_excused) FILTER (WHERE state = 'unknown'), 0)::bigint
        + coalesce((SELECT seconds FROM uncovered), 0),
    count(*),
    encode(sha256(convert_to(coalesce(string_agg(
        concat_ws('|', meter_id, extract(epoch FROM reading_timestamp)::bigint, reading_interval,
            coalesce(energy_wh::text, '-'), coalesce(irradiance_wm2::text, '-'), quality),
        E'\n' ORDER BY meter_id, reading_timestamp), ''), 'UTF8')), 'hex'),
    (SELECT coalesce(jsonb_agg(to_jsonb(sample) ORDER BY reading_timestamp, meter_id), '[]') FROM sample)
FROM classified
